// SPDX-License-Identifier: GPL-2.0-only
/* Pages that userfaultfd puts where there were others. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <fcntl.h>
#include <linux/mman.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "mm_calls.h"
#include "ops/uffd.h"

static int put_content(struct mem *m, int fd, size_t page, size_t pages, struct value v)
{
	const struct layout *l = &m->layout;
	char *buf = calloc(1, l->page);
	bool ok = buf;

	for (size_t p = page; p < page + pages && ok; p++) {
		content_write(l, buf, p, v);
		content_mark(l, buf, p, v);
		ok = pwrite(fd, buf, l->page, (p - page) * l->page) == (ssize_t)l->page;
	}
	free(buf);
	return ok ? 0 : -1;
}

/* Of large memory the pages that nobody looks at are those that nobody has touched, either. */
static void *sparse_source(struct mem *m, size_t page, size_t pages, struct value v)
{
	const struct layout *l = &m->layout;
	char *at = mmap(NULL, pages * l->page, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t first, count;

	if (at == MAP_FAILED)
		return at;
	layout_cells(l, page, pages, &first, &count);
	for (size_t c = first; c < first + count; c++) {
		size_t p = layout_page(l, c);

		content_write(l, at + (p - page) * l->page, p, v);
		content_mark(l, at + (p - page) * l->page, p, v);
	}
	return at;
}

static void *file_source(struct mem *m, size_t page, size_t pages, struct value v)
{
	int fd = memfd_create("cowpin-source", MFD_CLOEXEC);
	size_t len = pages * m->layout.page;
	void *at = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, len) && !put_content(m, fd, page, pages, v))
		at = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	return at;
}

/*
 * What is not in page tables cannot be copied while the kernel has locks, and it must begin again
 * where it was.
 */
char *uffd_source(struct mem *m, size_t page, size_t pages, struct value v)
{
	void *at = m->layout.stride > 1 ? sparse_source(m, page, pages, v)
					: file_source(m, page, pages, v);

	return at == MAP_FAILED ? NULL : at;
}

size_t uffd_unit(const struct mem *m)
{
	return m->kind->props & KIND_HUGETLB ? m->size / m->layout.page : 1;
}

/* What is copied where: pages from @from on, which is the content of page @page. */
struct source {
	int fd;
	size_t page;
	const char *from;
	uint64_t mode;
};

static int request_copy(struct mem *m, const struct source *s, size_t page, size_t pages)
{
	size_t size = m->layout.page;
	struct uffdio_copy copy = {
		.dst = (uintptr_t)mem_page(m, page),
		.src = (uintptr_t)s->from + (page - s->page) * size,
		.len = pages * size, .mode = s->mode,
	};

	return ioctl(s->fd, UFFDIO_COPY, &copy);
}

/* A page that is there stays: it is not userfaultfd's to give away. */
static int verify_kept(struct mem *m, const struct source *s, size_t page)
{
	if (request_copy(m, s, page, uffd_unit(m)))
		return 0;
	errno = ESTALE;
	return mem_fail(m, "UFFDIO_COPY takes the place of a page that is there");
}

/*
 * Pages that nobody looks at are left missing, but those of a hugetlb page. Where all are looked
 * at, one request is for all; but it must lie in one mapping, and the region may be several by now.
 */
static int copy_from(struct mem *m, const struct source *s, size_t pages)
{
	const struct layout *l = &m->layout;
	size_t unit = uffd_unit(m), first, count;
	bool all = l->stride == 1 && !request_copy(m, s, s->page, pages);

	if (l->stride == 1 && !all && errno != ENOENT)
		return mem_fail(m, "UFFDIO_COPY of %zu pages: %s", pages, strerror(errno));
	layout_cells(l, s->page, pages, &first, &count);
	for (size_t c = first; c < first + count; c++) {
		size_t at = layout_page(l, c);

		if (at % unit)
			continue;
		if (!all && request_copy(m, s, at, unit))
			return mem_fail(m, "UFFDIO_COPY: %s", strerror(errno));
		if (verify_kept(m, s, at))
			return -errno;
	}
	return 0;
}

static int copy_in(struct mem *m, int fd, size_t page, size_t pages, struct value v,
		   uint64_t mode)
{
	struct source s = {
		.fd = fd, .page = page, .from = uffd_source(m, page, pages, v), .mode = mode,
	};
	int ret;

	if (!s.from)
		return mem_fail(m, "no memory for what is copied: %s", strerror(errno));
	ret = copy_from(m, &s, pages);
	munmap((void *)s.from, pages * m->layout.page);
	return ret;
}

