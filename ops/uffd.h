/* SPDX-License-Identifier: GPL-2.0-only */
/* userfaultfd: what operations need of it. */
#ifndef OPS_UFFD_H
#define OPS_UFFD_H

#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
/* 0, or -1 with errno: */
int uffd_register(int fd, void *at, size_t len, uint64_t mode);
int uffd_protect(int fd, void *at, size_t len, int protect);
/* Is each page there that is in memory or swap write-protected, or none of them? */
struct mem;
int uffd_verify_protected(struct mem *m, size_t page, size_t pages, bool protect);
/* Pages moved, in bytes; what stopped it is in errno then, or it is all of @len. */
size_t uffd_move(int fd, char *to, char *from, size_t len);

#endif
