// SPDX-License-Identifier: GPL-2.0-only
/* Proof that memory is of one large folio. */
#define _GNU_SOURCE
#include "kind.h"

#include <string.h>

#include "vm_util.h"

static int not_consecutive(struct mem *m, size_t page, uint64_t first, uint64_t pfn)
{
	errno = 0;
	return mem_fail(m, "not of one folio: page 0 is PFN %#llx, page %zu is PFN %#llx",
			(unsigned long long)first, page, (unsigned long long)pfn);
}

static int verify_frames(struct mem *m, size_t size)
{
	uint64_t first = pagemap_entry(m->base) & PM_PFN_MASK;

	errno = 0;
	if (!first || first % (size / page_size()))
		return mem_fail(m, "not at the start of a folio of %zu kB: PFN %#llx", size / KIB,
				(unsigned long long)first);
	for (size_t c = 1; c < m->layout.cells; c++) {
		size_t page = layout_page(&m->layout, c);
		uint64_t pfn = pagemap_entry(mem_page(m, page)) & PM_PFN_MASK;

		if (pfn != first + page)
			return not_consecutive(m, page, first, pfn);
	}
	return 0;
}

/* The first page is the head, the others are tails: then it is one folio, not several. */
static int verify_compound(struct mem *m)
{
	uint64_t pfn = pagemap_entry(m->base) & PM_PFN_MASK;

	for (size_t c = 0; c < m->layout.cells; c++) {
		size_t page = layout_page(&m->layout, c);
		int bit = page ? KPF_COMPOUND_TAIL : KPF_COMPOUND_HEAD;
		uint64_t flags = 0;

		errno = 0;
		if (kpageflags(pfn + page, &flags) || !KPF(flags, bit) || !KPF(flags, KPF_ANON))
			return mem_fail(m, "page %zu is no %s of a large folio (flags %#llx)", page,
					page ? "tail" : "head", (unsigned long long)flags);
	}
	return 0;
}

/* The last page that the folio must have is its tail, and the next is not. */
static int verify_size(struct mem *m, size_t size)
{
	uint64_t pfn = pagemap_entry(m->base) & PM_PFN_MASK, last = 0, next = 0;

	kpageflags(pfn + size / page_size() - 1, &last);
	kpageflags(pfn + size / page_size(), &next);
	errno = 0;
	if (!KPF(last, KPF_COMPOUND_TAIL) || KPF(next, KPF_COMPOUND_TAIL))
		return mem_fail(m, "the folio has not %zu kB", size / KIB);
	return 0;
}

int mem_verify_folio(struct mem *m, size_t size, bool by_pmd)
{
	long long huge = smaps_bytes(m->base, "AnonHugePages");
	int ret = verify_frames(m, size);

	if (!ret)
		ret = verify_compound(m);
	if (!ret)
		ret = verify_size(m, size);
	errno = 0;
	if (!ret && by_pmd != (huge >= (long long)m->len))
		ret = mem_fail(m, "not mapped by %s: smaps has %lld bytes of AnonHugePages",
			       by_pmd ? "a PMD" : "PTEs", huge);
	if (ret)
		return ret;
	return by_pmd ? mem_verify_scan(m, SCAN_PRESENT | SCAN_HUGE, SCAN_FILE, "PMD-mapped")
		      : mem_verify_scan(m, SCAN_PRESENT, SCAN_HUGE | SCAN_FILE, "PTE-mapped");
}
