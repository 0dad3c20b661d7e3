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
#define HUGETLB	ANON | KIND_HUGETLB
#define BEHIND	.kinds = KIND_PRIVATE | KIND_NOT_ANON | KIND_FIRST

#define SEVERAL	.kinds = KIND_PRIVATE | KIND_SEVERAL

/* The same questions for each way to come by a fixed buffer. */
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
	  BEHIND },								\
	{ .id = by ".several",							\
	  .title = "fixed buffer over several folios " how,			\
	  .steps = "fill P; pin P " by "; poke P; fork P C; write P; poke P; write C",	\
	  .why = "one folio of a buffer is not as the next: each page is at its own place", \
	  SEVERAL },								\
	{ .id = by ".several-half",						\
	  .title = "fixed buffers over parts of several folios " how,		\
	  .steps = "fill P; pin P " by " lower; fork P C; pin C " by " upper; poke P 1; "	\
		   "poke C 2; write P; write C; poke P 1",			\
	  .why = "one folio of a buffer is not as the next: each page is at its own place", \
	  SEVERAL }

/* On hugetlb they leak: see known_issues.c. */
#define SOCKET_UNMAP(by, suffix, how, on)					\
	{ .id = by ".child-unmap" suffix,					\
	  .title = how " and unmap in child",					\
	  .steps = "fill P; fork P C; pin C " by "; unmap C; write P",		\
	  .why = "a reference must keep the parent from reusing the page in place, or its " \
		 "secrets go out through the child's socket or pipe",			\
	  .cve = "CVE-2020-29374", on },					\
	{ .id = by ".parent-unmap" suffix,					\
	  .title = how ", then fork() and unmap in parent",			\
	  .steps = "fill P; pin P " by "; fork P C; unmap P; write C",		\
	  .why = "the child must not reuse in place a page that its parent's socket still " \
		 "holds", on }

#define SOCKET(by, how)								\
	SOCKET_UNMAP(by, "", how, BASE),					\
	SOCKET_UNMAP(by, "-thp", how, THP),					\
	SOCKET_UNMAP(by, "-hugetlb", how, HUGETLB),				\
	{ .id = by ".fork",							\
	  .title = how ", then fork()",						\
	  .steps = "fill P; pin P " by "; fork P C; write C; write P",		\
	  .why = "what is sent is the owner's content, then or later, never the child's", ANON }, \
	{ .id = by ".not-anon",							\
	  .title = how,								\
	  .steps = "read P; pin P " by "; write P; fork P C; write C",		\
	  .why = "what is sent is what was there or its owner's write, nobody else's", BEHIND }

