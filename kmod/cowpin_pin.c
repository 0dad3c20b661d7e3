// SPDX-License-Identifier: GPL-2.0-only
/* Taking and releasing pins. */
#include <linux/capability.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "compat.h"
#include "cowpin_mod.h"

static unsigned int foll_flags(u32 flags)
{
	unsigned int foll = 0;

	if (flags & COWPIN_WRITE)
		foll |= FOLL_WRITE;
	if (flags & COWPIN_LONGTERM)
		foll |= FOLL_LONGTERM;
	if (flags & COWPIN_FORCE)
		foll |= FOLL_FORCE;
	return foll;
}

static long gup_fast(u32 flags, unsigned long addr, unsigned long nr,
		     struct page **pages)
{
	unsigned int foll = foll_flags(flags);

	if (flags & COWPIN_GET)
		return get_user_pages_fast(addr, nr, foll, pages);
	return pin_user_pages_fast(addr, nr, foll, pages);
}

static long gup_own(u32 flags, unsigned long addr, unsigned long nr,
		    struct page **pages)
{
	unsigned int foll = foll_flags(flags);
	long got;

	if (mmap_read_lock_killable(current->mm))
		return -EINTR;
	if (flags & COWPIN_GET)
		got = cowpin_gup(get_user_pages, addr, nr, foll, pages);
	else
		got = cowpin_gup(pin_user_pages, addr, nr, foll, pages);
	mmap_read_unlock(current->mm);
	return got;
}

static long gup_remote(u32 flags, struct mm_struct *mm, unsigned long addr,
		       unsigned long nr, struct page **pages)
{
	unsigned int foll = foll_flags(flags);
	long got;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	if (flags & COWPIN_GET)
		got = cowpin_gup_remote(get_user_pages_remote, mm, addr, nr, foll,
					pages);
	else
		got = cowpin_gup_remote(pin_user_pages_remote, mm, addr, nr, foll,
					pages);
	mmap_read_unlock(mm);
	return got;
}

long cowpin_get_pages(u32 flags, struct mm_struct *mm, unsigned long addr,
		      unsigned long nr, struct page **pages)
{
	if (flags & COWPIN_FAST)
		return gup_fast(flags, addr, nr, pages);
	if (mm)
		return gup_remote(flags, mm, addr, nr, pages);
	return gup_own(flags, addr, nr, pages);
}

void cowpin_put_pages(u32 flags, struct page **pages, unsigned long nr, bool dirty)
{
	unsigned long i;

	if (!(flags & COWPIN_GET)) {
		unpin_user_pages_dirty_lock(pages, nr, dirty);
		return;
	}
	for (i = 0; i < nr; i++) {
		if (dirty)
			set_page_dirty_lock(pages[i]);
		put_page(pages[i]);
	}
}

/* Never gives up in the middle, whatever signals there are: the pages must go. */
static void free_set(struct cowpin_set *set, bool dirty)
{
	unsigned long first, nr;

	for (first = 0; first < set->nr; first += nr) {
		nr = min(set->nr - first, COWPIN_BATCH);
		cowpin_put_pages(set->flags, set->pages + first, nr,
				 dirty || set->written);
		cond_resched();
	}
	kvfree(set->pages);
	kfree(set);
}

static struct cowpin_set *alloc_set(unsigned long nr, u32 flags)
{
	struct cowpin_set *set = kzalloc(sizeof(*set), GFP_KERNEL);

	if (!set)
		return NULL;
	set->flags = flags;
	set->pages = kvmalloc_array(nr, sizeof(*set->pages), GFP_KERNEL);
	if (set->pages)
		return set;
	kfree(set);
	return NULL;
}

/*
 * Fill @set with @nr pages. GUP may give fewer than it was asked for without saying
 * why; only when asked for the rest it tells the error.
 */
static long fill_set(struct cowpin_set *set, struct mm_struct *mm,
		     unsigned long addr, unsigned long nr)
{
	while (set->nr < nr) {
		unsigned long at = addr + (set->nr << PAGE_SHIFT);
		unsigned long want = min(nr - set->nr, COWPIN_BATCH);
		long got = cowpin_get_pages(set->flags, mm, at, want,
					    set->pages + set->nr);

		if (got <= 0)
			return got ? got : -EFAULT;
		set->nr += got;
		if (cowpin_breathe())
			return -EINTR;
	}
	return 0;
}

/* As fill_set(), and tell in @path how it was done if somebody wants to know. */
static long fill_set_watched(struct cowpin_set *set, struct mm_struct *mm,
			     unsigned long addr, unsigned long nr, u32 *path)
{
	long ret;
	int slot;

	*path = COWPIN_PATH_UNKNOWN;
	if (!(set->flags & COWPIN_TELL_PATH))
		return fill_set(set, mm, addr, nr);
	if (!(set->flags & COWPIN_FAST)) {
		*path = COWPIN_PATH_SLOW;
		return fill_set(set, mm, addr, nr);
	}
	slot = cowpin_path_begin();
	ret = fill_set(set, mm, addr, nr);
	*path = cowpin_path_end(slot);
	return ret;
}

