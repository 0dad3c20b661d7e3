// SPDX-License-Identifier: GPL-2.0-only
/* Memory and numbers of the benchmarks: see sample.h. */
#define _GNU_SOURCE
#include "bench/sample.h"

#include <stdlib.h>

#include "engine/stage.h"
#include "kinds/kind.h"
#include "vm_util.h"

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

struct sample sample_of(uint64_t *ns, size_t n, size_t pages)
{
	qsort(ns, n, sizeof(*ns), by_value);
	return (struct sample) {
		.median = (double)ns[n / 2] / pages,
		.low = (double)ns[n / 4] / pages,
		.high = (double)ns[n - 1 - n / 4] / pages,
	};
}

bool sample_enough(size_t n, uint64_t end)
{
	return n == SAMPLES_MAX || (n >= SAMPLES_MIN && now_ns() >= end);
}

static void touch(struct mem *m)
{
	/* Pages of a file are read: where it wants to know of writes, they are mapped read-only. */
	bool write = m->kind->props & KIND_ANON;

	for (size_t p = 0; p < m->layout.pages; p++) {
		volatile char *at = mem_page(m, p);

		if (write)
			*at = 1;
		else
			(void)*at;
	}
}

const char *sample_kind_id(const struct kind *k, size_t size, char id[64])
{
	char token[16];
	bool pmd = k->props & KIND_THP && size == thp_largest();

	snprintf(id, 64, "%s%s%s", k->id, size ? "." : "",
		 !size ? "" : pmd ? "pmd" : size_token(size, token, sizeof(token)));
	return id;
}

int sample_memory(struct mem *m, size_t pages)
{
	int ret = m->kind->create(m);

	errno = EINVAL;
	if (!ret && m->layout.pages < pages)
		ret = mem_fail(m, SAMPLE_TOO_SMALL);
	if (!ret) {
		touch(m);
		if (m->kind->settle)
			ret = m->kind->settle(m);
	}
	return ret;
}

void sample_renew(struct mem *m, bool breaks)
{
	if (!(m->kind->props & KIND_NOT_ANON) || !breaks)
		return;
	madvise(m->base, m->len, MADV_DONTNEED);
	touch(m);
}
