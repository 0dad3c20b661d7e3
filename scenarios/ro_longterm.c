// SPDX-License-Identifier: GPL-2.0-only
/* R/O long-term pins of what is not anonymous memory yet: the tests that started it. */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

static const struct scenario rows[] = {
	{ .id = "ro-longterm",
	  .title = "R/O longterm %s pin",
	  .steps = "read P; pin P ro longterm; write P",
	  .why = "COW must be broken before such a pin, or the next write replaces the page "
		 "under it",
	  .kinds = KIND_PRIVATE | KIND_NOT_ANON,
	  .fixed = "6.2 by 'mm/gup: reliable R/O long-term pinning in COW mappings'",
	  .ksft_pass = "Longterm R/O pin is reliable",
	  .ksft_fail = "Longterm R/O pin is not reliable" },
	{ }
};

DEFINE_FAMILY(ro_longterm) = { .name = "ro-longterm", .rank = 10, .rows = rows };
