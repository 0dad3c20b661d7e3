// SPDX-License-Identifier: GPL-2.0-only
/*
 * Soft-dirty bits, by which a process is saved bit by bit (CRIU): they write-protect pages as
 * COW does, and whatever copies or moves a page or its entry must take the bit along.
 */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define ANON	(KIND_ANON | KIND_PRIVATE | KIND_FIRST)
#define LOST	"a page that was written or moved and is not marked is missing in what was saved"

/*
 * First this, then what happens to it; then the marks are cleared, and it is written again, after
 * what comes last: a page that is not marked must not be writable without a fault, either.
 */
#define SOFTDIRTY(name, what, first, step, last, of)				\
	{ .id = "softdirty." name, .title = "Soft-dirty bits and " what,	\
	  .steps = "fill P; clearrefs P; " first step "; read P; clearrefs P; " last "write P", \
	  .why = LOST, .kinds = ANON | (of) }

/* Written, and the mark must not be lost. */
#define TRACKED(name, what, step, last, of)					\
	SOFTDIRTY(name, what, "write P; ", step, last, of)

#define BOTH(name, what, step, last)						\
	TRACKED(name, what, step, last, KIND_BASE),				\
	TRACKED(name "-thp", what, step, last, KIND_THP)

/* What can be done twice. */
#define TWICE(name, what, step)	BOTH(name, what, step, step "; read P; ")

/* No store, but what must leave a mark all the same. */
#define NOTED(name, what, step)							\
	SOFTDIRTY(name, what, "", step, "", KIND_BASE),				\
	SOFTDIRTY(name "-thp", what, "", step, "", KIND_THP)

/* From now on a THP is in page tables. */
#define PARTS	"mprotect P r first; mprotect P rw first; "

static const struct scenario rows[] = {
	BOTH("fork", "fork()", "fork P C; write C; write P", "fork P G; read P; "),
	BOTH("mprotect", "mprotect()",
	     "clearrefs P; mprotect P r; mprotect P rw; write P; mprotect P r; mprotect P rw",
	     "mprotect P r; mprotect P rw; read P; "),
	TWICE("pageout", "swap", "pageout P"),
	TWICE("swapoff", "swapoff()", "swapout P; swapoff P"),
	TRACKED("ksm", "KSM", "ksm P", "", KIND_BASE),
	TRACKED("ksminto", "KSM, which replaces the page", "ksminto P", "", KIND_BASE),
	TWICE("remap", "mremap()", "remap P"),
	TWICE("tonode", "migration", "tonode P"),
	BOTH("pin", "a R/O longterm %s pin of shared pages",
	     "fork P C; pin P ro longterm; unpin P",
	     "fork P G; pin P ro longterm; unpin P; read P; "),
	NOTED("moved", "mremap() of what was not written", "remap P"),
	NOTED("dontunmap", "MREMAP_DONTUNMAP of what was not written", "dontunmap P"),
	/* Of a THP it would be a whole page table, which is not marked: docs/findings.md, 15. */
	SOFTDIRTY("moved-swapped", "mremap() of what is in swap", "", "swapout P; remap P", "",
		  KIND_BASE),
	NOTED("force", "writes past the protection",
	      "mprotect P r; force P; read P; clearrefs P; ptrace P; mprotect P rw"),
	NOTED("vmwrite", "process_vm_writev()", "vmwrite P; read P; clearrefs P; farwrite P"),
	{ .id = "softdirty.fork-part", .title = "Soft-dirty bits and fork(), a part is written",
	  .steps = "fill P; " PARTS "clearrefs P; write P last; "
		   "fork P C; read C; read P; write C",
	  .why = LOST, .kinds = ANON | KIND_THP },
	TRACKED("collapse-parts", "MADV_COLLAPSE of what is in page tables",
		PARTS "clearrefs P; write P last; collapse P", "", KIND_THP),
	TRACKED("split", "a folio that is split", "split P", "split P; read P; ", KIND_THP),
	TRACKED("collapse", "MADV_COLLAPSE", "collapse P", "collapse P; read P; ", KIND_THP),
	{ }
};

DEFINE_FAMILY(softdirty) = { .name = "softdirty", .rank = 118, .rows = rows };
