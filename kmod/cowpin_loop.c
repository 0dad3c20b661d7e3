// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins taken and released in a loop, without leaving the kernel: the window between two
 * instructions of GUP-fast is hit sooner or later by what other CPUs do to the page tables.
 *
 * Nothing is kept: what a round has got it gives back, whatever ends the loop.
 */
#include <linux/ktime.h>
#include <linux/slab.h>

#include "compat.h"
#include "cowpin_mod.h"

/* The pages of a round, and what the page table has there a moment later. */
struct loop_pages {
	struct page *pinned[COWPIN_LOOP_PAGES];
	struct page *seen[COWPIN_LOOP_PAGES];
};

static u64 count_shared(struct page **pages, long nr)
{
	u64 shared = 0;
	long i;

	if (!COWPIN_KERNEL_HAS_EXCLUSIVE)
		return 0;
	for (i = 0; i < nr; i++)
		shared += PageAnon(pages[i]) && !cowpin_page_exclusive(pages[i]);
	return shared;
}

/*
 * A reference for reading changes nothing in the page table, but for what is not there at
 * all. Where it is not to be had (PROT_NONE), nothing can be said.
 */
static u64 count_replaced(struct loop_pages *p, unsigned long addr, long nr)
{
	long got = get_user_pages_fast(addr, nr, 0, p->seen);
	u64 replaced = 0;
	long i;

	for (i = 0; i < got; i++) {
		replaced += p->seen[i] != p->pinned[i];
		put_page(p->seen[i]);
	}
	return replaced;
}

static void pin_once(struct cowpin_loop *loop, struct loop_pages *p)
{
	long nr = loop->len >> PAGE_SHIFT;
	long got = cowpin_get_pages(loop->flags, NULL, loop->addr, nr, p->pinned);

	loop->rounds++;
	if (got == nr) {
		loop->shared += count_shared(p->pinned, nr);
		loop->replaced += count_replaced(p, loop->addr, nr);
		/* What became of it since, as fork() may have shared it. */
		loop->shared += count_shared(p->pinned, nr);
	} else {
		loop->refused++;
		if (!loop->error)
			loop->error = got < 0 ? got : -EFAULT;
	}
	if (got > 0)
		cowpin_put_pages(loop->flags, p->pinned, got, false);
}

static long check_loop(const struct cowpin_file *f, const struct cowpin_loop *loop)
{
	long ret = cowpin_check_range(loop->addr, loop->len, loop->flags);

	if (ret)
		return ret;
	if (loop->pad || (loop->flags & COWPIN_TELL_PATH) || !loop->rounds)
		return -EINVAL;
	if (!loop->ms || loop->ms > COWPIN_LOOP_MS)
		return -EINVAL;
	if (loop->len >> PAGE_SHIFT > COWPIN_LOOP_PAGES)
		return -EINVAL;
	if (loop->len >> PAGE_SHIFT > cowpin_max_pages - f->held)
		return -ENOSPC;
	return 0;
}

static void run_loop(struct cowpin_loop *loop, struct loop_pages *p)
{
	ktime_t end = ktime_add_ms(ktime_get(), loop->ms);
	u64 rounds = loop->rounds;

	loop->rounds = 0;
	loop->refused = 0;
	loop->shared = 0;
	loop->replaced = 0;
	loop->error = 0;
	while (loop->rounds < rounds && ktime_before(ktime_get(), end) &&
	       !signal_pending(current)) {
		pin_once(loop, p);
		cond_resched();
	}
}

long cowpin_do_loop(struct cowpin_file *f, void __user *arg)
{
	struct cowpin_loop loop;
	struct loop_pages *p;
	long ret;

	if (copy_from_user(&loop, arg, sizeof(loop)))
		return -EFAULT;
	ret = check_loop(f, &loop);
	if (ret)
		return ret;
	p = kmalloc(sizeof(*p), GFP_KERNEL);
	if (!p)
		return -ENOMEM;
	run_loop(&loop, p);
	kfree(p);
	return copy_to_user(arg, &loop, sizeof(loop)) ? -EFAULT : 0;
}
