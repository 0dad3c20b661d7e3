// SPDX-License-Identifier: GPL-2.0-only
/* R/O long-term pins of anonymous memory that is mapped read-only. */
#include "scenarios/scenario.h"

static const struct scenario rows[] = {
	{ .id = "ro-pin.shared",
	  .title = "R/O %s pin on R/O-mapped shared page",
	  .steps = "fill P; fork P C; pin P ro longterm; write P",
	  .why = "a page shared with a child must be unshared before a R/O pin, or the next "
		 "write replaces it under the pin",
	  .fixed = "5.19 by 'mm/gup: trigger FAULT_FLAG_UNSHARE when R/O-pinning a possibly "
		   "shared anonymous page'",
	  .ksft_pass = "Longterm R/O pin is reliable",
	  .ksft_fail = "Longterm R/O pin is not reliable" },
	{ }
};

DEFINE_FAMILY(ro_pin) = { .name = "ro-pin", .rank = 50, .rows = rows };
