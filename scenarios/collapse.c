// SPDX-License-Identifier: GPL-2.0-only
/* COW of ranges that are collapsed into a PMD-mapped THP before or after fork(). */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define COLLAPSE							\
	.suite = SUITE_COW, .bare_title_for = "thp-pte",		\
	.ksft_pass = "No leak from parent into child",			\
	.ksft_fail = "Leak from parent into child"

static const struct scenario rows[] = {
	{ .id = "collapse.before-fork",
	  .title = "Basic COW after fork() when collapsing before fork()",
	  .steps = "fill P; collapse P; fork P C; write P",
	  .why = "the pages of a fresh THP are exclusive until fork, and shared after it",
	  COLLAPSE },
	{ .id = "collapse.fully-shared",
	  .title = "Basic COW after fork() when collapsing after fork() (fully shared)",
	  /* Without a writable page in the range, kernels refuse (6.12: SCAN_PAGE_RO). */
	  .steps = "fill P; fork P C; write P first; collapse P; write P",
	  .why = "collapsing pages that a child shares must copy them",
	  COLLAPSE },
	{ .id = "collapse.lower-shared",
	  .title = "Basic COW after fork() when collapsing after fork() (lower shared)",
	  .steps = "fill P; dontfork P upper; fork P C; dofork P upper; collapse P; write P",
	  .why = "of the pages that are collapsed a child shares some",
	  COLLAPSE },
	{ .id = "collapse.upper-shared",
	  .title = "Basic COW after fork() when collapsing after fork() (upper shared)",
	  .steps = "fill P; dontfork P lower; fork P C; dofork P lower; collapse P; write P",
	  .why = "of the pages that are collapsed a child shares some",
	  COLLAPSE },
	{ .id = "collapse.hole",
	  .title = "Collapsing a range that was given up in part",
	  .steps = "fill P; discard P upper; collapse P; read P; write P first",
	  .why = "what was given up reads as zeroes, not as what was in the pages that are taken",
	  .kinds = KIND_ANON | KIND_PRIVATE | KIND_THP },
	{ .id = "collapse.hole-fork",
	  .title = "Collapsing a range that was given up in part, then fork()",
	  .steps = "fill P; discard P lower; collapse P; fork P C; write C; read P",
	  .why = "what was given up reads as zeroes, for the child as well",
	  .kinds = KIND_ANON | KIND_PRIVATE | KIND_THP },
	{ }
};

DEFINE_FAMILY(collapse) = { .name = "collapse", .rank = 70, .rows = rows };
