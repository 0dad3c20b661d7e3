/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a gate demands of a run beyond "no test failed": that requirements are met, that not
 * too much is skipped, that anything ran at all. And the account of what was skipped.
 */
#ifndef GATE_H
#define GATE_H

#include "engine/plan.h"
#include "engine/stage.h"

/*
 * Demand what @list names: "swap,hugetlb=2M", names of needs.h. 0, or -EINVAL with @why (256
 * bytes).
 */
int gate_require(const char *list, char *why);
/* Skips that are one too many make the run fail; default: any number may be. */
void gate_max_skip(unsigned int max);

/* Mask of NEED() that is demanded: what is to be set up, even if no test takes it. */
uint64_t gate_needs(void);
/* Hugetlb sizes that are demanded; returns how many (at most KIND_SIZES_MAX). */
int gate_hugetlb(size_t *sizes);

/* Is @need at @size demanded? Then its absence is a failure, not a skip. */
bool gate_requires(enum need need, size_t size);

/* The run as a whole did wrong; told by whoever says so. */
void gate_fail(void);
/* It did, or (after gate_end()) a demand was not met: whatever else there is to say of it. */
bool gate_failed(void);

/* Take notice of a result. */
void gate_count(const struct test *t, const struct result *r);

/*
 * The account, as comment lines: skips by reason, kinds that never ran, and what of the
 * demands was not met. @planned: tests in all.
 */
void gate_end(size_t planned);

#endif
