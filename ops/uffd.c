// SPDX-License-Identifier: GPL-2.0-only
/* userfaultfd, and write protection by it. */
#define _GNU_SOURCE
#include "ops/uffd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "ops/operation.h"
#include "vm_util.h"

struct move {
	uint64_t dst, src, len, mode;
	int64_t move;
};

#define IOCTL_MOVE	_IOWR(0xAA, 0x05, struct move)

int uffd_open(uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd >= 0 && ioctl(fd, UFFDIO_API, &api)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int uffd_register(int fd, void *at, size_t len, uint64_t mode)
{
	struct uffdio_register reg = { .range = { (uintptr_t)at, len }, .mode = mode };

	return ioctl(fd, UFFDIO_REGISTER, &reg);
}

int uffd_watch(struct mem *m, void *at, size_t len, uint64_t features, uint64_t mode)
{
	int fd = uffd_open(features), ret;

	if (fd >= 0 && !uffd_register(fd, at, len, mode))
		return fd;
	ret = mem_fail(m, "userfaultfd: %s", strerror(errno));
	close(fd);
	return ret;
}

int uffd_protect(int fd, void *at, size_t len, int protect)
{
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)at, len },
		.mode = protect ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	return ioctl(fd, UFFDIO_WRITEPROTECT, &wp);
}

int uffd_watch_protected(struct mem *m, size_t page, size_t pages, uint64_t features)
{
	int fd = uffd_watch(m, m->base, m->len, UFFD_FEATURE_PAGEFAULT_FLAG_WP | features,
			    UFFDIO_REGISTER_MODE_WP), ret;

	if (fd < 0 || !uffd_protect(fd, mem_page(m, page), pages * m->layout.page, 1))
		return fd;
	ret = mem_fail(m, "userfaultfd write protection: %s", strerror(errno));
	close(fd);
	return ret;
}

int uffd_verify_protected(struct mem *m, size_t page, size_t pages, bool protect)
{
	static uint64_t map[CELLS_MAX];
	const struct layout *l = &m->layout;
	bool marked = (m->kind->props & (KIND_SHARED | KIND_HUGETLB)) == KIND_SHARED;
	size_t first, count;

	if (!kernel_at_least(5, 14))	/* pagemap does not tell */
		return 0;
	layout_cells(l, page, pages, &first, &count);
	if (pagemap_read(mem_page(m, layout_page(l, first)), count, l->stride, map))
		return mem_fail(m, "cannot read pagemap");
	for (size_t c = 0; c < count; c++) {
		if ((!marked && !(map[c] & (PM_PRESENT | PM_SWAP))) ||
		    !(map[c] & PM_UFFD_WP) == !protect)
			continue;
		errno = ESTALE;
		return mem_fail(m, "page %zu is %s", layout_page(l, first + c),
				protect ? "not write-protected" : "write-protected still");
	}
	return 0;
}

void uffd_take_away(struct mem *m, size_t page, size_t pages)
{
	/* A hugetlb page leaves as a whole. */
	size_t half = m->kind->props & KIND_HUGETLB ? 0 : pages / 2;

	if (m->kind->props & KIND_SHARED)
		madvise(mem_page(m, page + half), (pages - half) * m->layout.page, MADV_DONTNEED);
	if (!(m->kind->props & KIND_HUGETLB))
		madvise(mem_page(m, page), pages * m->layout.page, MADV_PAGEOUT);
}

/* Having moved some, the kernel does not say why it moved no more: it is asked again. */
size_t uffd_move(int fd, char *to, char *from, size_t len)
{
	size_t done = 0;

	while (done < len) {
		struct move move = { .dst = (uintptr_t)to + done, .src = (uintptr_t)from + done,
				     .len = len - done };

		if (ioctl(fd, IOCTL_MOVE, &move) && move.move <= 0)
			break;
		done += move.move;
	}
	return done;
}

/* Those pages of the region that nobody has protected. */
static int verify_others_writable(struct mem *m, size_t page, size_t pages)
{
	size_t behind = page + pages;
	int ret = page ? uffd_verify_protected(m, 0, page, false) : 0;

	return ret || behind == m->layout.pages ? ret :
	       uffd_verify_protected(m, behind, m->layout.pages - behind, false);
}

