// SPDX-License-Identifier: GPL-2.0-only
/* The registry of pin providers, and what providers share. */
#include "gup_helpers.h"

#include <stdlib.h>
#include <string.h>

extern const struct provider *const __start_cow_providers[], *const __stop_cow_providers[];

static int by_rank(const void *a, const void *b)
{
	const struct provider *x = *(const struct provider *const *)a;
	const struct provider *y = *(const struct provider *const *)b;

	return x->rank != y->rank ? (x->rank > y->rank) - (x->rank < y->rank)
				  : strcmp(x->id, y->id);
}

size_t providers_all(const struct provider *const **list)
{
	static const struct provider **sorted;
	size_t nr = __stop_cow_providers - __start_cow_providers;

	if (!sorted) {
		sorted = calloc(nr, sizeof(*sorted));
		if (!sorted)
			abort();
		memcpy(sorted, __start_cow_providers, nr * sizeof(*sorted));
		qsort(sorted, nr, sizeof(*sorted), by_rank);
	}
	*list = sorted;
	return nr;
}

const struct provider *provider_find(const char *id)
{
	const struct provider *const *list;
	size_t nr = providers_all(&list);

	for (size_t i = 0; i < nr; i++)
		if (!strcmp(list[i]->id, id))
			return list[i];
	return NULL;
}

void pin_range(struct pin *p, const struct mem *m, size_t first, size_t pages)
{
	const struct layout *l = &m->layout;

	p->layout = *l;
	p->addr = mem_page(m, first);
	p->now = p->addr;
	p->len = pages * l->page;
	p->first_page = first;
	layout_cells(l, first, pages, &p->first_cell, &p->cells);
}

size_t pin_offset(const struct pin *p, size_t cell)
{
	size_t page = layout_page(&p->layout, p->first_cell + cell);

	return (page - p->first_page) * p->layout.page;
}
