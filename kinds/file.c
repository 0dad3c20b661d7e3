// SPDX-License-Identifier: GPL-2.0-only
/* Page cache pages seen through a private mapping: memfd, and a file in TMPDIR or /tmp. */
#define _GNU_SOURCE
#include "kind.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "vm_util.h"

static int private_file(struct mem *m)
{
	int ret = mem_fill_file(m, page_size());

	return ret ? ret : mem_map_file(m, page_size(), MAP_PRIVATE);
}

static int memfd_create_kind(struct mem *m)
{
	m->fd = memfd_create("cowpin", MFD_CLOEXEC);
	if (m->fd < 0)
		return mem_fail(m, "memfd_create: %s", strerror(errno));
	return private_file(m);
}

static int tmpfile_create(struct mem *m)
{
	const char *dir = getenv("TMPDIR");

	if (!dir)
		dir = "/tmp";
	m->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (m->fd < 0)
		return mem_fail(m, "no temporary file in %s: %s", dir, strerror(errno));
	return private_file(m);
}

static int file_verify(struct mem *m)
{
	int ret = mem_verify_flags(m, 0, 1ULL << KPF_ANON | 1ULL << KPF_ZERO_PAGE,
				   "a page cache page");

	return ret ? ret : mem_verify_file(m);
}

DEFINE_KIND(memfd) = {
	.id = "memfd",
	.title = "memfd",
	.rank = 210,
	.props = KIND_FILE | KIND_NOT_ANON | KIND_PRIVATE | KIND_FIRST,
	.needs = NEED(ROOT),
	.create = memfd_create_kind,
	.verify = file_verify,
	.destroy = mem_unmap,
};

DEFINE_KIND(tmpfile_kind) = {
	.id = "tmpfile",
	.title = "tmpfile",
	.rank = 220,
	.props = KIND_FILE | KIND_NOT_ANON | KIND_PRIVATE,
	.needs = NEED(ROOT),
	.create = tmpfile_create,
	.verify = file_verify,
	.destroy = mem_unmap,
};
