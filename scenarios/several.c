// SPDX-License-Identifier: GPL-2.0-only
/* Several hugetlb pages in one mapping: what is done to it is done to each of them. */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define EACH	"the kernel goes from huge page to huge page, and none may be left out"
#define FROM_THERE "private copies of what a file has lost are gone, and no others"
#define COPIES	KIND_FILE | KIND_PRIVATE | KIND_HUGETLB | KIND_SEVERAL
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
	{ .id = "several.unmap-upper", .title = "%s pin, fork(), then munmap() of the second page",
	  .steps = "fill P; pin P rw longterm; fork P C; unmap P upper; write C; write P; poke P; "
		   "fork P G; write G",
	  PAGES },
	{ .id = "several.mprotect-lower", .title = "%s pin, mprotect() of the first page, fork()",
	  .steps = "fill P; pin P ro longterm; mprotect P r lower; write P upper; fork P C; "
		   "mprotect C rw; write C; mprotect P rw; write P",
	  PAGES },
	{ .id = "several.dontfork-upper", .title = "%s pin, MADV_DONTFORK of a page, fork()",
	  .steps = "fill P; pin P rw longterm; dontfork P upper; fork P C; write C; write P; "
		   "poke P",
	  PAGES },
	{ .id = "several.discard-upper", .title = "fork(), %s pin, MADV_DONTNEED of a page",
	  .steps = "fill P; fork P C; pin P ro longterm; discard P upper; read P; write P; write C",
	  PAGES },
	{ .id = "several.truncate-upper", .title = "fork(), %s pin, the file loses its second page",
	  .steps = "fill P; fork P C; pin P ro longterm; truncatehuge P upper; read P; read C; "
		   "write C; write P",
	  .why = FROM_THERE, .kinds = COPIES },
	{ .id = "several.truncate", .title = "fork(), %s pin, the file loses a page, then all",
	  .steps = "fill P; pin P ro longterm; fork P C; truncatehuge C upper; write P lower; "
		   "write C; truncatehuge P; read C; read P; write P; write C",
	  .why = FROM_THERE, .kinds = COPIES },
	{ .id = "several.remap-untouched",
	  .title = "mremap() of pages of which one was never written, %s pin",
	  .steps = "write P lower; remap P; fill P; pin P ro longterm; fork P C; write C; write P",
	  .why = "a page that is reserved for a mapping is so wherever that is moved to",
	  .kinds = KIND_PRIVATE | KIND_HUGETLB | KIND_SEVERAL },
	{ }
};

DEFINE_FAMILY(several) = { .name = "several", .rank = 126, .rows = rows };
