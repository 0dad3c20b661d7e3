// SPDX-License-Identifier: GPL-2.0-only
/* Proof that memory is of one large folio, or of which ones. */
#define _GNU_SOURCE
#include "kind.h"

#include <string.h>

#include "vm_util.h"

/* Consecutive frames, from one on that is aligned to the size of the folio. */
static int verify_frames(struct mem *m, const uint64_t *map, size_t size)
{
	uint64_t first = map[0] & PM_PFN_MASK;

	if (!first || first % (size / page_size()))
		return mem_wrong(m, "not at the start of a folio of %zu kB: PFN %#llx", size / KIB,
				 (unsigned long long)first);
	for (size_t c = 1; c < m->layout.cells; c++) {
		size_t page = layout_page(&m->layout, c);
		uint64_t pfn = map[c] & PM_PFN_MASK;

		if (pfn != first + page)
			return mem_fail(m, "not of one folio: page 0 is PFN %#llx, page %zu is "
					"PFN %#llx", (unsigned long long)first, page,
					(unsigned long long)pfn);
	}
	return 0;
}

/* The first page is the head, the others are tails: then it is one folio, not several. */
static int verify_compound(struct mem *m, const uint64_t *flags, bool anon)
{
	for (size_t c = 0; c < m->layout.cells; c++) {
		int bit = c ? KPF_COMPOUND_TAIL : KPF_COMPOUND_HEAD;

		if (!KPF(flags[c], bit) || KPF(flags[c], KPF_ANON) != anon)
			return mem_wrong(m, "page %zu is no %s of a large folio%s (flags %#llx)",
					 layout_page(&m->layout, c), c ? "tail" : "head",
					 anon ? ", anonymous" : " of a file",
					 (unsigned long long)flags[c]);
	}
	return 0;
}

/* The last page that the folio must have is its tail, and the next is not. */
static int verify_size(struct mem *m, uint64_t pfn, size_t size)
{
	uint64_t flags[2] = { 0 };

	kpageflags_range(pfn + size / page_size() - 1, 2, flags);
	if (!KPF(flags[0], KPF_COMPOUND_TAIL) || KPF(flags[1], KPF_COMPOUND_TAIL))
		return mem_wrong(m, "the folio has not %zu kB", size / KIB);
	return 0;
}

/* Before 6.7 only smaps tells, and reading that is dear. */
static int verify_mapping_by_smaps(struct mem *m, bool by_pmd)
{
	long long huge = smaps_bytes(m->base, "AnonHugePages");

	if (by_pmd != (huge >= (long long)m->len))
		return mem_wrong(m, "not mapped by %s: smaps has %lld bytes of AnonHugePages",
				 by_pmd ? "a PMD" : "PTEs", huge);
	return 0;
}

int mem_verify_mapping(struct mem *m, bool by_pmd)
{
	if (!pagemap_scan_known())
		return verify_mapping_by_smaps(m, by_pmd);
	return by_pmd ? mem_verify_scan(m, SCAN_PRESENT | SCAN_HUGE, SCAN_FILE, "PMD-mapped")
		      : mem_verify_scan(m, SCAN_PRESENT, SCAN_HUGE | SCAN_FILE, "PTE-mapped");
}

int mem_verify_frames(struct mem *m, size_t size, bool anon)
{
	uint64_t map[m->layout.cells], flags[m->layout.cells];
	int ret = mem_read_flags(m, map, flags);

	if (!ret)
		ret = verify_frames(m, map, size);
	if (!ret)
		ret = verify_compound(m, flags, anon);
	return ret ? ret : verify_size(m, map[0] & PM_PFN_MASK, size);
}

int mem_verify_folio(struct mem *m, size_t size, bool by_pmd)
{
	int ret = mem_verify_frames(m, size, true);

	return ret ? ret : mem_verify_mapping(m, by_pmd);
}

/* An anonymous page: page @index of a folio, or one that is of no large folio. */
static int verify_place(struct mem *m, size_t page, uint64_t flags, bool large, size_t index)
{
	uint64_t both = 1ULL << KPF_COMPOUND_HEAD | 1ULL << KPF_COMPOUND_TAIL;
	uint64_t want = !large ? 0 : 1ULL << (index ? KPF_COMPOUND_TAIL : KPF_COMPOUND_HEAD);

	if ((flags & both) != want || !KPF(flags, KPF_ANON))
		return mem_wrong(m, "page %zu is no %s, anonymous (flags %#llx)", page,
				 !large ? "base page" : index ? "tail of a large folio" :
				 "head of a large folio", (unsigned long long)flags);
	return 0;
}

/* Yields the frame that page 0 of the piece's folio has. */
static int verify_piece(struct mem *m, const struct piece *p, const uint64_t *map,
			const uint64_t *flags, uint64_t *head)
{
	bool large = p->size > page_size();
	size_t first, count;
	int ret = 0;

	layout_cells(&m->layout, p->page, p->pages, &first, &count);
	for (size_t c = first; c < first + count && !ret; c++) {
		size_t page = layout_page(&m->layout, c), index = p->index + page - p->page;
		uint64_t at = (map[c] & PM_PFN_MASK) - index;

		ret = verify_place(m, page, flags[c], large, index);
		if (!ret && large && (c == first ? at % (p->size / page_size()) : at != *head))
			ret = mem_wrong(m, "page %zu is PFN %#llx, not page %zu of a folio of "
					"%zu kB", page, (unsigned long long)at + index, index,
					p->size / KIB);
		*head = at;
	}
	return ret || !large || !count ? ret : verify_size(m, *head, p->size);
}

int mem_verify_pieces(struct mem *m, const struct piece *pieces, size_t nr)
{
	uint64_t map[m->layout.cells], flags[m->layout.cells], head = 0, former = 0;
	int ret = mem_read_flags(m, map, flags);

	for (size_t i = 0; i < nr && !ret; i++) {
		ret = verify_piece(m, &pieces[i], map, flags, &head);
		if (!ret && pieces[i].same_folio && head != former)
			ret = mem_wrong(m, "pages from %zu on are of another folio than those "
					"before", pieces[i].page);
		former = head;
	}
	return ret;
}
