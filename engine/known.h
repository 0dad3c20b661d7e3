/* SPDX-License-Identifier: GPL-2.0-only */
/* Known issues: those in the program (scenarios/known_issues.c), and a gate's own. */
#ifndef KNOWN_H
#define KNOWN_H

#include "scenarios/scenario.h"

/*
 * Read more from @path: lines "ID-GLOB FAILS-AS KERNELS ARCH REASON...", where FAILS-AS is
 * the reason code of the failure or *, KERNELS is FROM-TO (versions as 6.1, either may be
 * missing) or *, ARCH a machine name as of uname or *. "#" begins a comment. 0, or -errno
 * with @why (256 bytes) saying what is wrong and in which line.
 */
int known_load(const char *path, char *why);

/* The entry for test @id that fails with reason code @fails_as here and now; NULL: none. */
const struct known_issue *known_failure(const char *id, const char *fails_as);

/* The entry for a random scenario of @steps on @kind, or one of a gate's own for @id. */
const struct known_issue *known_random(const char *id, const char *kind, const char *steps,
				       const char *fails_as);

/* The hint for a failure that a later kernel than this one does not have; NULL: none. */
const char *known_fix(const char *id, const char *fails_as);

/*
 * Is what made a scenario pass (struct scenario, .fixed) missing from this kernel? "6.2 by ...":
 * so it is before 6.2; "after 6.1 ...": up to 6.1. On others a failure is another bug.
 */
bool known_unfixed(const char *fixed);

/* The entry that says that @id cannot pass here; NULL: none. */
const struct known_issue *known_to_fail(const char *id);

#endif
