// SPDX-License-Identifier: GPL-2.0-only
/* Pages that KSM merges with others of the same content. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "vm_util.h"

/* Seconds in which ksmd must have been around twice. */
#define PATIENCE	10

/* The first round takes notice of a page, the second merges it if it has not changed. */
static int await_ksmd(struct mem *m)
{
	long long from = file_number("/sys/kernel/mm/ksm/full_scans");
	time_t end = time(NULL) + PATIENCE;

	while (file_number("/sys/kernel/mm/ksm/full_scans") < from + 3) {
		if (time(NULL) > end) {
			errno = ETIMEDOUT;
			return mem_fail(m, "ksmd does not get around");
		}
		poll(NULL, 0, 1);	/* ksmd tells nobody when it is done */
	}
	return 0;
}

/* Not by loads: the pages may be protected against them. */
static int copy_past_protection(struct mem *m, void *to, const char *from, size_t len)
{
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC), ret = 0;

	if (fd < 0 || pread(fd, to, len, (uintptr_t)from) != (ssize_t)len)
		ret = mem_fail(m, "reading a twin's content: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return ret;
}

/* The same, but for the last byte of each page: nothing to merge with. */
static void fill_sibling(struct mem *m, char *to, const char *from, size_t len)
{
	size_t page = m->layout.page;

	memcpy(to, from, len);
	for (size_t at = page - 1; at < len; at += page)
		to[at] ^= 1;
}

static void *map_somewhere(const struct mem *m, size_t len)
{
	(void)m;
	return mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* How far from the region there must be room. */
#define REACH	GIB

static void *map_above(const struct mem *m, size_t len)
{
	char *end = m->base + m->len;
	void *at = MAP_FAILED;

	for (size_t off = len; off < REACH && at == MAP_FAILED; off += len)
		at = mmap(end + off, len, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	return at;
}

typedef void *map_fn(const struct mem *m, size_t len);

/* Kept apart from the region: one mapping of both would be as new, and count as written. */
static char *map_apart(struct mem *m, size_t len, map_fn *map)
{
	size_t page = m->layout.page;
	char *at = map(m, len + 2 * page);

	if (at == MAP_FAILED || mprotect(at + page, len, PROT_READ | PROT_WRITE))
		return NULL;
	return at + page;
}

/* A twin of the pages, so that there is something to merge with; and what is almost one. */
static int merge(struct mem *m, size_t page, size_t pages, map_fn *map)
{
	size_t len = pages * m->layout.page;
	char *at = mem_page(m, page), *twin;
	int ret;

	twin = map_apart(m, 2 * len, map);
	if (!twin)
		return mem_fail(m, "mmap of a twin: %s", strerror(errno));
	ret = copy_past_protection(m, twin, at, len);
	if (ret)
		return ret;
	fill_sibling(m, twin + len, twin, len);
	/* They stay: a write to the merged page would show in them, or the page of another. */
	m->witness = twin;
	m->witness_len = 2 * len;
	m->witness_sum = mem_sum(twin, 2 * len);
	if (madvise(twin, 2 * len, MADV_MERGEABLE) || madvise(at, len, MADV_MERGEABLE))
		ret = mem_fail(m, "MADV_MERGEABLE: %s", strerror(errno));
	else
		ret = await_ksmd(m);
	return ret;
}

static int ksm_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	return merge(m, page, pages, map_somewhere);
}

DEFINE_OPERATION(ksm) = {
	.id = "ksm", .slow = true,
	.about = "KSM merges the pages with equal ones; a pinned page stays",
	.kinds = KIND_BASE, .needs = NEED(KSM), .run = ksm_run,
	.senseless = { -EIO },
};

/*
 * Of two equal pages ksmd keeps the one that it sees last, which is that with the higher address,
 * and replaces the other one: mappings come from the top down, so that a twin's is replaced.
 * Above the region it is the region's.
 */
static int ksminto_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	return merge(m, page, pages, map_above);
}

DEFINE_OPERATION(ksminto) = {
	.id = "ksminto", .slow = true,
	.about = "KSM puts equal pages in the place of these; a pinned page stays",
	.kinds = KIND_BASE, .needs = NEED(KSM), .run = ksminto_run,
	.senseless = { -EIO },
};

static int unksm_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	if (madvise(mem_page(m, page), pages * m->layout.page, MADV_UNMERGEABLE))
		return mem_fail(m, "MADV_UNMERGEABLE: %s", strerror(errno));
	return 0;
}

DEFINE_OPERATION(unksm) = {
	.id = "unksm", .about = "MADV_UNMERGEABLE: merged pages are copied, others stay",
	.kinds = KIND_BASE, .needs = NEED(KSM), .run = unksm_run,
};

/* Past the protection, for the model does not ask for it. */
static int write_zeroes(struct mem *m, const char *at, size_t len)
{
	void *zeroes = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC), ret = 0;

	if (zeroes == MAP_FAILED || fd < 0 ||
	    pwrite(fd, zeroes, len, (uintptr_t)at) != (ssize_t)len)
		ret = mem_fail(m, "writing zeroes: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	if (zeroes != MAP_FAILED)
		munmap(zeroes, len);
	return ret;
}

static int ksmzero_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	size_t len = pages * m->layout.page;
	char *at = mem_page(m, page);
	int ret = write_zeroes(m, at, len);

	(void)v;
	if (ret)
		return ret;
	if (madvise(at, len, MADV_MERGEABLE))
		return mem_fail(m, "MADV_MERGEABLE: %s", strerror(errno));
	return await_ksmd(m);
}

/* See provide_ksm() in engine/provision.c for use_zero_pages. */
DEFINE_OPERATION(ksmzero) = {
	.id = "ksmzero", .slow = true,
	.about = "zeroes are written, and KSM puts the zeropage there; a pinned page stays",
	.effect = EFFECT_ZERO, .kinds = KIND_BASE, .needs = NEED(KSM) | NEED(FORCE),
	.run = ksmzero_run,
};
