// SPDX-License-Identifier: GPL-2.0-only
/* A breakpoint that the kernel writes into a private file mapping. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "vm_util.h"

/* The probe lasts as long as the descriptor, which is as long as the process. */
static int probe_at(const char *path, size_t offset)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = file_number(UPROBE_TYPE),
		.sample_period = 1,
		.config1 = (uintptr_t)path,
		.config2 = offset,
	};

	return syscall(SYS_perf_event_open, &attr, getpid(), -1, -1, PERF_FLAG_FD_CLOEXEC);
}

/*
 * At the mark of the page, where nothing else is compared: at the first byte there that can
 * be read as an instruction.
 */
static int uprobe_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	char path[64];

	(void)pages;
	(void)v;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", m->fd);
	for (size_t byte = 0; byte < sizeof(uint64_t); byte++)
		if (probe_at(path, page * m->layout.page + content_mark_offset() + byte) >= 0)
			return 0;
	return mem_fail(m, "perf_event_open of a uprobe: %s", strerror(errno));
}

/* EINVAL and the like: the mapping is writable, or nothing there looks like an instruction. */
DEFINE_OPERATION(uprobe) = {
	.id = "uprobe", .about = "a breakpoint in read-only file memory; a pinned page stays",
	.effect = EFFECT_PATCH, .kinds = KIND_FILE | KIND_PRIVATE, .not_kinds = KIND_HUGETLB,
	.needs = NEED(UPROBE), .refuses = { -EINVAL, -EOPNOTSUPP, -EIO, -524 },
	.run = uprobe_run,
};
