// SPDX-License-Identifier: GPL-2.0-only
/* Memory that is in swap when the test begins, and what proves it. */
#define _GNU_SOURCE
#include "kind.h"

#include <sched.h>
#include <string.h>
#include <time.h>

#include "mm_calls.h"
#include "vm_util.h"

/* Seconds after which pages that are still there will stay. */
#define PATIENCE	3

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
	time_t end = time(NULL) + PATIENCE;
	size_t first = 0;

	do {
		if (madvise(m->base, m->len, MADV_PAGEOUT))
			return mem_fail(m, "MADV_PAGEOUT: %s", strerror(errno));
		if (!not_swapped(m, &first))
			return 0;
		sched_yield();
	} while (time(NULL) < end);
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

static int swapped_create(struct mem *m)
{
	return mem_map_base(m, page_size());
}

/* What goes to swap must be what the title says, for in swap all looks alike. */
static int swapped_settle(struct mem *m)
{
	int ret = mem_verify_flags(m, 1ULL << KPF_ANON, 1ULL << KPF_THP | 1ULL << KPF_HUGE,
				   "an anonymous base page");

	return ret ? ret : mem_swap_out(m);
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
