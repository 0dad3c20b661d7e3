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
	PINNED_ANON("operation.split", "split", KIND_THP),
	PINNED_ANON("operation.compact", "compact", KIND_BASE),
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
