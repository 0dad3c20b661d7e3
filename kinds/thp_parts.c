// SPDX-License-Identifier: GPL-2.0-only
/* Transparent huge pages of which only a part is mapped, mapped here, or shared. */
#define _GNU_SOURCE
#include "kinds/thp.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm_util.h"

static size_t half(size_t size)
{
	return size / 2;
}

static size_t one_page(size_t size)
{
	(void)size;
	return page_size();
}

/* Of the folio just its first page stays mapped. */
static int keep_one_page(struct mem *m)
{
	if (madvise(m->base + page_size(), m->size - page_size(), MADV_DONTNEED))
		return mem_fail(m, "MADV_DONTNEED: %s", strerror(errno));
	return 0;
}

/* The rest of the folio is mapped by nobody: this process is the only one yet. */
static int verify_one_page(struct mem *m)
{
	static uint64_t map[CELLS_MAX];
	struct layout l = layout_of(m->size);
	int ret = thp_verify_by_ptes(m);

	if (!ret && pagemap_read(m->base, l.cells, l.stride, map))
		ret = mem_fail(m, "cannot read pagemap");
	for (size_t c = 1; !ret && c < l.cells; c++) {
		if (map[c] & (PM_PRESENT | PM_SWAP))
			ret = mem_wrong(m, "page %zu of the folio is still mapped",
					layout_page(&l, c));
	}
	return ret;
}

static int keep_one_page_swapped(struct mem *m)
{
	int ret = keep_one_page(m);

	if (!ret)
		ret = verify_one_page(m);
	return ret ? ret : mem_swap_out(m);
}

static void *upper_half;	/* of the folio; an actor has but one */

static int move_upper_half(struct mem *m)
{
	size_t len = m->size / 2;
	void *to = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (to == MAP_FAILED || mremap(m->base + len, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
				       to) == MAP_FAILED)
		return mem_fail(m, "mremap of the upper half: %s", strerror(errno));
	upper_half = to;
	return 0;
}

/* The upper half of the folio is mapped, too, and elsewhere. */
static int verify_moved(struct mem *m)
{
	int ret = thp_verify_by_ptes(m);
	uint64_t lower = pagemap_entry(m->base) & PM_PFN_MASK;
	uint64_t upper = pagemap_entry(upper_half) & PM_PFN_MASK;

	if (!ret && upper != lower + m->size / 2 / page_size())
		ret = mem_wrong(m, "the upper half is PFN %#llx, the lower half PFN %#llx",
				(unsigned long long)upper, (unsigned long long)lower);
	return ret;
}

/* A child that is gone shared the first page: all others are known as exclusive, it is not. */
static int share_one_page(struct mem *m)
{
	char *rest = m->base + page_size();
	size_t len = m->size - page_size();
	pid_t pid;

	if (madvise(rest, len, MADV_DONTFORK))
		return mem_fail(m, "MADV_DONTFORK: %s", strerror(errno));
	pid = fork();
	if (!pid)
		_exit(0);
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		return mem_fail(m, "fork: %s", strerror(errno));
	if (madvise(rest, len, MADV_DOFORK))
		return mem_fail(m, "MADV_DOFORK: %s", strerror(errno));
	return 0;
}

/* Kernels before 5.19 mark no page as exclusive, then this says nothing. */
static int verify_shared(struct mem *m)
{
	uint64_t pfn = pagemap_entry(m->base) & PM_PFN_MASK, flags = 0;
	int ret = thp_verify_by_ptes(m);

	if (!ret && (kpageflags(pfn, &flags) || KPF(flags, KPF_EXCLUSIVE)))
		ret = mem_wrong(m, "the page that a child shared is still marked exclusive");
	return ret;
}

/* Of two folios that meet in the middle of it all but a quarter. */
static size_t most_of_two(size_t size)
{
	return size / 4 * 7;
}

static int create_two(struct mem *m)
{
	int ret = mem_map_anon(m, 2 * m->size, m->size);

	if (!ret && madvise(m->base, m->len, MADV_HUGEPAGE))
		ret = mem_fail(m, "MADV_HUGEPAGE: %s", strerror(errno));
	if (!ret)
		mem_set_region(m, m->base + m->size / 4, most_of_two(m->size));
	return ret;
}

static int verify_two(struct mem *m)
{
	return mem_verify_mapping(m, true);
}

DEFINE_KIND(thp_two) = {
	.id = "thp-two", .title = "part of two THPs", .rank = 118,
	.props = KIND_PRIVATE | KIND_THP | KIND_SEVERAL | KIND_EXTRA,
	.needs = NEED(ROOT) | NEED(THP),
	.sizes = thp_only_pmd, .region = most_of_two, .create = create_two, .verify = verify_two,
	.spell_size = true, .destroy = mem_unmap,
};

DEFINE_KIND(thp_single) = {
	.id = "thp-single", .title = "single PTE of THP", .rank = 114,
	.sizes = thp_sizes, .region = one_page, .settle = keep_one_page,
	.verify = verify_one_page, IN_MEMORY, THP_COMMON,
};

DEFINE_KIND(thp_single_swapped) = {
	.id = "thp-single-swapped", .title = "single PTE of swapped-out THP", .rank = 115,
	.sizes = thp_sizes, .region = one_page, .settle = keep_one_page_swapped, IN_SWAP,
	THP_COMMON,
};

DEFINE_KIND(thp_mremap) = {
	.id = "thp-mremap", .title = "partially mremap()'ed THP", .rank = 116,
	.sizes = thp_sizes, .region = half, .settle = move_upper_half,
	.verify = verify_moved, IN_MEMORY, THP_COMMON,
};

DEFINE_KIND(thp_shared) = {
	.id = "thp-shared", .title = "partially shared THP", .rank = 117,
	.sizes = thp_sizes, .region = region_whole, .settle = share_one_page,
	.verify = verify_shared, IN_MEMORY_UNEVEN, THP_COMMON,
};
