/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The runner: one process that starts a director for each test, side by side where
 * tests share nothing, and outlives the death or hang of anything below it.
 */
#ifndef RUNNER_H
#define RUNNER_H

#include "engine/plan.h"
#include "engine/tap.h"

struct run_options {
	struct tap_options tap;
	unsigned int jobs;
	unsigned int timeout;	/* seconds a test may take */
	unsigned int repeat;	/* run all of it that often */
	bool trace;		/* print what everybody sees after each step */
	bool until_fail;	/* no test is begun after one has failed */
};

/* Run all of @p and print it. 0, or -errno if it could not begin. */
int run_plan(const struct plan *p, const struct run_options *o);

#endif