static int copy_pages(struct mem *m, int fd, size_t page, size_t pages, struct value v)
{
	return copy_in(m, fd, page, pages, v, 0);
}

/* Protected against writes; that ends here, and the next write must find the page. */
static int copy_protected(struct mem *m, int fd, size_t page, size_t pages, struct value v)
{
	int ret = copy_in(m, fd, page, pages, v, UFFDIO_COPY_MODE_WP);

	if (!ret)
		ret = uffd_verify_protected(m, page, pages, true);
	if (!ret && uffd_protect(fd, mem_page(m, page), pages * m->layout.page, 0))
		ret = mem_fail(m, "ending the write protection: %s", strerror(errno));
	return ret;
}

/* One by one: a range must not have mappings of two sorts. */
static int zero_pages(struct mem *m, int fd, size_t page, size_t pages, struct value v)
{
	(void)v;
	for (size_t i = page; i < page + pages; i++) {
		struct uffdio_zeropage zero = {
			.range = { (uintptr_t)mem_page(m, i), m->layout.page },
		};

		if (ioctl(fd, UFFDIO_ZEROPAGE, &zero))
			return mem_fail(m, "UFFDIO_ZEROPAGE: %s", strerror(errno));
		errno = ESTALE;
		if (!ioctl(fd, UFFDIO_ZEROPAGE, &zero))
			return mem_fail(m, "UFFDIO_ZEROPAGE takes the place of a page");
	}
	return 0;
}

typedef int put_fn(struct mem *m, int fd, size_t page, size_t pages, struct value v);

int uffd_drop(struct mem *m, size_t page, size_t pages)
{
	if (madvise(mem_page(m, page), pages * m->layout.page, MADV_DONTNEED))
		return mem_fail(m, "MADV_DONTNEED: %s", strerror(errno));
	return 0;
}

/* Nothing is given up before it is sure that something can be put there. */
static int put_by(struct mem *m, size_t page, size_t pages, struct value v, put_fn *put,
		  uint64_t features, uint64_t mode)
{
	int fd = uffd_watch(m, mem_page(m, page), pages * m->layout.page, features, mode), ret;

	if (fd < 0)
		return fd;
	ret = uffd_drop(m, page, pages);
	if (!ret)
		ret = put(m, fd, page, pages, v);
	close(fd);
	return ret;
}

static int put_pages(struct mem *m, size_t page, size_t pages, struct value v, put_fn *put)
{
	return put_by(m, page, pages, v, put, 0, UFFDIO_REGISTER_MODE_MISSING);
}

static int put_protected(struct mem *m, size_t page, size_t pages, struct value v, put_fn *put,
			 uint64_t features)
{
	return put_by(m, page, pages, v, put, UFFD_FEATURE_PAGEFAULT_FLAG_WP | features,
		      UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP);
}

static int refill_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return put_pages(m, page, pages, v, copy_pages);
}

static int refillwp_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return put_protected(m, page, pages, v, copy_protected, 0);
}

static int refillhugewp_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return put_protected(m, page, pages, v, copy_protected, UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
}

DEFINE_OPERATION(refill) = {
	.id = "refill",
	.about = "MADV_DONTNEED, and UFFDIO_COPY of other content; a pin keeps its page",
	.effect = EFFECT_REFILL, .kinds = KIND_ANON | KIND_PRIVATE, .not_kinds = KIND_HUGETLB,
	.not_locked = true,
	.needs = NEED(UFFD), .senseless = { -EINVAL, -EBUSY }, .run = refill_run,
};

DEFINE_OPERATION(refillwp) = {
	.id = "refillwp",
	.about = "the same, write-protected at first; a pin keeps its page",
	.effect = EFFECT_REFILL, .kinds = KIND_ANON | KIND_PRIVATE, .not_kinds = KIND_HUGETLB,
	.not_locked = true,
	.needs = NEED(UFFD), .senseless = { -EINVAL, -EBUSY, -ENOENT }, .run = refillwp_run,
};

DEFINE_OPERATION(refillhuge) = {
	.id = "refillhuge",
	.about = "MADV_DONTNEED, and UFFDIO_COPY of a hugetlb page; a pin keeps its page",
	.effect = EFFECT_REFILL, .kinds = KIND_ANON | KIND_PRIVATE | KIND_HUGETLB,
	.needs = NEED(UFFDMINOR), .senseless = { -EINVAL, -EBUSY }, .run = refill_run,
};

