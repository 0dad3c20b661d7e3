// SPDX-License-Identifier: GPL-2.0-only
/* What others do to the file behind the memory. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kinds/kind.h"

#define LATE_MS	1000	/* to do what it has told to be done already */

static int put_by_write(struct mem *m, size_t offset, const uint64_t *words, size_t nr)
{
	ssize_t len = nr * sizeof(*words);

	if (pwrite(m->fd, words, len, m->offset + offset) == len)
		return 0;
	return mem_fail(m, "write to the file: %s", strerror(errno));
}

static int fwrite_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return operation_write_words(m, page, pages, v, put_by_write);
}

DEFINE_OPERATION(filewrite) = {
	.id = "filewrite", .about = "write() to the file: who shares its pages sees it",
	.effect = EFFECT_FILE_WRITE, .kinds = KIND_FILE, .not_kinds = KIND_HUGETLB,
	.run = fwrite_run,
};

/*
 * All of the memory's part of the file, or NULL. Of hugetlb pages: the file has them all, and a
 * reservation would stay with it.
 */
static char *map_shared(struct mem *m)
{
	char *map = mmap(NULL, m->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, m->fd,
			 m->offset);

	return map == MAP_FAILED ? NULL : map;
}

static int mapwrite_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	size_t first, count;
	char *map = map_shared(m);

	if (!map)
		return mem_fail(m, "mmap of the file, shared: %s", strerror(errno));
	layout_cells(&m->layout, page, pages, &first, &count);
	for (size_t c = first; c < first + count; c++) {
		size_t at = layout_page(&m->layout, c);

		content_write(&m->layout, map + at * m->layout.page, at, v);
	}
	munmap(map, m->len);
	return 0;
}

/* Also of hugetlb pages, which write() does not know. */
DEFINE_OPERATION(mapwrite) = {
	.id = "mapwrite", .about = "stores through a shared mapping of the file: as by write()",
	.effect = EFFECT_FILE_WRITE, .kinds = KIND_FILE, .run = mapwrite_run,
};

/* Whole cells, past the page cache. */
static int write_directly(struct mem *m, int fd, size_t page, size_t pages, struct value v)
{
	const struct layout *l = &m->layout;
	char *buf = aligned_alloc(l->page, l->page);
	size_t first, count;
	int ret = buf ? 0 : -ENOMEM;

	layout_cells(l, page, pages, &first, &count);
	for (size_t c = first; c < first + count && !ret; c++) {
		size_t at = layout_page(l, c);

		if (pread(m->fd, buf, l->page, mem_offset(m, at)) != (ssize_t)l->page)
			ret = mem_fail(m, "read of the file: %s", strerror(errno));
		content_write(l, buf, at, v);
		if (!ret && pwrite(fd, buf, l->page, mem_offset(m, at)) != (ssize_t)l->page)
			ret = mem_fail(m, "O_DIRECT write to the file: %s", strerror(errno));
	}
	free(buf);
	return ret;
}

static int directwrite_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	int fd = mem_open(m, O_RDWR | O_DIRECT), ret;

	if (fd < 0)
		return mem_fail(m, "open with O_DIRECT: %s", strerror(errno));
	ret = write_directly(m, fd, page, pages, v);
	close(fd);
	return ret;
}

DEFINE_OPERATION(directwrite) = {
	.id = "directwrite",
	.about = "O_DIRECT write to the file by another descriptor, which evicts its pages",
	.effect = EFFECT_FILE_WRITE, .kinds = KIND_DISK, .run = directwrite_run,
};

/* Is what is in the page cache on the disk as well? Read past the page cache, that tells. */
static int verify_on_disk(struct mem *m, int fd, size_t page, size_t pages)
{
	const struct layout *l = &m->layout;
	char *disk = aligned_alloc(l->page, 2 * l->page), *cache = disk + l->page;
	size_t first, count;
	int ret = disk ? 0 : -ENOMEM;

	layout_cells(l, page, pages, &first, &count);
	for (size_t c = first; c < first + count && !ret; c++) {
		off_t at = mem_offset(m, layout_page(l, c));

		if (pread(fd, disk, l->page, at) != (ssize_t)l->page ||
		    pread(m->fd, cache, l->page, at) != (ssize_t)l->page) {
			ret = mem_fail(m, "read of the file: %s", strerror(errno));
		} else if (memcmp(disk, cache, l->page)) {
			errno = ESTALE;
			ret = mem_fail(m, "what was written is not on the disk");
		}
	}
	free(disk);
	return ret;
}

