// SPDX-License-Identifier: GPL-2.0-only
/* The registry of scenario families. */
#include "scenarios/scenario.h"

#include <stdlib.h>
#include <string.h>

extern const struct family *const __start_cow_families[], *const __stop_cow_families[];

static int by_rank(const void *a, const void *b)
{
	const struct family *x = *(const struct family *const *)a;
	const struct family *y = *(const struct family *const *)b;

	return x->rank != y->rank ? (x->rank > y->rank) - (x->rank < y->rank)
				  : strcmp(x->name, y->name);
}

size_t families_all(const struct family *const **list)
{
	static const struct family **sorted;
	size_t nr = __stop_cow_families - __start_cow_families;

	if (!sorted) {
		sorted = calloc(nr, sizeof(*sorted));
		if (!sorted)
			abort();
		memcpy(sorted, __start_cow_families, nr * sizeof(*sorted));
		qsort(sorted, nr, sizeof(*sorted), by_rank);
	}
	*list = sorted;
	return nr;
}
