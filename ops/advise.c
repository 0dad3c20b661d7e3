// SPDX-License-Identifier: GPL-2.0-only
/* madvise(): advice may change where pages are, never what is in them. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <string.h>

#include "kinds/kind.h"
#include "mm_calls.h"

static int advise(struct mem *m, size_t page, size_t pages, int advice, const char *name)
{
	if (madvise(mem_page(m, page), pages * m->layout.page, advice))
		return mem_fail(m, "%s: %s", name, strerror(errno));
	return 0;
}

#define ADVICE(ident, advice)							\
static int ident(struct mem *m, size_t page, size_t pages, struct value v)	\
{										\
	(void)v;								\
	return advise(m, page, pages, advice, #advice);				\
}

ADVICE(cold_run, MADV_COLD)
ADVICE(pageout_run, MADV_PAGEOUT)
ADVICE(populate_read_run, MADV_POPULATE_READ)
ADVICE(populate_write_run, MADV_POPULATE_WRITE)
ADVICE(discard_run, MADV_DONTNEED)
ADVICE(hugepage_run, MADV_HUGEPAGE)
ADVICE(nohugepage_run, MADV_NOHUGEPAGE)
ADVICE(guard_run, MADV_GUARD_INSTALL)

static int collapse_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	return mem_collapse(m, mem_page(m, page), pages * m->layout.page);
}

/* hugetlb pages and locked ones take no advice on reclaim: EINVAL. */
DEFINE_OPERATION(cold) = {
	.id = "cold", .about = "MADV_COLD: first to be reclaimed; a pinned page stays",
	.not_locked = true,
	.not_kinds = KIND_HUGETLB, .keeps_protection = true, .run = cold_run,
};

DEFINE_OPERATION(pageout) = {
	.id = "pageout", .about = "MADV_PAGEOUT: reclaimed now; a pinned page stays",
	.not_kinds = KIND_HUGETLB, .needs = NEED(SWAP), .keeps_protection = true,
	.not_locked = true, .reclaims = true,
	.run = pageout_run,
};

DEFINE_OPERATION(popread) = {
	.id = "popread", .about = "MADV_POPULATE_READ: page tables are filled, nothing is copied",
	.needs = NEED(POPULATE), .keeps_protection = true, .senseless = { -EFAULT, -EINVAL },
	.run = populate_read_run,
};

DEFINE_OPERATION(popwrite) = {
	.id = "popwrite", .about = "MADV_POPULATE_WRITE: COW is broken, as by a write",
	.effect = EFFECT_TOUCH, .needs = NEED(POPULATE), .senseless = { -EFAULT, -EINVAL },
	.run = populate_write_run,
};

/* EINVAL: a kernel that has no THP in shared memory. */
DEFINE_OPERATION(filecollapse) = {
	.id = "filecollapse",
	.about = "MADV_COLLAPSE of a file's pages: into a THP; not pinned ones",
	.kinds = KIND_FILE | KIND_RANGE, .needs = NEED(COLLAPSE),
	.refuses_pinned = { -EAGAIN, -EBUSY, -EINVAL }, .refuses = { -EINVAL },
	.senseless = { -EAGAIN, -EBUSY, -ENOMEM }, .run = collapse_run,
};

DEFINE_OPERATION(discard) = {
	.id = "discard", .about = "MADV_DONTNEED: private pages are given up; a pin keeps its page",
	.not_locked = true,
	.effect = EFFECT_DISCARD, .refuses = { -EINVAL }, .run = discard_run,
};

/* A base page of each huge page, which is not to be had: nothing is given up. */
static int discardpart_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	size_t first, count;

	(void)v;
	layout_cells(&m->layout, page, pages, &first, &count);
	for (size_t c = first; c < first + count; c++)
		if (madvise(mem_page(m, layout_page(&m->layout, c)), m->layout.page,
			    MADV_DONTNEED) && errno != EINVAL)
			return mem_fail(m, "MADV_DONTNEED: %s", strerror(errno));
	return 0;
}

DEFINE_OPERATION(discardpart) = {
	.id = "discardpart",
	.about = "MADV_DONTNEED of parts of a hugetlb page: it stays, for there are no parts",
	.kinds = KIND_HUGETLB, .run = discardpart_run,
};

/* What a file has cannot be of no use to the process alone. */
static int freefile_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	if (madvise(mem_page(m, page), pages * m->layout.page, MADV_FREE))
		return 0;
	errno = ESTALE;
	return mem_fail(m, "MADV_FREE in a mapping of a file is not refused");
}

DEFINE_OPERATION(freefile) = {
	.id = "freefile", .about = "MADV_FREE of what a file has: refused, and nothing is dropped",
	.kinds = KIND_FILE, .keeps_protection = true, .run = freefile_run,
};

DEFINE_OPERATION(hugepage) = {
	.id = "hugepage", .about = "MADV_HUGEPAGE: from now on THP, where that is possible",
	.not_kinds = KIND_HUGETLB, .needs = NEED(THP), .splits = true, .run = hugepage_run,
};

DEFINE_OPERATION(nohugepage) = {
	.id = "nohugepage", .about = "MADV_NOHUGEPAGE: no THP any more; pages stay as they are",
	.not_kinds = KIND_HUGETLB, .needs = NEED(THP), .splits = true, .run = nohugepage_run,
};

DEFINE_OPERATION(guard) = {
	.id = "guard", .about = "MADV_GUARD_INSTALL: accesses are faults; a pin keeps its page",
	.effect = EFFECT_UNMAP, .kinds = KIND_ANON | KIND_PRIVATE, .not_kinds = KIND_HUGETLB,
	.not_locked = true,
	.needs = NEED(GUARD), .run = guard_run,
};

ADVICE(wipe_run, MADV_WIPEONFORK)

DEFINE_OPERATION(wipeonfork) = {
	.id = "wipeonfork", .about = "MADV_WIPEONFORK: a child finds zeroes; pins are not touched",
	.effect = EFFECT_WIPE, .kinds = KIND_ANON | KIND_PRIVATE, .not_kinds = KIND_HUGETLB,
	.splits = true, .run = wipe_run,
};
