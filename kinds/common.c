// SPDX-License-Identifier: GPL-2.0-only
/* The registry of kinds, and what kinds share. */
#define _GNU_SOURCE
#include "kind.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vm_util.h"

/* A page is moved within that, in milliseconds, however busy the machine is. */
#define VERIFY_PATIENCE	100

extern const struct kind *const __start_cow_kinds[], *const __stop_cow_kinds[];

static int by_rank(const void *a, const void *b)
{
	const struct kind *x = *(const struct kind *const *)a;
	const struct kind *y = *(const struct kind *const *)b;

	return x->rank != y->rank ? (x->rank > y->rank) - (x->rank < y->rank)
				  : strcmp(x->id, y->id);
}

size_t kinds_all(const struct kind *const **list)
{
	static const struct kind **sorted;
	size_t nr = __stop_cow_kinds - __start_cow_kinds;

	if (!sorted) {
		sorted = calloc(nr, sizeof(*sorted));
		if (!sorted)
			abort();
		memcpy(sorted, __start_cow_kinds, nr * sizeof(*sorted));
		qsort(sorted, nr, sizeof(*sorted), by_rank);
	}
	*list = sorted;
	return nr;
}

const struct kind *kind_find(const char *id)
{
	const struct kind *const *list;
	size_t nr = kinds_all(&list);

	for (size_t i = 0; i < nr; i++)
		if (!strcmp(list[i]->id, id))
			return list[i];
	return NULL;
}

/* What memory may have to it; and what makes another thing of it altogether. */
#define COMPLICATIONS	(KIND_FILE | KIND_DISK | KIND_ZERO | KIND_THP | KIND_SWAPPED | \
			 KIND_SWAPCACHE | KIND_UNEVEN | KIND_SEVERAL | KIND_RANGE)
#define SORTS		(KIND_SHARED | KIND_HUGETLB)

bool kind_simpler(const struct kind *a, const struct kind *b)
{
	return a->rank < b->rank && !((a->props ^ b->props) & SORTS) &&
	       !(a->props & ~b->props & COMPLICATIONS);
}

void mem_set_region(struct mem *m, void *base, size_t len)
{
	m->base = base;
	m->len = len;
	m->layout = layout_of(len);
	m->prot = PROT_READ | PROT_WRITE;
}

int mem_map_anon(struct mem *m, size_t len, size_t align)
{
	size_t slack = align > page_size() ? align : 0;
	uintptr_t start;

	m->map_len = len + slack;
	m->map = mmap(NULL, m->map_len, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->map == MAP_FAILED)
		return mem_fail(m, "mmap of %zu bytes: %s", m->map_len, strerror(errno));
	start = ((uintptr_t)m->map + align - 1) / align * align;
	mem_set_region(m, (void *)start, len);
	return 0;
}

int mem_map_base(struct mem *m, size_t len)
{
	int ret = mem_map_anon(m, len, page_size());

	/* EINVAL: a kernel without THP, which is just as well. */
	if (!ret && madvise(m->base, m->len, MADV_NOHUGEPAGE) && errno != EINVAL)
		ret = mem_fail(m, "MADV_NOHUGEPAGE: %s", strerror(errno));
	return ret;
}

size_t region_whole(size_t size)
{
	return size;
}

size_t mem_length(const struct mem *m, size_t len)
{
	return m->want ? m->want : len;
}

int mem_map_file(struct mem *m, size_t len)
{
	int flags = m->kind->props & KIND_SHARED ? MAP_SHARED : MAP_PRIVATE;

	m->map_len = len;
	m->map = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, m->fd, m->offset);
	if (m->map == MAP_FAILED)
		return mem_fail(m, "mmap of the file (%zu bytes): %s", len, strerror(errno));
	mem_set_region(m, m->map, len);
	return 0;
}

int mem_fill_file(struct mem *m, size_t len, size_t before)
{
	struct value v = { WRITER_FILE, 1 };
	struct layout l = layout_of(len);
	char *at;

	m->offset = before;
	if (ftruncate(m->fd, before + len))
		return mem_fail(m, "ftruncate to %zu bytes: %s", before + len, strerror(errno));
	at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, before);
	if (at == MAP_FAILED)
		return mem_fail(m, "mmap to fill the file: %s", strerror(errno));
	for (size_t c = 0; c < l.cells; c++) {
		size_t page = layout_page(&l, c);

		content_write(&l, at + page * l.page, page, v);
		content_mark(&l, at + page * l.page, page, v);
	}
	munmap(at, len);
	return 0;
}

