/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of cowpin.ko share. The user interface is in cowpin.h. */
#ifndef COWPIN_MOD_H
#define COWPIN_MOD_H

#include <linux/idr.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/types.h>
#include <linux/uaccess.h>

#include "cowpin.h"

/*
 * Pages handled between two looks at need_resched() and fatal signals. Large enough
 * that a 1 GiB page costs eight calls, small enough that arrays GUP allocates for
 * a call (5.10 keeps a vma pointer for each page) stay small.
 */
#define COWPIN_BATCH	32768ul

/* One pin: what a PIN call got, all of it or none. */
struct cowpin_set {
	struct page **pages;
	unsigned long nr;	/* pages held; while being filled: so far */
	u32 flags;		/* COWPIN_* as asked for */
	bool written;		/* through the pin */
};

/* One open file description. Everything in it is protected by @lock. */
struct cowpin_file {
	struct mutex lock;
	struct idr sets;
	unsigned long held;	/* pages in all sets */
	bool greeted;		/* the handshake succeeded */
};

extern unsigned long cowpin_max_pages;

/* The calls; @f->lock is held. */
long cowpin_do_pin(struct cowpin_file *f, void __user *arg);
long cowpin_do_unpin(struct cowpin_file *f, void __user *arg);
long cowpin_do_read(struct cowpin_file *f, void __user *arg);
long cowpin_do_write(struct cowpin_file *f, void __user *arg);
long cowpin_do_facts(struct cowpin_file *f, void __user *arg);
long cowpin_do_loop(struct cowpin_file *f, void __user *arg);

/* 0, or -EINVAL: GUP must not see such a range, or such flags. */
long cowpin_check_range(u64 addr, u64 len, u32 flags);
/* GUP as @flags (COWPIN_*) say, of @mm, or the caller's own memory if that is NULL. */
long cowpin_get_pages(u32 flags, struct mm_struct *mm, unsigned long addr,
		      unsigned long nr, struct page **pages);
void cowpin_put_pages(u32 flags, struct page **pages, unsigned long nr, bool dirty);

/* Release all sets of a descriptor that nobody can use any more. */
void cowpin_release_all(struct cowpin_file *f);

/*
 * Which path served a GUP-fast call of the current task: begin before it, end after
 * it. A negative slot means that nobody watches; end then answers "unknown".
 */
int cowpin_path_begin(void);
u32 cowpin_path_end(int slot);
bool cowpin_path_possible(void);
void cowpin_path_exit(void);

/* Call between batches: lets others run, and says whether to give up. */
static inline int cowpin_breathe(void)
{
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

#endif
