// SPDX-License-Identifier: GPL-2.0-only
/* Memory that is given up, and comes back in pieces: what is there first must stay. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <string.h>

#include "kinds/kind.h"
#include "mm_calls.h"
#include "ops/uffd.h"

static bool advised(struct mem *m, size_t page, size_t pages, int advice)
{
	return !madvise(mem_page(m, page), pages * m->layout.page, advice);
}

/*
 * An end as a base page, which may be in swap by then; then the rest, from the other end on, as
 * large as it can be. One go, for who looks at memory between has zeropages there.
 */
static int come_back(struct mem *m, size_t page, size_t pages, const char *content, bool swap)
{
	size_t size = m->layout.page, end = page + pages - 1;

	if (!advised(m, page, pages, MADV_DONTNEED) || !advised(m, page, pages, MADV_NOHUGEPAGE))
		return mem_fail(m, "madvise: %s", strerror(errno));
	memcpy(mem_page(m, end), content + (pages - 1) * size, size);
	if (swap)
		advised(m, end, 1, MADV_PAGEOUT);
	if (!advised(m, page, pages, MADV_HUGEPAGE))
		return mem_fail(m, "MADV_HUGEPAGE: %s", strerror(errno));
	memcpy(mem_page(m, page), content, (pages - 1) * size);
	return 0;
}

static int give_up_and_write(struct mem *m, size_t page, size_t pages, struct value v, bool swap)
{
	char *content = uffd_source(m, page, pages, v);
	int ret;

	if (!content)
		return mem_fail(m, "no memory for the content: %s", strerror(errno));
	ret = come_back(m, page, pages, content, swap);
	munmap(content, pages * m->layout.page);
	return ret;
}

static int refault_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return give_up_and_write(m, page, pages, v, false);
}

static int refaultswapped_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return give_up_and_write(m, page, pages, v, true);
}

DEFINE_OPERATION(refault) = {
	.id = "refault",
	.about = "given up, and written again, the last page before MADV_HUGEPAGE: it stays",
	.effect = EFFECT_REFILL, .kinds = KIND_ANON | KIND_PRIVATE | KIND_THP,
	.needs = NEED(THP), .not_locked = true, .only_writable = true, .splits = true,
	.run = refault_run,
};

DEFINE_OPERATION(refault_swapped) = {
	.id = "refaultswapped",
	.about = "the same where the last page is in swap meanwhile",
	.effect = EFFECT_REFILL, .kinds = KIND_ANON | KIND_PRIVATE | KIND_THP,
	.needs = NEED(THP) | NEED(SWAP), .not_locked = true, .only_writable = true, .splits = true,
	.run = refaultswapped_run,
};
