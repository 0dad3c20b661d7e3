// SPDX-License-Identifier: GPL-2.0-only
/* Anonymous base pages. */
#include "kind.h"

#include <string.h>

#include "vm_util.h"

static int anon_create(struct mem *m)
{
	return mem_map_base(m, mem_length(m, page_size()));
}

static int anon_verify(struct mem *m)
{
	int ret = mem_verify_flags(m, 1ULL << KPF_ANON, 1ULL << KPF_THP | 1ULL << KPF_HUGE,
				   "an anonymous base page");

	return ret ? ret : mem_verify_scan(m, SCAN_PRESENT, SCAN_FILE | SCAN_ZEROPAGE | SCAN_HUGE,
					   "an anonymous base page");
}

DEFINE_KIND(anon) = {
	.id = "anon",
	.title = "base page",
	.rank = 100,
	.props = KIND_ANON | KIND_PRIVATE | KIND_BASE | KIND_FIRST,
	.needs = NEED(ROOT),
	.create = anon_create,
	.verify = anon_verify,
	.destroy = mem_unmap,
};