/* With another descriptor of the file, which reads and writes past the page cache. */
static int past_cache(struct mem *m, size_t page, size_t pages, int flags,
		      int (*with)(struct mem *m, int fd, size_t page, size_t pages))
{
	int fd = mem_open(m, flags | O_DIRECT), ret;

	if (fd < 0)
		return mem_fail(m, "open with O_DIRECT: %s", strerror(errno));
	ret = with(m, fd, page, pages);
	close(fd);
	return ret;
}

static int sync_once(struct mem *m, int fd, size_t page, size_t pages)
{
	return fsync(m->fd) ? mem_fail(m, "fsync: %s", strerror(errno)) :
	       verify_on_disk(m, fd, page, pages);
}

/*
 * Who reads asynchronously is told that it is done before what came in is made dirty, which a
 * worker may do (bio_check_pages_dirty()): so one fsync() may be too early. Not the next ones.
 */
static int sync_until_there(struct mem *m, int fd, size_t page, size_t pages)
{
	int ret = sync_once(m, fd, page, pages);

	for (int ms = 1; ret == -ESTALE && ms < LATE_MS; ms *= 2) {
		poll(NULL, 0, ms);
		ret = sync_once(m, fd, page, pages);
	}
	return ret;
}

static int sync_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	return past_cache(m, page, pages, O_RDWR, sync_until_there);
}

/* ESTALE: others write meanwhile. */
DEFINE_OPERATION(sync_file) = {
	.id = "sync",
	.about = "fsync(): what was written to the file is on the disk; its pages stay",
	.kinds = KIND_DISK, .senseless = { -ESTALE }, .run = sync_run,
};

/* Nobody has asked for it to be written back: who reads past the page cache sees it anyway. */
static int readpast_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	return past_cache(m, page, pages, O_RDONLY, verify_on_disk);
}

/* ESTALE: others write meanwhile, or a device has. */
DEFINE_OPERATION(read_past) = {
	.id = "readpast",
	.about = "O_DIRECT read of the file: sees what is in the page cache only; its pages stay",
	.kinds = KIND_DISK, .senseless = { -ESTALE }, .run = readpast_run,
};

static int punch_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	return mem_punch(m, mem_offset(m, page), pages * m->layout.page);
}

static int allocate_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	if (fallocate(m->fd, 0, mem_offset(m, page), pages * m->layout.page))
		return mem_fail(m, "fallocate: %s", strerror(errno));
	return 0;
}

DEFINE_OPERATION(allocate) = {
	.id = "allocate",
	.about = "fallocate() of the file: where it had a hole there are zeroes still",
	.kinds = KIND_FILE, .run = allocate_run,
};

/* A page of the pool is as its last owner has left it. */
static int allocatehuge_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	int ret = punch_run(m, page, pages, v);

	return ret ? ret : allocate_run(m, page, pages, v);
}

DEFINE_OPERATION(allocate_huge) = {
	.id = "allocatehuge",
	.about = "a hole in a hugetlb file, and fallocate() there: zeroes; a pin keeps its page",
	.effect = EFFECT_PUNCH, .kinds = KIND_FILE | KIND_HUGETLB | KIND_SHARED, .huge_pages = 1,
	.senseless = { -ENOSPC }, .run = allocatehuge_run,
};

/* All of it: then also what is before the mapped pages. */
static int truncate_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)pages;
	(void)v;
	if (ftruncate(m->fd, page ? mem_offset(m, page) : 0) ||
	    ftruncate(m->fd, mem_offset(m, m->layout.pages)))
		return mem_fail(m, "ftruncate: %s", strerror(errno));
	return 0;
}

DEFINE_OPERATION(truncate_file) = {
	.id = "truncate",
	.about = "the file ends there and is made as long again: also private copies are gone",
	.effect = EFFECT_TRUNCATE, .kinds = KIND_FILE, .not_kinds = KIND_HUGETLB,
	.run = truncate_run,
};

/* Filled with zeroes at once: of a hole each private mapping would get pages of its own. */
static int truncatehuge_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	int ret = truncate_run(m, page, pages, v);

	return ret ? ret : allocate_run(m, page, m->layout.pages - page, v);
}

