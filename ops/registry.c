// SPDX-License-Identifier: GPL-2.0-only
/* All operations: see operation.h. */
#include "ops/operation.h"

#include <string.h>

/* Words at a time. */
#define RUN_MAX	128

extern const struct operation *const __start_cow_operations[];
extern const struct operation *const __stop_cow_operations[];

size_t operations_all(const struct operation *const **list)
{
	*list = __start_cow_operations;
	return __stop_cow_operations - __start_cow_operations;
}

const struct operation *operation_find(const char *verb, size_t len)
{
	const struct operation *const *list;
	size_t nr = operations_all(&list);

	for (size_t i = 0; i < nr; i++)
		if (strlen(list[i]->id) == len && !strncmp(list[i]->id, verb, len))
			return list[i];
	return NULL;
}

bool operation_refuses(const int list[REFUSALS_MAX], int error)
{
	for (int i = 0; i < REFUSALS_MAX && list[i]; i++)
		if (list[i] == error)
			return true;
	return false;
}

int operation_write_words(struct mem *m, size_t page, size_t pages, struct value v,
			  int (*put)(struct mem *m, size_t offset, const uint64_t *words,
				     size_t nr))
{
	const struct layout *l = &m->layout;
	size_t first, count, nr, off;
	uint64_t words[RUN_MAX];
	int ret = 0;

	layout_cells(l, page, pages, &first, &count);
	for (size_t c = first; c < first + count && !ret; c++) {
		size_t at = layout_page(l, c), w = 0;

		while (!ret && (nr = content_run(l, &w, at, v, &off, words, RUN_MAX)))
			ret = put(m, at * l->page + off, words, nr);
	}
	return ret;
}
