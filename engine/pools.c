// SPDX-License-Identifier: GPL-2.0-only
/* Hugetlb pools: see pools.h. */
#include "engine/pools.h"

#include <stdio.h>

#include "engine/gate.h"
#include "engine/settings.h"
#include "vm_util.h"

static struct pool {
	size_t size;
	unsigned int want;	/* of the most demanding test */
	unsigned int capacity, used;
} pools[KIND_SIZES_MAX];

static struct pool *pool_of(size_t size)
{
	for (struct pool *p = pools; p < pools + KIND_SIZES_MAX; p++) {
		if (!p->size)
			p->size = size;
		if (p->size == size)
			return p;
	}
	return &pools[0];
}

static void pool_fill(struct pool *p, unsigned int jobs)
{
	unsigned int want = p->want * jobs;
	long long have = hugetlb_count(p->size, "free_hugepages");
	char path[128], value[32];

	if (have < 0)
		return;
	if (have < want) {
		snprintf(value, sizeof(value), "%lld",
			 hugetlb_count(p->size, "nr_hugepages") + want - have);
		settings_set(hugetlb_path(p->size, "nr_hugepages", path, sizeof(path)), value);
		have = hugetlb_count(p->size, "free_hugepages");
	}
	/* Reserved pages are free, but promised to somebody else. */
	have -= hugetlb_count(p->size, "resv_hugepages");
	p->capacity = have < 0 ? 0 : have > want ? want : have;
}

/* What a gate demands must be there, whether a test takes it or not. */
static void want_demanded(void)
{
	size_t sizes[KIND_SIZES_MAX];
	int nr = gate_hugetlb(sizes);

	for (int i = 0; i < nr; i++)
		if (!pool_of(sizes[i])->want)
			pool_of(sizes[i])->want = 1;
}

void pools_fill(const struct plan *plan, unsigned int jobs)
{
	for (size_t i = 0; i < plan->nr; i++) {
		const struct test *t = &plan->tests[i];
		unsigned int pages = test_hugetlb_pages(t);

		if (pages && pool_of(t->size)->want < pages)
			pool_of(t->size)->want = pages;
	}
	want_demanded();
	for (struct pool *p = pools; p < pools + KIND_SIZES_MAX; p++)
		if (p->want)
			pool_fill(p, jobs);
}

bool pools_can(size_t size, unsigned int pages)
{
	return !pages || pool_of(size)->capacity >= pages;
}

bool pools_take(size_t size, unsigned int pages)
{
	struct pool *p = pool_of(size);

	if (!pages)
		return true;
	if (p->capacity - p->used < pages)
		return false;
	p->used += pages;
	return true;
}

void pools_give(size_t size, unsigned int pages)
{
	if (pages)
		pool_of(size)->used -= pages;
}
