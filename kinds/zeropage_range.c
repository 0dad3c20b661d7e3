// SPDX-License-Identifier: GPL-2.0-only
/* Many base pages that were never written: enough for counters that are not exact. */
#include "kind.h"

#include <string.h>

#include "vm_util.h"

#define RANGE_PAGES	1024

static size_t range_region(size_t size)
{
	(void)size;
	return RANGE_PAGES * page_size();
}

static int range_create(struct mem *m)
{
	return mem_map_base(m, range_region(0));
}

static int range_verify(struct mem *m)
{
	int ret = mem_verify_flags(m, 1ULL << KPF_ZERO_PAGE, 1ULL << KPF_THP,
				   "the shared zeropage");

	return ret ? ret : mem_verify_scan(m, SCAN_PRESENT | SCAN_ZEROPAGE, SCAN_HUGE,
					   "the shared zeropage");
}

DEFINE_KIND(zeropage_range) = {
	.id = "zeropage.range",
	.title = "range of the shared zeropage",
	.rank = 290,
	.props = KIND_ZERO | KIND_NOT_ANON | KIND_PRIVATE | KIND_EXTRA,
	.needs = NEED(ROOT),
	.region = range_region,
	.create = range_create,
	.verify = range_verify,
	.destroy = mem_unmap,
};
