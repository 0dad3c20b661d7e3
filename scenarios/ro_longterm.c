// SPDX-License-Identifier: GPL-2.0-only
/* R/O long-term pins of what is not anonymous memory yet: the tests that started it. */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define RELIABLE							\
	.ksft_pass = "Longterm R/O pin is reliable",			\
	.ksft_fail = "Longterm R/O pin is not reliable"

static const struct scenario rows[] = {
	{ .id = "ro-longterm",
	  .title = "R/O longterm %s pin",
	  .steps = "read P; pin P ro longterm; write P",
	  .why = "COW must be broken before such a pin, or the next write replaces the page "
		 "under it",
	  .kinds = KIND_PRIVATE | KIND_NOT_ANON,
	  .suite = SUITE_COW,
	  .fixed = FIXED_6_2,
	  RELIABLE },
	{ .id = "ro-longterm.ro-vma",
	  .title = "R/O longterm %s pin of a R/O mapping",
	  .steps = "read P; mprotect P r; pin P ro longterm; mprotect P rw; write P",
	  .why = "a mapping that is read-only now may be writable later",
	  .kinds = KIND_PRIVATE | KIND_NOT_ANON,
	  .fixed = FIXED_6_2,
	  RELIABLE },
	{ .id = "ro-longterm.fork",
	  .title = "R/O longterm %s pin, then fork()",
	  .steps = "read P; pin P ro longterm; fork P C; write P; write C",
	  .why = "the page of the pin is the owner's own: fork must copy it for the child",
	  .kinds = KIND_PRIVATE | KIND_NOT_ANON,
	  .fixed = FIXED_6_2,
	  RELIABLE },
	{ .id = "ro-longterm.child",
	  .title = "R/O longterm %s pin by child",
	  .steps = "read P; fork P C; pin C ro longterm; write P; write C",
	  .why = "the child's pin must be of a page that its own next write does not replace",
	  .kinds = KIND_PRIVATE | KIND_NOT_ANON,
	  .fixed = FIXED_6_2,
	  RELIABLE },
	{ .id = "ro-longterm.part",
	  .title = "R/O longterm %s pin of one half",
	  .steps = "read P; pin P ro longterm upper; write P",
	  .why = "COW must be broken for just the pages that are pinned, at their own places",
	  .kinds = KIND_PRIVATE | KIND_NOT_ANON,
	  .fixed = FIXED_6_2,
	  RELIABLE },
	{ .id = "ro-longterm.filecollapse",
	  .title = "R/O longterm %s pin of a PMD-mapped THP of the file",
	  .steps = "read P; filecollapse P; pin P ro longterm; write P; fork P C; write P; write C",
	  .why = "COW must be broken page by page where one entry maps the file's pages, and "
		 "the pin must come to an end",
	  .kinds = KIND_FILE | KIND_PRIVATE | KIND_RANGE,
	  .fixed = FIXED_6_2, .may_hang = true },
	{ .id = "ro-short",
	  .title = "R/O short-term %s pin",
	  .steps = "read P; pin P ro short; write P; write P",
	  .why = "it promises a snapshot: old or later content of its owner, nothing else",
	  .kinds = KIND_PRIVATE | KIND_NOT_ANON },
	{ .id = "ro-short.fork",
	  .title = "R/O short-term %s pin, then fork()",
	  .steps = "read P; pin P ro short; fork P C; write C; write P",
	  .why = "what the child writes must never show through its parent's pin",
	  .kinds = KIND_PRIVATE | KIND_NOT_ANON },
	{ .id = "ro-short.filecollapse",
	  .title = "R/O short-term %s pin of a PMD-mapped THP of the file, then fork()",
	  .steps = "read P; filecollapse P; pin P ro short; fork P C; write C upper; write P",
	  .why = "it promises a snapshot: what the child writes is none of that",
	  .kinds = KIND_FILE | KIND_PRIVATE | KIND_RANGE },
	{ .id = "rw-pin.filecollapse",
	  .title = "R/W longterm %s pin of a PMD-mapped THP of the file",
	  .steps = "read P; filecollapse P; pin P rw longterm upper; write P; poke P; fork P C; "
		   "write P; write C",
	  .why = "COW is broken for just the pages that are pinned, at their own places",
	  .kinds = KIND_FILE | KIND_PRIVATE | KIND_RANGE },
	{ .id = "rw-pin.not-anon",
	  .title = "R/W longterm %s pin",
	  .steps = "read P; pin P rw longterm; write P; poke P; fork P C; write P; write C",
	  .why = "a R/W pin breaks COW at once, and what is written through it is the owner's",
	  .kinds = KIND_PRIVATE | KIND_NOT_ANON },
	{ }
};

DEFINE_FAMILY(ro_longterm) = { .name = "ro-longterm", .rank = 10, .rows = rows };
