// SPDX-License-Identifier: GPL-2.0-only
/* Known issues that no released kernel has fixed. */
#include "scenarios/scenario.h"

const struct known_issue known_issues[] = {
	/* The comment in hugetlb_wp() says so: mapcount decides, references do not count. */
	{ "vmsplice.*.hugetlb.*", "leak",
	  "hugetlb reuses a page that only a FOLL_GET reference still shares" },
	{ NULL, NULL, NULL },
};
