// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins that outlive the address space: their owner does an execve(), and looks through them from
 * the new program. The owner has lost the page, the pin has not.
 */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

static const struct scenario rows[] = {
	{ .id = "exec.ro",
	  .title = "R/O longterm %s pin, then execve()",
	  .steps = "fill P; pin P ro longterm; write P; exec P",
	  .why = "a pinned page must not be freed, and used for something else, with its mm" },
	{ .id = "exec.rw",
	  .title = "R/W longterm %s pin, fork(), then execve(), writes through the pin",
	  .steps = "fill P; pin P rw longterm; fork P C; poke P; exec P; poke P; write C; "
		   "fork C G; poke P; write G; write C",
	  .why = "what a device writes to a page that its process has left is nobody's memory" },
	{ .id = "exec.child",
	  .title = "R/O longterm %s pin by child, which does an execve()",
	  .steps = "fill P; fork P C; pin C ro longterm; exec C; write P; fork P G; write G; "
		   "exit G; write P",
	  .why = "the pin is of the child's copy: nothing that is written later may show" },
	{ .id = "exec.parent",
	  .title = "%s pin by parent, which does an execve() after fork()",
	  .steps = "fill P; pin P rw longterm last; fork P C; exec P; write C; poke P; unpin P; "
		   "write C",
	  .why = "the child has a copy of its own, and the end of the pin is not its end" },
	{ .id = "exec.vmsplice",
	  .title = "vmsplice() by child, which does an execve(), then the parent writes",
	  .steps = "fill P; fork P C; pin C vmsplice; exec C; write P; write P",
	  .why = "to exec is to unmap: the parent must not write to a page that a pipe has",
	  .cve = "CVE-2020-29374" },
	{ .id = "exec.not-anon",
	  .title = "R/O longterm %s pin of memory that was only read, then execve()",
	  .steps = "read P; fork P C; pin C ro longterm; exec C; write P; write P",
	  .why = "the pin is of the child's copy: nothing that is written later may show",
	  .fixed = FIXED_6_2, .kinds = KIND_PRIVATE | KIND_NOT_ANON },
	{ .id = "exec.shared",
	  .title = "%s pin of shared memory, then execve()",
	  .steps = "read P; fork P C; pin C ro longterm; write P; exec C; write P; exec C; "
		   "fork P G; exit P; write G",
	  .why = "a pin of a file's page shows what others write, although its owner is gone",
	  .kinds = KIND_SHARED },
	{ }
};

DEFINE_FAMILY(exec) = { .name = "exec", .rank = 55, .rows = rows };
