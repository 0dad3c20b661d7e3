// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions over several large folios that are not alike, or not in order: for whoever takes all
 * of a buffer to be as the first folio of it is. io_uring describes a fixed buffer by folios
 * rather than by pages if all of them have one size, and each is there in the order of its
 * pages; where it is mistaken, I/O reads and writes other pages than the process has there.
 */
#define _GNU_SOURCE
#include "kinds/thp.h"

#include <string.h>

#include "vm_util.h"

static size_t twice(size_t size)
{
	return 2 * size;
}

/* The smallest folio that anonymous memory has, a few times that, and the largest one. */
static int some_sizes(size_t *sizes)
{
	sizes[0] = 4 * page_size();
	sizes[1] = 16 * page_size();
	sizes[2] = thp_largest();
	return 3;
}

/* Bytes of a folio half as large, or of a page where the kernel has none. */
static size_t half_folio(size_t size)
{
	char path[128], word[32];
	size_t half = size / 2;

	if (half < 4 * page_size())
		return page_size();
	snprintf(path, sizeof(path), THP_SYSFS "/hugepages-%zukB/enabled", half / KIB);
	if (choice_read(path, word, sizeof(word)) || !strcmp(word, "never"))
		return page_size();
	return half;
}

static int advise(struct mem *m, char *at, size_t len, bool huge)
{
	if (madvise(at, len, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
		return mem_fail(m, "MADV_%sHUGEPAGE: %s", huge ? "" : "NO", strerror(errno));
	return 0;
}

static void touch(char *at)
{
	*(volatile char *)at = 0;
}

/*
 * In units of a quarter of the size: a folio of two, one of four, one of two, and a page for
 * each page of the last quarter. The mapping of the folios begins and ends where no larger
 * one fits. The region begins in the middle of the first of them.
 *
 *	|   two   |       four        |   two   | pages
 *	      [               region                  ]
 *
 * So its lower half begins in a smaller folio and ends in a larger one, its upper half begins
 * in the larger one.
 */
static int create_mixed(struct mem *m)
{
	size_t size = m->size;
	int ret = mem_map_anon(m, 3 * size, size);
	char *at = m->base;

	if (!ret)
		ret = advise(m, at, 3 * size, false);
	if (ret)
		return ret;
	/* What has a page already is one mapping again, once the advice is the same. */
	touch(at + 3 * size - page_size());
	ret = advise(m, at + size / 2, 2 * size, true);
	mem_set_region(m, at + size / 4 * 3, twice(size));
	return ret;
}

static int settle_mixed(struct mem *m)
{
	return advise(m, m->base - m->size / 4 * 3, 3 * m->size, true);
}

static int verify_mixed(struct mem *m)
{
	size_t quarter = m->size / page_size() / 4, half = half_folio(m->size);
	const struct piece pieces[] = {
		{ .page = 0, .pages = quarter, .size = half, .index = quarter },
		{ .page = quarter, .pages = 4 * quarter, .size = m->size },
		{ .page = 5 * quarter, .pages = 2 * quarter, .size = half },
		{ .page = 7 * quarter, .pages = quarter, .size = page_size() },
	};

	return mem_verify_pieces(m, pieces, 4);
}

static int move(struct mem *m, char *from, size_t len, char *to)
{
	if (mremap(from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED)
		return mem_fail(m, "mremap of what has folios: %s", strerror(errno));
	return 0;
}

/* The two quarters in the middle of the folio at @at change places. */
static int reorder(struct mem *m, char *at)
{
	size_t len = m->size / 4;
	char *aside = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ret;

	if (aside == MAP_FAILED)
		return mem_fail(m, "mmap: %s", strerror(errno));
	touch(at);
	ret = move(m, at + len, len, aside);
	if (!ret)
		ret = move(m, at + 2 * len, len, at + len);
	return ret ? ret : move(m, aside, len, at + 2 * len);
}

/*
 * Two folios that no larger one could be in place of. They are there before the first write,
 * for content says where it is and cannot be moved.
 */
static int create_reordered(struct mem *m)
{
	size_t size = m->size;
	int ret = mem_map_anon(m, 3 * size, 2 * size);

	if (!ret) {
		mem_set_region(m, m->base + size, twice(size));
		ret = advise(m, m->base, m->len, true);
	}
	if (!ret)
		ret = reorder(m, m->base);
	return ret ? ret : reorder(m, m->base + size);
}

static int verify_reordered(struct mem *m)
{
	static const size_t order[] = { 0, 2, 1, 3 };
	size_t quarter = m->size / page_size() / 4;
	struct piece pieces[8];

	for (size_t i = 0; i < 8; i++)
		pieces[i] = (struct piece) {
			.page = i * quarter, .pages = quarter, .size = m->size,
			.index = order[i % 4] * quarter, .same_folio = i % 4,
		};
	return mem_verify_pieces(m, pieces, 8);
}

/* The smallest folio and the largest one. */
static int two_sizes(size_t *sizes)
{
	sizes[0] = 4 * page_size();
	sizes[1] = thp_largest();
	return 2;
}

static size_t one_and_a_half(size_t size)
{
	return size / 2 * 3;
}

/* The second of two folios takes the place of the end of the first, from its beginning on. */
static int create_ended(struct mem *m)
{
	size_t size = m->size;
	int ret = mem_map_anon(m, 3 * size, 2 * size);
	char *first = m->base + size, *aside;

	if (!ret)
		ret = advise(m, first, 2 * size, true);
	if (ret)
		return ret;
	aside = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (aside == MAP_FAILED)
		return mem_fail(m, "mmap: %s", strerror(errno));
	touch(first);
	touch(first + size);
	mem_set_region(m, first, one_and_a_half(size));
	ret = move(m, first + size, size, aside);
	return ret ? ret : move(m, aside, size, first + size / 2);
}

static int verify_ended(struct mem *m)
{
	size_t half = m->size / page_size() / 2;
	const struct piece pieces[] = {
		{ .page = 0, .pages = half, .size = m->size },
		{ .page = half, .pages = 2 * half, .size = m->size },
	};

	return mem_verify_pieces(m, pieces, 2);
}

#define SEVERAL								\
	.props = KIND_PRIVATE | KIND_THP | KIND_SEVERAL | KIND_EXTRA,	\
	.needs = NEED(ROOT) | NEED(THP) | NEED(MTHP),			\
	.spell_size = true, .destroy = mem_unmap

DEFINE_KIND(thp_mixed) = {
	.id = "thp-mixed", .title = "folios of several sizes", .rank = 119, SEVERAL,
	.sizes = some_sizes, .region = twice, .create = create_mixed,
	.settle = settle_mixed, .verify = verify_mixed,
};

DEFINE_KIND(thp_reordered) = {
	.id = "thp-reordered", .title = "THPs mapped in another order", .rank = 119, SEVERAL,
	.sizes = some_sizes, .region = twice, .create = create_reordered,
	.verify = verify_reordered,
};

DEFINE_KIND(thp_ended) = {
	.id = "thp-ended", .title = "THPs of which one ends early", .rank = 119, SEVERAL,
	.sizes = two_sizes, .region = one_and_a_half, .create = create_ended,
	.verify = verify_ended,
};
