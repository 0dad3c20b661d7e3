/* SPDX-License-Identifier: GPL-2.0-only */
/* What the benchmarks share: memory to be pinned, and numbers of many trials. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"

#define SAMPLES_MAX	1000
#define SAMPLES_MIN	15

/* Nanoseconds a page: median and quartiles. */
struct sample { double median, low, high; };

/* Of @n trials (which are sorted) with @pages each. */
struct sample sample_of(uint64_t *ns, size_t n, size_t pages);

/* Enough trials, or enough time since @end? */
bool sample_enough(size_t n, uint64_t end);

/* KIND[.SIZE], as in the ids of tests. */
const char *sample_kind_id(const struct kind *k, size_t size, char id[64]);

/* At least @pages of that kind, in its state, each touched. 0 or -errno with m->why. */
#define SAMPLE_TOO_SMALL	"too small"
int sample_memory(struct mem *m, size_t pages);

/* A pin that breaks COW (@breaks) finds its work done the next time: undo it. */
void sample_renew(struct mem *m, bool breaks);

#endif
