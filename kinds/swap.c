// SPDX-License-Identifier: GPL-2.0-only
/* Memory that is in swap when the test begins, and what proves it. */
#define _GNU_SOURCE
#include "kind.h"

#include <sched.h>
#include <string.h>

#include "mm_calls.h"
#include "vm_util.h"

/* After which pages that are still there will stay. */
#define PATIENCE	(3 * NS_PER_S)
#define HURRY		(5 * NS_PER_MS)		/* where they may rightly do so */

/* How many pages are not in swap, and the first of them. */
static size_t not_swapped(struct mem *m, size_t *first)
{
	static uint64_t map[CELLS_MAX];
	const struct layout *l = &m->layout;
	size_t nr = 0;

	if (pagemap_read(m->base, l->cells, l->stride, map))
		return l->cells;
	for (size_t c = l->cells; c--; ) {
		if (map[c] & PM_SWAP)
			continue;
		*first = layout_page(l, c);
		nr++;
	}
	return nr;
}

/*
 * A page in a batch for the LRU lists cannot be reclaimed. The batch of this CPU is drained
 * by madvise(), and tests stay on one CPU, so few rounds should do.
 */
int mem_swap_out(struct mem *m)
{
	uint64_t end = now_ns() + (m->hurry ? HURRY : PATIENCE);
	size_t first = 0;

	do {
		if (madvise(m->base, m->len, MADV_PAGEOUT))
			return mem_fail(m, "MADV_PAGEOUT: %s", strerror(errno));
		if (!not_swapped(m, &first))
			return 0;
		sched_yield();
	} while (now_ns() < end);
	errno = EBUSY;
	return mem_fail(m, "MADV_PAGEOUT leaves %zu of %zu pages, the first is page %zu",
			not_swapped(m, &first), m->layout.cells, first);
}

int mem_verify_swapped(struct mem *m)
{
	size_t first = 0, nr = not_swapped(m, &first);

	if (nr)
		return mem_wrong(m, "not swapped out: %zu pages, the first is page %zu", nr, first);
	return mem_verify_scan(m, SCAN_SWAPPED, SCAN_PRESENT | SCAN_FILE, "swapped out");
}

/*
 * How many pages are in memory no more, and the first of them. Of anonymous memory, mincore()
 * says of a swap entry whether the swap cache has its page.
 */
static size_t not_cached(struct mem *m, size_t *first)
{
	const struct layout *l = &m->layout;
	size_t nr = 0;

	for (size_t c = l->cells; c--; ) {
		size_t page = layout_page(l, c);
		unsigned char there = 0;

		if (!mincore(mem_page(m, page), l->page, &there) && there & 1)
			continue;
		*first = page;
		nr++;
	}
	return nr;
}

/*
 * Other pages of the same content, which were never in swap. In a new mapping: where there is a
 * page table no THP is put.
 */
static int renew(struct mem *m)
{
	int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;
	void *copy = mmap(NULL, m->len, prot, flags, -1, 0);

	if (copy == MAP_FAILED)
		return mem_fail(m, "mmap: %s", strerror(errno));
	memcpy(copy, m->base, m->len);
	if (mmap(m->base, m->len, prot, flags | MAP_FIXED, -1, 0) == MAP_FAILED)
		return mem_fail(m, "mmap: %s", strerror(errno));
	madvise(m->base, m->len, m->kind->props & KIND_THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	memcpy(m->base, copy, m->len);
	munmap(copy, m->len);
	return 0;
}

int mem_verify_swap_cache(struct mem *m)
{
	size_t first = 0, nr;
	int ret = mem_verify_swapped(m);

	nr = ret ? 0 : not_cached(m, &first);
	if (nr)
		return mem_wrong(m, "not in the swap cache: %zu pages, the first is page %zu", nr,
				 first);
	return ret;
}

/*
 * Where the write to swap is over before reclaim looks, the folio is not in the swap cache any
 * more. Then all is done again.
 */
int mem_swap_cache(struct mem *m, int (*ready)(struct mem *m), int (*done)(struct mem *m))
{
	uint64_t end = now_ns() + PATIENCE;
	int ret, failed;

	do {
		ret = mem_verify(m, ready);
		if (!ret)
			ret = mem_swap_out(m);
		if (ret)
			return ret;
		failed = done(m);
		if (failed)
			ret = renew(m);
	} while (failed && !ret && now_ns() < end);
	return ret ? ret : failed;
}

static int swapped_create(struct mem *m)
{
	return mem_map_base(m, page_size());
}

/* What goes to swap must be what the title says, for in swap all looks alike. */
static int verify_base(struct mem *m)
{
	return mem_verify_flags(m, 1ULL << KPF_ANON, 1ULL << KPF_THP | 1ULL << KPF_HUGE,
				"an anonymous base page");
}

static int swapped_settle(struct mem *m)
{
	int ret = mem_verify(m, verify_base);

	return ret ? ret : mem_swap_out(m);
}

static int swapcache_settle(struct mem *m)
{
	return mem_swap_cache(m, verify_base, mem_verify_swap_cache);
}

DEFINE_KIND(anon_swapped) = {
	.id = "anon.swapped",
	.title = "swapped out base page",
	.rank = 105,
	.props = KIND_ANON | KIND_PRIVATE | KIND_SWAPPED,
	.needs = NEED(ROOT) | NEED(SWAP),
	.create = swapped_create,
	.settle = swapped_settle,
	.verify = mem_verify_swapped,
	.destroy = mem_unmap,
};

DEFINE_KIND(anon_swapcache) = {
	.id = "anon.swapcache",
	.title = "swapped out base page in the swap cache",
	.rank = 106,
	.props = KIND_ANON | KIND_PRIVATE | KIND_SWAPPED | KIND_SWAPCACHE | KIND_EXTRA,
	.needs = NEED(ROOT) | NEED(SWAP) | NEED(SWAPDISK),
	.create = swapped_create,
	.settle = swapcache_settle,
	.verify = mem_verify_swap_cache,
	.destroy = mem_unmap,
};
