// SPDX-License-Identifier: GPL-2.0-only
/*
 * I/O to and from the memory itself, that somebody holds: a disk that is stopped, a server
 * that takes its time. Short-term pins, which last as long as the I/O.
 */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define ANON	.kinds = KIND_PRIVATE | KIND_ANON | KIND_FIRST
#define BEHIND	.kinds = KIND_PRIVATE | KIND_NOT_ANON | KIND_FIRST
#define ON_DISK	.kinds = KIND_SHARED | KIND_DISK

/* The memory is written to a disk or file; looked at where that went, at the end. */
#define HELD_WRITE(by, how)							\
	{ .id = by ".fork",							\
	  .title = how ", then fork()",						\
	  .steps = "fill P; pin P " by "; fork P C; write C; write P",		\
	  .why = "fork must copy a page under direct I/O for the child: what is written out " \
		 "is the owner's, and what the owner writes meanwhile is in the same page", \
	  ANON },								\
	{ .id = by ".child",							\
	  .title = how " by child",						\
	  .steps = "fill P; fork P C; pin C " by "; write P; write C",		\
	  .why = "a page shared with the parent must be unshared before the pin", ANON }, \
	{ .id = by ".reuse",							\
	  .title = how ", mapping made read-only and writable again",		\
	  .steps = "fill P; pin P " by "; mprotect P r; clearrefs P; mprotect P rw; write P", \
	  .why = "a pinned page that was write-protected must be reused in place", ANON }, \
	{ .id = by ".unmap",							\
	  .title = how " of memory that is unmapped",				\
	  .steps = "fill P; pin P " by "; fork P C; unmap P; write C",		\
	  .why = "written out is what was in memory, and the page is nobody else's before", \
	  ANON },								\
	{ .id = by ".twice",							\
	  .title = "two of: " how " of the same memory",			\
	  .steps = "fill P; pin P " by "; fork P C; write P; pin P " by "; write C; write P", \
	  .why = "each pin must be of the owner's page, before and after fork()", ANON }, \
	{ .id = by ".not-anon",							\
	  .title = how,								\
	  .steps = "read P; pin P " by "; write P; fork P C; write C",		\
	  .why = "it promises a snapshot: old or later content of its owner, nothing else; " \
		 "of a zeropage, zeroes",					\
	  BEHIND }

/* The memory is to be written by what comes in from a disk or file. */
#define HELD_READ(by, how, since)						\
	{ .id = by ".fork",							\
	  .title = how ", then fork()",						\
	  .steps = "fill P; pin P " by "; fork P C; write C; write P; poke P",	\
	  .why = "what comes in must reach the process that asked for it, and no other", \
	  .fixed = since, ANON },						\
	{ .id = by ".late",							\
	  .title = how ", fork() and writes before it goes on",			\
	  .steps = "fill P; pin P " by "; fork P C; write P; write C; write P",	\
	  .why = "the page that will be written into must be the owner's all the time", \
	  .fixed = since, ANON },						\
	{ .id = by ".child",							\
	  .title = how " by child",						\
	  .steps = "fill P; fork P C; pin C " by "; write P; write C; poke C",	\
	  .why = "the child's data must not come in where its parent sees it", ANON }, \
	{ .id = by ".unmap",							\
	  .title = how " into memory that is unmapped",				\
	  .steps = "fill P; fork P C; pin P " by "; unmap P; write C; poke P",	\
	  .why = "data that nobody waits for any more must not come in anywhere else", ANON }, \
	{ .id = by ".not-anon",							\
	  .title = how,								\
	  .steps = "read P; pin P " by "; fork P C; write C; write P; poke P",	\
	  .why = "COW is broken before: nothing reaches the file or the zeropage", \
	  .fixed = since, BEHIND },						\
	{ .id = by ".shared",							\
	  .title = how " into shared pages of a file, fsync() before and after", \
	  .steps = "read P; pin P " by "; sync P; poke P; unpin P; sync P; fork P C; write C; " \
		   "write P",							\
	  .why = "what comes in after the page was written back is on the disk all the same", \
	  ON_DISK }

#define BY_BLOCK "6.5 by 'block: convert bio_iov_iter_get_pages to use iov_iter_extract_pages'"
#define BY_FUSE	 "after 6.1 by 'fuse: Fix missing FOLL_PIN for direct-io'"

static const struct scenario rows[] = {
	HELD_WRITE("dmdio", "held O_DIRECT write"),
	HELD_READ("dmdio-in", "held O_DIRECT read", BY_BLOCK),
	HELD_WRITE("fuse", "FUSE write that is not read"),
	HELD_READ("fuse-in", "FUSE read that is not answered", BY_FUSE),
	HELD_WRITE("ublk", "held ublk write"),
	HELD_READ("ublk-in", "held ublk read", NULL),
	{ .id = "dmdio.zeropage",
	  .title = "held O_DIRECT write",
	  .steps = "read P; pin P dmdio; write P; fork P C; write C; write P",
	  .why = "it stores zeroes: what is written meanwhile must not reach the zeropage that "
		 "is being stored",
	  .kinds = KIND_PRIVATE | KIND_ZERO },
	{ .id = "ublk.half",
	  .title = "held ublk write of one half, then fork()",
	  .steps = "fill P; pin P ublk upper; fork P C; write C; write P",
	  .why = "the request begins inside a folio: each page is seen at its own place", ANON },
	{ .id = "ublk-in.again",
	  .title = "held ublk read that comes in twice",
	  .steps = "fill P; pin P ublk-in; poke P; fork P C; write C; poke P; write P",
	  .why = "a short-term pin is its owner's page as long as it is held, before fork() and "
		 "after", ANON },
	{ .id = "fuse.half",
	  .title = "FUSE write of one half, then fork()",
	  .steps = "fill P; pin P fuse upper; fork P C; write C; write P",
	  .why = "the request begins inside a folio: each page is written out at its own place",
	  ANON },
	{ .id = "fuse-in.half",
	  .title = "FUSE read into one half, then fork()",
	  .steps = "fill P; pin P fuse-in upper; fork P C; write C; write P; poke P",
	  .why = "the answer begins inside a folio: nothing comes in beside the pinned pages",
	  .fixed = BY_FUSE, ANON },
	{ }
};

DEFINE_FAMILY(held_family) = { .name = "held", .rank = 116, .rows = rows };
