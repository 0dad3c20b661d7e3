// SPDX-License-Identifier: GPL-2.0-only
/* io_uring fixed buffers: R/W long-term pins that every process can take. */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define RELIABLE							\
	.ksft_pass = "Longterm R/W pin is reliable",			\
	.ksft_fail = "Longterm R/W pin is not reliable"
/* Of gup_longterm, which looks at no data: the pin is given where it must be. */
#define GIVEN	.suite = SUITE_LONGTERM, .ksft_pass = "Should have worked",	\
		.ksft_fail = "Should have worked"

static const struct scenario rows[] = {
	{ .id = "iouring.ro-mapping",
	  .title = "R/O-mapping a page registered as iouring fixed buffer",
	  .steps = "fill P; pin P iouring; mprotect P r; clearrefs P; mprotect P rw; write P",
	  .why = "a pinned page that was write-protected must be reused in place",
	  .suite = SUITE_COW, RELIABLE },
	{ .id = "iouring.fork",
	  .title = "fork() with an iouring fixed buffer",
	  .steps = "fill P; pin P iouring; fork P C; write P",
	  .why = "fork must copy a pinned page for the child at once, not share it",
	  .suite = SUITE_COW, RELIABLE },
	{ .id = "iouring.through",
	  .title = "fork(), writing through an iouring fixed buffer",
	  .steps = "fill P; pin P iouring; poke P; fork P C; poke P; write C; write P; poke P",
	  .why = "what is written through the pin is what its owner sees, and nobody else",
	  RELIABLE },
	{ .id = "iouring.child",
	  .title = "iouring fixed buffer registered by child",
	  .steps = "fill P; fork P C; pin C iouring; write P; write C; poke C",
	  .why = "a R/W pin of a shared page is of a copy: its owner's",
	  RELIABLE },
	{ .id = "iouring.half",
	  .title = "iouring fixed buffer on one half",
	  .steps = "fill P; pin P iouring upper; fork P C; write P; poke P; write C",
	  .why = "a buffer may begin inside a large folio: offsets, and what fork copies",
	  RELIABLE },
	{ .id = "iouring.last",
	  .title = "iouring fixed buffer on the last page",
	  .steps = "fill P; pin P iouring last; poke P; fork P C; write P; poke P",
	  .why = "a buffer may begin inside a large folio: offsets, and what fork copies",
	  RELIABLE },
	{ .id = "iouring.several",
	  .title = "iouring fixed buffer over several folios",
	  .steps = "fill P; pin P iouring; poke P; fork P C; write P; poke P; write C",
	  .why = "a buffer begins inside a folio and goes on in the next: each page at its place",
	  .kinds = KIND_PRIVATE | KIND_SEVERAL },
	{ .id = "iouring.several-half",
	  .title = "iouring fixed buffers over parts of several folios",
	  .steps = "fill P; fork P C; pin C iouring lower; pin P iouring upper; poke P; poke C 1; "
		   "write P; write C; poke C 1; unpin C 1; poke P 2",
	  .why = "a buffer begins inside a folio and goes on in the next: each page at its place",
	  .kinds = KIND_PRIVATE | KIND_SEVERAL },
	{ .id = "iouring.several-lower",
	  .title = "iouring fixed buffer over the lower half of several folios",
	  .steps = "fill P; pin P iouring lower; poke P; fork P C; write P; poke P; write C",
	  .why = "a buffer may end in a larger folio than it began in: each page at its place",
	  .kinds = KIND_PRIVATE | KIND_SEVERAL },
	{ .id = "iouring.file-shared",
	  .title = "io_uring fixed buffer with MAP_SHARED file mapping",
	  .steps = "fill P; pin P iouring; write P; poke P",
	  .why = "given on memory files; refused where writes must be announced to a file system",
	  .kinds = KIND_SHARED | KIND_FILE, .fixed = "6.5 by 'mm/gup: disallow FOLL_LONGTERM "
	  "GUP-nonfast writing to file-backed mappings'", GIVEN },
	{ .id = "iouring.file-private",
	  .title = "io_uring fixed buffer with MAP_PRIVATE file mapping",
	  .steps = "read P; pin P iouring; write P; poke P",
	  .why = "a private mapping's page is anonymous by the time it is pinned for writing",
	  .kinds = KIND_PRIVATE | KIND_FILE, GIVEN },
	{ }
};

DEFINE_FAMILY(iouring_family) = { .name = "iouring", .rank = 40, .rows = rows };
