// SPDX-License-Identifier: GPL-2.0-only
/*
 * What pins cost: since 6.2 a R/O long-term pin of never-written memory populates
 * anonymous pages, which count against RSS, the memory cgroup and RLIMIT_MEMLOCK. And what
 * memory costs that is moved, given up or swapped out.
 */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define ACCOUNT	.kinds = KIND_PRIVATE | KIND_ZERO, .accounts = true

/* A THP that is written, then what happens to it. */
#define THP(name, what, then, because)						\
	{ .id = "account." name, .title = "What a THP costs " what,		\
	  .steps = "fill P; " then "; unmap P", .why = because,			\
	  .kinds = KIND_ANON | KIND_PRIVATE | KIND_THP | KIND_FIRST, .accounts = true }

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
	{ .id = "account.sizes", .title = "VmSize and VmData, of parents and children",
	  .steps = "fill P; vmsize P; dontfork P; fork P C; vmsize C; dofork P; fork P G; "
		   "vmsize G; remap P; vmsize P; dontunmap P; vmsize P; mprotect G r; vmsize G; "
		   "unmap G; vmsize G; unmap P; vmsize P",
	  .why = "limits of a process's memory go by what is counted, not by what is there",
	  .kinds = KIND_ANON | KIND_PRIVATE | KIND_FIRST },
	THP("tonode", "that migrates", "tonode P; read P",
	    "as much as before, wherever it is"),
	THP("tonode-ptes", "that migrates page by page",
	    "remapback P first; tonode P; read P",
	    "as much as before, wherever it is"),
	THP("swapout", "that goes to swap", "swapout P; read P; write P",
	    "nothing in swap, and as much as before when it is back"),
	THP("discard", "that is given up, and written again", "discard P; write P",
	    "nothing in between, and as much as before"),
	THP("refill", "that userfaultfd fills", "refill P; read P",
	    "as many pages as there are, and none of those that were given up"),
	THP("collapse", "that is collapsed", "split P; collapse P; read P; write P",
	    "as much as before"),
	{ }
};

DEFINE_FAMILY(account) = { .name = "account", .rank = 100, .rows = rows };
