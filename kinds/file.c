// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page cache pages seen through a private or a shared mapping: of memfd, of a file in TMPDIR
 * or /tmp, and of files on real file systems.
 */
#define _GNU_SOURCE
#include "kind.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "vm_util.h"

/*
 * As many as readahead puts into one folio at most, so that none of them is in a folio with the
 * tested ones: a hole in a part of a folio is made of zeroes in place, which a pin sees.
 */
#define PAGES_BEFORE	64

static int map_file(struct mem *m)
{
	size_t len = mem_length(m, page_size());
	int ret = mem_fill_file(m, len, PAGES_BEFORE * page_size());

	return ret ? ret : mem_map_file(m, len);
}

static int memfd_kind_create(struct mem *m)
{
	m->fd = memfd_create("cowpin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (m->fd < 0)
		return mem_fail(m, "memfd_create: %s", strerror(errno));
	return map_file(m);
}

static int create_in(struct mem *m, const char *dir)
{
	m->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (m->fd < 0)
		return mem_fail(m, "no temporary file in %s: %s", dir, strerror(errno));
	return map_file(m);
}

static int tmpfile_create(struct mem *m)
{
	const char *dir = getenv("TMPDIR");

	return create_in(m, dir ? dir : "/tmp");
}

static int ext4_create(struct mem *m)
{
	return create_in(m, SCRATCH_DIR "ext4");
}

static int xfs_create(struct mem *m)
{
	return create_in(m, SCRATCH_DIR "xfs");
}

static int btrfs_create(struct mem *m)
{
	return create_in(m, SCRATCH_DIR "btrfs");
}

static int file_verify(struct mem *m)
{
	int ret = mem_verify_flags(m, 0, 1ULL << KPF_ANON | 1ULL << KPF_ZERO_PAGE,
				   "a page cache page");

	if (!ret)
		ret = mem_verify_scan(m, SCAN_PRESENT | SCAN_FILE, SCAN_ZEROPAGE,
				      "a page cache page");
	return ret ? ret : mem_verify_file(m);
}

#define PRIVATE		(KIND_FILE | KIND_NOT_ANON | KIND_PRIVATE)
#define SHARED		(KIND_FILE | KIND_SHARED)
#define FILE_COMMON	.verify = file_verify, .destroy = mem_unmap

DEFINE_KIND(memfd) = {
	.id = "memfd", .title = "memfd", .rank = 210,
	.props = PRIVATE | KIND_FIRST | KIND_MEMFD, .needs = NEED(ROOT),
	.create = memfd_kind_create, FILE_COMMON,
};

DEFINE_KIND(memfd_shared) = {
	.id = "memfd.shared", .title = "memfd", .rank = 310,
	.props = SHARED | KIND_FIRST | KIND_MEMFD, .needs = NEED(ROOT),
	.create = memfd_kind_create, FILE_COMMON,
};

DEFINE_KIND(tmpfile_kind) = {
	.id = "tmpfile", .title = "tmpfile", .rank = 220,
	.props = PRIVATE, .needs = NEED(ROOT),
	.create = tmpfile_create, FILE_COMMON,
};

DEFINE_KIND(tmpfile_shared) = {
	.id = "tmpfile.shared", .title = "tmpfile", .rank = 320,
	.props = SHARED, .needs = NEED(ROOT),
	.create = tmpfile_create, FILE_COMMON,
};

/* A file system's files, seen privately and shared. */
#define DISK(order)	(KIND_DISK | ((order) ? 0 : KIND_FIRST_DISK))
#define DEFINE_DISK_KINDS(fs, FS, name, order)					\
DEFINE_KIND(fs) = {								\
	.id = #fs, .title = name, .rank = 260 + order,				\
	.props = PRIVATE | DISK(order), .needs = NEED(ROOT) | NEED(FS),		\
	.create = fs##_create, FILE_COMMON,					\
};										\
DEFINE_KIND(fs##_shared) = {							\
	.id = #fs ".shared", .title = name, .rank = 360 + order,		\
	.props = SHARED | DISK(order),						\
	.needs = NEED(ROOT) | NEED(FS),						\
	.create = fs##_create, FILE_COMMON,					\
}

DEFINE_DISK_KINDS(ext4, EXT4, "local tmpfile", 0);
DEFINE_DISK_KINDS(xfs, XFS, "local tmpfile (xfs)", 1);
DEFINE_DISK_KINDS(btrfs, BTRFS, "local tmpfile (btrfs)", 2);