/* What is protected stays so where pages leave page tables, if others can come there. */
static int allow_protected(struct mem *m, int fd, size_t page, size_t pages)
{
	int ret = uffd_verify_protected(m, page, pages, true);

	if (!ret)
		ret = verify_others_writable(m, page, pages);
	if (!ret && m->kind->props & KIND_SHARED) {
		uffd_take_away(m, page, pages);
		ret = uffd_verify_protected(m, page, pages, true);
	}
	if (!ret && uffd_protect(fd, mem_page(m, page), pages * m->layout.page, 0))
		ret = mem_fail(m, "ending the write protection: %s", strerror(errno));
	return ret ? ret : uffd_verify_protected(m, page, pages, false);
}

/* Protect and allow again: the next write must find the page where it was. */
static int allow_again(struct mem *m, size_t page, size_t pages, uint64_t features)
{
	int fd = uffd_watch_protected(m, page, pages, features), ret;

	if (fd < 0)
		return fd;
	ret = allow_protected(m, fd, page, pages);
	close(fd);
	return ret;
}

/* Before 6.4 ("mm/userfaultfd: support WP on multiple VMAs") it was one mapping at a time. */
static int uffdwp_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	int ret = allow_again(m, page, pages, 0);

	(void)v;
	return ret == -ENOENT && !kernel_at_least(6, 4) ? -EOPNOTSUPP : ret;
}

/* What was protected is not any more when nobody is left who could allow anything. */
static int protect_and_leave(struct mem *m, size_t page, size_t pages, uint64_t features)
{
	int fd = uffd_watch_protected(m, page, pages, features), ret;

	if (fd < 0)
		return fd;
	ret = uffd_verify_protected(m, page, pages, true);
	close(fd);
	return ret ? ret : uffd_verify_protected(m, page, pages, false);
}

static int uffdleave_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	return protect_and_leave(m, page, pages, 0);
}

static int uffdleavehuge_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	return protect_and_leave(m, page, pages, UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
}

DEFINE_OPERATION(uffdleave) = {
	.id = "uffdleave", .about = "userfaultfd write-protects pages, and is closed",
	.kinds = KIND_ANON, .not_kinds = KIND_HUGETLB, .needs = NEED(UFFD),
	.senseless = { -EINVAL, -ENOENT, -EBUSY }, .run = uffdleave_run,
};

DEFINE_OPERATION(uffdleave_huge) = {
	.id = "uffdleavehuge", .about = "the same of hugetlb pages",
	.kinds = KIND_ANON | KIND_HUGETLB, .needs = NEED(UFFDWPFILE),
	.senseless = { -EINVAL, -ENOENT, -EBUSY }, .run = uffdleavehuge_run,
};

DEFINE_OPERATION(uffdwp) = {
	.id = "uffdwp", .about = "userfaultfd write-protects pages, and allows writing again",
	.kinds = KIND_ANON, .not_kinds = KIND_HUGETLB, .needs = NEED(UFFD),
	.refuses = { -EOPNOTSUPP },
	.senseless = { -EINVAL, -ENOENT, -EBUSY }, .run = uffdwp_run,
};

static int uffdwpfile_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	return allow_again(m, page, pages, UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
}

DEFINE_OPERATION(uffdwp_huge) = {
	.id = "uffdwphuge", .about = "the same of hugetlb pages",
	.kinds = KIND_ANON | KIND_HUGETLB, .needs = NEED(UFFDWPFILE),
	.senseless = { -EINVAL, -ENOENT, -EBUSY }, .run = uffdwpfile_run,
};

DEFINE_OPERATION(uffdwp_shared) = {
	.id = "uffdwpshared",
	.about = "the same of a file in memory, whose pages leave page tables meanwhile",
	.kinds = KIND_FILE | KIND_SHARED, .not_kinds = KIND_DISK, .needs = NEED(UFFDWPFILE),
	.senseless = { -EINVAL, -ENOENT, -EBUSY }, .run = uffdwpfile_run,
};
