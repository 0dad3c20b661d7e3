// SPDX-License-Identifier: GPL-2.0-only
/* Direct I/O of the memory. */
#define _GNU_SOURCE
#include "ops/direct.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "ops/operation.h"
#include "vm_util.h"

/* So many pages by one call, each in so many parts. */
#define PAGES	16
#define PARTS	4

static int write_parts(struct mem *m, int fd, size_t page, size_t pages)
{
	size_t len = m->layout.page / PARTS;
	struct iovec parts[PAGES * PARTS];

	for (size_t i = 0; i < pages * PARTS; i++)
		parts[i] = (struct iovec){ (char *)mem_page(m, page) + i * len, len };
	errno = EIO;
	if (pwritev(fd, parts, pages * PARTS, 0) == (ssize_t)(pages * m->layout.page))
		return 0;
	return mem_fail(m, "O_DIRECT write in parts: %s", strerror(errno));
}

/* What is in the file now is what is in memory. */
static int compare_file(struct mem *m, int fd, const void *at, size_t len)
{
	char *copy = aligned_alloc(m->layout.page, len);
	int ret = 0;

	if (!copy || pread(fd, copy, len, 0) != (ssize_t)len) {
		ret = mem_fail(m, "read of the file: %s", strerror(errno));
	} else if (memcmp(copy, at, len)) {
		errno = ESTALE;
		ret = mem_fail(m, "what an O_DIRECT write wrote is not what is in memory");
	}
	free(copy);
	return ret;
}

static int open_file(struct mem *m)
{
	int fd = open(SCRATCH_DIR "ext4", O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);

	return fd < 0 ? mem_fail(m, "a file with O_DIRECT: %s", strerror(errno)) : fd;
}

/* Each part of a page takes a reference, and one is kept. */
static int directparts_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	int fd = open_file(m), ret;

	(void)v;
	if (fd < 0)
		return fd;
	if (pages > PAGES)
		pages = PAGES;
	ret = write_parts(m, fd, page, pages);
	if (!ret)
		ret = compare_file(m, fd, mem_page(m, page), pages * m->layout.page);
	close(fd);
	return ret;
}

/* EFAULT: memory that may not be read. ESTALE: others write meanwhile. */
DEFINE_OPERATION(directparts) = {
	.id = "directparts",
	.about = "O_DIRECT write of the memory to another file, in parts of its pages",
	.needs = NEED(EXT4), .senseless = { -EFAULT, -ESTALE }, .run = directparts_run,
};

/* The pages of [page, page + pages) to @to, the last one first; or back from there. */
static int turn_round(struct mem *m, size_t page, size_t pages, char *to, bool back)
{
	size_t len = m->layout.page;

	for (size_t i = 0; i < pages; i++) {
		char *here = mem_page(m, page + i), *there = to + (pages - 1 - i) * len;

		if (mremap(back ? there : here, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
			   back ? here : there) == MAP_FAILED)
			return mem_fail(m, "mremap of a page: %s", strerror(errno));
	}
	return 0;
}

static int write_turned(struct mem *m, int fd, size_t page, size_t pages, char *at)
{
	size_t len = pages * m->layout.page;
	int ret = turn_round(m, page, pages, at, false), back;

	errno = EIO;
	if (!ret && pwrite(fd, at, len, 0) != (ssize_t)len)
		ret = mem_fail(m, "O_DIRECT write: %s", strerror(errno));
	if (!ret)
		ret = compare_file(m, fd, at, len);
	back = turn_round(m, page, pages, at, true);
	return ret ? ret : back;
}

/* Pages of a folio that are next to each other, but not in its order. */
static int directorder_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	size_t nr = pages > PAGES ? PAGES : pages, len = nr * m->layout.page;
	char *at = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open_file(m), ret = fd;

	(void)v;
	if (at == MAP_FAILED)
		ret = mem_fail(m, "mmap: %s", strerror(errno));
	else if (fd >= 0)
		ret = write_turned(m, fd, page, nr, at);
	if (fd >= 0)
		close(fd);
	if (at != MAP_FAILED)
		munmap(at, len);
	return ret;
}

/* EFAULT: memory that may not be read, or that an earlier step has cut. ESTALE: see above. */
DEFINE_OPERATION(directorder) = {
	.id = "directorder",
	.about = "O_DIRECT write of the memory to another file, its pages in another order",
	.kinds = KIND_PRIVATE, .not_kinds = KIND_HUGETLB, .needs = NEED(EXT4), .splits = true,
	.senseless = { -EFAULT, -ESTALE, -EINVAL }, .run = directorder_run,
};

/* Of pages next to each other, of which @v changes the cells; all of them comes in. */
static int read_run(struct mem *m, int fd, size_t page, size_t pages, struct value v)
{
	const struct layout *l = &m->layout;
	size_t len = pages * l->page;
	char *buf = aligned_alloc(l->page, len);
	int ret = 0;

	if (!buf)
		return mem_fail(m, "no memory for what is read");
	memcpy(buf, mem_page(m, page), len);
	for (size_t i = 0; i < pages; i++)
		content_write(l, buf + i * l->page, page + i, v);
	errno = EIO;
	if (pwrite(fd, buf, len, 0) != (ssize_t)len)
		ret = mem_fail(m, "O_DIRECT write to a file: %s", strerror(errno));
	else if (pread(fd, mem_page(m, page), len, 0) != (ssize_t)len)
		ret = mem_fail(m, "O_DIRECT read: %s", strerror(errno));
	free(buf);
	return ret;
}

int direct_read(struct mem *m, size_t page, size_t pages, struct value v)
{
	const struct layout *l = &m->layout;
	size_t run = l->stride == 1 ? pages : 1, first, count;
	int fd = open_file(m), ret = 0;

	if (fd < 0)
		return fd;
	layout_cells(l, page, pages, &first, &count);
	for (size_t c = first; c < first + count && !ret; c += run)
		ret = read_run(m, fd, layout_page(l, c), run, v);
	close(fd);
	return ret;
}

DEFINE_OPERATION(directread) = {
	.id = "directread", .about = "O_DIRECT read into the memory: COW is broken, as by a write",
	.effect = EFFECT_WRITE, .needs = NEED(EXT4), .only_writable = true, .run = direct_read,
};
