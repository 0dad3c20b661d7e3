// SPDX-License-Identifier: GPL-2.0-only
/* Writes that do not go through the writer's page tables: GUP does them. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kinds/kind.h"

/* A page that may not be written is left alone, as a store would leave it. */
static int put_by_vm(struct mem *m, size_t offset, uint64_t word)
{
	struct iovec from = { &word, sizeof(word) }, to = { m->base + offset, sizeof(word) };

	if (process_vm_writev(getpid(), &from, 1, &to, 1, 0) == sizeof(word) || errno == EFAULT)
		return 0;
	return mem_fail(m, "process_vm_writev: %s", strerror(errno));
}

static int vmwrite_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return operation_write_words(m, page, pages, v, put_by_vm);
}

DEFINE_OPERATION(vmwrite) = {
	.id = "vmwrite", .about = "a write by process_vm_writev(): must break COW as a store does",
	.effect = EFFECT_WRITE, .run = vmwrite_run,
};