DEFINE_OPERATION(refillhugewp) = {
	.id = "refillhugewp",
	.about = "the same, write-protected at first; a pin keeps its page",
	.effect = EFFECT_REFILL, .kinds = KIND_ANON | KIND_PRIVATE | KIND_HUGETLB,
	.needs = NEED(UFFDWPFILE), .senseless = { -EINVAL, -EBUSY, -ENOENT },
	.run = refillhugewp_run,
};

int uffd_punch(struct mem *m, size_t page, size_t pages)
{
	return mem_punch(m, mem_offset(m, page), pages * m->layout.page);
}

static int put_in_hole(struct mem *m, int fd, size_t page, size_t pages, struct value v)
{
	int ret = uffd_punch(m, page, pages);

	return ret ? ret : copy_pages(m, fd, page, pages, v);
}

static int put_protected_in_hole(struct mem *m, int fd, size_t page, size_t pages,
				 struct value v)
{
	int ret = uffd_punch(m, page, pages);

	return ret ? ret : copy_protected(m, fd, page, pages, v);
}

static int refillfile_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return put_pages(m, page, pages, v, put_in_hole);
}

DEFINE_OPERATION(refillfile) = {
	.id = "refillfile",
	.about = "a hole in the file, and UFFDIO_COPY into it; a pin keeps its page",
	.effect = EFFECT_FILE_REFILL, .kinds = KIND_MEMFD | KIND_SHARED,
	.needs = NEED(UFFDMINOR), .senseless = { -EINVAL, -EBUSY },
	.not_locked = true,
	.run = refillfile_run,
};

static int refillfilewp_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return put_protected(m, page, pages, v, put_protected_in_hole,
			     UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
}

DEFINE_OPERATION(refillfilewp) = {
	.id = "refillfilewp",
	.about = "the same, write-protected at first; a pin keeps its page",
	.effect = EFFECT_FILE_REFILL, .kinds = KIND_MEMFD | KIND_SHARED,
	.needs = NEED(UFFDWPFILE), .senseless = { -EINVAL, -EBUSY, -ENOENT },
	.not_locked = true,
	.run = refillfilewp_run,
};

/*
 * The file's pages are all there, and none of them in page tables. One by one, for a request must
 * lie in one mapping, and the region may be several by now.
 */
static int continue_pages(struct mem *m, int fd, size_t page, size_t pages, struct value v)
{
	const struct layout *l = &m->layout;
	size_t unit = uffd_unit(m), first, count;

	(void)v;
	layout_cells(l, page, pages, &first, &count);
	for (size_t c = first; c < first + count; c++) {
		size_t at = layout_page(l, c);
		struct uffd_continue cont = {
			.start = (uintptr_t)mem_page(m, at), .len = unit * l->page,
		};

		if (at % unit == 0 && ioctl(fd, IOCTL_CONTINUE, &cont))
			return mem_fail(m, "UFFDIO_CONTINUE: %s", strerror(errno));
	}
	return 0;
}

/* In hugetlbfs nothing here makes one. */
int uffd_verify_no_hole(struct mem *m, size_t page, size_t pages)
{
	off_t from = mem_offset(m, page), hole = lseek(m->fd, from, SEEK_HOLE);

	if (hole < 0 || hole >= from + (off_t)(pages * m->layout.page))
		return 0;
	errno = EFAULT;
	return mem_fail(m, "a hole in the file");
}

uint64_t uffd_minor_feature(const struct mem *m)
{
	return m->kind->props & KIND_HUGETLB ? UFFD_FEATURE_MINOR_HUGETLBFS
					     : UFFD_FEATURE_MINOR_SHMEM;
}

static int minorfault_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	/* What is refused changes nothing: it must be known before private pages are given up. */
	int ret = uffd_verify_no_hole(m, page, pages);

	return ret ? ret : put_by(m, page, pages, v, continue_pages, uffd_minor_feature(m),
				  UFFDIO_REGISTER_MODE_MINOR);
}

/* EFAULT: a hole in the file. */
DEFINE_OPERATION(minorfault) = {
	.id = "minorfault",
	.about = "MADV_DONTNEED, and UFFDIO_CONTINUE maps the file's pages again",
	.kinds = KIND_MEMFD | KIND_SHARED, .needs = NEED(UFFDMINOR),
	.not_locked = true,
	.senseless = { -EINVAL, -EBUSY, -EFAULT }, .run = minorfault_run,
};

