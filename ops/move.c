// SPDX-License-Identifier: GPL-2.0-only
/* Pages that move in the address space, or from one page table entry to another. */
#define _GNU_SOURCE
#include "ops/move.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "mm_calls.h"
#include "ops/operation.h"
#include "ops/uffd.h"
#include "vm_util.h"

/* Room for the region, aligned as it is: page tables of huge pages cannot move elsewhere. */
static char *reserve(struct mem *m, void **map, size_t *map_len)
{
	size_t align = m->size > page_size() ? m->size : page_size();

	*map_len = m->len + align;
	*map = mmap(NULL, *map_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (*map == MAP_FAILED)
		return NULL;
	/* The first place from there on that is as the region is. */
	return (char *)*map + ((uintptr_t)m->base - (uintptr_t)*map) % align;
}

/* Is all of it one mapping? */
static bool is_one_mapping(const char *at, size_t len)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	bool one = false;
	char line[512];

	while (maps && !one && fgets(line, sizeof(line), maps))
		one = sscanf(line, "%lx-%lx", &from, &to) == 2 && from <= (uintptr_t)at &&
		      to >= (uintptr_t)at + len;
	if (maps)
		fclose(maps);
	return one;
}

/*
 * Kernels before 6.17 refuse to move several mappings at once, later ones may move the first
 * of them and then refuse: then a part of the region were gone.
 */
static void *move_one_mapping(char *at, size_t len, int flags, char *to)
{
	errno = EFAULT;
	if (!is_one_mapping(at, len))
		return MAP_FAILED;
	return mremap(at, len, len, MREMAP_MAYMOVE | MREMAP_FIXED | flags, to);
}

/*
 * Pages have moved when no CPU finds them at their old place any more, this one included,
 * which has just read there.
 */
static int move_whole(struct mem *m, int flags, const char *name)
{
	const char *old = NULL;
	size_t map_len;
	void *map;
	char *to = reserve(m, &map, &map_len);

	if (to)
		old = mem_readable_word(m, 0, m->layout.pages);
	if (!to || move_one_mapping(m->base, m->len, flags, to) == MAP_FAILED)
		return mem_fail(m, "%s: %s", name, strerror(errno));
	m->base = to;
	errno = ESTALE;
	if (old && !(m->kind->props & (KIND_FILE | KIND_SHARED)) && mem_holds_data(old))
		return mem_fail(m, "%s: the page is still there at its old place", name);
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

/*
 * A part, to another place and back. There its address is not a multiple of a huge page's size,
 * so that page table entries move one by one; back again, tables may move as they are.
 */
static int move_part_and_back(struct mem *m, size_t page, size_t pages, int flags)
{
	size_t len = pages * m->layout.page, map_len;
	char *at = mem_page(m, page), *to;
	int ret = 0;
	void *map;

	to = reserve(m, &map, &map_len);
	if (!to)
		return mem_fail(m, "mmap: %s", strerror(errno));
	to = (char *)map + m->layout.page;
	if (move_one_mapping(at, len, flags, to) == MAP_FAILED)
		ret = mem_fail(m, "mremap of a part: %s", strerror(errno));
	else if (mremap(to, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, at) == MAP_FAILED)
		ret = mem_fail(m, "mremap of a part, back: %s", strerror(errno));
	munmap(map, map_len);
	return ret;
}

static int remapback_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	return move_part_and_back(m, page, pages, 0);
}

static int dontunmapback_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	return move_part_and_back(m, page, pages, MREMAP_DONTUNMAP);
}

DEFINE_OPERATION(remapback) = {
	.id = "remapback", .about = "mremap() of a part to another place and back; pages go along",
	.not_kinds = KIND_HUGETLB, .splits = true, .senseless = { -EFAULT },
	.run = remapback_run,
};

DEFINE_OPERATION(dontunmapback) = {
	.id = "dontunmapback",
	.about = "the same with MREMAP_DONTUNMAP: the old place stays, empty, until they are back",
	.not_kinds = KIND_HUGETLB, .needs = NEED(DONTUNMAP), .splits = true,
	.senseless = { -EFAULT, -EINVAL }, .run = dontunmapback_run,
};

/*
 * There, and back again: a pinned page must not go. What went before one that is refused comes
 * back, too.
 */
static int move_there_and_back(struct mem *m, int fd, size_t page, size_t len, char *to)
{
	char *from = mem_page(m, page);
	size_t there = uffd_move(fd, to, from, len), back = 0;
	int why = errno;

	/* EAGAIN: reclaim or a fault of another thread has the page just now. */
	do
		back += uffd_move(fd, from + back, to + back, there - back);
	while (back < there && errno == EAGAIN);
	if (back < there)
		return mem_fail(m, "UFFDIO_MOVE does not bring pages back: %s", strerror(errno));
	errno = why;
	return there < len ? mem_fail(m, "UFFDIO_MOVE: %s", strerror(errno)) : 0;
}

/*
 * Of a large folio that is mapped page by page and pinned, the kernel tries to move pages for as
 * long as it is pinned (docs/findings.md): a folio is moved only as a whole.
 */
static bool would_spin(struct mem *m, size_t pages)
{
	return (m->kind->props & KIND_THP) &&
	       (pages < m->layout.pages || pagemap_scan(m->base, m->len, SCAN_HUGE, 0) != 1);
}

