/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between kernels, 5.10 to the newest. No kernel version is asked for:
 * distributions backport, so the type of a function decides (_Generic), or a grep in
 * the kernel's headers (Kbuild, COWPIN_HAVE_*).
 */
#ifndef COWPIN_COMPAT_H
#define COWPIN_COMPAT_H

#include <linux/highmem.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/page-flags.h>

/* GUP lost its vmas argument in 6.5. */
typedef long (*cowpin_gup_vmas_t)(unsigned long, unsigned long, unsigned int,
				  struct page **, struct vm_area_struct **);
typedef long (*cowpin_gup_t)(unsigned long, unsigned long, unsigned int,
			     struct page **);
typedef long (*cowpin_gup_remote_vmas_t)(struct mm_struct *, unsigned long,
					 unsigned long, unsigned int, struct page **,
					 struct vm_area_struct **, int *);
typedef long (*cowpin_gup_remote_t)(struct mm_struct *, unsigned long,
				    unsigned long, unsigned int, struct page **,
				    int *);

static inline long cowpin_call_gup_vmas(cowpin_gup_vmas_t gup, unsigned long addr,
					unsigned long nr, unsigned int flags,
					struct page **pages)
{
	return gup(addr, nr, flags, pages, NULL);
}

static inline long cowpin_call_gup(cowpin_gup_t gup, unsigned long addr,
				   unsigned long nr, unsigned int flags,
				   struct page **pages)
{
	return gup(addr, nr, flags, pages);
}

/*
 * No "locked" argument for remote GUP either: FOLL_LONGTERM did not go with one until
 * 6.1 (a warning). So the mmap lock is kept for the whole call.
 */
static inline long cowpin_call_gup_remote_vmas(cowpin_gup_remote_vmas_t gup,
					       struct mm_struct *mm,
					       unsigned long addr, unsigned long nr,
					       unsigned int flags,
					       struct page **pages)
{
	return gup(mm, addr, nr, flags, pages, NULL, NULL);
}

static inline long cowpin_call_gup_remote(cowpin_gup_remote_t gup,
					  struct mm_struct *mm, unsigned long addr,
					  unsigned long nr, unsigned int flags,
					  struct page **pages)
{
	return gup(mm, addr, nr, flags, pages, NULL);
}

#define cowpin_gup(func, ...)						\
	_Generic(&(func),						\
		 cowpin_gup_vmas_t: cowpin_call_gup_vmas,		\
		 cowpin_gup_t: cowpin_call_gup)(&(func), __VA_ARGS__)

#define cowpin_gup_remote(func, ...)					\
	_Generic(&(func),						\
		 cowpin_gup_remote_vmas_t: cowpin_call_gup_remote_vmas,	\
		 cowpin_gup_remote_t: cowpin_call_gup_remote)		\
		(&(func), __VA_ARGS__)

/* kmap_local_page() came with 5.11. */
#ifdef COWPIN_HAVE_KMAP_LOCAL
static inline void *cowpin_map(struct page *page)
{
	return kmap_local_page(page);
}

static inline void cowpin_unmap(struct page *page, void *addr)
{
	kunmap_local(addr);
}
#else
static inline void *cowpin_map(struct page *page)
{
	return kmap(page);
}

static inline void cowpin_unmap(struct page *page, void *addr)
{
	kunmap(page);
}
#endif

/* Folios came with 5.16; page_mapped() and PageSwapCache() went with them later. */
#ifdef COWPIN_HAVE_FOLIO
static inline bool cowpin_page_mapped(struct page *page)
{
	return folio_mapped(page_folio(page));
}

static inline bool cowpin_page_swapcache(struct page *page)
{
	return folio_test_swapcache(page_folio(page));
}

static inline bool cowpin_page_dirty(struct page *page)
{
	return folio_test_dirty(page_folio(page));
}
#else
static inline bool cowpin_page_mapped(struct page *page)
{
	return page_mapped(compound_head(page));
}

static inline bool cowpin_page_swapcache(struct page *page)
{
	return PageSwapCache(page);
}

static inline bool cowpin_page_dirty(struct page *page)
{
	return PageDirty(page);
}
#endif

/* KSM pages are folios too, and PageKsm() went. */
#ifdef COWPIN_HAVE_FOLIO_KSM
static inline bool cowpin_page_ksm(struct page *page)
{
	return folio_test_ksm(page_folio(page));
}
#else
static inline bool cowpin_page_ksm(struct page *page)
{
	return PageKsm(page);
}
#endif

/*
 * A module can ask for the mappings of a whole folio since folio_mapcount() counts
 * nothing any more and so became an inline function (6.10).
 */
#ifdef COWPIN_HAVE_LARGE_MAPCOUNT
static inline int cowpin_page_mapcount(struct page *page)
{
	return folio_mapcount(page_folio(page));
}
#else
static inline int cowpin_page_mapcount(struct page *page)
{
	return page_mapcount(page);
}
#endif

/*
 * Pages that are large enough to have room for it count their pins apart, and a pin
 * adds to their reference count as well. The others take GUP_PIN_COUNTING_BIAS
 * references for a pin, so all we can say about them is an estimate.
 */
#if defined(COWPIN_HAVE_HPAGE_PINCOUNT)
static inline atomic_t *cowpin_page_pincount_ptr(struct page *page)
{
	page = compound_head(page);
	return hpage_pincount_available(page) ? compound_pincount_ptr(page) : NULL;
}
#elif defined(COWPIN_HAVE_FOLIO_PINCOUNT_PTR)
static inline atomic_t *cowpin_page_pincount_ptr(struct page *page)
{
	struct folio *folio = page_folio(page);

	return folio_test_large(folio) ? folio_pincount_ptr(folio) : NULL;
}
#else
static inline atomic_t *cowpin_page_pincount_ptr(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (folio_order(folio) > (IS_ENABLED(CONFIG_64BIT) ? 0 : 1))
		return &folio->_pincount;
	return NULL;
}
#endif

/* PageAnonExclusive() came with 5.19. */
#ifdef COWPIN_HAVE_ANON_EXCLUSIVE
#define COWPIN_KERNEL_HAS_EXCLUSIVE	true

static inline bool cowpin_mapped_as_a_whole(struct page *head)
{
#ifdef COWPIN_HAVE_ENTIRE_MAPCOUNT
	return folio_entire_mapcount(page_folio(head)) > 0;
#else
	return compound_mapcount(head) > 0;
#endif
}

/*
 * There is one bit for each page table entry: that of the head page if one entry maps
 * all of a huge page, which then says it for all pages of it.
 */
static inline bool cowpin_page_exclusive(struct page *page)
{
	struct page *head = compound_head(page);

	/* A KSM page is anonymous as well, but its bit means nothing. */
	if (!PageAnon(page) || cowpin_page_ksm(page))
		return false;
	if (head != page && (PageHuge(head) || cowpin_mapped_as_a_whole(head)))
		page = head;
	return PageAnonExclusive(page);
}
#else
#define COWPIN_KERNEL_HAS_EXCLUSIVE	false
static inline bool cowpin_page_exclusive(struct page *page)
{
	return false;
}
#endif

#endif
