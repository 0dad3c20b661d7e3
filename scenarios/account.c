// SPDX-License-Identifier: GPL-2.0-only
/*
 * What pins cost: since 6.2 a R/O long-term pin of never-written memory populates
 * anonymous pages, which count against RSS, the memory cgroup and RLIMIT_MEMLOCK.
 */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define ACCOUNT	.kinds = KIND_PRIVATE | KIND_ZERO, .accounts = true

static const struct scenario rows[] = {
	{ .id = "account.ro-longterm",
	  .title = "Memory that a R/O longterm %s pin populates",
	  .steps = "read P; pin P ro longterm; unpin P; unmap P",
	  .why = "as many anonymous pages as are pinned, and all are given back",
	  .fixed = "6.2 by 'mm/gup: reliable R/O long-term pinning in COW mappings'",
	  ACCOUNT },
	{ .id = "account.ro-longterm-half",
	  .title = "Memory that a R/O longterm %s pin of one half populates",
	  .steps = "read P; pin P ro longterm lower; unpin P; unmap P",
	  .why = "as many anonymous pages as are pinned, and no more",
	  .fixed = "6.2 by 'mm/gup: reliable R/O long-term pinning in COW mappings'",
	  /* Base pages: of the huge zeropage newer kernels (7.3) make a whole THP. */
	  .kinds = KIND_PRIVATE | KIND_ZERO | KIND_EXTRA, .accounts = true },
	{ .id = "account.ro-short",
	  .title = "Memory that a R/O short-term %s pin populates",
	  .steps = "read P; pin P ro short; unpin P; unmap P",
	  .why = "none: it may pin the zeropage",
	  ACCOUNT },
	{ .id = "account.rw-longterm",
	  .title = "Memory that a R/W longterm %s pin populates",
	  .steps = "read P; pin P rw longterm; unpin P; unmap P",
	  .why = "as many anonymous pages as are pinned, and all are given back",
	  ACCOUNT },
	{ .id = "account.populate",
	  .title = "Memory that MADV_POPULATE_WRITE populates",
	  .steps = "read P; popwrite P; read P; unmap P",
	  .why = "as many anonymous pages as there are, and all are given back",
	  ACCOUNT },
	{ }
};

DEFINE_FAMILY(account) = { .name = "account", .rank = 100, .rows = rows };
