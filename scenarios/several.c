// SPDX-License-Identifier: GPL-2.0-only
/* Several hugetlb pages in one mapping: what is done to it is done to each of them. */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define EACH	"the kernel goes from huge page to huge page, and none may be left out"
#define PAGES	.why = EACH, .kinds = KIND_PRIVATE | KIND_HUGETLB | KIND_SEVERAL

static const struct scenario rows[] = {
	{ .id = "several.fork", .title = "fork(), each writes to another page first",
	  .steps = "fill P; fork P C; write P upper; write C lower; write P; write C", PAGES },
	{ .id = "several.mprotect", .title = "fork() with mprotect() and back",
	  .steps = "fill P; fork P C; mprotect P r; mprotect P rw; write P; write C", PAGES },
	{ .id = "several.pin", .title = "%s pin, then fork()",
	  .steps = "fill P; pin P ro longterm; fork P C; write P upper; write P lower; write C",
	  PAGES },
	{ .id = "several.pin-lower", .title = "%s pin of the first page, then fork()",
	  .steps = "fill P; pin P ro longterm lower; fork P C; write C; write P", PAGES },
	{ .id = "several.fork-pin", .title = "fork(), then %s pin",
	  .steps = "fill P; fork P C; pin P ro longterm; write C; write P", PAGES },
	{ .id = "several.remap", .title = "%s pin, then mremap()",
	  .steps = "fill P; pin P rw longterm; remap P; write P; poke P", PAGES },
	{ .id = "several.unmap", .title = "%s pin, fork(), then munmap()",
	  .steps = "fill P; pin P rw longterm; fork P C; unmap P; write C; poke P", PAGES },
	{ }
};

DEFINE_FAMILY(several) = { .name = "several", .rank = 126, .rows = rows };