static const struct scenario rows[] = {
	FIXED_BUFFER("iouring-segments", "in three segments that meet inside pages"),
	FIXED_BUFFER("iouring-update", "put into the slot of another one"),
	FIXED_BUFFER("iouring-clone", "cloned from a ring that is closed since"),

	{ .id = "iouring-rings.fork",
	  .title = "rings of io_uring, then fork()",
	  .steps = "fill P; pin P iouring-rings; fork P C; write C; write P",
	  .why = "fork must copy a pinned page for the child, or requests go on to be read from "
		 "a page that nobody writes any more", ANON },
	{ .id = "iouring-rings.child",
	  .title = "rings of the child's io_uring",
	  .steps = "fill P; fork P C; pin C iouring-rings; write P; write C",
	  .why = "a R/W pin of a shared page is of a copy, or its parent's requests are carried "
		 "out for the child", ANON },
	{ .id = "iouring-rings.reuse",
	  .title = "rings of io_uring, mapping made read-only and writable again",
	  .steps = "fill P; pin P iouring-rings; mprotect P r; clearrefs P; mprotect P rw; write P",
	  .why = "a pinned page that was write-protected must be reused in place", ANON },
	{ .id = "iouring-rings.last",
	  .title = "rings of io_uring on the last page, then fork()",
	  .steps = "fill P; pin P iouring-rings last; fork P C; write C; write P",
	  .why = "a page inside of a large folio: the kernel maps for itself the very page", ANON },
	{ .id = "iouring-rings.last-child",
	  .title = "rings of the child's io_uring on the last page",
	  .steps = "fill P; fork P C; pin C iouring-rings last; write P; write C",
	  .why = "COW of a large folio is broken before one of its pages is pinned", ANON },
	{ .id = "iouring-rings.not-anon",
	  .title = "rings of io_uring",
	  .steps = "read P; pin P iouring-rings; write P; fork P C; write C; write P",
	  .why = "a R/W pin breaks COW at once: what is read is the owner's", BEHIND },
	{ .id = "iouring-rings.file-shared",
	  .title = "rings of io_uring with MAP_SHARED file mapping",
	  .steps = "fill P; pin P iouring-rings; write P; fork P C; write C; write P",
	  .why = "given on memory files; refused where writes must be announced to a file system",
	  .kinds = KIND_SHARED | KIND_FILE },

	SOCKET("zerocopy", "MSG_ZEROCOPY"),
	SOCKET("sendzc", "io_uring SEND_ZC"),
	SOCKET("splice-unix", "vmsplice(), splice() to an AF_UNIX socket"),
	SOCKET("splice-tcp", "vmsplice(), splice() to a TCP socket"),
	SOCKET("vmsplice-tee", "vmsplice(), tee()"),
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
	{ .id = "xdp-in.fork",
	  .title = "packets received into an AF_XDP umem, then fork()",
	  .steps = "fill P; pin P xdp-in; fork P C; write C; write P",
	  .why = "what comes in must reach the process that has the umem, and no other", ANON },
	{ .id = "xdp-in.child",
	  .title = "packets received into the AF_XDP umem of a child",
	  .steps = "fill P; fork P C; pin C xdp-in; write P; write C",
	  .why = "the child's packets must not come in where its parent sees them", ANON },
	{ .id = "xdp-in.reuse",
	  .title = "packets received, mapping made read-only and writable again",
	  .steps = "fill P; pin P xdp-in; mprotect P r; clearrefs P; mprotect P rw; write P",
	  .why = "a pinned page that was write-protected must be reused in place, or packets "
		 "go on to come in where nobody is", ANON },
	{ .id = "xdp-in.last",
	  .title = "packets received into the last page, then fork()",
	  .steps = "fill P; pin P last xdp-in; fork P C; write P; write C",
	  .why = "a page inside of a large folio: fork must see that it is pinned", ANON },
	{ .id = "kvm.fork",
	  .title = "memory of a virtual machine, then fork()",
	  .steps = "fill P; pin P kvm; fork P C; poke P; write C; write P; poke P",
	  .why = "whenever a page of the owner is replaced, the machine must get the new one",
	  ANON },
	{ .id = "kvm.last",
	  .title = "last page is memory of a virtual machine, then fork()",
	  .steps = "fill P; pin P last kvm; fork P C; poke P; write C; write P; poke P",
	  .why = "a page inside of a large folio: the machine has it at its own place", ANON },
	{ .id = "kvm.child",
	  .title = "memory of the child's virtual machine",
	  .steps = "fill P; fork P C; pin C kvm; poke C; write P; write C; poke C",
	  .why = "the machine's writes break COW as its owner's do", ANON },
	{ .id = "kvm.reuse",
	  .title = "memory of a virtual machine, mapping made read-only and writable again",
	  .steps = "fill P; pin P kvm; mprotect P r; clearrefs P; mprotect P rw; write P; poke P",
	  .why = "what the machine maps is taken from it while its owner may not write", ANON },
	{ .id = "kvm.not-anon",
	  .title = "memory of a virtual machine",
	  .steps = "read P; pin P kvm; poke P; fork P C; write C; write P; poke P",
	  .why = "a write of the machine breaks COW, and nothing reaches what was behind", BEHIND },
	{ .id = "gup-remote.fork",
	  .title = "R/W pin by another process, then fork()",
	  .steps = "fill P; pin P rw longterm gup-remote; fork P C; poke P; write C; write P; "
		   "poke P",
	  .why = "it is the owner that has pins, not who asked for them: fork must copy", ANON },
	{ .id = "gup-remote.ro-fork",
	  .title = "R/O pin by another process, then fork()",
	  .steps = "fill P; pin P ro longterm gup-remote; fork P C; write P; write C",
	  .why = "it is the owner that has pins, not who asked for them: fork must copy", ANON },
	{ .id = "gup-remote.child-fork",
	  .title = "R/O short-term pin of the child by another process, then fork()",
	  .steps = "fill P; fork P C; write C; pin C ro short gup-remote; fork C G; write C; "
		   "write G; write P",
	  .why = "the child begins without pins, and has one then", ANON },
	{ .id = "gup-remote.shared",
	  .title = "fork(), then R/O pin by another process",
	  .steps = "fill P; fork P C; pin P ro longterm gup-remote; write P; write C",
	  .why = "a shared page must be unshared for the owner of the memory", ANON },
	{ .id = "gup-remote.child",
	  .title = "fork(), then R/W pin of the child by another process",
	  .steps = "fill P; fork P C; pin C rw longterm gup-remote; poke C; write P; write C",
	  .why = "COW must be broken in the process whose memory it is", ANON },
	{ .id = "gup-remote.not-anon",
	  .title = "R/O pin by another process",
	  .steps = "read P; pin P ro longterm gup-remote; write P; fork P C; write C; write P",
	  .why = "COW is broken before, in the process whose memory it is",
	  .fixed = FIXED_6_2, BEHIND },
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
