// SPDX-License-Identifier: GPL-2.0-only
/*
 * Soft-dirty bits, by which a process is saved bit by bit (CRIU): they write-protect pages as
 * COW does, and whatever copies or moves a page or its entry must take the bit along.
 */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define ANON	(KIND_ANON | KIND_PRIVATE | KIND_FIRST)
#define LOST	"a page that was written or moved and is not marked is missing in what was saved"

/* First this, then what happens to it, then written again. */
#define SOFTDIRTY(name, what, first, step, of)					\
	{ .id = "softdirty." name, .title = "Soft-dirty bits and " what,	\
	  .steps = "fill P; clearrefs P; " first step "; read P; clearrefs P; write P", \
	  .why = LOST, .kinds = ANON | (of) }

/* Written, and the mark must not be lost. */
#define TRACKED(name, what, step, of)	SOFTDIRTY(name, what, "write P; ", step, of)

#define BOTH(name, what, step)							\
	TRACKED(name, what, step, KIND_BASE),					\
	TRACKED(name "-thp", what, step, KIND_THP)

/* No store, but what must leave a mark all the same. */
#define NOTED(name, what, step)							\
	SOFTDIRTY(name, what, "", step, KIND_BASE),				\
	SOFTDIRTY(name "-thp", what, "", step, KIND_THP)

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
	NOTED("moved", "mremap() of what was not written", "remap P"),
	NOTED("dontunmap", "MREMAP_DONTUNMAP of what was not written", "dontunmap P"),
	/* Of a THP it would be a whole page table, which is not marked: docs/findings.md, 15. */
	SOFTDIRTY("moved-swapped", "mremap() of what is in swap", "", "swapout P; remap P",
		  KIND_BASE),
	NOTED("force", "writes past the protection",
	      "mprotect P r; force P; read P; clearrefs P; ptrace P; mprotect P rw"),
	NOTED("vmwrite", "process_vm_writev()", "vmwrite P; read P; clearrefs P; farwrite P"),
	TRACKED("split", "a folio that is split", "split P", KIND_THP),
	TRACKED("collapse", "MADV_COLLAPSE", "collapse P", KIND_THP),
	{ }
};

DEFINE_FAMILY(softdirty) = { .name = "softdirty", .rank = 118, .rows = rows };
