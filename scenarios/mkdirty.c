// SPDX-License-Identifier: GPL-2.0-only
/* Pages that are made dirty behind a read-only mapping must not become writable by it. */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define MKDIRTY								\
	.suite = SUITE_MKDIRTY,						\
	.ksft_pass = "SIGSEGV generated, page not modified",		\
	.ksft_fail = "SIGSEGV not generated, page modified"

static const struct scenario rows[] = {
	{ .id = "mkdirty.force",
	  .title = "PTRACE write access",
	  .steps = "read P; mprotect P r; force P; write P",
	  .why = "a debugger's write past the protection gives the process no right to write",
	  .kinds = KIND_PRIVATE | KIND_NOT_ANON, .bare_title_for = "zeropage", MKDIRTY },
	{ .id = "mkdirty.force-empty",
	  .title = "PTRACE write access to THP",
	  .steps = "mprotect P r; force P; write P",
	  .why = "the THP that a debugger's write brings in is dirty at once, and read-only",
	  .kinds = KIND_ANON | KIND_PRIVATE | KIND_THP | KIND_FIRST, .bare_title_for = "thp",
	  MKDIRTY },
	{ .id = "mkdirty.force-anon",
	  .title = "PTRACE write access, shared with a child",
	  .steps = "fill P; fork P C; mprotect P r; force P; write P; mprotect P rw; write P",
	  .why = "a debugger's write breaks COW as any other does" },
	{ .id = "mkdirty.force-pinned",
	  .title = "PTRACE write access to a page with a R/O longterm %s pin",
	  .steps = "read P; mprotect P r; pin P ro longterm; force P; write P",
	  .why = "a debugger's write must not replace a pinned page",
	  .kinds = KIND_PRIVATE | KIND_NOT_ANON },
	{ .id = "mkdirty.force-shared",
	  .title = "PTRACE write access to shared memory",
	  .steps = "fill P; mprotect P r; pry P; write P; mprotect P rw; pry P; write P",
	  .why = "there is no private copy to write to: a debugger must be refused",
	  .kinds = KIND_SHARED },
	{ .id = "mkdirty.migrate",
	  .title = "Page migration",
	  .steps = "fill P; mprotect P r; migrate P; write P",
	  .why = "a dirty page that moves is mapped as it was",
	  .bare_title_for = "anon", .thp_title = "Page migration of THP", MKDIRTY },
	{ .id = "mkdirty.pte-map",
	  .title = "PTE-mapping a THP",
	  .steps = "fill P; mprotect P r; mprotect P rw last; write P",
	  .why = "splitting the mapping of a dirty THP gives no page more rights than it had",
	  .kinds = KIND_ANON | KIND_PRIVATE | KIND_THP, .bare_title_for = "thp", MKDIRTY },
	{ .id = "mkdirty.swapin",
	  .title = "Swapping in",
	  .steps = "fill P; mprotect P r; pageout P; read P; write P; mprotect P rw; write P",
	  .why = "a page that comes back from swap is mapped as it was",
	  .kinds = KIND_ANON | KIND_PRIVATE | KIND_FIRST },
	{ .id = "mkdirty.uffd-copy",
	  .title = "UFFDIO_COPY",
	  .steps = "mprotect P r; uffdcopy P; write P",
	  .why = "a page that userfaultfd provides in a read-only mapping is read-only",
	  .kinds = KIND_ANON | KIND_PRIVATE | KIND_BASE, .bare_title_for = "anon", MKDIRTY },
	{ }
};

DEFINE_FAMILY(mkdirty) = { .name = "mkdirty", .rank = 90, .rows = rows };
