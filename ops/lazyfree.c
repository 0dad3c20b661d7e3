// SPDX-License-Identifier: GPL-2.0-only
/* Pages that the kernel may drop when it needs memory, and must not drop yet. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <string.h>

#include "kinds/kind.h"
#include "mm_calls.h"
#include "ops/direct.h"
#include "ops/move.h"

/* As if memory was short: what may be dropped is. */
static int drop(struct mem *m, void *at, size_t len)
{
	/* Clean and unused the first time, dropped the second. */
	for (int i = 0; i < 2; i++)
		if (madvise(at, len, MADV_PAGEOUT))
			return mem_fail(m, "MADV_PAGEOUT: %s", strerror(errno));
	return 0;
}

/* Without pins the content is gone now or later, or not at all: nothing to be checked. */
static int lazyfree_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	size_t len = pages * m->layout.page;
	void *at = mem_page(m, page);

	(void)v;
	if (madvise(at, len, MADV_FREE))
		return mem_fail(m, "MADV_FREE: %s", strerror(errno));
	return drop(m, at, len);
}

/* EINVAL: locked, or not anonymous. */
DEFINE_OPERATION(lazyfree) = {
	.id = "lazyfree",
	.about = "MADV_FREE and reclaim: a pinned page stays, with its content",
	.kinds = KIND_ANON | KIND_PRIVATE, .not_kinds = KIND_HUGETLB, .needs = NEED(SWAP),
	.not_locked = true, .reclaims = true,
	.only_pinned = true, .senseless = { -EINVAL }, .run = lazyfree_run,
};

/* What is in swap would be gone at once. */
static void bring_in(struct mem *m, size_t page, size_t pages)
{
	for (size_t i = page; i < page + pages; i++)
		(void)*(volatile char *)mem_page(m, i);
}

/* MADV_FREE; what @bring (0 or -errno with m->why) puts there after that must not be dropped. */
static int take_back(struct mem *m, size_t page, size_t pages, struct value v,
		     int (*bring)(struct mem *m, size_t page, size_t pages, struct value v))
{
	size_t len = pages * m->layout.page;
	void *at = mem_page(m, page);
	int ret;

	bring_in(m, page, pages);
	if (madvise(at, len, MADV_FREE))
		return mem_fail(m, "MADV_FREE: %s", strerror(errno));
	ret = bring(m, page, pages, v);
	return ret ? ret : drop(m, at, len);
}

static int store(struct mem *m, size_t page, size_t pages, struct value v)
{
	const struct layout *l = &m->layout;
	size_t first, count;

	layout_cells(l, page, pages, &first, &count);
	for (size_t c = first; c < first + count; c++)
		content_write(l, mem_page(m, layout_page(l, c)), layout_page(l, c), v);
	return 0;
}

static int takeback_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return take_back(m, page, pages, v, store);
}

DEFINE_OPERATION(takeback) = {
	.id = "takeback",
	.about = "MADV_FREE, a write, and reclaim: what was written stays",
	.effect = EFFECT_WRITE, .kinds = KIND_ANON | KIND_PRIVATE, .not_kinds = KIND_HUGETLB,
	.not_locked = true, .reclaims = true,
	.needs = NEED(SWAP), .only_writable = true, .run = takeback_run,
};

/* The CPU knows that the page may be written, and is: it must not know it any more. */
static int takebackagain_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	store(m, page, pages, v);
	return take_back(m, page, pages, v, store);
}

DEFINE_OPERATION(takebackagain) = {
	.id = "takebackagain",
	.about = "a write, MADV_FREE, the same write, and reclaim: what was written stays",
	.effect = EFFECT_WRITE, .kinds = KIND_ANON | KIND_PRIVATE, .not_kinds = KIND_HUGETLB,
	.not_locked = true, .reclaims = true,
	.needs = NEED(SWAP), .only_writable = true, .run = takebackagain_run,
};

/* No store, so the page table knows of none: the pages must. */
static int takebackread_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return take_back(m, page, pages, v, direct_read);
}

DEFINE_OPERATION(takebackread) = {
	.id = "takebackread",
	.about = "MADV_FREE, an O_DIRECT read, and reclaim: what came in stays",
	.effect = EFFECT_WRITE, .kinds = KIND_ANON | KIND_PRIVATE, .not_kinds = KIND_HUGETLB,
	.not_locked = true, .reclaims = true,
	.needs = NEED(SWAP) | NEED(EXT4), .only_writable = true, .run = takebackread_run,
};

/* What knows that it was written is another page then. */
static int read_and_migrate(struct mem *m, size_t page, size_t pages, struct value v)
{
	int ret = direct_read(m, page, pages, v);

	return ret ? ret : move_to_other_node(m, page, pages);
}

static int takebackmoved_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return take_back(m, page, pages, v, read_and_migrate);
}

DEFINE_OPERATION(takebackmoved) = {
	.id = "takebackmoved",
	.about = "MADV_FREE, an O_DIRECT read, migration, and reclaim: what came in stays",
	.effect = EFFECT_WRITE, .kinds = KIND_ANON | KIND_PRIVATE, .not_kinds = KIND_HUGETLB,
	.not_locked = true, .reclaims = true, .other_node = true,
	.needs = NEED(SWAP) | NEED(EXT4) | NEED(NUMA), .only_writable = true,
	.run = takebackmoved_run,
};

/* What knows that it was written is another page table entry then. */
static int store_and_move(struct mem *m, size_t page, size_t pages, struct value v)
{
	store(m, page, pages, v);
	return move_by_uffd(m, page, pages);
}

static int takebackuffd_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return take_back(m, page, pages, v, store_and_move);
}

DEFINE_OPERATION(takebackuffd) = {
	.id = "takebackuffd",
	.about = "MADV_FREE, a write, UFFDIO_MOVE there and back, and reclaim: that stays",
	.effect = EFFECT_WRITE, .kinds = KIND_BASE,
	.needs = NEED(SWAP) | NEED(UFFDMOVE), .not_locked = true, .reclaims = true,
	.only_writable = true, .senseless = { -EBUSY, -EAGAIN }, .run = takebackuffd_run,
};

/* Written after it is gone, or not: the rest of a folio of which a part was given up stays. */
static int freewrite_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	static uint64_t marks[CELLS_MAX];
	const struct layout *l = &m->layout;
	size_t len = pages * l->page, first, count;
	void *at = mem_page(m, page);
	int ret;

	layout_cells(l, page, pages, &first, &count);
	for (size_t c = first; c < first + count; c++)
		marks[c] = content_mark_of(mem_page(m, layout_page(l, c)));
	if (madvise(at, len, MADV_FREE))
		return mem_fail(m, "MADV_FREE: %s", strerror(errno));
	ret = drop(m, at, len);
	for (size_t c = first; c < first + count; c++) {
		char *to = mem_page(m, layout_page(l, c));

		*(volatile uint64_t *)(to + content_mark_offset()) = marks[c];
		content_write(l, to, layout_page(l, c), v);
	}
	return ret;
}

DEFINE_OPERATION(freewrite) = {
	.id = "freewrite",
	.about = "MADV_FREE, reclaim, and a write: what was not given up stays",
	.effect = EFFECT_WRITE, .kinds = KIND_ANON | KIND_PRIVATE, .not_kinds = KIND_HUGETLB,
	.not_locked = true, .reclaims = true,
	.needs = NEED(SWAP), .only_writable = true, .run = freewrite_run,
};
