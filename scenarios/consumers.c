// SPDX-License-Identifier: GPL-2.0-only
/*
 * Consumers of pins as applications have them, each on memory that stands for its family:
 * what they pin is what cow tests by GUP, but how they come by it and let go of it is theirs.
 */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define ANON	.kinds = KIND_PRIVATE | KIND_ANON | KIND_FIRST
#define BASE	ANON | KIND_BASE
#define THP	ANON | KIND_THP
#define BEHIND	.kinds = KIND_PRIVATE | KIND_NOT_ANON | KIND_FIRST

#define FIXED_6_5 "6.5 by 'block: convert bio_iov_iter_get_pages to use iov_iter_extract_pages'"

/* The same three questions for each way to come by a fixed buffer. */
#define FIXED_BUFFER(by, how)							\
	{ .id = by ".fork",							\
	  .title = "fork(), fixed buffer " how,					\
	  .steps = "fill P; pin P " by "; fork P C; poke P; write C; write P; poke P",	\
	  .why = "fork must copy a pinned page for the child, whoever has come by the pin " \
		 "and how", ANON },						\
	{ .id = by ".child",							\
	  .title = "fixed buffer of the child " how,				\
	  .steps = "fill P; fork P C; pin C " by "; write P; write C; poke C; write P",	\
	  .why = "a R/W pin of a shared page is of a copy: its owner's", ANON },	\
	{ .id = by ".half",							\
	  .title = "fixed buffer on one half " how,				\
	  .steps = "fill P; pin P " by " upper; poke P; fork P C; write P; poke P; write C", \
	  .why = "the buffer begins inside a folio: what is read and written through it is " \
		 "at its own place", ANON },					\
	{ .id = by ".not-anon",							\
	  .title = "fixed buffer " how,						\
	  .steps = "read P; pin P " by "; poke P; fork P C; write C; write P; poke P",	\
	  .why = "a R/W pin breaks COW at once, and nothing reaches what was behind it", \
	  BEHIND }

/*
 * Not on hugetlb: there a page is reused in place whatever references it has (the same as
 * of vmsplice in known_issues.c).
 */
#define ZEROCOPY(suffix, on)							\
	{ .id = "zerocopy.child-unmap" suffix,					\
	  .title = "MSG_ZEROCOPY and unmap in child",				\
	  .steps = "fill P; fork P C; pin C zerocopy; unmap C; write P",		\
	  .why = "a reference must keep the parent from reusing the page in place, or its " \
		 "secrets go out through the child's socket",			\
	  .cve = "CVE-2020-29374", on },					\
	{ .id = "zerocopy.parent-unmap" suffix,					\
	  .title = "MSG_ZEROCOPY, then fork() and unmap in parent",		\
	  .steps = "fill P; pin P zerocopy; fork P C; unmap P; write C",		\
	  .why = "the child must not reuse in place a page that its parent's socket still " \
		 "holds", on }

