/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory state as the kernel exports it: pagemap, kpageflags, THP, hugetlb.
 * The bottom layer: knows neither tests nor kinds.
 */
#ifndef VM_UTIL_H
#define VM_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* /proc/PID/pagemap entries (Documentation/admin-guide/mm/pagemap.rst) */
#define PM_PFN_MASK		((1ULL << 55) - 1)
#define PM_SOFT_DIRTY		(1ULL << 55)
#define PM_MMAP_EXCLUSIVE	(1ULL << 56)
#define PM_UFFD_WP		(1ULL << 57)
#define PM_GUARD		(1ULL << 58)
#define PM_FILE			(1ULL << 61)
#define PM_SWAP			(1ULL << 62)
#define PM_PRESENT		(1ULL << 63)

/* /proc/kpageflags bits, by number */
enum {
	KPF_UPTODATE = 3, KPF_DIRTY = 4, KPF_LRU = 5, KPF_SLAB = 7, KPF_BUDDY = 10, KPF_MMAP = 11,
	KPF_ANON = 12, KPF_SWAPCACHE = 13, KPF_SWAPBACKED = 14,
	KPF_COMPOUND_HEAD = 15, KPF_COMPOUND_TAIL = 16, KPF_HUGE = 17, KPF_UNEVICTABLE = 18,
	KPF_KSM = 21, KPF_THP = 22, KPF_ZERO_PAGE = 24, KPF_PGTABLE = 26,
	/* Of anonymous pages, 5.19 on: PG_anon_exclusive; from 6.12 on of a folio's page 0. */
	KPF_EXCLUSIVE = 34,
};
#define KPF(flags, bit)	(((flags) >> (bit)) & 1)

#define KIB	1024UL
#define MIB	(1024UL * KIB)
#define GIB	(1024UL * MIB)

#define NS_PER_MS	1000000ULL
#define NS_PER_S	1000000000ULL
/* Of a clock that only goes on. */
uint64_t now_ns(void);

/* Bytes of a base page. */
size_t page_size(void);
/* What /proc/PID/stat says: fields 3, 9 and 31. False: there is no such process. */
struct process_stat {
	char state;
	unsigned long flags, pending;	/* PF_*; a bit a signal */
};
#define PF_EXITING	0x4
bool process_stat(pid_t pid, struct process_stat *st);
/* A child's end: its wait status, 0 if it is none of ours. */
int process_wait(pid_t pid);
/*
 * A new file system, mounted nowhere: it goes with its last file. Its root (to be closed) or
 * -errno.
 * @options: key, value, key, value, NULL.
 */
int mount_nowhere(const char *type, const char *const options[]);
/* Is this the guest that vm/init.c has set up, in which nobody else is? */
bool in_own_guest(void);

/*
 * Copy the pagemap entries of @count pages, from @addr on every @stride-th page, of
 * the calling process into @out. 0 or -errno. PFNs are 0 without CAP_SYS_ADMIN.
 */
int pagemap_read(const void *addr, size_t count, size_t stride, uint64_t *out);
/* A forked process calls this before it asks for the first time. */
void pagemap_after_fork(void);
/* From now on the descriptor for it is kept in @fd, which lives as long as the program. */
void pagemap_keep_in(int *fd);
/* One entry; 0 if it cannot be read. */
uint64_t pagemap_entry(const void *addr);

/* Categories of PAGEMAP_SCAN (Linux 6.7; PAGE_IS_* of linux/fs.h). */
#define SCAN_WRITTEN	(1ULL << 1)
#define SCAN_FILE	(1ULL << 2)
#define SCAN_PRESENT	(1ULL << 3)
#define SCAN_SWAPPED	(1ULL << 4)
#define SCAN_ZEROPAGE	(1ULL << 5)
#define SCAN_HUGE	(1ULL << 6)

/*
 * Is every page of [addr, addr + len) in all categories of @set and in none of @clear?
 * 1 or 0; -errno (ENOTTY, EINVAL: the kernel cannot tell).
 */
