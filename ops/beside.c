// SPDX-License-Identifier: GPL-2.0-only
/* A mapping that moves away from beside the tested memory, out of the same page table. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <string.h>

#include "kinds/kind.h"
#include "vm_util.h"

/* What one page table of 4 kB pages maps. */
#define TABLE		(2 * MIB)
/* The tested memory lies in the first quarter of one, and from the middle on what moves. */
#define REGION_AT	(TABLE / 8)
#define REGION_MAX	(TABLE / 4)
#define LARGE_AT	(TABLE / 2)
#define LARGE_LEN	(2 * TABLE)

/* Address space of @len bytes from a multiple of TABLE on; NULL. The rest of it stays behind. */
static char *reserve(size_t len)
{
	char *at = mmap(NULL, len + TABLE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at + -(uintptr_t)at % TABLE;
}

/* Each page has its number in it. */
static bool put_large(char *at, size_t page)
{
	if (mmap(at, LARGE_LEN, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return false;
	for (size_t i = 0; i < LARGE_LEN; i += page)
		*(size_t *)(at + i) = i;
	return true;
}

static bool is_large(const char *at, size_t page)
{
	for (size_t i = 0; i < LARGE_LEN; i += page)
		if (*(const volatile size_t *)(at + i) != i)
			return false;
	return true;
}

/*
 * Both begin at the same distance from a page table's begin, and nothing lies before them: page
 * tables may move as they are, but for those in which there is something else.
 */
static int move_large(struct mem *m, char *from)
{
	char *room = reserve(LARGE_AT + LARGE_LEN), *to = room + LARGE_AT;

	if (!room)
		return mem_fail(m, "mmap: %s", strerror(errno));
	munmap(room, LARGE_AT);
	if (mremap(from, LARGE_LEN, LARGE_LEN, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED)
		return mem_fail(m, "mremap: %s", strerror(errno));
	errno = ESTALE;
	if (!is_large(to, m->layout.page))
		return mem_fail(m, "mremap: pages are not where they were moved to");
	munmap(to, LARGE_LEN);
	return 0;
}

static int remapbeside_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	char *room = reserve(LARGE_AT + LARGE_LEN);

	(void)page;
	(void)pages;
	(void)v;
	errno = EFAULT;
	if (m->len > REGION_MAX)
		return mem_fail(m, "too large to lie beside another mapping");
	if (!room || mremap(m->base, m->len, m->len, MREMAP_MAYMOVE | MREMAP_FIXED,
			    room + REGION_AT) == MAP_FAILED)
		return mem_fail(m, "mremap: %s", strerror(errno));
	m->base = room + REGION_AT;
	if (!put_large(room + LARGE_AT, m->layout.page))
		return mem_fail(m, "mmap: %s", strerror(errno));
	munmap(room, REGION_AT);
	munmap(m->base + m->len, LARGE_AT - REGION_AT - m->len);
	return move_large(m, room + LARGE_AT);
}

/* EFAULT: an earlier step has cut the region into several mappings. */
DEFINE_OPERATION(remapbeside) = {
	.id = "remapbeside", .slow = true,
	.about = "mremap() to beside a large mapping, which then moves away: pages stay",
	.kinds = KIND_BASE, .senseless = { -EFAULT }, .run = remapbeside_run,
};
