// SPDX-License-Identifier: GPL-2.0-only
/*
 * Soft-dirty bits, by which a process is saved bit by bit (CRIU): they write-protect pages as
 * COW does, and whatever copies or moves a page or its entry must take the bit along.
 */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define ANON	(KIND_ANON | KIND_PRIVATE | KIND_FIRST)
#define LOST	"a page that was written and is not marked is missing in what was saved"

/* Written, then what happens to it, then written again. */
#define TRACKED(name, what, step, of)						\
	{ .id = "softdirty." name, .title = "Soft-dirty bits and " what,	\
	  .steps = "fill P; clearrefs P; write P; " step "; read P; clearrefs P; write P",	\
	  .why = LOST, .kinds = ANON | (of) }

#define BOTH(name, what, step)							\
	TRACKED(name, what, step, KIND_BASE),					\
	TRACKED(name "-thp", what, step, KIND_THP)

static const struct scenario rows[] = {
	BOTH("fork", "fork()", "fork P C; write C; write P"),
	BOTH("mprotect", "mprotect()",
	     "clearrefs P; mprotect P r; mprotect P rw; write P; mprotect P r; mprotect P rw"),
	BOTH("pageout", "swap", "pageout P"),
	BOTH("swapoff", "swapoff()", "swapout P; swapoff P"),
	TRACKED("ksm", "KSM", "ksm P", KIND_BASE),
	TRACKED("ksminto", "KSM, which replaces the page", "ksminto P", KIND_BASE),
	BOTH("remap", "mremap()", "remap P"),
	BOTH("tonode", "migration", "tonode P"),
	BOTH("pin", "a R/O longterm %s pin of shared pages",
	     "fork P C; pin P ro longterm; unpin P"),
	TRACKED("split", "a folio that is split", "split P", KIND_THP),
	TRACKED("collapse", "MADV_COLLAPSE", "collapse P", KIND_THP),
	{ }
};

DEFINE_FAMILY(softdirty) = { .name = "softdirty", .rank = 118, .rows = rows };
