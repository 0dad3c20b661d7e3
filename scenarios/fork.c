// SPDX-License-Identifier: GPL-2.0-only
/* Copy-on-write after fork(), with nobody pinning. */
#include "scenarios/scenario.h"

static const struct scenario rows[] = {
	{ .id = "fork.basic",
	  .title = "Basic COW after fork()",
	  .steps = "fill P; fork P C; write P",
	  .why = "a child must not see what its parent writes after fork",
	  .ksft_pass = "No leak from parent into child",
	  .ksft_fail = "Leak from parent into child" },
	{ }
};

DEFINE_FAMILY(fork_family) = { .name = "fork", .rank = 20, .rows = rows };
