// SPDX-License-Identifier: GPL-2.0-only
/* References by vmsplice(): they promise no more than a snapshot, but never a leak. */
#include "scenarios/scenario.h"

static const struct scenario rows[] = {
	{ .id = "vmsplice.child-unmap",
	  .title = "vmsplice() + unmap in child",
	  .steps = "fill P; fork P C; pin C vmsplice; unmap C; write P",
	  .why = "a reference must keep the parent from reusing the page in place, or the "
		 "child reads its secrets from the pipe",
	  .cve = "CVE-2020-29374",
	  .ksft_pass = "No leak from parent into child",
	  .ksft_fail = "Leak from parent into child" },
	{ }
};

DEFINE_FAMILY(vmsplice_family) = { .name = "vmsplice", .rank = 30, .rows = rows };
