// SPDX-License-Identifier: GPL-2.0-only
/* Large folios that are in the swap cache as a whole, while page tables have swap entries only. */
#define _GNU_SOURCE
#include "kinds/thp.h"

#include <string.h>

#include "vm_util.h"

/* One that fault-in maps by PTEs, and the largest one. */
static int two_sizes(size_t *sizes)
{
	sizes[0] = 16 * page_size();
	sizes[1] = thp_largest();
	return 2;
}

static int verify_mapped(struct mem *m)
{
	return mem_verify_folio(m, m->size, m->size == thp_pmd_size());
}

/* Where a swap entry is in its area: the number of the slot, as pagemap shows it. */
static uint64_t slot_of(uint64_t pagemap)
{
	return (pagemap & PM_PFN_MASK) >> 5;
}

/* A folio that was split before it went to swap has slots that come as they may. */
static int verify_slots(struct mem *m)
{
	const struct layout *l = &m->layout;
	uint64_t map[l->cells], first;

	if (pagemap_read(m->base, l->cells, l->stride, map))
		return mem_fail(m, "cannot read pagemap");
	first = slot_of(map[0]);
	if (first % (m->size / page_size()))
		return mem_wrong(m, "not swapped out in one piece: page 0 is in slot %llu",
				 (unsigned long long)first);
	for (size_t c = 1; c < l->cells; c++) {
		size_t page = layout_page(l, c);

		if (slot_of(map[c]) != first + page)
			return mem_wrong(m, "not swapped out in one piece: page 0 is in slot %llu, "
					 "page %zu in slot %llu", (unsigned long long)first, page,
					 (unsigned long long)slot_of(map[c]));
	}
	return 0;
}

/* Compaction may move a folio, too, so its frames are looked at here, and not any more later. */
static int verify_frames(struct mem *m, const uint64_t *map)
{
	const struct layout *l = &m->layout;
	char str[128];

	for (size_t c = 0; c < l->cells; c++) {
		uint64_t pfn = map[c] & PM_PFN_MASK, flags = 0;
		int bit = c ? KPF_COMPOUND_TAIL : KPF_COMPOUND_HEAD;

		if (kpageflags(pfn, &flags) || !KPF(flags, bit) || !KPF(flags, KPF_SWAPCACHE))
			return mem_wrong(m, "page %zu of a large folio went to swap, and PFN %#llx "
					 "is %s", layout_page(l, c), (unsigned long long)pfn,
					 kpageflags_str(flags, str, sizeof(str)));
	}
	return 0;
}

static uint64_t frames[CELLS_MAX];	/* pagemap entries; an actor has but one region */

static int ready(struct mem *m)
{
	uint64_t flags[m->layout.cells];
	int ret = verify_mapped(m);

	return ret ? ret : mem_read_flags(m, frames, flags);
}

static int verify(struct mem *m)
{
	int ret = mem_verify_swap_cache(m);

	return ret ? ret : verify_slots(m);
}

static int done(struct mem *m)
{
	int ret = verify(m);

	return ret ? ret : verify_frames(m, frames);
}

static int settle(struct mem *m)
{
	return mem_swap_cache(m, ready, done);
}

DEFINE_KIND(thp_swapcache) = {
	.id = "thp-swapcache", .title = "swapped-out THP in the swap cache", .rank = 113,
	.props = KIND_ANON | KIND_PRIVATE | KIND_THP | KIND_SWAPPED | KIND_SWAPCACHE | KIND_EXTRA,
	.needs = NEED(ROOT) | NEED(THP) | NEED(MTHP) | NEED(SWAP) | NEED(SWAPDISK),
	.sizes = two_sizes, .region = region_whole, .settle = settle, .verify = verify, THP_COMMON,
};
