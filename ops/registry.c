// SPDX-License-Identifier: GPL-2.0-only
/* All operations: see operation.h. */
#include "ops/operation.h"

#include <string.h>

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
			  int (*put)(struct mem *m, size_t offset, uint64_t word))
{
	const struct layout *l = &m->layout;
	size_t first, count;
	int ret = 0;

	layout_cells(l, page, pages, &first, &count);
	for (size_t c = first; c < first + count && !ret; c++) {
		size_t at = layout_page(l, c);

		for (size_t w = 0; w < l->words && !ret; w++) {
			size_t off = layout_word(l, w);

			if (layout_is_mark(l, w))
				continue;
			ret = put(m, at * l->page + off,
				  word_encode(v, at, off / sizeof(uint64_t)));
		}
	}
	return ret;
}
