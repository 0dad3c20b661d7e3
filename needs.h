/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requirements: what a kind, a provider or a scenario needs from the machine.
 * An absent requirement is a SKIP with its reason code; everything else that goes
 * wrong is a failure.
 */
#ifndef NEEDS_H
#define NEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum need {
	NEED_ROOT,		/* PFNs, settings, the module */
	NEED_MODULE,		/* long-term pins: /dev/cowpin or gup_test */
	NEED_DEVICE,		/* what only our module can */
	NEED_IOURING,
	NEED_HUGETLB,		/* a pool of the kind's page size */
	NEED_THP,		/* PMD-sized THP */
	NEED_HUGE_ZERO,		/* huge zeropage enabled */
	NEED_SOFTDIRTY,		/* clear_refs write-protects */
	NEED_MEMCG,		/* cgroup v2 with the memory controller */
	NEED_SWAP,
	NEED_MTHP,		/* THP of the kind's size */
	NEED_EXT4,		/* scratch file systems below SCRATCH_DIR */
	NEED_XFS,
	NEED_BTRFS,
	NEED_FORCE,		/* writes past the protection through /proc/self/mem */
	NEED_UFFD,
	NEED_COLLAPSE,		/* MADV_COLLAPSE */
	NEED_POPULATE,		/* MADV_POPULATE_READ and _WRITE */
	NEED_GUARD,		/* MADV_GUARD_INSTALL */
	NEED_DONTUNMAP,		/* MREMAP_DONTUNMAP of any mapping */
	NEED_UFFDMOVE,
	NEED_COMPACT,
	NEED_IOUPDATE,		/* io_uring: another buffer in the slot of one */
	NEED_IOCLONE,		/* io_uring: a ring's buffers for another */
	NEED_IORINGS,		/* io_uring: rings in user memory */
	NEED_SENDZC,		/* io_uring: zero-copy sends */
	NEED_DM,		/* disks that can be stopped, by the device-mapper */
	NEED_DIOPIN,		/* O_DIRECT pins its memory */
	NEED_UPROBE,
	NEED_NUMA,		/* two nodes with memory */
	NEED_KSM,		/* ksmd, and it runs */
	NEED_OWNNET,		/* a network of the run's own, see pins/net.h */
	NEED_UDMABUF,		/* dma-bufs of memfds, and memfds that can be sealed */
	NEED_VFIO,		/* devices behind an IOMMU, see pins/vfio.h */
	NEED_XDP,		/* sockets of AF_XDP */
	NEED_FUSE,		/* file systems in user space, pins/fuse.h */
	NEED_FUSEPIN,		/* these pin what direct I/O is about */
	NEED_UBLK,		/* disks in user space, pins/ublk.h */
	NEED_SPLIT,		/* debugfs: splitting of large folios */
	NEED_SWAPOFF,		/* all swap areas are the run's own */
	NEED_RECLAIM,		/* memory.reclaim */
	NEED_SCANWP,		/* PAGEMAP_SCAN, and userfaultfd's asynchronous mode */
	NEED_UFFDMINOR,		/* userfaultfd's minor faults; MADV_DONTNEED of hugetlb */
	NEED_UFFDWPFILE,	/* userfaultfd's write protection of hugetlb and shmem */
	NEED_KVM,		/* virtual machines, see pins/kvm.c */
	NEED_SHMEMTHP,		/* large folios of shared anonymous memory */
	NEED_SWAPDISK,		/* a disk to swap to, which writes later */
	NEED_SWAPFULL,		/* swap of the run's own that can be made to refuse writes */
	NEED_SECRETMEM,		/* memfd_secret() */
	NEED_OFFLINE,		/* in our own guest: blocks of memory can be taken offline */
	NR_NEEDS
};
_Static_assert(NR_NEEDS <= 64, "a mask of needs has 64 bits");
#define NEED(n)		(1ULL << NEED_##n)

#define UPROBE_TYPE	"/sys/bus/event_source/devices/uprobe/type"
#define MEMCG_ROOT	"/sys/fs/cgroup"
#define SPLIT_FILE	"/sys/kernel/debug/split_huge_pages"

/* Scratch file systems are mounted here, each at its own name. */
#define SCRATCH_DIR	"/run/cowpin/"

/*
 * The first of @needs (a mask of NEED()) that the machine does not meet, or -1.
 * @size: the hugetlb page or THP size, @pages: how many pages of it one test takes.
 * @why (at least 160 bytes) gets the reason in plain words. What does not depend on a size
 * is asked once and remembered.
 */
int needs_unmet(uint64_t needs, size_t size, unsigned int pages, char *why, size_t len);

/* The run has set these up, which nobody else could have. */
void needs_provided(uint64_t mask);

/* "no-root", "no-module" ...: the reason code of a requirement. */
const char *need_code(enum need n);
/* "root", "pin", "swap" ...: its name, for options; -1: there is no such. */
const char *need_name(enum need n);
int need_find(const char *name);
/* All names, as one line for messages. */
const char *need_names(void);

#endif
