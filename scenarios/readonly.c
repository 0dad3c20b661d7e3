// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that may only be read, and pages that come into it from elsewhere than a store: they must
 * not be writable, however they came. Whoever protects memory relies on a fault at each store.
 */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define ANON	(KIND_ANON | KIND_PRIVATE | KIND_FIRST)

#define FAULT	"a page that comes into memory that may only be read is not writable there"

#define COMES(name, what, text, of)						\
	{ .id = "readonly." name, .title = "Read-only memory and " what,	\
	  .steps = text, .why = FAULT, .kinds = of }

static const struct scenario rows[] = {
	COMES("force-missing", "a write past the protection where there is no page",
	      "fill P; discard P; mprotect P r; force P; write P; mprotect P rw; write P", ANON),
	COMES("force-missing-file",
	      "a write past the protection where there is no page of a file",
	      "read P; discard P; mprotect P r; force P; write P; mprotect P rw; write P",
	      KIND_FILE | KIND_PRIVATE),
	COMES("force-last", "a write past the protection to what a child has left",
	      "fill P; fork P C; exit C; mprotect P r; force P; write P; mprotect P rw; write P",
	      ANON),
	COMES("swapoff", "swapoff()",
	      "fill P; mprotect P r; swapout P; swapoff P; write P; mprotect P rw; write P", ANON),
	COMES("refillhuge", "UFFDIO_COPY",
	      "fill P; mprotect P r; refillhuge P; write P; mprotect P rw; write P",
	      KIND_ANON | KIND_PRIVATE | KIND_HUGETLB),
	COMES("shared", "the pages of a shared file",
	      "read P; mprotect P r; discard P; read P; write P; mprotect P rw; write P",
	      KIND_SHARED | KIND_MEMFD),
	COMES("punch-half", "a hole in that part of a file",
	      "read P; mprotect P r upper; punch P upper; read P; write P; mprotect P rw; "
	      "write P", KIND_FILE | KIND_RANGE),
	{ }
};

DEFINE_FAMILY(readonly) = { .name = "readonly", .rank = 123, .rows = rows };
