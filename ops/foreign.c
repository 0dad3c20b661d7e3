// SPDX-License-Identifier: GPL-2.0-only
/* Writes that do not go through the writer's page tables: GUP does them. Also by others. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "stranger.h"

/* A page that may not be written is left alone, as a store would leave it. */
static int put_by_vm(struct mem *m, size_t offset, const uint64_t *words, size_t nr)
{
	size_t len = nr * sizeof(*words);
	struct iovec from = { (void *)words, len }, to = { m->base + offset, len };

	if (process_vm_writev(getpid(), &from, 1, &to, 1, 0) == (ssize_t)len || errno == EFAULT)
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

/* So many pages at once: more than the kernel pins at a time. */
#define SPAN		64

static char *copy;

static int put_in_copy(struct mem *m, size_t offset, const uint64_t *words, size_t nr)
{
	(void)m;
	memcpy(copy + offset, words, nr * sizeof(*words));
	return 0;
}

/* [from, from + len) of the region, by one call each. */
static bool span_moves(struct mem *m, size_t from, size_t len, bool out)
{
	struct iovec here = { copy + from, len }, there = { m->base + from, len };

	return (out ? process_vm_writev : process_vm_readv)(getpid(), &here, 1, &there, 1, 0) ==
	       (ssize_t)len;
}

/*
 * The words of some pages are put into a copy of them. Back it goes from the middle of the
 * first page on: what is before that, alone.
 */
static bool span_write(struct mem *m, size_t page, size_t pages, struct value v)
{
	size_t from = page * m->layout.page, len = pages * m->layout.page;
	size_t part = m->layout.page / 2 - sizeof(uint64_t);

	return span_moves(m, from, part, false) &&
	       span_moves(m, from + part, len - part, false) &&
	       !operation_write_words(m, page, pages, v, put_in_copy) &&
	       span_moves(m, from, part, true) && span_moves(m, from + part, len - part, true);
}

static bool refused;

static int put_what_may_be(struct mem *m, size_t offset, const uint64_t *words, size_t nr)
{
	int ret = put_by_vm(m, offset, words, nr);

	refused |= errno == EFAULT;
	errno = 0;
	return ret;
}

/* One after the other: the pages that may be written. There must be one that may not. */
static int write_what_may_be(struct mem *m, size_t page, size_t pages, struct value v)
{
	int ret;

	refused = false;
	errno = 0;
	ret = operation_write_words(m, page, pages, v, put_what_may_be);
	if (ret || refused)
		return ret;
	errno = EIO;
	return mem_fail(m, "process_vm_writev() of several pages moves less than it should");
}

/* Of very large memory just the pages that are looked at, and one after each. */
static int vmspan_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	size_t stride = m->layout.stride, span = stride < SPAN ? SPAN : 2;
	size_t step = stride < SPAN ? SPAN : stride;
	bool ok = true;
	int ret = 0;

	copy = mmap(NULL, m->len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (copy == MAP_FAILED)
		return mem_fail(m, "mmap of a copy: %s", strerror(errno));
	for (size_t at = 0; at < pages && ok; at += step) {
		size_t left = pages - at;

		ok = span_write(m, page + at, left < span ? left : span, v);
	}
	if (!ok)
		ret = write_what_may_be(m, page, pages, v);
	munmap(copy, m->len);
	return ret;
}

DEFINE_OPERATION(vmspan) = {
	.id = "vmspan",
	.about = "process_vm_writev() of many pages at once, from the middle of a page on",
	.effect = EFFECT_WRITE, .run = vmspan_run,
};

static struct errand *errand;

static int put_on_errand(struct mem *m, size_t offset, const uint64_t *words, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		errand->words[errand->nr].at = (uintptr_t)m->base + offset + i * sizeof(*words);
		errand->words[errand->nr++].word = words[i];
	}
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

/*
 * Nobody has private copies of shared pages: past the protection of such a mapping a debugger
 * cannot write either. Where it may be written, what is there is written again.
 */
static int pry_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	off_t at = (uintptr_t)mem_page(m, page);
	uint64_t word;
	int ret = 0;

	(void)pages;
	(void)v;
	if (fd < 0 || pread(fd, &word, sizeof(word), at) != sizeof(word) ||
	    pwrite(fd, &word, sizeof(word), at) != sizeof(word))
		ret = mem_fail(m, "write to /proc/self/mem: %s", strerror(errno));
	close(fd);
	return ret;
}

DEFINE_OPERATION(pry) = {
	.id = "pry", .about = "a debugger's write to shared memory: never past its protection",
	.kinds = KIND_SHARED, .not_kinds = KIND_HUGETLB, .needs = NEED(FORCE),
	.refuses = { -EIO }, .run = pry_run,
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
