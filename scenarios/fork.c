// SPDX-License-Identifier: GPL-2.0-only
/* Copy-on-write after fork(), with nobody pinning. */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define NO_LEAK								\
	.ksft_pass = "No leak from parent into child",			\
	.ksft_fail = "Leak from parent into child"

static const struct scenario rows[] = {
	{ .id = "fork.basic",
	  .title = "Basic COW after fork()",
	  .steps = "fill P; fork P C; write P",
	  .why = "a child must not see what its parent writes after fork",
	  .suite = SUITE_COW, NO_LEAK },
	{ .id = "fork.mprotect",
	  .title = "Basic COW after fork() with mprotect() optimization",
	  .steps = "fill P; fork P C; mprotect P r; mprotect P rw; write P",
	  .why = "making a mapping writable again must not make shared pages writable",
	  .suite = SUITE_COW, NO_LEAK },
	{ .id = "fork.child-writes",
	  .title = "COW after fork(), child writes",
	  .steps = "fill P; fork P C; write C; write P",
	  .why = "a parent must not see what its child writes" },
	{ .id = "fork.child-exits",
	  .title = "COW after fork(), child exits",
	  .steps = "fill P; fork P C; exit C; write P; fork P G; write P; write G",
	  .why = "a page that was shared once may be reused only when nobody shares it" },
	{ .id = "fork.parent-exits",
	  .title = "COW after fork(), parent exits",
	  .steps = "fill P; fork P C; exit P; write C; fork C G; write C",
	  .why = "what a child inherited outlives its parent" },
	{ .id = "fork.grandchild",
	  .title = "COW after nested fork()",
	  .steps = "fill P; fork P C; fork C G; write P; write C; write G",
	  .why = "three processes share a page: each write must reach just one" },
	{ .id = "fork.siblings",
	  .title = "COW after fork(), two children",
	  .steps = "fill P; fork P C; fork P G; write C; exit C; write P; write G",
	  .why = "the last two who share a page still share it" },
	{ .id = "fork.halves",
	  .title = "COW after fork(), each writes one half",
	  .steps = "fill P; fork P C; write P lower; write C upper; write P upper; write C lower",
	  .why = "parts of a large folio may be shared while others are not" },
	{ .id = "fork.ends",
	  .title = "COW after fork(), single pages",
	  .steps = "fill P; fork P C; write P first; write C last; write P; write C",
	  .why = "one page of a large folio is copied, its neighbours are not" },
	{ .id = "fork.child-unmaps-half",
	  .title = "COW after fork(), child unmaps one half",
	  .steps = "fill P; fork P C; unmap C lower; write P; write C upper",
	  .why = "a folio that is mapped in part elsewhere is still shared" },
	{ .id = "fork.clearrefs",
	  .title = "COW after fork() with soft-dirty cleared",
	  .steps = "fill P; clearrefs P; fork P C; clearrefs P; write P; write C",
	  .why = "an entry write-protected to track writes must not be taken for one of COW" },
	{ .id = "fork.not-anon",
	  .title = "COW after fork(), only read before",
	  .steps = "read P; fork P C; write C; write P",
	  .why = "file pages and zeropages are copied for each who writes",
	  .kinds = KIND_PRIVATE | KIND_NOT_ANON },
	{ .id = "fork.shared",
	  .title = "MAP_SHARED after fork()",
	  .steps = "fill P; fork P C; write P; write C; write P",
	  .why = "shared memory stays shared",
	  .kinds = KIND_SHARED },
	{ .id = "cow.basic",
	  .title = "Basic COW",
	  .steps = "read P; write P",
	  .why = "a private write must not reach the file, or everybody's zeropage",
	  .kinds = KIND_PRIVATE | KIND_NOT_ANON,
	  .suite = SUITE_COW,
	  .ksft_pass = "Other mapping not modified",
	  .ksft_fail = "Other mapping modified" },
	{ }
};

DEFINE_FAMILY(fork_family) = { .name = "fork", .rank = 20, .rows = rows };
