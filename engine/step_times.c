// SPDX-License-Identifier: GPL-2.0-only
/* What steps take: see step_times.h. */
#include "engine/step_times.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/coverage.h"

#define SHOWN	8

static struct verb_time {
	unsigned int verb;
	uint64_t ns, times;
} times[VERBS_MAX];

void step_times_add(const struct scenario_steps *steps, const struct stage *stage, uint32_t mask)
{
	for (int i = 0; i < steps->nr; i++) {
		struct verb_time *t;

		if (!(mask & 1u << i))
			continue;
		t = &times[verb_of(&steps->step[i])];
		t->ns += stage->took[i];
		t->times++;
	}
}

static int by_time(const void *a, const void *b)
{
	const struct verb_time *x = a, *y = b;

	return x->ns < y->ns ? 1 : x->ns > y->ns ? -1 : 0;
}

void step_times_print(void)
{
	struct verb_time list[VERBS_MAX];
	uint64_t all_ns = 0;

	for (unsigned int v = 0; v < VERBS_MAX; v++) {
		list[v] = times[v];
		list[v].verb = v;
		all_ns += list[v].ns;
	}
	qsort(list, VERBS_MAX, sizeof(list[0]), by_time);
	printf("# time in steps:");
	for (size_t i = 0; i < SHOWN && list[i].ns; i++) {
		const struct provider *by = verb_provider(list[i].verb);

		printf("%s %s%s%s %.0f %% (%.1f ms)", i ? "," : "", verb_name(list[i].verb),
		       by ? " " : "", by ? by->id : "", 100.0 * list[i].ns / all_ns,
		       1.0 * list[i].ns / list[i].times / NS_PER_MS);
	}
	printf("\n");
}
