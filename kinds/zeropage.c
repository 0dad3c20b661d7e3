// SPDX-License-Identifier: GPL-2.0-only
/* The shared zeropage and the huge zeropage: private anonymous memory only ever read. */
#define _GNU_SOURCE
#include "kind.h"

#include <string.h>

#include "vm_util.h"

static int zeropage_create(struct mem *m)
{
	return mem_map_base(m, page_size());
}

static int zeropage_verify(struct mem *m)
{
	int ret = mem_verify_flags(m, 1ULL << KPF_ZERO_PAGE, 1ULL << KPF_THP,
				   "the shared zeropage");

	return ret ? ret : mem_verify_scan(m, SCAN_PRESENT | SCAN_ZEROPAGE, SCAN_HUGE,
					   "the shared zeropage");
}

DEFINE_KIND(zeropage) = {
	.id = "zeropage",
	.title = "shared zeropage",
	.rank = 200,
	.props = KIND_ZERO | KIND_NOT_ANON | KIND_PRIVATE | KIND_FIRST,
	.needs = NEED(ROOT),
	.create = zeropage_create,
	.verify = zeropage_verify,
	.destroy = mem_unmap,
};

static size_t pmd_region(size_t size)
{
	(void)size;
	return thp_largest();
}

static int huge_create(struct mem *m)
{
	size_t len = thp_largest();
	int ret = mem_map_anon(m, len, len);

	if (!ret && madvise(m->base, m->len, MADV_HUGEPAGE))
		ret = mem_fail(m, "MADV_HUGEPAGE: %s", strerror(errno));
	return ret;
}

static int huge_verify(struct mem *m)
{
	uint64_t first, last;
	int ret = mem_verify_flags(m, 1ULL << KPF_ZERO_PAGE | 1ULL << KPF_THP, 0,
				   "the huge zeropage");

	if (ret)
		return ret;
	first = pagemap_entry(m->base) & PM_PFN_MASK;
	last = pagemap_entry(mem_page(m, m->layout.pages - 1)) & PM_PFN_MASK;
	if (last - first != m->layout.pages - 1)
		return mem_wrong(m, "not PMD-mapped: PFNs run from %#llx to %#llx",
				 (unsigned long long)first, (unsigned long long)last);
	return mem_verify_scan(m, SCAN_PRESENT | SCAN_ZEROPAGE | SCAN_HUGE, 0,
			       "the huge zeropage");
}

DEFINE_KIND(zeropage_huge) = {
	.id = "zeropage.huge",
	.title = "huge zeropage",
	.rank = 230,
	.props = KIND_ZERO | KIND_NOT_ANON | KIND_PRIVATE | KIND_THP,
	.needs = NEED(ROOT) | NEED(THP) | NEED(HUGE_ZERO),
	.region = pmd_region,
	.create = huge_create,
	.verify = huge_verify,
	.destroy = mem_unmap,
};
