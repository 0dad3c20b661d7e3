// SPDX-License-Identifier: GPL-2.0-only
/* Transparent huge pages. */
#define _GNU_SOURCE
#include "kind.h"

#include <string.h>

#include "vm_util.h"

static int pmd_size(size_t *sizes)
{
	/* A kernel without THP still has the kind in its plan, and a SKIP that says so. */
	sizes[0] = thp_pmd_size();
	return 1;
}

static size_t whole(size_t size)
{
	return size;
}

static int thp_create(struct mem *m)
{
	int ret = mem_map_anon(m, m->size, m->size);

	if (!ret && madvise(m->base, m->len, MADV_HUGEPAGE))
		ret = mem_fail(m, "MADV_HUGEPAGE: %s", strerror(errno));
	return ret;
}

static int thp_verify(struct mem *m)
{
	int ret = mem_verify_flags(m, 1ULL << KPF_ANON | 1ULL << KPF_THP, 1ULL << KPF_HUGE,
				   "a THP");
	long long mapped;

	if (ret)
		return ret;
	mapped = smaps_bytes(m->base, "AnonHugePages");
	errno = 0;
	if (mapped < (long long)m->len)
		return mem_fail(m, "not PMD-mapped: smaps has %lld bytes of AnonHugePages, not %zu",
				mapped, m->len);
	return 0;
}

DEFINE_KIND(thp) = {
	.id = "thp",
	.title = "THP",
	.rank = 110,
	.props = KIND_ANON | KIND_PRIVATE | KIND_THP | KIND_FIRST,
	.needs = NEED(ROOT) | NEED(THP),
	.sizes = pmd_size,
	.spell_size = true,
	.region = whole,
	.create = thp_create,
	.verify = thp_verify,
	.destroy = mem_unmap,
};
