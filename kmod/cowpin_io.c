// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading and writing through a pin, as a device would: by the pages, whatever the
 * page tables say by now.
 *
 * Pieces are collected in a buffer, so that 8 bytes of each page of a 1 GiB range
 * cost few copies from and to user space, and none while a page is mapped.
 */
#include <linux/slab.h>

#include "compat.h"
#include "cowpin_mod.h"

#define IO_BUFFER	65536ul

/* Do all pieces lie within the pin? */
static bool pieces_in_pin(const struct cowpin_set *set, const struct cowpin_io *io)
{
	u64 size = (u64)set->nr << PAGE_SHIFT;

	if (io->chunk > size || io->offset > size - io->chunk)
		return false;
	if (io->count == 1)
		return true;
	return io->count - 1 <= div64_u64(size - io->chunk - io->offset, io->stride);
}

/*
 * Does each piece lie within a page? Where in its page a piece begins repeats after
 * PAGE_SIZE pieces at the latest, so there is no need to look at more.
 */
static bool pieces_in_pages(const struct cowpin_io *io)
{
	unsigned long pieces = min_t(u64, io->count, PAGE_SIZE);
	unsigned long at = io->offset & ~PAGE_MASK;
	unsigned long i;

	for (i = 0; i < pieces; i++) {
		if (at + io->chunk > PAGE_SIZE)
			return false;
		at = (at + io->stride) & ~PAGE_MASK;
	}
	return true;
}

static long check_io(const struct cowpin_set *set, const struct cowpin_io *io)
{
	if (!io->chunk || io->chunk > PAGE_SIZE || !io->count)
		return -EINVAL;
	if (!io->stride && io->count != 1)
		return -EINVAL;
	return pieces_in_pin(set, io) && pieces_in_pages(io) ? 0 : -EINVAL;
}

/* A word is never torn: what is read was written at once, or the kernel is wrong. */
static void copy_piece(void *dst, const void *src, u32 len)
{
	if (len == sizeof(long) && IS_ALIGNED((unsigned long)dst | (unsigned long)src,
					      sizeof(long)))
		WRITE_ONCE(*(long *)dst, READ_ONCE(*(const long *)src));
	else
		memcpy(dst, src, len);
}

static void read_piece(struct cowpin_set *set, u64 at, void *buf, u32 len)
{
	struct page *page = set->pages[at >> PAGE_SHIFT];
	void *addr = cowpin_map(page);

	copy_piece(buf, addr + offset_in_page(at), len);
	cowpin_unmap(page, addr);
}

static void write_piece(struct cowpin_set *set, u64 at, const void *buf, u32 len)
{
	struct page *page = set->pages[at >> PAGE_SHIFT];
	void *addr = cowpin_map(page);

	copy_piece(addr + offset_in_page(at), buf, len);
	cowpin_unmap(page, addr);
	/*
	 * The page table entry that was dirty when we pinned may have been cleaned
	 * since, and then nobody else knows that there is something to keep. A pinned
	 * page is kept until it is unpinned, and made dirty then, as drivers do it; one
	 * that is only referenced may be reclaimed before.
	 */
	set->written = true;
	if ((set->flags & COWPIN_GET) && !cowpin_page_dirty(page))
		set_page_dirty_lock(page);
}

static long read_batch(struct cowpin_set *set, const struct cowpin_io *io, u64 done,
		       u64 nr, void *buf)
{
	u64 at = io->offset + done * io->stride;
	u64 i;

	for (i = 0; i < nr; i++)
		read_piece(set, at + i * io->stride, buf + i * io->chunk, io->chunk);
	if (copy_to_user(u64_to_user_ptr(io->buf + done * io->chunk), buf,
			 nr * io->chunk))
		return -EFAULT;
	return 0;
}

static long write_batch(struct cowpin_set *set, const struct cowpin_io *io, u64 done,
			u64 nr, void *buf)
{
	u64 at = io->offset + done * io->stride;
	u64 i;

	if (copy_from_user(buf, u64_to_user_ptr(io->buf + done * io->chunk),
			   nr * io->chunk))
		return -EFAULT;
	for (i = 0; i < nr; i++)
		write_piece(set, at + i * io->stride, buf + i * io->chunk, io->chunk);
	return 0;
}

static long do_batches(struct cowpin_set *set, const struct cowpin_io *io, bool write)
{
	u64 batch = min_t(u64, io->count, IO_BUFFER / io->chunk);
	void *buf = kvmalloc(batch * io->chunk, GFP_KERNEL);
	long ret = 0;
	u64 done, nr;

	if (!buf)
		return -ENOMEM;
	for (done = 0; done < io->count && !ret; done += nr) {
		nr = min(io->count - done, batch);
		if (write)
			ret = write_batch(set, io, done, nr, buf);
		else
			ret = read_batch(set, io, done, nr, buf);
		if (!ret && done + nr < io->count)
			ret = cowpin_breathe();
	}
	kvfree(buf);
	return ret;
}

static long do_io(struct cowpin_file *f, void __user *arg, bool write)
{
	struct cowpin_io io;
	struct cowpin_set *set;
	long ret;

	if (copy_from_user(&io, arg, sizeof(io)))
		return -EFAULT;
	set = idr_find(&f->sets, io.id);
	if (!set)
		return -ENOENT;
	ret = check_io(set, &io);
	if (ret)
		return ret;
	if (write && !(set->flags & COWPIN_WRITE))
		return -EACCES;
	return do_batches(set, &io, write);
}

long cowpin_do_read(struct cowpin_file *f, void __user *arg)
{
	return do_io(f, arg, false);
}

long cowpin_do_write(struct cowpin_file *f, void __user *arg)
{
	return do_io(f, arg, true);
}
