/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Axis 2: where the pages come from. One file in this folder declares a family of
 * kinds; DEFINE_KIND() is all it takes to have a kind in the plan.
 */
#ifndef KIND_H
#define KIND_H

#include "mem.h"
#include "needs.h"

/* Properties, from which it is derived what fits a kind. */
#define KIND_ANON	(1u << 0)	/* anonymous memory, written before anything else */
#define KIND_FILE	(1u << 1)	/* a file behind it whose content may be seen */
#define KIND_ZERO	(1u << 2)	/* never written: a zeropage */
#define KIND_PRIVATE	(1u << 3)	/* MAP_PRIVATE: writes are copied on write */
#define KIND_SHARED	(1u << 4)	/* MAP_SHARED */
#define KIND_HUGETLB	(1u << 5)
#define KIND_THP	(1u << 6)
#define KIND_NOT_ANON	(1u << 7)	/* page cache or zeropage until first written */
#define KIND_FIRST	(1u << 8)	/* stands for its family in small selections */
#define KIND_SWAPPED	(1u << 9)	/* in swap when the test begins */
#define KIND_DISK	(1u << 10)	/* a file on a real file system */
#define KIND_EXTRA	(1u << 12)	/* not in the kernel's suite */
#define KIND_BASE	(1u << 11)	/* anonymous base pages, nothing else */

#define KIND_UNEVEN	(1u << 13)	/* its pages differ in what a pin does to them */
#define KIND_MEMFD	(1u << 14)	/* a file that can be sealed */
#define KIND_SEVERAL	(1u << 16)	/* filled first, large folios, for what is about several */
#define KIND_SWAPCACHE	(1u << 17)	/* swap entries whose folio is in the swap cache still */
#define KIND_RANGE	(1u << 15)	/* of a file: as much as a THP, where one could be mapped */
#define KIND_SECRET	(1u << 18)	/* nobody may pin it: only for scenarios about that */
#define KIND_FIRST_DISK	(1u << 19)	/* as KIND_FIRST, where files change that are on a disk */
#define KIND_FIRST_FAULT (1u << 20)	/* so does its least size, where memory comes in anew */

/* What a test fills before anything else; the rest is read. */
#define KIND_FILLED	(KIND_ANON | KIND_SEVERAL)

#define KIND_SIZES_MAX	16

struct kind {
	const char *id;		/* unique; a size is added as ".2M" where there is one */
	const char *title;	/* as the kernel's suite calls it */
	unsigned int rank;	/* place in the plan, ascending */
	unsigned int props;	/* KIND_* */
	uint64_t needs;	/* NEED() mask */

	/*
	 * Fills in the sizes that the kind comes in and returns how many; NULL: it has
	 * no size axis. Called without root and without the right to change anything.
	 */
	int (*sizes)(size_t *sizes);
	/* Sizes are spelt out in the id and title ("memfd.hugetlb.2M"). */
	bool spell_size;
	/* Bytes of the tested region for @size; NULL: one base page. */
	size_t (*region)(size_t size);

	/*
	 * In the actor. 0 or -errno with m->why. create() maps, and writes the file
	 * behind it with WRITER_FILE, generation 1; it populates nothing, but for what
	 * is filled first.
	 */
	int (*create)(struct mem *m);
	/* After the first fill or read: bring the pages into the kind's state. */
	int (*settle)(struct mem *m);
	/* Prove that the memory is what the title says. Must not change it. */
	int (*verify)(struct mem *m);
	void (*destroy)(struct mem *m);
};

#define DEFINE_KIND(name)						\
	static const struct kind name;					\
	static const struct kind *const name##_entry			\
	__attribute__((used, section("cow_kinds"))) = &name;		\
	static const struct kind name

/* All kinds in order of rank; returns how many. */
size_t kinds_all(const struct kind *const **list);
const struct kind *kind_find(const char *id);
/*
 * Is @a of the same sort as @b, and less of it: nothing that @b does not have, as a file, large
 * folios or swap? What fails on both is better told of @a.
 */
