/* SPDX-License-Identifier: GPL-2.0-only */
/* From a long scenario that fails to a short one that fails in the same way. */
#ifndef SHRINK_H
#define SHRINK_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/plan.h"

struct shrinker {
	/*
	 * Does @text still fail on the memory of @on? Called at most @runs times, also with text
	 * that does not parse or makes no sense there: then it is to say no.
	 */
	bool (*fails)(const char *text, const struct test *on, void *arg);
	void *arg;
	unsigned int runs;
	/* All kinds, sizes and providers that there are; none: the kind stays. */
	const struct test *bases;
	size_t nr_bases;
};

/*
 * Make @text (room for CASE_TEXT bytes), which fails on the memory of *@on, smaller as long as it
 * still fails. When that goes no further, simpler kinds of memory are tried, from the simplest
 * on, with the same provider; and then again smaller texts.
 */
void shrink(const struct shrinker *s, char *text, const struct test **on);

#endif
