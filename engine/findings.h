/* SPDX-License-Identifier: GPL-2.0-only */
/* What random scenarios brought to light: each failure once, in its shortest form. */
#ifndef FINDINGS_H
#define FINDINGS_H

#include "engine/generate.h"
#include "engine/stage.h"

/* Runs a case, alone, and returns its result. */
typedef const struct result *run_fn(struct stress_case *c);

/*
 * A case has failed, as @r says. If it is new: replay it, shrink it with @run on @scratch,
 * and print it as "not ok".
 */
void findings_add(const struct stress_case *c, const struct result *r,
		  struct stress_case *scratch, run_fn *run);
/*
 * On what memory else a failure may be tried, which may be simpler than where it was found; these
 * are not copied.
 */
void findings_bases(const struct test *bases, size_t nr);
/* Known issues are failures like others. */
void findings_show_known(void);

/* How many different failures there were (known ones not counted), and tests printed. */
unsigned int findings_new(void);
unsigned int findings_printed(void);
/* The last words on those that were seen more than once. */
void findings_end(void);

#endif