/* The same of a private mapping: what was its own is given up. */
DEFINE_OPERATION(uffdcontinue) = {
	.id = "uffdcontinue",
	.about = "UFFDIO_CONTINUE maps pages that the file has; private ones are not to be written",
	.effect = EFFECT_DISCARD, .kinds = KIND_FILE | KIND_PRIVATE, .not_kinds = KIND_DISK,
	.not_locked = true,
	.needs = NEED(UFFDMINOR), .senseless = { -EINVAL, -EBUSY, -EFAULT }, .run = minorfault_run,
};

static int uffdzero_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return put_pages(m, page, pages, v, zero_pages);
}

DEFINE_OPERATION(uffdzero) = {
	.id = "uffdzero",
	.about = "MADV_DONTNEED, and UFFDIO_ZEROPAGE; a pin keeps its page",
	.effect = EFFECT_DISCARD, .kinds = KIND_ANON | KIND_PRIVATE, .not_kinds = KIND_HUGETLB,
	.not_locked = true,
	.needs = NEED(UFFD), .senseless = { -EINVAL, -EBUSY }, .run = uffdzero_run,
};

/* --- several hugetlb pages, elsewhere: the region is one --- */

#define HUGE_PAGES	2

/* A word in each, far into it. */
static volatile uint64_t *word_of(const struct mem *m, char *at, size_t i)
{
	return (volatile uint64_t *)(at + i * m->size + m->size / 3 / 8 * 8);
}

static int copy_huge(struct mem *m, int fd, char *to, char *from)
{
	size_t len = HUGE_PAGES * m->size;
	struct uffdio_copy copy = { .dst = (uintptr_t)to, .src = (uintptr_t)from, .len = len };

	if (ioctl(fd, UFFDIO_COPY, &copy))
		return mem_fail(m, "UFFDIO_COPY of hugetlb pages: %s", strerror(errno));
	errno = ESTALE;
	for (size_t i = 0; i < HUGE_PAGES; i++)
		if (*word_of(m, to, i) != i + 1)
			return mem_fail(m, "page %zu is not what was copied there", i);
	if (madvise(to, len, MADV_DONTNEED))
		return mem_fail(m, "MADV_DONTNEED: %s", strerror(errno));
	return 0;
}

/* From memory that is not in page tables yet, but for the words, and again from there. */
static int copy_huge_twice(struct mem *m, char *to, char *from)
{
	size_t len = HUGE_PAGES * m->size;
	int fd = uffd_watch(m, to, len, 0, UFFDIO_REGISTER_MODE_MISSING), ret;

	if (fd < 0)
		return fd;
	for (size_t i = 0; i < HUGE_PAGES; i++)
		*word_of(m, from, i) = i + 1;
	ret = copy_huge(m, fd, to, from);
	for (size_t at = 0; at < len && !ret; at += m->layout.page)
		(void)*(volatile char *)(from + at);
	if (!ret)
		ret = copy_huge(m, fd, to, from);
	close(fd);
	return ret;
}

static int uffdcopyhuge_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	size_t len = HUGE_PAGES * m->size;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS, ret;
	int huge = MAP_HUGETLB | huge_size_bits(m->size);
	char *to = mmap(NULL, len, PROT_READ | PROT_WRITE, flags | huge, -1, 0);
	char *from = mmap(NULL, len, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, -1, 0);

	(void)page;
	(void)pages;
	(void)v;
	if (to == MAP_FAILED || from == MAP_FAILED)
		ret = mem_fail(m, "mmap of hugetlb pages: %s", strerror(errno));
	else
		ret = copy_huge_twice(m, to, from);
	if (to != MAP_FAILED)
		munmap(to, len);
	if (from != MAP_FAILED)
		munmap(from, len);
	return ret;
}

DEFINE_OPERATION(uffdcopyhuge) = {
	.id = "uffdcopyhuge",
	.about = "UFFDIO_COPY of several hugetlb pages beside the tested memory; pages stay",
	.kinds = KIND_ANON | KIND_HUGETLB, .needs = NEED(UFFDMINOR), .huge_pages = HUGE_PAGES,
	.senseless = { -ENOMEM }, .run = uffdcopyhuge_run,
};
