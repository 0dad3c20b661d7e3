// SPDX-License-Identifier: GPL-2.0-only
/* Long-term pins of file mappings: given, or refused, and the data is checked. */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

/* The kernel's gup_longterm looks at no data: the pin is given where it must be. */
#define LONGTERM							\
	.suite = SUITE_LONGTERM,					\
	.ksft_pass = "Should have worked", .ksft_fail = "Should have worked"
#define FIXED_6_5 "6.5 by 'mm/gup: disallow FOLL_LONGTERM GUP-nonfast writing to file-backed " \
		  "mappings'"

static const struct scenario rows[] = {
	{ .id = "longterm.rw-shared",
	  .title = "R/W longterm %s pin in MAP_SHARED file mapping",
	  .steps = "fill P; pin P rw longterm; write P; poke P; fork P C; write C",
	  .why = "given on memory files; refused where writes must be announced to a file system",
	  .kinds = KIND_SHARED | KIND_FILE, .fixed = FIXED_6_5, LONGTERM },
	{ .id = "longterm.rw-private",
	  .title = "R/W longterm %s pin in MAP_PRIVATE file mapping",
	  .steps = "read P; pin P rw longterm; write P; poke P; fork P C; write C; write P",
	  .why = "a private mapping's page is anonymous by the time it is pinned for writing",
	  .kinds = KIND_PRIVATE | KIND_FILE, LONGTERM },
	{ .id = "longterm.ro-shared",
	  .title = "R/O longterm %s pin in MAP_SHARED file mapping",
	  .steps = "fill P; mprotect P r; pin P ro longterm; mprotect P rw; write P; fork P C; "
		   "write C",
	  .why = "the pin is of the file's page: all who write to the file write to it",
	  .kinds = KIND_SHARED | KIND_FILE, LONGTERM },
	{ .id = "longterm.ro-private",
	  .title = "R/O longterm %s pin in MAP_PRIVATE file mapping",
	  .steps = "read P; mprotect P r; pin P ro longterm; mprotect P rw; write P; fork P C; "
		   "write C",
	  .why = "COW must be broken before the pin although the mapping is read-only then",
	  .kinds = KIND_PRIVATE | KIND_FILE,
	  .fixed = "6.2 by 'mm/gup: reliable R/O long-term pinning in COW mappings'", LONGTERM },
	{ .id = "longterm.rw-short-shared",
	  .title = "R/W short-term %s pin in MAP_SHARED file mapping",
	  .steps = "fill P; pin P rw short; write P; poke P",
	  .why = "direct I/O into a file mapping is allowed, and arrives",
	  .kinds = KIND_SHARED | KIND_FILE },
	{ }
};

DEFINE_FAMILY(longterm) = { .name = "longterm", .rank = 80, .rows = rows };
