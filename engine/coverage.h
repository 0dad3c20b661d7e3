/* SPDX-License-Identifier: GPL-2.0-only */
/* How often which step followed which, on which kind of memory, with which provider. */
#ifndef COVERAGE_H
#define COVERAGE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/steps.h"

/*
 * Verbs of the language: those built in, the operations, and to pin by each provider that
 * must be named: they promise different things.
 */
#define VERBS_MAX	160

struct coverage {
	uint32_t *count;	/* [base][verb][next verb] */
	size_t bases;
};

/*
 * 0, -ENOMEM, or -E2BIG: more verbs than VERBS_MAX. @bases: combinations of kind, size and
 * provider.
 */
int coverage_init(struct coverage *c, size_t bases);
void coverage_free(struct coverage *c);

/* The number of a step's verb, and its name. */
unsigned int verb_of(const struct step *s);
const char *verb_name(unsigned int verb);
/* What else the number stands for; NULL if it does not. */
const struct operation *verb_operation(unsigned int verb);
const struct provider *verb_provider(unsigned int verb);
unsigned int verbs_nr(void);

uint32_t *coverage_at(struct coverage *c, size_t base, unsigned int verb, unsigned int next);
/* Count all pairs of neighbours among the steps of @mask (1 << index). */
void coverage_add(struct coverage *c, size_t base, const struct scenario_steps *steps,
		  uint32_t mask);
#define ALL_STEPS	UINT32_MAX
/* How many different pairs (over all bases) were tried, and different pairs of verbs. */
void coverage_sum(const struct coverage *c, size_t *with_base, size_t *pairs);

#endif