bool kind_simpler(const struct kind *a, const struct kind *b);

/* --- helpers that kinds share (kinds/common.c) --- */

/* Map @len bytes of anonymous memory aligned to @align; sets map, base, len. */
int mem_map_anon(struct mem *m, size_t len, size_t align);
/* The same, of base pages only. */
int mem_map_base(struct mem *m, size_t len);
/* The tested region is but [base, base + len) of what was mapped. */
void mem_set_region(struct mem *m, void *base, size_t len);
/* Map m->fd as the kind's properties say, readable and writable. */
int mem_map_file(struct mem *m, size_t len);
/*
 * Give the file behind m its content, after a hole of @before bytes: a kernel that takes an
 * address, or a distance in the mapping, for a place in the file finds something else there.
 */
int mem_fill_file(struct mem *m, size_t len, size_t before);
/* Make a hole of @len bytes, from @at on, in the file behind m. */
int mem_punch(struct mem *m, off_t at, size_t len);
void mem_unmap(struct mem *m);
/*
 * What @verify proves, a kind's or one of those below. While the kernel moves a page (compaction,
 * for somebody else) it is at neither place, and its former frame is nobody's: so what does not
 * hold is looked at again, for a tenth of a second. What is wrong stays wrong.
 */
int mem_verify(struct mem *m, int (*verify)(struct mem *m));
/* pagemap entries and kpageflags of all cells; fails if a page is not mapped. */
int mem_read_flags(struct mem *m, uint64_t *map, uint64_t *flags);
/* Every page present and of a frame whose kpageflags have all of @set, none of @clear. */
int mem_verify_flags(struct mem *m, uint64_t set, uint64_t clear, const char *what);
/*
 * PAGEMAP_SCAN, where the kernel has it, must agree: every page is in all categories of
 * @set (SCAN_*) and in none of @clear.
 */
int mem_verify_scan(struct mem *m, uint64_t set, uint64_t clear, const char *what);
/* For struct kind's region: all of a page or folio of @size bytes. */
size_t region_whole(size_t size);
/* Bytes of a region: what the caller wants of it, else @len. */
size_t mem_length(const struct mem *m, size_t len);
/* Have the kernel swap out the whole region; fails if a page stays. */
int mem_swap_out(struct mem *m);
/* Every page is in swap. */
int mem_verify_swapped(struct mem *m);
/*
 * Have it swapped out so that the folios stay in the swap cache: @ready proves that they are what
 * they should be before, @done after it. Where @done cannot, all is done again for some time.
 */
int mem_swap_cache(struct mem *m, int (*ready)(struct mem *m), int (*done)(struct mem *m));
/* Every page is in swap, and in the swap cache. */
int mem_verify_swap_cache(struct mem *m);
/*
 * The region's pages are consecutive pages of one large folio, from its page 0 on, whose
 * size is @size; mapped by a PMD, or by PTEs.
 */
int mem_verify_folio(struct mem *m, size_t size, bool by_pmd);
/* It is anonymous, and mapped by PMDs, or by PTEs only, whatever folios it is of. */
int mem_verify_mapping(struct mem *m, bool by_pmd);
/* The same as mem_verify_folio(), however it is mapped: @anon, or a file's. */
int mem_verify_frames(struct mem *m, size_t size, bool anon);
/*
 * @pages pages of the region, from @page on, are consecutive pages of an anonymous folio of
 * @size bytes, from page @index of it on; or of no large folio, if that is a base page.
 */
struct piece {
	size_t page, pages;
	size_t size, index;
	bool same_folio;	/* as the piece before */
};
int mem_verify_pieces(struct mem *m, const struct piece *pieces, size_t nr);
/* Every page is the very page that the file behind m has there. */
int mem_verify_file(struct mem *m);

#endif
