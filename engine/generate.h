/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random scenarios in the step language: the same for the same seed. Which steps are likely
 * is steered by what was not tried yet.
 */
#ifndef GENERATE_H
#define GENERATE_H

#include "engine/coverage.h"
#include "engine/plan.h"
#include "engine/random.h"

#define CASE_TEXT	1024

/*
 * What a run sets up for providers, which take long: in one scenario of PINS_SET_UP_IN. Not
 * devices behind an IOMMU, which take a second for a look; nor udmabuf, after which a file
 * cannot be cut.
 */
#define PINS_SET_UP	(NEED(DM) | NEED(FUSE) | NEED(UBLK) | NEED(OWNNET))
#define PINS_SET_UP_IN	16

/* A scenario of its own, all in one piece: what a director reads must be in shared memory. */
struct stress_case {
	struct test test;
	struct scenario scenario;
	struct scenario_steps steps;
	char text[CASE_TEXT];
	unsigned long long number;	/* which one of the run it is, from 1 */
	size_t base;			/* of the palette, where it was made at random */
};

/* What scenarios are made of. */
struct palette {
	const struct test *bases;	/* kind, size and provider of each; owned by the caller */
	size_t nr_bases;
	const char *ops;		/* globs of verbs, comma-separated; NULL: all */
};

/*
 * Fill in @c with a scenario that makes sense on one of the bases, and count its pairs in
 * @coverage. False: none was found in many tries.
 */
bool generate(struct stress_case *c, const struct palette *p, struct random *r,
	      struct coverage *coverage);

/*
 * Make @c of @text on the kind, size and provider of @like. False: it does not parse, or
 * makes no sense there.
 */
bool case_make(struct stress_case *c, const struct test *like, const char *text);

#endif
