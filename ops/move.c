// SPDX-License-Identifier: GPL-2.0-only
/* Pages that move in the address space, or from one page table entry to another. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "ops/uffd.h"
#include "vm_util.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP	4
#endif

/* Room for the region, aligned as it is: page tables of huge pages cannot move elsewhere. */
static char *reserve(struct mem *m, void **map, size_t *map_len)
{
	size_t align = m->size > page_size() ? m->size : page_size();
	char *at;

	*map_len = m->len + align;
	*map = mmap(NULL, *map_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (*map == MAP_FAILED)
		return NULL;
	at = (char *)(((uintptr_t)*map + align - 1) / align * align);
	return at + (uintptr_t)m->base % align;
}

static int move_whole(struct mem *m, int flags, const char *name)
{
	size_t map_len;
	void *map;
	char *to = reserve(m, &map, &map_len);

	if (!to || mremap(m->base, m->len, m->len, MREMAP_MAYMOVE | MREMAP_FIXED | flags, to) ==
		   MAP_FAILED)
		return mem_fail(m, "%s: %s", name, strerror(errno));
	m->base = to;
	return 0;
}

static int remap_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)page;
	(void)pages;
	(void)v;
	if ((m->kind->props & KIND_HUGETLB) && !kernel_at_least(5, 16))
		return -EOPNOTSUPP;
	return move_whole(m, 0, "mremap");
}

static int dontunmap_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)page;
	(void)pages;
	(void)v;
	return move_whole(m, MREMAP_DONTUNMAP, "mremap with MREMAP_DONTUNMAP");
}

/*
 * EFAULT: an earlier step has cut the region into several mappings. EOPNOTSUPP: hugetlb pages
 * before 5.16.
 */
DEFINE_OPERATION(remap) = {
	.id = "remap", .about = "mremap() of all of it to another place; pages go along",
	.refuses = { -EOPNOTSUPP },
	.senseless = { -EFAULT }, .run = remap_run,
};

DEFINE_OPERATION(dontunmap) = {
	.id = "dontunmap", .about = "the same with MREMAP_DONTUNMAP: the old place stays, empty",
	.not_kinds = KIND_HUGETLB, .needs = NEED(DONTUNMAP), .senseless = { -EFAULT, -EINVAL },
	.run = dontunmap_run,
};

/* There, and back again: a pinned page must not go. */
static int move_pages_by_uffd(struct mem *m, int fd, size_t page, size_t len, char *to)
{
	char *from = mem_page(m, page);
	int ret = uffd_move(fd, to, from, len);

	if (ret)
		return ret;
	return uffd_move(fd, from, to, len);
}

static int uffdmove_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	size_t len = pages * m->layout.page;
	char *to = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = uffd_open(UFFD_FEATURE_MOVE), ret = 0;

	(void)v;
	if (to == MAP_FAILED || fd < 0 ||
	    uffd_register(fd, to, len, UFFDIO_REGISTER_MODE_MISSING) ||
	    uffd_register(fd, m->base, m->len, UFFDIO_REGISTER_MODE_MISSING))
		ret = mem_fail(m, "userfaultfd: %s", strerror(errno));
	if (!ret && move_pages_by_uffd(m, fd, page, len, to))
		ret = mem_fail(m, "UFFDIO_MOVE: %s", strerror(errno));
	close(fd);
	if (to != MAP_FAILED)
		munmap(to, len);
	return ret;
}

/* EBUSY: shared with a child or pinned; ENOENT: there is no page, or a zeropage. */
DEFINE_OPERATION(uffdmove) = {
	.id = "uffdmove", .about = "UFFDIO_MOVE to another place and back; refused where pinned",
	.kinds = KIND_BASE, .needs = NEED(UFFDMOVE), .not_pinned = true,
	.refuses_pinned = { -EBUSY, -EAGAIN }, .refuses = { -EBUSY },
	.senseless = { -ENOENT, -EINVAL, -EAGAIN },
	.run = uffdmove_run,
};
