// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transparent huge pages, of PMD size and of every smaller size (mTHP), whole: mapped by a
 * PMD or by PTEs, in memory or in swap. And what the kinds in thp_parts.c share with them.
 *
 * All sizes are enabled for madvise() during a run. A mapping that is just as large as the
 * folio shall be, and aligned to it, gets a folio of that size, for no larger one fits.
 */
#include "kinds/thp.h"

#include <string.h>

#include "vm_util.h"

int thp_only_pmd(size_t *sizes)
{
	sizes[0] = thp_largest();
	return 1;
}

int thp_sizes(size_t *sizes)
{
	size_t pmd = thp_largest();
	int nr = 0;

	for (size_t s = 16 * KIB; s <= pmd && nr < KIND_SIZES_MAX; s *= 2)
		sizes[nr++] = s;
	return nr;
}

int thp_create(struct mem *m)
{
	int ret = mem_map_anon(m, m->size, m->size);

	if (!ret && madvise(m->base, m->len, MADV_HUGEPAGE))
		ret = mem_fail(m, "MADV_HUGEPAGE: %s", strerror(errno));
	if (!ret && m->kind->region(m->size) != m->size)
		mem_set_region(m, m->base, m->kind->region(m->size));
	return ret;
}

static int verify_by_pmd(struct mem *m)
{
	return mem_verify_folio(m, m->size, true);
}

int thp_verify_by_ptes(struct mem *m)
{
	return mem_verify_folio(m, m->size, false);
}

static int swap_out_by_pmd(struct mem *m)
{
	int ret = verify_by_pmd(m);

	return ret ? ret : mem_swap_out(m);
}

/* A page of other protection splits the PMD; the folio stays as it is. */
static int map_by_ptes(struct mem *m)
{
	char *second = m->base + page_size();

	if (mprotect(second, page_size(), PROT_READ) ||
	    mprotect(second, page_size(), PROT_READ | PROT_WRITE))
		return mem_fail(m, "mprotect of the second page: %s", strerror(errno));
	return 0;
}

static int map_by_ptes_swapped(struct mem *m)
{
	int ret = map_by_ptes(m);

	if (!ret)
		ret = thp_verify_by_ptes(m);
	return ret ? ret : mem_swap_out(m);
}

DEFINE_KIND(thp) = {
	.id = "thp", .title = "THP", .rank = 110,
	.props = KIND_ANON | KIND_PRIVATE | KIND_THP | KIND_FIRST,
	.needs = NEED(ROOT) | NEED(THP),
	.sizes = thp_only_pmd, .spell_size = true, .region = region_whole,
	.create = thp_create, .verify = verify_by_pmd, .destroy = mem_unmap,
};

DEFINE_KIND(thp_swapped) = {
	.id = "thp-swapped", .title = "swapped-out THP", .rank = 111,
	.sizes = thp_only_pmd, .region = region_whole, .settle = swap_out_by_pmd, IN_SWAP,
	THP_COMMON,
};

DEFINE_KIND(thp_pte) = {
	.id = "thp-pte", .title = "PTE-mapped THP", .rank = 112,
	.sizes = thp_sizes, .region = region_whole, .settle = map_by_ptes,
	.verify = thp_verify_by_ptes, IN_MEMORY_AND(KIND_FIRST_FAULT), THP_COMMON,
};

DEFINE_KIND(thp_pte_swapped) = {
	.id = "thp-pte-swapped", .title = "swapped-out, PTE-mapped THP", .rank = 113,
	.sizes = thp_sizes, .region = region_whole, .settle = map_by_ptes_swapped, IN_SWAP,
	THP_COMMON,
};