/* What is there stays there: it is not for another page to take its place. */
static int verify_occupied(struct mem *m, int fd, char *at)
{
	char *other = mmap(NULL, page_size(), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool moved;

	if (other == MAP_FAILED)
		return mem_fail(m, "mmap: %s", strerror(errno));
	*other = 1;
	moved = (pagemap_entry(at) & (PM_PRESENT | PM_SWAP)) &&
		(uffd_move(fd, at, other, page_size()) || !*other);
	munmap(other, page_size());
	errno = ESTALE;
	return moved ? mem_fail(m, "UFFDIO_MOVE takes the place of a page that is there") : 0;
}

static int move_by(struct mem *m, int fd, size_t page, size_t len, char *to)
{
	if (fd < 0 || mprotect(to, len, PROT_READ | PROT_WRITE) ||
	    uffd_register(fd, to, len, UFFDIO_REGISTER_MODE_MISSING) ||
	    uffd_register(fd, mem_page(m, page), len, UFFDIO_REGISTER_MODE_MISSING))
		return mem_fail(m, "userfaultfd: %s", strerror(errno));
	if (verify_occupied(m, fd, mem_page(m, page)))
		return -errno;
	return move_there_and_back(m, fd, page, len, to);
}

int move_by_uffd(struct mem *m, size_t page, size_t pages)
{
	size_t len = pages * m->layout.page, map_len;
	int fd, ret;
	void *map;
	char *to;

	if (would_spin(m, pages)) {
		errno = EOPNOTSUPP;
		return mem_fail(m, "a large folio that is not mapped as a whole");
	}
	to = reserve(m, &map, &map_len);
	if (!to)
		return mem_fail(m, "mmap: %s", strerror(errno));
	fd = uffd_open(UFFD_FEATURE_MOVE);
	ret = move_by(m, fd, page, len, to + page * m->layout.page);
	close(fd);
	munmap(map, map_len);
	return ret;
}

static int uffdmove_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	return move_by_uffd(m, page, pages);
}

/* EBUSY: shared with a child or pinned; ENOENT: there is no page, or a zeropage. */
DEFINE_OPERATION(uffdmove) = {
	.id = "uffdmove", .about = "UFFDIO_MOVE to another place and back; refused where pinned",
	.kinds = KIND_ANON | KIND_PRIVATE, .not_kinds = KIND_HUGETLB, .needs = NEED(UFFDMOVE),
	.not_pinned = true,
	.refuses_pinned = { -EBUSY, -EAGAIN }, .refuses_shared = { -EBUSY },
	.senseless = { -ENOENT, -EINVAL, -EAGAIN, -EOPNOTSUPP },
	.not_locked = true,
	.run = uffdmove_run,
};

/* All or nothing: what has moved when it is refused comes back. */
static int move_all_by_uffd(struct mem *m, int fd, char *to)
{
	size_t moved = uffd_move(fd, to, m->base, m->len);
	int error = errno;

	if (moved == m->len)
		return 0;
	if (moved)
		uffd_move(fd, m->base, to, moved);
	errno = error;
	return mem_fail(m, "UFFDIO_MOVE: %s", strerror(errno));
}

static int uffdremap_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	int fd = uffd_open(UFFD_FEATURE_MOVE), ret = 0;
	const char *old;
	size_t map_len;
	void *map;
	char *to = reserve(m, &map, &map_len);

	(void)page;
	(void)pages;
	(void)v;
	if (!to || fd < 0 || mprotect(to, m->len, PROT_READ | PROT_WRITE) ||
	    uffd_register(fd, to, m->len, UFFDIO_REGISTER_MODE_MISSING) ||
	    uffd_register(fd, m->base, m->len, UFFDIO_REGISTER_MODE_MISSING))
		ret = mem_fail(m, "userfaultfd: %s", strerror(errno));
	old = mem_readable_word(m, 0, m->layout.pages);
	if (!ret)
		ret = move_all_by_uffd(m, fd, to);
	close(fd);
	if (ret) {
		if (to)
			munmap(map, map_len);
		return ret;
	}
	/* Who reads there waits for nobody any more: it is memory that nobody wrote. */
	errno = ESTALE;
	if (old && mem_holds_data(old))
		ret = mem_fail(m, "UFFDIO_MOVE: the page is still there at its old place");
	munmap(m->base, m->len);
	m->base = to;
	return ret;
}

/*
 * As uffdmove; pages of a THP that is mapped by PTEs are refused now and then, as it is split, and
 * the markers of MADV_GUARD_INSTALL, which are no pages, always (EFAULT).
 */
DEFINE_OPERATION(uffdremap) = {
	.id = "uffdremap",
	.about = "UFFDIO_MOVE of all of it to another place for good; refused where pinned",
	.kinds = KIND_ANON | KIND_PRIVATE | KIND_FIRST, .not_kinds = KIND_HUGETLB,
	.needs = NEED(UFFDMOVE), .not_pinned = true, .spins_on_pinned_thp = true,
	.maps_anew = true,
	.refuses_pinned = { -EBUSY, -EAGAIN }, .refuses_shared = { -EBUSY },
	.senseless = { -ENOENT, -EINVAL, -EAGAIN, -EFAULT },
	.not_locked = true,
	.run = uffdremap_run,
};

/* Pages in swap, the folio still in the swap cache or not: it must learn where its page is now. */
DEFINE_OPERATION(uffdremap_swapped) = {
	.id = "uffdremapswap",
	.about = "the same of base pages that have been in swap",
	.kinds = KIND_ANON | KIND_PRIVATE | KIND_SWAPPED, .not_kinds = KIND_HUGETLB | KIND_THP,
	.needs = NEED(UFFDMOVE), .not_pinned = true, .maps_anew = true,
	.refuses_pinned = { -EBUSY, -EAGAIN }, .refuses_shared = { -EBUSY },
	.senseless = { -ENOENT, -EINVAL, -EAGAIN, -EFAULT },
	.not_locked = true,
	.run = uffdremap_run,
};
