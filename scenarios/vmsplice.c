// SPDX-License-Identifier: GPL-2.0-only
/* References by vmsplice(): they promise no more than a snapshot, but never a leak. */
#include "scenarios/scenario.h"

#define NO_LEAK_DOWN							\
	.ksft_pass = "No leak from parent into child",			\
	.ksft_fail = "Leak from parent into child"
#define NO_LEAK_UP							\
	.ksft_pass = "No leak from child into parent",			\
	.ksft_fail = "Leak from child into parent"

static const struct scenario rows[] = {
	{ .id = "vmsplice.child-unmap",
	  .title = "vmsplice() + unmap in child",
	  .steps = "fill P; fork P C; pin C vmsplice; unmap C; write P",
	  .why = "a reference must keep the parent from reusing the page in place, or the "
		 "child reads its secrets from the pipe",
	  .cve = "CVE-2020-29374", .suite = SUITE_COW, NO_LEAK_DOWN },
	{ .id = "vmsplice.child-unmap-mprotect",
	  .title = "vmsplice() + unmap in child with mprotect() optimization",
	  .steps = "fill P; fork P C; pin C vmsplice; unmap C; mprotect P r; mprotect P rw; "
		   "write P",
	  .why = "making the mapping writable again must not make the page writable in place",
	  .cve = "CVE-2020-29374", .suite = SUITE_COW, NO_LEAK_DOWN },
	{ .id = "vmsplice.parent-before-fork",
	  .title = "vmsplice() before fork(), unmap in parent after fork()",
	  .steps = "fill P; pin P vmsplice; fork P C; unmap P; write C",
	  .why = "the child must not reuse in place a page that its parent's pipe still holds",
	  .suite = SUITE_COW, NO_LEAK_UP },
	{ .id = "vmsplice.parent-after-fork",
	  .title = "vmsplice() + unmap in parent after fork()",
	  .steps = "fill P; fork P C; pin P vmsplice; unmap P; write C",
	  .why = "the child must not reuse in place a page that its parent's pipe still holds",
	  .suite = SUITE_COW, NO_LEAK_UP },
	{ .id = "vmsplice.child-exclusive",
	  .title = "vmsplice() in child after it wrote",
	  .steps = "fill P; fork P C; write C; pin C vmsplice; write P; unmap C; write P",
	  .why = "the pipe holds the child's own page: the parent has no part in it" },
	{ .id = "vmsplice.grandchild",
	  .title = "vmsplice() + unmap in grandchild",
	  .steps = "fill P; fork P C; fork C G; pin G vmsplice; unmap G; write C; write P",
	  .why = "whoever writes last must not be taken for the only user of the page" },
	{ .id = "vmsplice.half",
	  .title = "vmsplice() of one half + unmap in child",
	  .steps = "fill P; fork P C; pin C vmsplice lower; unmap C; write P",
	  .why = "a reference to one page of a folio keeps that page from being reused" },
	{ .id = "vmsplice.child-unmap-clearrefs",
	  .title = "vmsplice() + unmap in child with soft-dirty cleared",
	  .steps = "fill P; fork P C; pin C vmsplice; unmap C; clearrefs P; write P",
	  .why = "an entry write-protected to track writes may not be made writable in place" },
	{ }
};

DEFINE_FAMILY(vmsplice_family) = { .name = "vmsplice", .rank = 30, .rows = rows };
