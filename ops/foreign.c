// SPDX-License-Identifier: GPL-2.0-only
/* Writes that do not go through the writer's page tables: GUP does them. Also by others. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "stranger.h"

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

static struct errand *errand;

static int put_on_errand(struct mem *m, size_t offset, uint64_t word)
{
	errand->words[errand->nr].at = (uintptr_t)m->base + offset;
	errand->words[errand->nr++].word = word;
	return 0;
}

/* The same by another process, whose own memory must have no part in it. */
static int run_errand(struct mem *m, size_t page, size_t pages, struct value v,
		      enum errand_job job, const char *name)
{
	int ret;

	errand = errand_new(job, m->layout.cells * m->layout.words);
	if (!errand)
		return mem_fail(m, "no memory for an errand: %s", strerror(errno));
	ret = operation_write_words(m, page, pages, v, put_on_errand);
	if (!ret)
		ret = errand_run(errand, -1);
	errand_free(errand);
	errno = -ret;
	return ret ? mem_fail(m, "%s by another process: %s", name, strerror(errno)) : 0;
}

static int farwrite_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return run_errand(m, page, pages, v, ERRAND_VMWRITE, "process_vm_writev");
}

DEFINE_OPERATION(farwrite) = {
	.id = "farwrite",
	.about = "process_vm_writev() by another process: must break COW as a store does",
	.effect = EFFECT_WRITE, .needs = NEED(ROOT), .run = farwrite_run,
};

static int ptrace_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return run_errand(m, page, pages, v, ERRAND_POKE, "ptrace");
}

DEFINE_OPERATION(ptrace) = {
	.id = "ptrace", .about = "writes by a debugger, past the protection: must break COW",
	.effect = EFFECT_FORCE, .kinds = KIND_PRIVATE, .not_kinds = KIND_HUGETLB,
	.needs = NEED(ROOT) | NEED(FORCE), .run = ptrace_run,
};
