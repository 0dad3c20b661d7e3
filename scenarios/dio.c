// SPDX-License-Identifier: GPL-2.0-only
/* Direct I/O under way: a snapshot of its memory, and of a zeropage just zeroes. */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

static const struct scenario rows[] = {
	{ .id = "dio.zeropage",
	  .title = "O_DIRECT write from memory that was never written",
	  .steps = "read P; pin P dio; write P; fork P C; write C",
	  .why = "it stores zeroes, whatever is written meanwhile: a write must not reach the "
		 "zeropage that is being stored",
	  .kinds = KIND_PRIVATE | KIND_ZERO },
	{ .id = "dio.anon",
	  .title = "O_DIRECT write, then fork()",
	  .steps = "fill P; pin P dio; fork P C; write C; write P",
	  .why = "what is stored is the owner's content, then or later, never the child's" },
	{ .id = "dio.file",
	  .title = "O_DIRECT write from a private file mapping",
	  .steps = "read P; pin P dio; write P; fork P C; write C",
	  .why = "what is stored is the file's content or its owner's write, nobody else's",
	  .kinds = KIND_PRIVATE | KIND_FILE },
	{ }
};

DEFINE_FAMILY(dio_family) = { .name = "dio", .rank = 110, .rows = rows };
