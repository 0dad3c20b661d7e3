/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/cowpin: take a pin on user pages, keep it, and look through it later.
 *
 * One open file description holds any number of pin sets; closing it (or dying)
 * releases all of them. Only a process with CAP_SYS_ADMIN can open or use it.
 * The flag bits are our own: the kernel's FOLL_* values differ between versions.
 *
 * Errors common to all calls: EINVAL for an argument that makes no sense (unknown
 * bits, padding that is not zero, unaligned or wrapped ranges), ENOENT for a pin
 * id that this descriptor does not hold, EFAULT for a bad user buffer, EPERM for a
 * caller without CAP_SYS_ADMIN, ENOTTY for an unknown call. All of it is checked
 * before a GUP function of the kernel sees anything.
 */
#ifndef COWPIN_UAPI_H
#define COWPIN_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define COWPIN_DEVICE		"/dev/cowpin"
#define COWPIN_ABI		2

/* struct cowpin_hello.features */
#define COWPIN_HAS_PATH		(1u << 0)	/* can tell which path served a pin */
#define COWPIN_HAS_EXCLUSIVE	(1u << 1)	/* kernel has PageAnonExclusive (5.19) */

/*
 * The version handshake; the first call on a descriptor. @abi: in: what the caller
 * speaks, out: what the module speaks. EPROTO if they differ (@abi is filled in
 * even then); every other call answers EPROTO until a handshake succeeded.
 */
struct cowpin_hello {
	__u32 abi;
	__u32 features;		/* out */
	__u64 max_pages;	/* out: most pages that all pins of a descriptor may hold */
};

/* struct cowpin_pin.flags */
#define COWPIN_WRITE		(1u << 0)	/* FOLL_WRITE */
#define COWPIN_LONGTERM		(1u << 1)	/* FOLL_LONGTERM */
#define COWPIN_FAST		(1u << 2)	/* GUP-fast; else with the mmap lock held */
#define COWPIN_FORCE		(1u << 3)	/* FOLL_FORCE */
#define COWPIN_GET		(1u << 4)	/* FOLL_GET reference, not FOLL_PIN */
#define COWPIN_TELL_PATH	(1u << 5)	/* find out whether the slow path ran */
#define COWPIN_FLAGS		((1u << 6) - 1)

/* struct cowpin_pin.path */
#define COWPIN_PATH_UNKNOWN	0
#define COWPIN_PATH_FAST	1
#define COWPIN_PATH_SLOW	2

/*
 * Pin [addr, addr + len), both multiples of the page size. All or nothing: if GUP
 * stops short, what it got is released and its error (EFAULT if it gave none) is
 * returned. @pid: 0 for the caller's own memory, else a process in the caller's pid
 * name space, which needs CAP_SYS_PTRACE as well and excludes COWPIN_FAST.
 * COWPIN_GET excludes COWPIN_LONGTERM. ENOSPC: over max_pages. ESRCH: no such process.
 */
struct cowpin_pin {
	__u64 addr;
	__u64 len;
	__u32 flags;
	__s32 pid;
	__u32 id;		/* out: names the pin in later calls, never 0 */
	__u32 path;		/* out: COWPIN_PATH_* */
};

/* Release one pin. Dirty needs a pin taken with COWPIN_WRITE (EACCES otherwise). */
struct cowpin_unpin {
	__u32 id;
	__u32 dirty;		/* 1: mark the pages dirty first, as a device driver would */
};

/*
 * Read or write through the pin, whatever the page tables say by now: @count pieces
 * of @chunk bytes, the first at byte @offset of the pin, each @stride bytes after the
 * one before it, packed without gaps at @buf. A piece does not cross a page. Writing
 * needs a pin taken with COWPIN_WRITE (EACCES otherwise).
 */
struct cowpin_io {
	__u32 id;
	__u32 chunk;		/* bytes, 1 .. page size */
	__u64 offset;
	__u64 stride;		/* bytes, 0 only if count is 1 */
	__u64 count;
	__u64 buf;
};

/* struct cowpin_page.flags */
#define COWPIN_PAGE_ANON	(1u << 0)
#define COWPIN_PAGE_EXCLUSIVE	(1u << 1)	/* PageAnonExclusive of its page table entry */
#define COWPIN_PAGE_ZERO	(1u << 2)	/* the shared zeropage */
#define COWPIN_PAGE_KSM		(1u << 3)
#define COWPIN_PAGE_HUGETLB	(1u << 4)
#define COWPIN_PAGE_SWAPCACHE	(1u << 5)
#define COWPIN_PAGE_DIRTY	(1u << 6)
#define COWPIN_PAGE_MAPPED	(1u << 7)	/* by somebody's page tables */

/* What the kernel knows about one pinned page, now. */
struct cowpin_page {
	__u64 pfn;
	__u32 flags;
	__u32 order;		/* of its folio */
	__u32 index;		/* of the page in its folio */
	__s32 refcount;		/* of the folio */
	__s32 mapcount;		/* of the folio where the kernel can tell, else of the page */
	__s32 pincount;		/* FOLL_PIN pins of the folio; for small folios estimated */
};

/* Facts of @count pages: page @first of the pin, then every @step-th one (step >= 1). */
struct cowpin_facts {
	__u32 id;
	__u32 pad;
	__u64 first;
	__u64 step;
	__u64 count;
	__u64 buf;		/* struct cowpin_page[count] */
};

/*
 * Pin [addr, addr + len) of the caller's own memory as PIN does and release it again, over
 * and over: so that pins come and go as fast as the kernel can, while other threads do what
 * they must not disturb. It ends after @rounds, after @ms milliseconds, or when a signal
 * comes. A range that is not there, or not to be had, is no error but a refused round.
 *
 * While it is pinned, each page is looked at twice. An anonymous page that is not exclusive
 * then is a mistake of the kernel, but with COWPIN_GET. So is another page at its address,
 * if the pin is R/W, long-term or of an exclusive page, and nobody has given the page up.
 */
struct cowpin_loop {
	__u64 addr;
	__u64 len;		/* at most COWPIN_LOOP_PAGES pages */
	__u32 flags;		/* COWPIN_*, but not COWPIN_TELL_PATH */
	__u32 ms;		/* 1 .. COWPIN_LOOP_MS */
	__u64 rounds;		/* in: 1 or more; out: how many there were */
	__u64 refused;		/* out: rounds without a pin */
	__u64 shared;		/* out: pages that were anonymous, but not exclusive */
	__u64 replaced;		/* out: pages that were not those of the page table any more */
	__s32 error;		/* out: why the first round was refused that was, or 0 */
	__u32 pad;
};

#define COWPIN_LOOP_PAGES	512
#define COWPIN_LOOP_MS		10000

#define COWPIN_IOC_HELLO	_IOWR(0xC7, 0, struct cowpin_hello)
#define COWPIN_IOC_PIN		_IOWR(0xC7, 1, struct cowpin_pin)
#define COWPIN_IOC_UNPIN	_IOW(0xC7, 2, struct cowpin_unpin)
#define COWPIN_IOC_READ		_IOW(0xC7, 3, struct cowpin_io)
#define COWPIN_IOC_WRITE	_IOW(0xC7, 4, struct cowpin_io)
#define COWPIN_IOC_FACTS	_IOW(0xC7, 5, struct cowpin_facts)
#define COWPIN_IOC_LOOP		_IOWR(0xC7, 6, struct cowpin_loop)

#endif