static const struct scenario rows[] = {
	FIXED_BUFFER("iouring-segments", "in three segments that meet inside pages"),
	FIXED_BUFFER("iouring-update", "put into the slot of another one"),
	FIXED_BUFFER("iouring-clone", "cloned from a ring that is closed since"),

	{ .id = "dmdio.fork",
	  .title = "held O_DIRECT write, then fork()",
	  .steps = "fill P; pin P dmdio; fork P C; write C; write P",
	  .why = "fork must copy a page under direct I/O for the child: what goes to the disk "
		 "is the owner's, and what the owner writes meanwhile is in the same page",
	  ANON },
	{ .id = "dmdio.child",
	  .title = "held O_DIRECT write by child",
	  .steps = "fill P; fork P C; pin C dmdio; write P; write C",
	  .why = "a page shared with the parent must be unshared before the pin", ANON },
	{ .id = "dmdio.reuse",
	  .title = "held O_DIRECT write, mapping made read-only and writable again",
	  .steps = "fill P; pin P dmdio; mprotect P r; clearrefs P; mprotect P rw; write P",
	  .why = "a pinned page that was write-protected must be reused in place", ANON },
	{ .id = "dmdio.unmap",
	  .title = "held O_DIRECT write of memory that is unmapped",
	  .steps = "fill P; pin P dmdio; fork P C; unmap P; write C",
	  .why = "the disk gets what was in memory, and the page is nobody else's before",
	  ANON },
	{ .id = "dmdio.twice",
	  .title = "two held O_DIRECT writes of the same memory",
	  .steps = "fill P; pin P dmdio; fork P C; write P; pin P dmdio; write C; write P",
	  .why = "each pin must be of the owner's page, before and after fork()", ANON },
	{ .id = "dmdio.not-anon",
	  .title = "held O_DIRECT write",
	  .steps = "read P; pin P dmdio; write P; fork P C; write C",
	  .why = "it promises a snapshot: old or later content of its owner, nothing else",
	  BEHIND },
	{ .id = "dmdio-in.fork",
	  .title = "held O_DIRECT read, then fork()",
	  .steps = "fill P; pin P dmdio-in; fork P C; write C; write P; poke P",
	  .why = "data from the disk must reach the process that asked for it, and no other",
	  .fixed = FIXED_6_5, ANON },
	{ .id = "dmdio-in.late",
	  .title = "held O_DIRECT read, fork() and writes before it goes on",
	  .steps = "fill P; pin P dmdio-in; fork P C; write P; write C; write P",
	  .why = "the page that the disk will write into must be the owner's all the time",
	  .fixed = FIXED_6_5, ANON },
	{ .id = "dmdio-in.child",
	  .title = "held O_DIRECT read by child",
	  .steps = "fill P; fork P C; pin C dmdio-in; write P; write C; poke C",
	  .why = "the child's data must not come in where its parent sees it", ANON },
	{ .id = "dmdio-in.unmap",
	  .title = "held O_DIRECT read into memory that is unmapped",
	  .steps = "fill P; fork P C; pin P dmdio-in; unmap P; write C; poke P",
	  .why = "data that nobody waits for any more must not come in anywhere else", ANON },
	{ .id = "dmdio-in.not-anon",
	  .title = "held O_DIRECT read",
	  .steps = "read P; pin P dmdio-in; fork P C; write C; write P; poke P",
	  .why = "COW is broken before: nothing reaches the file or the zeropage",
	  .fixed = FIXED_6_5, BEHIND },

	ZEROCOPY("", BASE),
	ZEROCOPY("-thp", THP),
	{ .id = "zerocopy.fork",
	  .title = "MSG_ZEROCOPY, then fork()",
	  .steps = "fill P; pin P zerocopy; fork P C; write C; write P",
	  .why = "what is sent is the owner's content, then or later, never the child's", ANON },
	{ .id = "zerocopy.not-anon",
	  .title = "MSG_ZEROCOPY",
	  .steps = "read P; pin P zerocopy; write P; fork P C; write C",
	  .why = "what is sent is what was there or its owner's write, nobody else's", BEHIND },
	{ .id = "xdp.fork",
	  .title = "AF_XDP umem, then fork()",
	  .steps = "fill P; pin P xdp; fork P C; write C; write P",
	  .why = "fork must copy a pinned page for the child at once, not share it", ANON },
	{ .id = "xdp.child",
	  .title = "AF_XDP umem of child",
	  .steps = "fill P; fork P C; pin C xdp; write P; write C",
	  .why = "a R/W pin of a shared page is of a copy: its owner's", ANON },
	{ .id = "xdp.reuse",
	  .title = "AF_XDP umem, mapping made read-only and writable again",
	  .steps = "fill P; pin P xdp; mprotect P r; clearrefs P; mprotect P rw; write P",
	  .why = "a pinned page that was write-protected must be reused in place", ANON },
	{ .id = "xdp.not-anon",
	  .title = "AF_XDP umem",
	  .steps = "read P; pin P xdp; write P; fork P C; write C; write P",
	  .why = "a R/W pin breaks COW at once: what is sent is the owner's", BEHIND },
	{ .id = "udmabuf.fork",
	  .title = "udmabuf of a memfd, then fork()",
	  .steps = "fill P; pin P udmabuf; write P; fork P C; write C; poke P; write P",
	  .why = "the dma-buf has the pages of the file, now and later",
	  .kinds = KIND_SHARED | KIND_FILE | KIND_FIRST },
	{ .id = "udmabuf.punch",
	  .title = "udmabuf of a memfd, then a hole is punched",
	  .steps = "fill P; pin P udmabuf; punch P; write P; poke P",
	  .why = "the dma-buf keeps its pages, the file gets others: neither is seen in the other",
	  .kinds = KIND_SHARED | KIND_FILE | KIND_FIRST },
	{ .id = "udmabuf.huge",
	  .title = "udmabuf of one half of a memfd, then fork()",
	  .steps = "fill P; pin P udmabuf upper; write P; fork P C; write C; poke P; write P",
	  .why = "pages in the middle of a folio are shown at their own places",
	  .kinds = KIND_SHARED | KIND_FILE | KIND_HUGETLB },
	{ }
};

DEFINE_FAMILY(consumers) = { .name = "consumers", .rank = 115, .rows = rows };
