// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel knows about pinned pages. Our reference keeps a page from being
 * freed and its folio from being split; all the rest may change while we look, so
 * each fact is a snapshot and they need not fit together.
 */
#include <linux/pgtable.h>
#include <linux/slab.h>

#include "compat.h"
#include "cowpin_mod.h"

#define FACTS_BATCH	128ul

static u32 page_flags(struct page *page)
{
	u32 flags = 0;

	if (PageAnon(page))
		flags |= COWPIN_PAGE_ANON;
	if (cowpin_page_exclusive(page))
		flags |= COWPIN_PAGE_EXCLUSIVE;
	if (is_zero_pfn(page_to_pfn(page)))
		flags |= COWPIN_PAGE_ZERO;
	if (cowpin_page_ksm(page))
		flags |= COWPIN_PAGE_KSM;
	if (PageHuge(page))
		flags |= COWPIN_PAGE_HUGETLB;
	if (cowpin_page_swapcache(page))
		flags |= COWPIN_PAGE_SWAPCACHE;
	if (cowpin_page_dirty(page))
		flags |= COWPIN_PAGE_DIRTY;
	if (cowpin_page_mapped(page))
		flags |= COWPIN_PAGE_MAPPED;
	return flags;
}

static s32 page_pincount(struct page *page, s32 refcount)
{
	atomic_t *count = cowpin_page_pincount_ptr(page);

	return count ? atomic_read(count) : (u32)refcount / GUP_PIN_COUNTING_BIAS;
}

static struct cowpin_page page_facts(struct page *page)
{
	struct page *head = compound_head(page);
	s32 refcount = page_ref_count(head);

	return (struct cowpin_page) {
		.pfn = page_to_pfn(page),
		.flags = page_flags(page),
		.order = compound_order(head),
		.index = page_to_pfn(page) - page_to_pfn(head),
		.refcount = refcount,
		.mapcount = cowpin_page_mapcount(page),
		.pincount = page_pincount(page, refcount),
	};
}

static long check_facts(const struct cowpin_set *set, const struct cowpin_facts *facts)
{
	if (facts->pad || !facts->step || !facts->count || facts->first >= set->nr)
		return -EINVAL;
	if (facts->count - 1 > div64_u64(set->nr - 1 - facts->first, facts->step))
		return -EINVAL;
	return 0;
}

static long tell_batch(struct cowpin_set *set, const struct cowpin_facts *facts,
		       u64 done, u64 nr, struct cowpin_page *out)
{
	u64 at = facts->first + done * facts->step;
	u64 i;

	for (i = 0; i < nr; i++)
		out[i] = page_facts(set->pages[at + i * facts->step]);
	if (copy_to_user(u64_to_user_ptr(facts->buf + done * sizeof(*out)), out,
			 nr * sizeof(*out)))
		return -EFAULT;
	return 0;
}

static long tell_facts(struct cowpin_set *set, const struct cowpin_facts *facts)
{
	u64 batch = min_t(u64, facts->count, FACTS_BATCH);
	struct cowpin_page *out = kmalloc_array(batch, sizeof(*out), GFP_KERNEL);
	long ret = 0;
	u64 done, nr;

	if (!out)
		return -ENOMEM;
	for (done = 0; done < facts->count && !ret; done += nr) {
		nr = min(facts->count - done, batch);
		ret = tell_batch(set, facts, done, nr, out);
		if (!ret && done + nr < facts->count)
			ret = cowpin_breathe();
	}
	kfree(out);
	return ret;
}

long cowpin_do_facts(struct cowpin_file *f, void __user *arg)
{
	struct cowpin_facts facts;
	struct cowpin_set *set;
	long ret;

	if (copy_from_user(&facts, arg, sizeof(facts)))
		return -EFAULT;
	set = idr_find(&f->sets, facts.id);
	if (!set)
		return -ENOENT;
	ret = check_facts(set, &facts);
	return ret ? ret : tell_facts(set, &facts);
}
