// SPDX-License-Identifier: GPL-2.0-only
/* A breakpoint that the kernel writes into a private file mapping. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "vm_util.h"

#define BREAKPOINT	0xcc	/* of x86 */

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

/* In a writable mapping a probe may be set, but none is put in. */
static bool is_breakpoint(const char *at)
{
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	unsigned char byte = 0;
	bool is = fd >= 0 && pread(fd, &byte, 1, (uintptr_t)at) == 1 && byte == BREAKPOINT;

	if (fd >= 0)
		close(fd);
	return is;
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
	for (size_t byte = 0; byte < sizeof(uint64_t); byte++) {
		size_t offset = page * m->layout.page + content_mark_offset() + byte;
		int fd = probe_at(path, m->offset + offset);

		if (fd >= 0 && is_breakpoint(m->base + offset))
			return 0;
		if (fd >= 0)
			close(fd);
	}
	errno = EINVAL;
	return mem_fail(m, "no breakpoint can be set there: is the mapping writable?");
}

/* EINVAL: the mapping is writable, or nothing there looks like an instruction. */
DEFINE_OPERATION(uprobe) = {
	.id = "uprobe", .slow = true,
	.about = "a breakpoint in read-only file memory; a pinned page stays",
	.effect = EFFECT_PATCH, .kinds = KIND_FILE | KIND_PRIVATE, .not_kinds = KIND_HUGETLB,
	.needs = NEED(UPROBE), .senseless = { -EINVAL },
	.run = uprobe_run,
};
