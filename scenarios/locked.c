// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that stays locked from one step to the next: who locks it must never wait for a page, and
 * who has not locked it, as a child, must not keep memory from others. Locks lie on mappings, which
 * are copied, split, moved and merged; the pages in them have a mark of their own.
 */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define ANON	(KIND_ANON | KIND_PRIVATE | KIND_FIRST)

#define CHILD	"a child has locked nothing: its memory can be reclaimed, its parent's cannot"
#define STAYS	"what is locked stays in memory until it is unlocked, and can be reclaimed then"
#define COPIED	"locked memory that may be written has its pages copied at once, not at a write"

#define LOCKED(name, what, text, because, of)					\
	{ .id = "locked." name, .title = "Locked memory" what,			\
	  .steps = text, .why = because, .kinds = of }

static const struct scenario rows[] = {
	LOCKED("fork", " and fork()",
	       "fill P; mlock P; fork P C; write C; swapout C; pageout P; write P; fork C G; "
	       "write G; munlock P; swapout P; read P; write C", CHILD, ANON),
	LOCKED("fork-reclaim", ", fork(), reclaim",
	       "fill P; mlock P; fork P C; reclaim P; write C; reclaim P; write P; munlock P; "
	       "swapout P; read P; write C", CHILD, ANON),
	LOCKED("fork-onfault", " and fork(), MLOCK_ONFAULT",
	       "fill P; fork P C; mlockonfault P; read P; reclaim C; write C; write P; reclaim P; "
	       "fork P G; munlock P; reclaim C; write G; read P", CHILD, ANON),
	LOCKED("lock-child", ", by a child",
	       "fill P; fork P C; mlock C; write P; reclaim P; write C; exit C; swapout P; "
	       "write P", CHILD, ANON),
	LOCKED("reclaim", " that shall be reclaimed",
	       "fill P; mlock P; reclaim P; read P; pageout P; cold P; discard P; write P; "
	       "munlock P; swapout P; read P; discard P", STAYS, ANON),
	LOCKED("swapped", " that was in swap",
	       "fill P; swapout P; fork P C; mlockonfault P; mlock C; write C; reclaim P; read P; "
	       "mlock P; write P; reclaim C; munlock C; swapout C; write P", STAYS, ANON),
	LOCKED("ksm", " that KSM merges",
	       "fill P; mlock P; ksminto P; reclaim P; fork P C; write P; write C; reclaim P; "
	       "munlock P; swapout P; write P", STAYS, ANON | KIND_BASE),
	LOCKED("tonode", " that migrates",
	       "fill P; mlock P; tonode P; reclaim P; fork P C; tonode C; write C; reclaim P; "
	       "write P; munlock P; swapout P", STAYS, ANON),
	LOCKED("collapse", " that is collapsed",
	       "fill P; mlock P; split P; reclaim P; collapse P; reclaim P; write P; munlock P; "
	       "swapout P; read P", STAYS, ANON | KIND_THP),
	LOCKED("parts", " in parts",
	       "fill P; mlock P lower; pageout P upper; mlock P upper; munlock P first; "
	       "pageout P first; read P; unmap P last; fork P C; write C; pageout C lower; "
	       "write P; munlock P lower; pageout P lower; mlock P lower; write P", STAYS,
	       ANON | KIND_THP),
	LOCKED("parts-reclaim", " in parts, reclaim",
	       "fill P; mlock P lower; reclaim P; mlock P upper; munlock P first; read P; "
	       "reclaim P; fork P C; write C; write P; munlock P lower; reclaim P; "
	       "write P", STAYS, ANON | KIND_THP),
	LOCKED("mprotect", " and mprotect()",
	       "fill P; fork P C; mprotect P r; mlock P; write P; mprotect P rw; write C; "
	       "mprotect P none; pageout P; mprotect P rw; write P; munlock P; fork P G; write G; "
	       "write P", COPIED, ANON),
	LOCKED("not-anon", " that nobody has written",
	       "read P; fork P C; mlockonfault P; reclaim C; mprotect P r; mlock P; reclaim P; "
	       "mprotect P rw; reclaim P; write P; mlock C; munlock P; write C; reclaim C", COPIED,
	       KIND_NOT_ANON | KIND_PRIVATE | KIND_FIRST),
	LOCKED("shared", ", shared",
	       "read P; fork P C; mlock P; write C; reclaim C; dropcaches C; write P; mlock C; "
	       "munlock P; reclaim P; exit C; reclaim P; read P", STAYS,
	       KIND_SHARED | KIND_FILE | KIND_FIRST),
	LOCKED("remap", " and mremap()",
	       "fill P; mlock P; remap P; pageout P; fork P C; remap C; write C; swapout C; "
	       "write P; munlock P; remap P; swapout P; read P", STAYS, ANON),
	LOCKED("dontunmap", " and MREMAP_DONTUNMAP",
	       "fill P; mlock P; dontunmap P; reclaim P; fork P C; dontunmap C; write C; "
	       "dontunmap P; write P; munlock P; swapout P; read P", STAYS, ANON),
	LOCKED("remap-parts", " and mremap() of parts",
	       "fill P; mlock P upper; remapback P upper; pageout P lower; remapback P lower; "
	       "mlock P; remapback P first; pageout P; write P; munlock P upper; fork P C; "
	       "write C; write P", STAYS, ANON | KIND_THP),
	LOCKED("pinned", ", R/O longterm %s pin, fork()",
	       "fill P; mlock P; pin P ro longterm; fork P C; write P; write C; swapout C; "
	       "munlock P; pageout P; write P; unpin P; swapout P; read P", CHILD, ANON),
	LOCKED("pinned-first", " after R/O longterm %s pin",
	       "fill P; fork P C; pin P ro longterm; mlock P; mlock C; write P; write C; "
	       "fork P G; pageout G; write G; munlock P; fork P H; write P; write H", CHILD, ANON),
	LOCKED("child-pins", ", R/O longterm %s pin by a child",
	       "fill P; mlock P; fork P C; pin C ro longterm; reclaim P; write P; write C; "
	       "mprotect P r; mprotect P rw; reclaim C; write P", CHILD, ANON),
	LOCKED("break-cow", " after R/O %s pin",
	       "read P; fork P C; pin P ro short; mlock P; write P; mlock C; write C; munlock P; "
	       "write P", COPIED, KIND_NOT_ANON | KIND_PRIVATE | KIND_FIRST),
	{ }
};

DEFINE_FAMILY(locked) = { .name = "locked", .rank = 121, .rows = rows };