/* Nothing may reach GUP that makes it warn. */
long cowpin_check_range(u64 addr, u64 len, u32 flags)
{
	if (flags & ~COWPIN_FLAGS)
		return -EINVAL;
	if ((flags & COWPIN_GET) && (flags & COWPIN_LONGTERM))
		return -EINVAL;
	if (!len || (addr | len) & ~PAGE_MASK)
		return -EINVAL;
	if (len > TASK_SIZE || addr > TASK_SIZE - len)
		return -EINVAL;
	return 0;
}

static long check_pin(const struct cowpin_file *f, const struct cowpin_pin *pin)
{
	long ret = cowpin_check_range(pin->addr, pin->len, pin->flags);

	if (ret)
		return ret;
	if (pin->pid < 0 || (pin->pid && (pin->flags & COWPIN_FAST)))
		return -EINVAL;
	if (pin->len >> PAGE_SHIFT > cowpin_max_pages - f->held)
		return -ENOSPC;
	return 0;
}

static struct mm_struct *mm_of_pid(pid_t nr)
{
	struct pid *pid = find_get_pid(nr);
	struct task_struct *task = get_pid_task(pid, PIDTYPE_TGID);
	struct mm_struct *mm = NULL;

	put_pid(pid);
	if (task) {
		mm = get_task_mm(task);
		put_task_struct(task);
	}
	return mm;
}

/* NULL for the caller's own memory, which needs no reference. */
static struct mm_struct *get_target(pid_t pid)
{
	struct mm_struct *mm;

	if (!pid)
		return NULL;
	if (pid != task_tgid_vnr(current) && !capable(CAP_SYS_PTRACE))
		return ERR_PTR(-EPERM);
	mm = mm_of_pid(pid);
	return mm ? mm : ERR_PTR(-ESRCH);
}

/* Give @set a name; it belongs to @f then. */
static long adopt_set(struct cowpin_file *f, struct cowpin_set *set, u32 *id)
{
	/* Cyclic, so that the id of a released pin does not name another one soon. */
	int ret = idr_alloc_cyclic(&f->sets, set, 1, 0, GFP_KERNEL);

	if (ret < 0)
		return ret;
	*id = ret;
	f->held += set->nr;
	return 0;
}

static void drop_set(struct cowpin_file *f, u32 id, bool dirty)
{
	struct cowpin_set *set = idr_remove(&f->sets, id);

	f->held -= set->nr;
	free_set(set, dirty);
}

static long pin_pages(struct cowpin_file *f, struct mm_struct *mm,
		      struct cowpin_pin *pin)
{
	unsigned long nr = pin->len >> PAGE_SHIFT;
	struct cowpin_set *set = alloc_set(nr, pin->flags);
	long ret;

	if (!set)
		return -ENOMEM;
	ret = fill_set_watched(set, mm, pin->addr, nr, &pin->path);
	if (!ret)
		ret = adopt_set(f, set, &pin->id);
	if (ret)
		free_set(set, false);
	return ret;
}

long cowpin_do_pin(struct cowpin_file *f, void __user *arg)
{
	struct cowpin_pin pin;
	struct mm_struct *mm;
	long ret;

	if (copy_from_user(&pin, arg, sizeof(pin)))
		return -EFAULT;
	ret = check_pin(f, &pin);
	if (ret)
		return ret;
	mm = get_target(pin.pid);
	if (IS_ERR(mm))
		return PTR_ERR(mm);
	ret = pin_pages(f, mm, &pin);
	if (mm)
		mmput(mm);
	if (ret)
		return ret;
	if (copy_to_user(arg, &pin, sizeof(pin))) {
		drop_set(f, pin.id, false);
		return -EFAULT;
	}
	return 0;
}

long cowpin_do_unpin(struct cowpin_file *f, void __user *arg)
{
	struct cowpin_unpin unpin;
	struct cowpin_set *set;

	if (copy_from_user(&unpin, arg, sizeof(unpin)))
		return -EFAULT;
	if (unpin.dirty > 1)
		return -EINVAL;
	set = idr_find(&f->sets, unpin.id);
	if (!set)
		return -ENOENT;
	/* A file system may crash over a dirty page that it was not told of before. */
	if (unpin.dirty && !(set->flags & COWPIN_WRITE))
		return -EACCES;
	drop_set(f, unpin.id, unpin.dirty);
	return 0;
}

void cowpin_release_all(struct cowpin_file *f)
{
	struct cowpin_set *set;
	int id;

	idr_for_each_entry(&f->sets, set, id)
		drop_set(f, id, false);
}
