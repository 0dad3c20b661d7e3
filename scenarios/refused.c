// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins of memory of which a part may not be accessed so. They are refused, but by then some pages
 * have been pinned: all of these must be released, or they stay pinned for good.
 */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define RELEASED	"what was pinned before the pin was refused is pinned no more: fork() " \
			"copies none of it"

#define SECRET		"secret memory is for its processes alone: what pins it reads it past " \
			"them, and the kernel itself has it mapped no more"

/* The upper half may not be accessed as the pin asks for. */
#define REFUSED(name, what, first, prot, pin, of)				\
	{ .id = "refused." name, .title = what,					\
	  .steps = first " P; mprotect P " prot " upper; pin P " pin " longterm; " \
		   "mprotect P rw; fork P C; write P; write C",			\
	  .why = RELEASED, .kinds = of }

static const struct scenario rows[] = {
	REFUSED("upper-read-only", "R/W longterm %s pin of which one half may only be read",
		"fill", "r", "rw", KIND_ANON | KIND_PRIVATE | KIND_THP | KIND_FIRST),
	REFUSED("upper-none", "R/O longterm %s pin of which one half may not be read",
		"fill", "none", "ro", KIND_ANON | KIND_PRIVATE | KIND_THP | KIND_FIRST),
	REFUSED("upper-read-only-file", "R/W longterm %s pin of a file, of which one half may only "
		"be read", "read", "r", "rw", KIND_FILE | KIND_RANGE),
	REFUSED("upper-none-file", "R/O longterm %s pin of a file, of which one half may not be "
		"read", "read", "none", "ro", KIND_FILE | KIND_RANGE),
	{ .id = "refused.secret", .title = "%s pin of what the kernel may not look at",
	  .steps = "write P; pin P ro; pin P rw; pin P ro longterm; pin P rw longterm; write P",
	  .why = SECRET, .kinds = KIND_SECRET },
	{ .id = "refused.secret-fork",
	  .title = "%s pin by a child of what the kernel may not look at",
	  .steps = "write P; fork P C; pin C ro longterm; pin C rw; write C; read P",
	  .why = SECRET, .kinds = KIND_SECRET },
	{ .id = "refused.secret-by-all",
	  .title = "pins by others of what the kernel may not look at",
	  .steps = "write P; pin P ro vmsplice; pin P ro zerocopy; pin P rw longterm iouring; "
		   "write P",
	  .why = SECRET, .kinds = KIND_SECRET },
	{ .id = "refused.clone", .title = "fixed buffers of io_uring, cloned by another process",
	  .steps = "fill P; cloneother P; fork P C; cloneother C; write P; write C",
	  .why = "a ring goes along with fork(), the memory behind its buffers does not",
	  .kinds = KIND_BASE },
	{ .id = "refused.free", .title = "MADV_FREE of a memfd's pages, R/O longterm %s pin",
	  .steps = "read P; freefile P; write P; freefile P; pin P ro longterm; freefile P; "
		   "write P",
	  .why = "what a process gives up must not be what others have, or what only a file has",
	  .kinds = KIND_FILE | KIND_MEMFD },
	{ }
};

DEFINE_FAMILY(refused) = { .name = "refused", .rank = 122, .rows = rows };
