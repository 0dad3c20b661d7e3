// SPDX-License-Identifier: GPL-2.0-only
/* Hugetlb pools: see pools.h. */
#include "engine/pools.h"

#include <stdio.h>

#include "engine/gate.h"
#include "engine/settings.h"
#include "ops/operation.h"
#include "vm_util.h"

static struct pool {
	size_t size;
	unsigned int want;	/* of the most demanding test */
	unsigned int capacity, used;
	unsigned int least;	/* pages on the NUMA node that has fewest */
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

/* Of the two nodes that tests know of. While none of them runs: it is theirs until their end. */
static unsigned int least_of_nodes(size_t size)
{
	long long least = -1;

	for (int node = 0; node < 2; node++) {
		char path[128];
		long long nr;

		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/hugepages/"
			 "hugepages-%zukB/free_hugepages", node, size / KIB);
		nr = file_number(path);
		if (least < 0 || nr < least)
			least = nr;
	}
	return least < 0 ? 0 : least;
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
	p->least = least_of_nodes(p->size);
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

static bool to_other_node(const struct step *s)
{
	return s->operation && s->operation->other_node;
}

static bool moves(const struct step *s)
{
	return s->op == OP_MIGRATE || to_other_node(s);
}

static bool has_step(const struct test *t, bool (*is)(const struct step *))
{
	for (int i = 0; i < t->steps->nr; i++)
		if (is(&t->steps->step[i]))
			return true;
	return false;
}

/*
 * Where there is no page in the pool, the kernel makes one for what migrates, but for such
 * a size. Which nodes have how many pages is left to chance: nobody else may take one then.
 */
static bool takes_all(const struct test *t)
{
	return t->size > thp_largest() && has_step(t, moves);
}

/*
 * Where the pages of a test are is left to chance: all on one node, or on both, and whichever moves
 * finds a free one if each node can hold what is in use. The last copy of all is made afterwards.
 */
static unsigned int on_each_node(unsigned int pages)
{
	return pages > 1 ? pages - 1 : 1;
}

bool pools_hold(const struct test *t)
{
	unsigned int pages = test_hugetlb_pages(t);

	return !pages || pool_of(t->size)->capacity >= pages;
}

bool pools_can(const struct test *t, char *why, size_t len)
{
	unsigned int pages = test_hugetlb_pages(t);

	if (!pools_hold(t)) {
		snprintf(why, len, "of the pool of %zu kB pages, fewer than %u are free",
			 t->size / KIB, pages);
		return false;
	}
	if (pages && takes_all(t) && has_step(t, to_other_node) &&
	    pool_of(t->size)->least < on_each_node(pages)) {
		snprintf(why, len, "of the pool of %zu kB pages, a NUMA node has fewer than %u "
			 "that are free", t->size / KIB, on_each_node(pages));
		return false;
	}
	return true;
}

/* A random scenario may want more than there is. */
static unsigned int taken_by(const struct test *t)
{
	unsigned int pages = test_hugetlb_pages(t), all;

	if (!pages)
		return 0;
	all = pool_of(t->size)->capacity;
	return takes_all(t) || pages > all ? all : pages;
}

bool pools_take(const struct test *t)
{
	unsigned int pages = taken_by(t);
	struct pool *p;

	if (!pages)
		return true;
	p = pool_of(t->size);
	if (p->capacity - p->used < pages)
		return false;
	p->used += pages;
	return true;
}

void pools_give(const struct test *t)
{
	unsigned int pages = taken_by(t);

	if (pages)
		pool_of(t->size)->used -= pages;
}
