/* SPDX-License-Identifier: GPL-2.0-only */
/* userfaultfd: what operations need of it. */
#ifndef OPS_UFFD_H
#define OPS_UFFD_H

#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"

/* Newer than the headers that we build with. */
#ifndef UFFD_FEATURE_MOVE
#define UFFD_FEATURE_MOVE	(1 << 16)
#endif

#ifndef UFFD_FEATURE_WP_HUGETLBFS_SHMEM
#define UFFD_FEATURE_WP_HUGETLBFS_SHMEM	(1 << 12)
#endif

#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_UNPOPULATED	(1 << 13)
#define UFFD_FEATURE_WP_ASYNC		(1 << 15)
#endif

#ifndef UFFDIO_REGISTER_MODE_MINOR
#define UFFDIO_REGISTER_MODE_MINOR	(1 << 2)
#define UFFD_FEATURE_MINOR_HUGETLBFS	(1 << 9)
#endif
#ifndef UFFD_FEATURE_MINOR_SHMEM
#define UFFD_FEATURE_MINOR_SHMEM	(1 << 10)
#endif

struct uffd_continue {
	uint64_t start, len, mode;
	int64_t mapped;
};
#define IOCTL_CONTINUE	_IOWR(0xAA, 0x07, struct uffd_continue)

/* A descriptor with @features, or -1. */
int uffd_open(uint64_t features);
/* The same, registered for memory in @mode; -errno with m->why. */
int uffd_watch(struct mem *m, void *at, size_t len, uint64_t features, uint64_t mode);
/* The same for all of the region and UFFDIO_REGISTER_MODE_WP, with these pages write-protected. */
int uffd_watch_protected(struct mem *m, size_t page, size_t pages, uint64_t features);
/* 0, or -1 with errno: */
int uffd_register(int fd, void *at, size_t len, uint64_t mode);
int uffd_protect(int fd, void *at, size_t len, int protect);
/*
 * Is each page there that is in memory or swap write-protected, or none of them? Of memory that is
 * shared, missing pages are protected, too: the next that comes there is.
 */
int uffd_verify_protected(struct mem *m, size_t page, size_t pages, bool protect);
/* Have pages leave page tables, where they may. */
void uffd_take_away(struct mem *m, size_t page, size_t pages);
/* Pages moved, in bytes; what stopped it is in errno then, or it is all of @len. */
size_t uffd_move(int fd, char *to, char *from, size_t len);

/* --- what is put where nothing is (ops/uffd_fill.c); 0 or -errno with m->why --- */

/* What one request gives at least, in pages. */
size_t uffd_unit(const struct mem *m);
/*
 * Content of the region's pages at @page, with marks: a mapping of @pages pages that nobody has
 * touched, elsewhere zeroes; NULL with errno.
 */
char *uffd_source(struct mem *m, size_t page, size_t pages, struct value v);
/* MADV_DONTNEED, and a hole in the file. */
int uffd_drop(struct mem *m, size_t page, size_t pages);
int uffd_punch(struct mem *m, size_t page, size_t pages);
/* -EFAULT: the file has a hole there. hugetlbfs tells of none. */
int uffd_verify_no_hole(struct mem *m, size_t page, size_t pages);
/* UFFD_FEATURE_MINOR_*, as the kind is. */
uint64_t uffd_minor_feature(const struct mem *m);

#endif
