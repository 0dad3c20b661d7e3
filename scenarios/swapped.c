// SPDX-License-Identifier: GPL-2.0-only
/* Memory that goes to swap and comes back: whose it is then, and what is in it. */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define ANON	(KIND_ANON | KIND_PRIVATE | KIND_FIRST)

#define CACHED	"a page that is in memory and in swap at once is where swap entries look for it"
#define BACK	"what was in swap is there again, wherever it is now, for all who share it"

#define BESIDE	"a folio that is faulted in must not take the place of what is there already"

static const struct scenario rows[] = {
	{ .id = "swapped.fork-tonode", .title = "fork(), migration of what is in the swap cache",
	  .steps = "fill P; fork P C; read P; tonode P; read C; write C; write P",
	  .why = CACHED, .kinds = KIND_ANON | KIND_PRIVATE | KIND_SWAPCACHE },
	{ .id = "swapped.tonode-again",
	  .title = "Migration of what is in the swap cache, and swapped out again",
	  .steps = "fill P; read P; tonode P; swapout P; read P; write P",
	  .why = CACHED, .kinds = KIND_ANON | KIND_PRIVATE | KIND_SWAPCACHE },
	{ .id = "swapped.fork-tonode-last",
	  .title = "fork(), migration of what is in the swap cache, its last page read first",
	  .steps = "fill P; fork P C; read P; tonode P; read C last; read C; write C; write P",
	  .why = CACHED, .kinds = KIND_ANON | KIND_PRIVATE | KIND_SWAPCACHE | KIND_THP },
	{ .id = "swapped.fork-split",
	  .title = "fork(), a folio in the swap cache split, its last page read first",
	  .steps = "fill P; fork P C; read P; split P; read C last; read C; write C; write P",
	  .why = CACHED, .kinds = KIND_ANON | KIND_PRIVATE | KIND_SWAPCACHE | KIND_THP },
	{ .id = "swapped.almost-zero", .title = "Swapped out with zeroes in all but the last page",
	  .steps = "fill P; discard P; write P last; swapout P; read P; fork P C; write C first; "
		   "write P",
	  .why = "a folio is not all zeroes because its beginning is",
	  .kinds = KIND_ANON | KIND_PRIVATE | KIND_THP | KIND_FIRST },
	{ .id = "swapped.zeroes-again",
	  .title = "Pages of zeroes in swap, read, written, and in swap again",
	  .steps = "fill P; discard P; popwrite P; swapout P; read P; write P; swapout P; "
		   "reclaim P; reclaim P; read P; fork P C; write C; write P",
	  .why = "what is known of a place in swap is of what is there now",
	  .kinds = KIND_ANON | KIND_PRIVATE | KIND_SWAPCACHE },
	{ .id = "swapped.shared", .title = "Shared memory of a memfd in swap, and swapoff()",
	  .steps = "fill P; reclaim P; swapoff P; read P; reclaim P; read P; fork P C; write C; "
		   "write P",
	  .why = BACK, .kinds = KIND_SHARED | KIND_MEMFD },
	{ .id = "swapped.shared-more", .title = "More shared memory in swap, and swapoff()",
	  .steps = "fill P; reclaim P; swapoff P; read P; reclaim P; read P; fork P C; write C; "
		   "write P",
	  .why = BACK, .kinds = KIND_SHARED | KIND_EXTRA },
	{ .id = "swapped.last-shared",
	  .title = "In swap, of which a grandchild has the last page only, given up",
	  .steps = "fill P; swapout P; fork P C; dontfork C; dofork C last; fork C G; exit C; "
		   "discard P; write P; swapout P; read G; read P; write G",
	  .why = "of places in swap that are given up at once, the last may have another user",
	  .kinds = KIND_ANON | KIND_PRIVATE | KIND_THP | KIND_FIRST },
	{ .id = "swapped.child-first", .title = "Swapped in by a child, which exits, migration",
	  .steps = "fill P; swapout P; fork P C; read C; read P; exit C; tonode P; swapout P; "
		   "read P; write P",
	  .why = "what a child has brought in is found where its parent has it, too",
	  .kinds = ANON },
	{ .id = "swapped.parent-exits", .title = "fork(), the parent exits, swapped out",
	  .steps = "fill P; fork P C; exit P; swapout C; read C; write C",
	  .why = "what a process has from its parent is found where it is, when that is no more",
	  .kinds = ANON },
	{ .id = "swapped.crowd", .title = "In swap, and 70 children",
	  .steps = "fill P; swapout P; crowd P; swapout P; fork P C; crowd C; reclaim P; crowd P; "
		   "write C; write P",
	  .why = "a place in swap is somebody's until the last one has given it up",
	  .kinds = KIND_BASE },
	{ .id = "swapped.full", .title = "Swapped out where no write to swap succeeds, %s pin",
	  .steps = "fill P; swapfull P; read P; fork P C; write C; swapfull C; read C; swapout C; "
		   "pin P ro longterm; swapfull P; write P; write C",
	  .why = "what could not be written is in memory only, and must stay there",
	  .kinds = ANON },
	{ .id = "swapped.grandchild-left",
	  .title = "fork() by a child, all but the grandchild exit, swapped out",
	  .steps = "fill P; fork P C; fork C G; exit P; exit C; swapout G; read G; write G",
	  .why = "what a process has from its forebears is found where it is when they are gone",
	  .kinds = ANON },
	{ .id = "swapped.refault",
	  .title = "Given up, %s pin, written again, an end of it before MADV_HUGEPAGE",
	  .steps = "fill P; refault P; fork P C; read C; pin P ro longterm; refault P; write C; "
		   "write P",
	  .why = BESIDE, .kinds = KIND_ANON | KIND_PRIVATE | KIND_SWAPCACHE | KIND_THP },
	{ .id = "swapped.refault-swapped",
	  .title = "Given up, an end of it written and in swap, the rest with MADV_HUGEPAGE",
	  .steps = "fill P; refaultswapped P; fork P C; read C; write P; refaultswapped C; write C",
	  .why = BESIDE, .kinds = KIND_ANON | KIND_PRIVATE | KIND_SWAPCACHE | KIND_THP },
	{ }
};

DEFINE_FAMILY(swapped) = { .name = "swapped", .rank = 124, .rows = rows };