int mem_punch(struct mem *m, off_t at, size_t len)
{
	if (fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, len))
		return mem_fail(m, "punching a hole: %s", strerror(errno));
	return 0;
}

void mem_unmap(struct mem *m)
{
	if (m->map && m->map != MAP_FAILED)
		munmap(m->map, m->map_len);
	m->map = NULL;
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}

int mem_verify(struct mem *m, int (*verify)(struct mem *m))
{
	int ret = verify(m);

	for (int ms = 1; ret && ms < VERIFY_PATIENCE; ms *= 2) {
		poll(NULL, 0, ms);
		ret = verify(m);
	}
	return ret;
}

/* How many cells from @cell on have consecutive page frames. */
static size_t run_of_frames(const uint64_t *map, size_t cells, size_t cell)
{
	size_t n = 1;

	while (cell + n < cells && (map[cell + n] & PM_PRESENT) &&
	       (map[cell + n] & PM_PFN_MASK) == (map[cell] & PM_PFN_MASK) + n)
		n++;
	return n;
}

int mem_read_flags(struct mem *m, uint64_t *map, uint64_t *flags)
{
	const struct layout *l = &m->layout;
	int ret = pagemap_read(m->base, l->cells, l->stride, map);

	if (ret)
		return mem_fail(m, "cannot read pagemap: %s", strerror(-ret));
	for (size_t c = 0, n; c < l->cells; c += n) {
		uint64_t pfn = map[c] & PM_PFN_MASK;

		if (!(map[c] & PM_PRESENT))
			return mem_wrong(m, "page %zu is not mapped (pagemap %016llx)",
					 layout_page(l, c), (unsigned long long)map[c]);
		n = run_of_frames(map, l->cells, c);
		ret = kpageflags_range(pfn, n, flags + c);
		if (ret)
			return mem_fail(m, "kpageflags of PFN %#llx: %s", (unsigned long long)pfn,
					strerror(-ret));
	}
	return 0;
}

int mem_verify_flags(struct mem *m, uint64_t set, uint64_t clear, const char *what)
{
	/* On the stack: a page of static memory is one more fault in each process of each test. */
	uint64_t map[m->layout.cells], flags[m->layout.cells];
	int ret = mem_read_flags(m, map, flags);
	char str[128];

	for (size_t c = 0; c < m->layout.cells && !ret; c++) {
		if ((flags[c] & set) != set || (flags[c] & clear))
			ret = mem_wrong(m, "not %s: page %zu is PFN %#llx (%s)", what,
					layout_page(&m->layout, c),
					(unsigned long long)(map[c] & PM_PFN_MASK),
					kpageflags_str(flags[c], str, sizeof(str)));
	}
	return ret;
}

static int compare_frames(struct mem *m, const uint64_t *mine, const uint64_t *file)
{
	for (size_t c = 0; c < m->layout.cells; c++) {
		uint64_t pfn = mine[c] & PM_PFN_MASK, want = file[c] & PM_PFN_MASK;

		if (!pfn || pfn != want)
			return mem_wrong(m, "page %zu is PFN %#llx, the file has %#llx there",
					 layout_page(&m->layout, c), (unsigned long long)pfn,
					 (unsigned long long)want);
	}
	return 0;
}

int mem_verify_file(struct mem *m)
{
	static uint64_t mine[CELLS_MAX], file[CELLS_MAX];
	const struct layout *l = &m->layout;
	char *at = mmap(NULL, m->len, PROT_READ, MAP_SHARED, m->fd, m->offset);
	int ret;

	if (at == MAP_FAILED)
		return mem_fail(m, "mmap of the file to verify: %s", strerror(errno));
	for (size_t c = 0; c < l->cells; c++)
		(void)*(volatile char *)(at + layout_page(l, c) * l->page);
	ret = pagemap_read(m->base, l->cells, l->stride, mine);
	if (!ret)
		ret = pagemap_read(at, l->cells, l->stride, file);
	munmap(at, m->len);
	if (ret)
		return mem_fail(m, "cannot read pagemap: %s", strerror(-ret));
	return compare_frames(m, mine, file);
}
