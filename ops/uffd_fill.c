// SPDX-License-Identifier: GPL-2.0-only
/* Pages that userfaultfd puts where there were others. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "ops/uffd.h"

/* A page of content, with its mark, for each cell. */
static int copy_pages(struct mem *m, int fd, size_t page, size_t pages, struct value v)
{
	const struct layout *l = &m->layout;
	char *buf = calloc(1, l->page);
	int ret = buf ? 0 : -ENOMEM;
	size_t first, count;

	layout_cells(l, page, pages, &first, &count);
	for (size_t c = first; c < first + count && !ret; c++) {
		size_t at = layout_page(l, c);
		struct uffdio_copy copy = {
			.dst = (uintptr_t)mem_page(m, at), .src = (uintptr_t)buf, .len = l->page,
		};

		content_write(l, buf, at, v);
		content_mark(l, buf, at, v);
		if (ioctl(fd, UFFDIO_COPY, &copy))
			ret = mem_fail(m, "UFFDIO_COPY: %s", strerror(errno));
	}
	free(buf);
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
	}
	return 0;
}

/* Nothing is given up before it is sure that something can be put there. */
static int put_pages(struct mem *m, size_t page, size_t pages, struct value v,
		     int (*put)(struct mem *, int, size_t, size_t, struct value))
{
	size_t len = pages * m->layout.page;
	char *at = mem_page(m, page);
	int fd = uffd_open(0), ret;

	if (fd < 0 || uffd_register(fd, at, len, UFFDIO_REGISTER_MODE_MISSING))
		ret = mem_fail(m, "userfaultfd: %s", strerror(errno));
	else if (madvise(at, len, MADV_DONTNEED))
		ret = mem_fail(m, "MADV_DONTNEED: %s", strerror(errno));
	else
		ret = put(m, fd, page, pages, v);
	close(fd);
	return ret;
}

static int refill_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return put_pages(m, page, pages, v, copy_pages);
}

DEFINE_OPERATION(refill) = {
	.id = "refill",
	.about = "MADV_DONTNEED, and UFFDIO_COPY of other content; a pin keeps its page",
	.effect = EFFECT_REFILL, .kinds = KIND_ANON | KIND_PRIVATE, .not_kinds = KIND_HUGETLB,
	.needs = NEED(UFFD), .senseless = { -EINVAL, -EBUSY }, .run = refill_run,
};

static int uffdzero_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return put_pages(m, page, pages, v, zero_pages);
}

DEFINE_OPERATION(uffdzero) = {
	.id = "uffdzero",
	.about = "MADV_DONTNEED, and UFFDIO_ZEROPAGE; a pin keeps its page",
	.effect = EFFECT_DISCARD, .kinds = KIND_ANON | KIND_PRIVATE, .not_kinds = KIND_HUGETLB,
	.needs = NEED(UFFD), .senseless = { -EINVAL, -EBUSY }, .run = uffdzero_run,
};
