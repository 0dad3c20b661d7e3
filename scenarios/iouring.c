// SPDX-License-Identifier: GPL-2.0-only
/* io_uring fixed buffers: R/W long-term pins that every process can take. */
#include "scenarios/scenario.h"

static const struct scenario rows[] = {
	{ .id = "iouring.fork",
	  .title = "fork() with an iouring fixed buffer",
	  .steps = "fill P; pin P iouring; fork P C; write P",
	  .why = "fork must copy a pinned page for the child at once, not share it",
	  .ksft_pass = "Longterm R/W pin is reliable",
	  .ksft_fail = "Longterm R/W pin is not reliable" },
	{ }
};

DEFINE_FAMILY(iouring_family) = { .name = "iouring", .rank = 40, .rows = rows };
