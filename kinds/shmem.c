// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared memory without a name, of base pages or of a large folio, and enough of a memfd for a THP,
 * but of base pages.
 */
#define _GNU_SOURCE
#include "kind.h"

#include <string.h>

#include "vm_util.h"

static int shmem_create(struct mem *m)
{
	m->map_len = mem_length(m, page_size());
	m->map = mmap(NULL, m->map_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (m->map == MAP_FAILED)
		return mem_fail(m, "mmap of %zu bytes: %s", m->map_len, strerror(errno));
	mem_set_region(m, m->map, m->map_len);
	return 0;
}

static int shmem_verify(struct mem *m)
{
	return mem_verify_flags(m, 1ULL << KPF_SWAPBACKED,
				1ULL << KPF_ANON | 1ULL << KPF_ZERO_PAGE, "a page of shmem");
}

DEFINE_KIND(anon_shared) = {
	.id = "anon.shared", .title = "shared anonymous page", .rank = 300,
	.props = KIND_SHARED | KIND_EXTRA, .needs = NEED(ROOT),
	.create = shmem_create, .verify = shmem_verify, .destroy = mem_unmap,
};

/*
 * @len bytes of @fd, at a multiple of that. As much behind it is nobody's: a kernel that maps a
 * folio from another page on shall find room there, or it sees in time that it is wrong.
 */
static int map_aligned(struct mem *m, size_t len, int flags)
{
	char *at;

	m->map_len = 3 * len;
	m->map = mmap(NULL, m->map_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->map == MAP_FAILED)
		return mem_fail(m, "mmap of %zu bytes: %s", m->map_len, strerror(errno));
	at = (char *)(((uintptr_t)m->map + len - 1) / len * len);
	if (mmap(at, len, PROT_READ | PROT_WRITE, flags | MAP_FIXED, m->fd, m->offset) ==
	    MAP_FAILED)
		return mem_fail(m, "mmap of the file (%zu bytes): %s", len, strerror(errno));
	mem_set_region(m, at, len);
	return 0;
}

/* Smaller than a PMD: page table entries map it, all of them at the first access. */
static int folio_sizes(size_t *sizes)
{
	sizes[0] = SHMEM_THP_SIZE;
	return 1;
}

static int folio_create(struct mem *m)
{
	int ret;

	m->fd = -1;
	ret = map_aligned(m, m->size, MAP_SHARED | MAP_ANONYMOUS);
	if (!ret && madvise(m->base, m->len, MADV_HUGEPAGE))
		ret = mem_fail(m, "MADV_HUGEPAGE: %s", strerror(errno));
	return ret;
}

static int folio_verify(struct mem *m)
{
	return mem_verify_frames(m, m->size, false);
}

DEFINE_KIND(shmem_thp) = {
	.id = "shmem-thp", .title = "large folio of shared anonymous memory", .rank = 305,
	.props = KIND_SHARED | KIND_THP | KIND_EXTRA, .needs = NEED(ROOT) | NEED(SHMEMTHP),
	.sizes = folio_sizes, .spell_size = true, .region = region_whole,
	.create = folio_create, .verify = folio_verify, .destroy = mem_unmap,
};

static size_t range_region(size_t size)
{
	(void)size;
	return thp_largest();
}

/* Where a THP of the file could be mapped. */
static int range_create(struct mem *m)
{
	int ret, flags = m->kind->props & KIND_SHARED ? MAP_SHARED : MAP_PRIVATE;
	size_t len = range_region(0);

	m->fd = memfd_create("cowpin", MFD_CLOEXEC);
	if (m->fd < 0)
		return mem_fail(m, "memfd_create: %s", strerror(errno));
	ret = mem_fill_file(m, len, len);
	return ret ? ret : map_aligned(m, len, flags);
}

static int range_verify(struct mem *m)
{
	int ret = mem_verify_flags(m, 1ULL << KPF_SWAPBACKED, 1ULL << KPF_ANON, "a memfd's page");

	return ret ? ret : mem_verify_file(m);
}

DEFINE_KIND(memfd_range) = {
	.id = "memfd.range.shared", .title = "range of a memfd", .rank = 315,
	.props = KIND_FILE | KIND_SHARED | KIND_RANGE | KIND_EXTRA, .needs = NEED(ROOT) | NEED(THP),
	.region = range_region,
	.create = range_create, .verify = range_verify, .destroy = mem_unmap,
};

/* Of its own scenarios, and those of all files: base pages of a memfd there are enough. */
DEFINE_KIND(memfd_range_private) = {
	.id = "memfd.range", .title = "range of a memfd", .rank = 205,
	.props = KIND_FILE | KIND_PRIVATE | KIND_RANGE | KIND_EXTRA,
	.needs = NEED(ROOT) | NEED(THP),
	.region = range_region,
	.create = range_create, .verify = range_verify, .destroy = mem_unmap,
};