int pagemap_scan(const void *addr, size_t len, uint64_t set, uint64_t clear);
/* Write-protect what was written, for userfaultfd's asynchronous mode. 0 or -errno. */
int pagemap_protect(const void *addr, size_t len);
/* Does the kernel have it? */
bool pagemap_scan_known(void);

/* Flags and mapcount of a page frame; -errno (ENODATA: no right to see PFNs). */
int kpageflags(uint64_t pfn, uint64_t *flags);
int kpagecount(uint64_t pfn, uint64_t *count);
/* Flags of @count frames from @pfn on. */
int kpageflags_range(uint64_t pfn, size_t count, uint64_t *flags);
/* "anon,thp,tail" ...: @flags in words, into @buf. */
char *kpageflags_str(uint64_t flags, char *buf, size_t len);

/* Read or write a one-line file; -errno. Reading strips the line's end. */
int file_read(const char *path, char *buf, size_t len);
/* How many swap areas are in use, and the path of the last one. */
int swap_list(char *area, size_t len);
int file_write(const char *path, const char *text);
/* ioctl(), again if a signal was pending: KVM gives up then, for it locks all of the memory. */
int ioctl_again(int fd, unsigned long request, unsigned long arg);
/* The number in a one-value file; -errno on error. */
long long file_number(const char *path);

/* The word in [brackets] of a sysfs choice file, as "always [madvise] never"; -errno. */
int choice_read(const char *path, char *buf, size_t len);

/* Bytes of a PMD-mapped THP, 0 if the kernel has none. */
size_t thp_pmd_size(void);
/* The same, or a stand-in: a kernel without THP has the same tests in its plan, and skips them. */
size_t thp_largest(void);
/* Calls @with with the path of each THP size's "enabled". */
void thp_each_enabled(void (*with)(const char *path));
#define THP_SYSFS	"/sys/kernel/mm/transparent_hugepage"

/* One size that says all of large folios of shared memory, and its switch. */
#define SHMEM_THP_SIZE		(64 * KIB)
#define SHMEM_THP_ENABLED	THP_SYSFS "/hugepages-64kB/shmem_enabled"

/*
 * Sizes of hugetlb pages in ascending order, into @sizes (room for @max): what the
 * kernel supports (libhugetlbfs). Returns how many.
 */
int hugetlb_sizes(size_t *sizes, int max);
/* Value of a counter (nr_hugepages, free_hugepages, ...) of one size's pool; -errno. */
long long hugetlb_count(size_t size, const char *counter);
/* Path of that counter. */
char *hugetlb_path(size_t size, const char *counter, char *buf, size_t len);

/* The number behind @name at the start of a line of @path; -errno. */
long long table_number(const char *path, const char *name);
/* The field @name (kB, returned in bytes) of /proc/meminfo; -errno. */
long long meminfo(const char *name);
/* A counter of /proc/vmstat, folded over the CPUs if we may; -errno. */
long long vmstat(const char *name);

/* Field @name in bytes of the smaps entry of the VMA that holds @addr; -errno. */
long long smaps_bytes(const void *addr, const char *name);

/* Memory in blocks that go offline as a whole: bytes of one, 0 if the kernel has no such. */
#define MEMORY_BLOCKS	"/sys/devices/system/memory"
size_t memory_block_size(void);
/* Those that are offline: how many, or -errno; @online: after having tried to change that. */
int memory_blocks_offline(bool online);

/* Is that frame in ZONE_MOVABLE, from which memory must be able to go? */
bool pfn_is_movable(uint64_t pfn);

/* Is the running kernel's version at least that? */
bool kernel_at_least(int major, int minor);

/*
 * A descriptor of a free loop device that is given @image, and frees itself when nobody has it
 * open or mounted; its path goes to @dev. -errno.
 */
int loop_attach(int image, char *dev, size_t len);

/* "4k", "64k", "2M", "1G" for ids. */
char *size_token(size_t size, char *buf, size_t len);
/* The other way round: bytes, 0 if it is none. */
size_t size_parse(const char *text);

#endif
