// SPDX-License-Identifier: GPL-2.0-only
/*
 * Write protection by PAGEMAP_SCAN, the successor of soft-dirty bits: it is in page table entries,
 * and stays there from one step to the next until somebody writes.
 */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define ANON	(KIND_ANON | KIND_PRIVATE | KIND_FIRST)

#define LOST	"a page that is protected no more, or still is after a write, is missing in what " \
		"was saved"

#define PROTECTED(name, what, text, of)						\
	{ .id = "writeprotect." name, .title = "PAGEMAP_SCAN write protection and " what, \
	  .steps = text, .why = LOST, .kinds = ANON | (of) }

#define BOTH(name, what, steps)							\
	PROTECTED(name, what, steps, KIND_BASE),				\
	PROTECTED(name "-thp", what, steps, KIND_THP)

static const struct scenario rows[] = {
	BOTH("fork", "fork()",
	     "fill P; scanwp P; fork P C; write C; read P; scanwp P; write P; scanwp P"),
	BOTH("mprotect", "mprotect()",
	     "fill P; scanwp P; mprotect P r; mprotect P rw; write P; scanwp P; mprotect P r; "
	     "mprotect P rw; write P"),
	BOTH("swapout", "swap",
	     "fill P; scanwp P; swapout P; read P; write P; scanwp P; swapout P; write P"),
	BOTH("swapped", "what is in swap",
	     "fill P; swapout P; scanwp P; read P; write P; swapout P; fork P C; scanwp P; "
	     "swapoff P; write P"),
	BOTH("swapoff", "swapoff()",
	     "fill P; scanwp P; swapout P; swapoff P; read P; write P"),
	BOTH("force", "a write past the protection",
	     "fill P; scanwp P; mprotect P r; force P; read P; scanwp P; ptrace P; mprotect P rw; "
	     "write P"),
	BOTH("vmwrite", "process_vm_writev()",
	     "fill P; scanwp P; vmwrite P; read P; scanwp P; fork P C; farwrite P; write P"),
	BOTH("remap", "mremap()",
	     "fill P; scanwp P; remap P; read P; write P; scanwp P; write P"),
	BOTH("missing", "what is not there yet",
	     "fill P; discard P; scanwp P; read P; write P; scanwp P; write P"),
	BOTH("tonode", "migration",
	     "fill P; scanwp P; tonode P; read P; write P; scanwp P; tonode P; write P"),
	BOTH("pin", "a R/O longterm %s pin of shared pages",
	     "fill P; fork P C; scanwp P; pin P ro longterm; read P; write P; scanwp P; write C"),
	BOTH("alone", "a R/O longterm %s pin of what was shared",
	     "fill P; fork P C; exit C; scanwp P; pin P ro longterm; read P; write P; scanwp P; "
	     "write P"),
	{ .id = "writeprotect.huge",
	  .title = "PAGEMAP_SCAN write protection of hugetlb pages, and %s pins",
	  .steps = "fill P; fork P C; scanwphuge P; pin P ro longterm; read P; unpin P; write C; "
		   "tonode P; read P; mprotect P r; mprotect P rw; read P; write P; "
		   "scanwphuge P; fork P G; tonode P; write P; write G",
	  .why = LOST, .kinds = KIND_ANON | KIND_PRIVATE | KIND_HUGETLB },
	{ .id = "writeprotect.shared",
	  .title = "PAGEMAP_SCAN write protection of shared memory, and reclaim",
	  .steps = "read P; scanwpshared P; reclaim P; read P; write P; fork P C; scanwpshared P; "
		   "write C; reclaim P; read P; write P",
	  .why = LOST, .kinds = KIND_SHARED | KIND_MEMFD | KIND_FIRST },
	PROTECTED("split", "a folio that is split",
		  "fill P; scanwp P; split P; read P; write P first; scanwp P; write P", KIND_THP),
	PROTECTED("collapse", "MADV_COLLAPSE",
		  "fill P; scanwp P; write P first; collapse P; read P; write P", KIND_THP),
	PROTECTED("split-empty", "a folio that is split, of which little was ever written",
		  "fill P; discard P; write P first; scanwp P; split P; read P; write P last; "
		  "scanwp P; write P", KIND_THP),
	{ .id = "writeprotect.collapse-shared",
	  .title = "PAGEMAP_SCAN write protection of shared memory, collapsed by another process",
	  .steps = "fill P; fork P C; scanwpshared C; filecollapse P; read C; write C; "
		   "scanwpshared C; reclaim P; filecollapse P; read C; write C",
	  .why = LOST, .kinds = KIND_SHARED | KIND_FILE | KIND_RANGE },
	{ }
};

DEFINE_FAMILY(writeprotect) = { .name = "writeprotect", .rank = 119, .rows = rows };
