// SPDX-License-Identifier: GPL-2.0-only
/* R/O pins of anonymous memory that is mapped read-only, for whatever reason. */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define FIXED_5_19 "5.19 by 'mm/gup: trigger FAULT_FLAG_UNSHARE when R/O-pinning a possibly " \
		   "shared anonymous page'"
#define RELIABLE							\
	.fixed = FIXED_5_19,						\
	.ksft_pass = "Longterm R/O pin is reliable",			\
	.ksft_fail = "Longterm R/O pin is not reliable"

static const struct scenario rows[] = {
	{ .id = "ro-pin.shared",
	  .title = "R/O %s pin on R/O-mapped shared page",
	  .steps = "fill P; fork P C; pin P ro longterm; write P",
	  .why = "a page shared with a child must be unshared before a R/O pin, or the next "
		 "write replaces it under the pin",
	  .suite = SUITE_COW, RELIABLE },
	{ .id = "ro-pin.previously-shared",
	  .title = "R/O %s pin on R/O-mapped previously-shared page",
	  .steps = "fill P; fork P C; exit C; pin P ro longterm; write P",
	  .why = "a page that is shared no more must be known as exclusive, or be unshared",
	  .suite = SUITE_COW, RELIABLE },
	{ .id = "ro-pin.exclusive",
	  .title = "R/O %s pin on R/O-mapped exclusive page",
	  .steps = "fill P; mprotect P r; clearrefs P; mprotect P rw; pin P ro longterm; write P",
	  .why = "an exclusive page that is write-protected must be reused in place",
	  .suite = SUITE_COW, RELIABLE },
	{ .id = "ro-pin.shared-child-writes",
	  .title = "R/O %s pin on shared page, child writes",
	  .steps = "fill P; fork P C; pin P ro longterm; write C; write P; exit C; write P",
	  .why = "unsharing gives the pin a page of its own: the child's writes stay out of it, "
		 "and the parent's out of the child",
	  RELIABLE },
	{ .id = "ro-pin.by-child",
	  .title = "R/O %s pin by child on shared page",
	  .steps = "fill P; fork P C; pin C ro longterm; write P; write C",
	  .why = "the child's pin is of the child's page, the parent's next write is not in it",
	  RELIABLE },
	{ .id = "ro-pin.by-both",
	  .title = "R/O %s pins by parent and child",
	  .steps = "fill P; fork P C; pin P ro longterm; pin C ro longterm; write P; write C; "
		   "write P",
	  .why = "two pins of what was one page follow two processes",
	  RELIABLE },
	{ .id = "ro-pin.grandchild",
	  .title = "R/O %s pin by grandchild",
	  .steps = "fill P; fork P C; fork C G; pin G ro longterm; write C; write P; write G",
	  .why = "unsharing must copy as long as anybody else maps the page",
	  RELIABLE },
	{ .id = "ro-pin.ro-vma",
	  .title = "R/O %s pin of a R/O mapping",
	  .steps = "fill P; fork P C; mprotect P r; pin P ro longterm; mprotect P rw; write P",
	  .why = "a mapping that is read-only now may be writable later",
	  RELIABLE },
	{ .id = "rw-pin.ro-vma",
	  .title = "R/W longterm %s pin of a read-only mapping",
	  .steps = "fill P; mprotect P r; pin P rw longterm; mprotect P rw; write P",
	  .why = "who may not write must not have a device do it",
	  .kinds = KIND_BASE | KIND_FIRST },
	{ .id = "ro-pin.none",
	  .title = "R/O %s pin of a PROT_NONE mapping",
	  .steps = "fill P; mprotect P none; pin P ro longterm",
	  .why = "what a process must not read is not read for it",
	  .kinds = KIND_ANON | KIND_PRIVATE | KIND_FIRST },
	{ .id = "ro-pin.half",
	  .title = "R/O %s pin of one half of a shared range",
	  .steps = "fill P; fork P C; pin P ro longterm upper; write P; write C",
	  .why = "just the pinned pages of a large folio are unshared, at their own places",
	  RELIABLE },
	{ .id = "ro-pin.part-shared",
	  .title = "R/O %s pin where one half was written after fork()",
	  .steps = "fill P; fork P C; write P lower; pin P ro longterm; write P; write C",
	  .why = "of one range some pages are exclusive, others shared: each must be looked at",
	  RELIABLE },
	{ .id = "ro-pin.dontfork",
	  .title = "R/O %s pin where one half is MADV_DONTFORK",
	  .steps = "fill P; dontfork P upper; fork P C; pin P ro longterm; write P; write C lower",
	  .why = "of one folio some pages are shared with a child, others are not",
	  RELIABLE },
	{ .id = "ro-pin.short",
	  .title = "R/O short-term %s pin on R/O-mapped shared page",
	  .steps = "fill P; fork P C; pin P ro short; write P; write C",
	  .why = "on anonymous memory a short-term pin is as good as a long-term one",
	  RELIABLE },
	{ }
};

DEFINE_FAMILY(ro_pin) = { .name = "ro-pin", .rank = 50, .rows = rows };
