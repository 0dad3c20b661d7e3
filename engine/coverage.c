// SPDX-License-Identifier: GPL-2.0-only
/* What was tried how often: see coverage.h. */
#include "engine/coverage.h"

#include <errno.h>
#include <stdlib.h>

int coverage_init(struct coverage *c, size_t bases)
{
	if (verbs_nr() > VERBS_MAX)
		return -E2BIG;
	c->bases = bases;
	c->count = calloc(bases * VERBS_MAX * VERBS_MAX, sizeof(*c->count));
	return c->count ? 0 : -ENOMEM;
}

void coverage_free(struct coverage *c)
{
	free(c->count);
}

const struct operation *verb_operation(unsigned int verb)
{
	const struct operation *const *list;
	size_t nr = operations_all(&list);

	return verb >= OP_OPERATION && verb < OP_OPERATION + nr ? list[verb - OP_OPERATION] : NULL;
}

const struct provider *verb_provider(unsigned int verb)
{
	const struct operation *const *operations;
	const struct provider *const *list;
	size_t before = OP_OPERATION + operations_all(&operations), nr = providers_all(&list);

	return verb >= before && verb < before + nr ? list[verb - before] : NULL;
}

unsigned int verb_of(const struct step *s)
{
	unsigned int verb = OP_OPERATION;

	if (s->op != OP_OPERATION && !s->by)
		return s->op;
	while (s->by ? verb_provider(verb) != s->by : verb_operation(verb) != s->operation)
		verb++;
	return verb;
}

const char *verb_name(unsigned int verb)
{
	const struct operation *o = verb_operation(verb);

	return o ? o->id : step_verb(verb < OP_OPERATION ? verb : OP_PIN);
}

unsigned int verbs_nr(void)
{
	const struct operation *const *operations;
	const struct provider *const *providers;

	return OP_OPERATION + operations_all(&operations) + providers_all(&providers);
}

uint32_t *coverage_at(struct coverage *c, size_t base, unsigned int verb, unsigned int next)
{
	return &c->count[(base * VERBS_MAX + verb) * VERBS_MAX + next];
}

void coverage_add(struct coverage *c, size_t base, const struct scenario_steps *steps,
		  uint32_t mask)
{
	const struct step *last = NULL;

	for (int i = 0; i < steps->nr; i++) {
		if (!(mask & (1u << i)))
			continue;
		if (last)
			++*coverage_at(c, base, verb_of(last), verb_of(&steps->step[i]));
		last = &steps->step[i];
	}
}

void coverage_sum(const struct coverage *c, size_t *with_base, size_t *pairs)
{
	size_t plane = VERBS_MAX * VERBS_MAX;

	*with_base = *pairs = 0;
	for (size_t pair = 0; pair < plane; pair++) {
		size_t bases = 0;

		for (size_t b = 0; b < c->bases; b++)
			bases += c->count[b * plane + pair] > 0;
		*with_base += bases;
		*pairs += bases > 0;
	}
}
