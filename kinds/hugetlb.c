// SPDX-License-Identifier: GPL-2.0-only
/* hugetlb pages: anonymous, and of a memfd seen through a private mapping. */
#define _GNU_SOURCE
#include "kind.h"

#include <string.h>

#include "mm_calls.h"
#include "vm_util.h"

/* Sizes that every machine of an architecture has in its plan, there or not. */
static const size_t usual_sizes[] = {
#if defined(__x86_64__)
	2 * MIB, 1 * GIB,
#endif
};

static int all_sizes(size_t *sizes)
{
	int nr = hugetlb_sizes(sizes, KIND_SIZES_MAX);

	for (size_t i = 0; i < ARRAY_SIZE(usual_sizes); i++) {
		int j = 0;

		while (j < nr && sizes[j] < usual_sizes[i])
			j++;
		if ((j < nr && sizes[j] == usual_sizes[i]) || nr == KIND_SIZES_MAX)
			continue;
		memmove(&sizes[j + 1], &sizes[j], (nr - j) * sizeof(*sizes));
		sizes[j] = usual_sizes[i];
		nr++;
	}
	return nr;
}

static int hugetlb_create(struct mem *m)
{
	m->map_len = m->kind->region(m->size);
	m->map = mmap(NULL, m->map_len, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | huge_size_bits(m->size), -1, 0);
	if (m->map == MAP_FAILED)
		return mem_fail(m, "mmap of pages of %zu kB: %s (pool: %lld free)", m->size / KIB,
				strerror(errno), hugetlb_count(m->size, "free_hugepages"));
	mem_set_region(m, m->map, m->map_len);
	return 0;
}

static int memfd_hugetlb_create(struct mem *m)
{
	size_t len = m->kind->region(m->size);
	int ret;

	m->fd = memfd_create("cowpin", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB |
					huge_size_bits(m->size));
	if (m->fd < 0)
		return mem_fail(m, "memfd_create of %zu kB pages: %s", m->size / KIB,
				strerror(errno));
	ret = mem_fill_file(m, len, m->size);
	return ret ? ret : mem_map_file(m, len);
}

static int verify_pages(struct mem *m, bool anon)
{
	int ret = mem_verify_flags(m, 1ULL << KPF_HUGE, 1ULL << KPF_THP, "a hugetlb page");

	if (!ret)
		ret = mem_verify_frames(m, m->size, anon);
	return ret ? ret : mem_verify_scan(m, SCAN_PRESENT | SCAN_HUGE, 0, "a hugetlb page");
}

static int hugetlb_verify(struct mem *m)
{
	return verify_pages(m, true);
}

/* One after the other; where in memory they are is left to the kernel. */
static int hugetlb_two_verify(struct mem *m)
{
	int ret = 0;

	for (size_t at = 0; at < m->len && !ret; at += m->size) {
		struct mem one = *m;

		mem_set_region(&one, m->base + at, m->size);
		ret = verify_pages(&one, true);
		if (ret)
			memcpy(m->why, one.why, sizeof(m->why));
	}
	return ret;
}

static size_t two_pages(size_t size)
{
	return 2 * size;
}

/* As much of two as a guest can spare. */
static int small_sizes(size_t *sizes)
{
	int nr = all_sizes(sizes), kept = 0;

	for (int i = 0; i < nr; i++)
		if (sizes[i] < GIB)
			sizes[kept++] = sizes[i];
	return kept;
}

static int memfd_hugetlb_verify(struct mem *m)
{
	int ret = verify_pages(m, false);

	return ret ? ret : mem_verify_file(m);
}

#define HUGETLB(sizes_of, region_of)						\
	.needs = NEED(ROOT) | NEED(HUGETLB), .sizes = sizes_of, .spell_size = true,	\
	.region = region_of, .destroy = mem_unmap
#define ONE_PAGE	HUGETLB(all_sizes, region_whole)

DEFINE_KIND(hugetlb) = {
	.id = "hugetlb",
	.title = "hugetlb",
	.rank = 190,
	.props = KIND_ANON | KIND_PRIVATE | KIND_HUGETLB | KIND_FIRST,
	.create = hugetlb_create,
	.verify = hugetlb_verify,
	ONE_PAGE,
};

/* What goes from page to page must come to each of them. */
DEFINE_KIND(hugetlb_two) = {
	.id = "hugetlb.two",
	.title = "two pages of hugetlb",
	.rank = 192,
	.props = KIND_PRIVATE | KIND_HUGETLB | KIND_SEVERAL | KIND_EXTRA,
	.create = hugetlb_create,
	.verify = hugetlb_two_verify,
	HUGETLB(small_sizes, two_pages),
};

DEFINE_KIND(memfd_hugetlb) = {
	.id = "memfd.hugetlb",
	.title = "memfd hugetlb",
	.rank = 240,
	.props = KIND_FILE | KIND_NOT_ANON | KIND_PRIVATE | KIND_HUGETLB | KIND_MEMFD,
	.create = memfd_hugetlb_create,
	.verify = memfd_hugetlb_verify,
	ONE_PAGE,
};

DEFINE_KIND(memfd_hugetlb_shared) = {
	.id = "memfd.hugetlb.shared",
	.title = "memfd hugetlb",
	.rank = 340,
	.props = KIND_FILE | KIND_SHARED | KIND_HUGETLB | KIND_MEMFD,
	.create = memfd_hugetlb_create,
	.verify = memfd_hugetlb_verify,
	ONE_PAGE,
};

/* Filled, and so private: what is done to the file from a place on is done to copies, too. */
DEFINE_KIND(memfd_hugetlb_two) = {
	.id = "memfd.hugetlb.two",
	.title = "two pages of memfd hugetlb",
	.rank = 242,
	.props = KIND_FILE | KIND_PRIVATE | KIND_HUGETLB | KIND_SEVERAL | KIND_EXTRA,
	.create = memfd_hugetlb_create,
	.verify = hugetlb_two_verify,
	HUGETLB(small_sizes, two_pages),
};
