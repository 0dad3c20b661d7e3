// SPDX-License-Identifier: GPL-2.0-only
/* What else happens to memory while it is pinned: see ops/. None of it may replace the page. */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define NOT_THEIRS	"the page that the process sees after it must still be the pinned one"

/* A long-term pin of anonymous memory, the operation, and a write that would show a copy. */
#define PINNED_ANON(name, verb, props)						\
	{ .id = name, .title = "R/O longterm %s pin, then " verb,	\
	  .steps = "fill P; pin P ro longterm; " verb " P; write P",		\
	  .why = NOT_THEIRS, .kinds = KIND_ANON | KIND_PRIVATE | (props) }

/* The same of a file's pages, which the pin has made anonymous (private) or not (shared). */
#define PINNED_FILE(name, verb, props)						\
	{ .id = name, .title = "R/O longterm %s pin of a file's page, then " verb, \
	  .steps = "read P; pin P ro longterm; " verb " P; write P",		\
	  .why = NOT_THEIRS, .kinds = KIND_FILE | (props) }

static const struct scenario rows[] = {
	PINNED_ANON("operation.pageout", "pageout", 0),
	PINNED_ANON("operation.remap", "remap", 0),
	PINNED_ANON("operation.dontunmap", "dontunmap", 0),
	PINNED_ANON("operation.lock", "lock", 0),
	PINNED_ANON("operation.uffdwp", "uffdwp", 0),
	PINNED_ANON("operation.uffdmove", "uffdmove", KIND_BASE),
	{ .id = "operation.moved", .title = "UFFDIO_MOVE there and back, then %s pin",
	  .steps = "fill P; uffdmove P; pin P ro longterm; write P; fork P C; write P; write C",
	  .why = "a page that was moved is as exclusive as before",
	  .kinds = KIND_BASE },
	PINNED_ANON("operation.split", "split", KIND_THP),
	PINNED_ANON("operation.compact", "compact", KIND_BASE),
	PINNED_ANON("operation.tonode", "tonode", 0),
	PINNED_ANON("operation.ksm", "ksm", KIND_BASE),
	PINNED_ANON("operation.wipeonfork", "wipeonfork", 0),
	{ .id = "operation.ksm-pinned-later", .title = "KSM merges, then R/O longterm %s pin",
	  .steps = "fill P; ksm P; pin P ro longterm; write P",
	  .why = "a merged page is everybody's: the pin must take a copy, and the write find it",
	  .kinds = KIND_BASE },
	{ .id = "operation.ksm-fork", .title = "KSM merges, fork(), %s pin",
	  .steps = "fill P; ksm P; fork P C; write P; pin P ro longterm; write C; write P",
	  .why = "a write to a merged page must be the writer's alone",
	  .kinds = KIND_BASE },
	{ .id = "operation.tonode-fork", .title = "Migration, %s pin, fork()",
	  .steps = "fill P; tonode P; pin P ro longterm; fork P C; write P; write C",
	  .why = "a page that was migrated is exclusive as it was before",
	  .kinds = KIND_ANON | KIND_PRIVATE },
	{ .id = "operation.fork-tonode", .title = "fork(), migration, %s pin",
	  .steps = "fill P; fork P C; tonode P; write P; pin C ro longterm; write C; write P",
	  .why = "a page that is shared when it is migrated is shared after it",
	  .kinds = KIND_ANON | KIND_PRIVATE },
	{ .id = "operation.fork-uffdwp", .title = "fork(), userfaultfd write protection, %s pin",
	  .steps = "fill P; fork P C; uffdwp P; write P; uffdwp C; write C; pin P ro longterm; "
		   "write P",
	  .why = "allowing writes again must not allow them to a page that is shared",
	  .kinds = KIND_ANON | KIND_PRIVATE },
	{ .id = "operation.fork-uffdmove", .title = "fork(), UFFDIO_MOVE, %s pin",
	  .steps = "fill P; fork P C; uffdmove P; write P; pin P ro longterm; write C; write P",
	  .why = "a shared page must not be moved as if it were the process's own",
	  .kinds = KIND_BASE },
	{ .id = "operation.fork-pageout", .title = "fork(), MADV_PAGEOUT, %s pin",
	  .steps = "fill P; fork P C; pageout P; pageout C; write P; pin C ro longterm; write C; "
		   "write P",
	  .why = "what was shared in swap is shared still when it comes back",
	  .kinds = KIND_ANON | KIND_PRIVATE },
	{ .id = "operation.wipe", .title = "MADV_WIPEONFORK, %s pin, fork()",
	  .steps = "fill P; wipeonfork P; pin P ro longterm; fork P C; write P; read C; write C",
	  .why = "the child finds zeroes, and the pin its page",
	  .kinds = KIND_ANON | KIND_PRIVATE },
	{ .id = "operation.protected", .title = "fork(), mprotect(), R/O %s pin, write",
	  .steps = "fill P; fork P C; mprotect P r; pin P ro longterm; write P; mprotect P rw; "
		   "write P",
	  .why = "what breaks COW for a pin must not make a read-only page writable",
	  .kinds = KIND_ANON | KIND_PRIVATE },
	{ .id = "operation.unpinned-fork", .title = "%s pin, unpin, fork()",
	  .steps = "fill P; pin P ro longterm; unpin P; fork P C; write P",
	  .why = "a page that is pinned no more is shared at fork, as any other",
	  .kinds = KIND_ANON | KIND_PRIVATE },
	PINNED_ANON("operation.nohugepage", "nohugepage", KIND_THP),
	{ .id = "operation.discard", .title = "R/O longterm %s pin, then MADV_DONTNEED",
	  .steps = "fill P; pin P ro longterm; discard P; write P",
	  .why = "the pin keeps its page, the process gets another one",
	  .kinds = KIND_ANON | KIND_PRIVATE },
	{ .id = "operation.populate", .title = "fork(), %s pin, MADV_POPULATE_WRITE",
	  .steps = "fill P; fork P C; pin P ro longterm; popwrite P; write P; popwrite C; write C",
	  .why = "populating for writing breaks COW in the child, not under the parent's pin",
	  .kinds = KIND_ANON | KIND_PRIVATE },
	{ .id = "operation.vmwrite", .title = "fork(), %s pin, process_vm_writev()",
	  .steps = "fill P; fork P C; pin P ro longterm; vmwrite P; vmwrite C",
	  .why = "a write by GUP breaks COW as a store does, and reaches the pin's page",
	  .kinds = KIND_ANON | KIND_PRIVATE },
	{ .id = "operation.vmwrite-fork", .title = "fork(), process_vm_writev(), %s pin",
	  .steps = "fill P; fork P C; vmwrite P; pin P ro longterm; vmwrite C; write P",
	  .why = "a write by GUP must break COW as a store does, or it reaches the other process",
	  .kinds = KIND_ANON | KIND_PRIVATE },
	{ .id = "operation.vmwrite-first", .title = "process_vm_writev(), %s pin",
	  .steps = "read P; vmwrite P; pin P ro longterm; vmwrite P; write P",
	  .why = "a write by GUP must not reach the file or the zeropage",
	  .kinds = KIND_NOT_ANON | KIND_PRIVATE },
	{ .id = "operation.vmwrite-not-anon", .title = "process_vm_writev() after %s pin",
	  .steps = "read P; pin P ro longterm; vmwrite P",
	  .why = "a write by GUP must not reach the file or the zeropage, and must reach the pin",
	  .kinds = KIND_NOT_ANON | KIND_PRIVATE },
	{ .id = "operation.moved-fork", .title = "%s pin, mremap(), fork()",
	  .steps = "fill P; pin P ro longterm; remap P; fork P C; write P; write C",
	  .why = "a pinned page that has moved must still be copied for the child at fork",
	  .kinds = KIND_ANON | KIND_PRIVATE },
	{ .id = "operation.fork-moved", .title = "fork(), mremap(), %s pin",
	  .steps = "fill P; fork P C; remap P; pin P ro longterm; write P; write C",
	  .why = "a shared page that has moved is shared still: the pin must unshare it",
	  .kinds = KIND_ANON | KIND_PRIVATE },
	{ .id = "operation.pageout-fork", .title = "%s pin, MADV_PAGEOUT, fork()",
	  .steps = "fill P; pin P ro longterm; pageout P; fork P C; write C; write P",
	  .why = NOT_THEIRS, .kinds = KIND_ANON | KIND_PRIVATE },
	PINNED_FILE("operation.filewrite", "filewrite", KIND_PRIVATE),
	PINNED_FILE("operation.filewrite-shared", "filewrite", KIND_SHARED),
	PINNED_FILE("operation.punch", "punch", KIND_PRIVATE),
	PINNED_FILE("operation.punch-shared", "punch", KIND_SHARED),
	{ .id = "operation.uprobe", .title = "R/O longterm %s pin of a file's page, then a uprobe",
	  .steps = "read P; mprotect P r; pin P ro longterm; uprobe P; read P",
	  .why = "a breakpoint is written into the pinned page, or the pin is stale",
	  .kinds = KIND_FILE | KIND_PRIVATE },
	PINNED_FILE("operation.truncate", "truncate", KIND_PRIVATE),
	PINNED_FILE("operation.truncate-shared", "truncate", KIND_SHARED),
	{ .id = "operation.truncate-own",
	  .title = "R/O longterm %s pin of a private copy, truncate",
	  .steps = "read P; write P; pin P ro longterm; fork P C; truncate P; read P; write C; "
		   "write P",
	  .why = "beyond the end of the file nothing is left, private copies included",
	  .kinds = KIND_FILE | KIND_PRIVATE },
	PINNED_FILE("operation.dropcaches-shared", "dropcaches", KIND_SHARED),
	PINNED_FILE("operation.remap-shared", "remap", KIND_SHARED),
	PINNED_FILE("operation.directwrite", "directwrite", KIND_SHARED | KIND_DISK),
	PINNED_FILE("operation.directwrite-private", "directwrite", KIND_PRIVATE | KIND_DISK),
	{ .id = "operation.short-filewrite", .title = "R/O %s pin of a file's page, write()",
	  .steps = "read P; pin P ro short; filewrite P; write P; filewrite P",
	  .why = "a short-term pin shows the file or the owner, never a third party's memory",
	  .kinds = KIND_FILE | KIND_PRIVATE },
	{ }
};

DEFINE_FAMILY(operation) = { .name = "operation", .rank = 120, .rows = rows };