DEFINE_OPERATION(truncate_huge) = {
	.id = "truncatehuge",
	.about = "a hugetlb file ends there, and has zeroes again: also private copies are gone",
	.effect = EFFECT_TRUNCATE, .kinds = KIND_FILE | KIND_HUGETLB, .huge_pages = 1,
	.splits = true, .senseless = { -ENOSPC }, .run = truncatehuge_run,
};

/* What may be cut off the end of the last page: less than a word's distance to the next page. */
#define CUT	256

/* A file that ends inside of a page, and is made as long again, has zeroes there. */
static int cut_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	off_t end = mem_offset(m, m->layout.pages);
	char was[CUT], after[CUT] = { 1 }, zeroes[CUT] = { 0 };

	(void)page;
	(void)pages;
	(void)v;
	if (pread(m->fd, was, CUT, end - CUT) != CUT)
		return mem_fail(m, "read of the file's end: %s", strerror(errno));
	if (ftruncate(m->fd, end - CUT) || ftruncate(m->fd, end))
		return mem_fail(m, "ftruncate: %s", strerror(errno));
	if (pread(m->fd, after, CUT, end - CUT) != CUT || memcmp(after, zeroes, CUT)) {
		errno = ESTALE;
		return mem_fail(m, "what was cut off the file is there again");
	}
	if (pwrite(m->fd, was, CUT, end - CUT) != CUT)
		return mem_fail(m, "write of the file's end: %s", strerror(errno));
	return 0;
}

DEFINE_OPERATION(cut) = {
	.id = "cut",
	.about = "the file is cut inside of its last page and made as long again: zeroes there",
	.kinds = KIND_FILE, .not_kinds = KIND_HUGETLB, .writes_file = true, .run = cut_run,
};

static int cut_from_map(struct mem *m, char *end)
{
	char was[CUT], zeroes[CUT] = { 0 };
	int ret;

	memcpy(was, end - CUT, CUT);
	ret = mem_punch(m, mem_offset(m, m->layout.pages) - CUT, CUT);
	if (ret)
		return ret;
	if (memcmp(end - CUT, zeroes, CUT)) {
		errno = ESTALE;
		ret = mem_fail(m, "a hole in a part of a page leaves its content there");
	}
	memcpy(end - CUT, was, CUT);
	return ret;
}

/* The same by a hole, through a shared mapping: hugetlbfs knows no write(). */
static int cuthuge_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	char *map = map_shared(m);
	int ret;

	(void)page;
	(void)pages;
	(void)v;
	if (!map)
		return mem_fail(m, "mmap of the file, shared: %s", strerror(errno));
	ret = cut_from_map(m, map + m->len);
	munmap(map, m->len);
	return ret;
}

DEFINE_OPERATION(cuthuge) = {
	.id = "cuthuge",
	.about = "a hole in the end of the last hugetlb page of a file, filled again: zeroes there",
	.kinds = KIND_FILE | KIND_HUGETLB, .writes_file = true, .run = cuthuge_run,
};

DEFINE_OPERATION(punch) = {
	.id = "punch", .about = "a hole in the file: zeroes there; a pin keeps its page",
	.effect = EFFECT_PUNCH, .kinds = KIND_FILE, .not_kinds = KIND_HUGETLB, .run = punch_run,
};

static int remove_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	if (madvise(mem_page(m, page), pages * m->layout.page, MADV_REMOVE))
		return mem_fail(m, "MADV_REMOVE: %s", strerror(errno));
	return 0;
}

static int remove_own_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	if (madvise(mem_page(m, page), pages * m->layout.page, MADV_REMOVE))
		return 0;
	errno = ESTALE;
	return mem_fail(m, "MADV_REMOVE in a private mapping changes the file");
}

DEFINE_OPERATION(remove_own) = {
	.id = "removeown",
	.about = "MADV_REMOVE in a private mapping, which is refused: the file is not its own",
	.kinds = KIND_FILE | KIND_PRIVATE, .not_kinds = KIND_HUGETLB, .run = remove_own_run,
};

/* EACCES: the mapping is read-only. */
DEFINE_OPERATION(remove_pages) = {
	.id = "remove",
	.about = "MADV_REMOVE: a hole in the file, by its address; a pin keeps its page",
	.effect = EFFECT_PUNCH, .kinds = KIND_FILE | KIND_SHARED, .not_kinds = KIND_HUGETLB,
	.not_locked = true,
	.senseless = { -EACCES }, .run = remove_run,
};
