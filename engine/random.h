/* SPDX-License-Identifier: GPL-2.0-only */
/* Random numbers: the same for a seed on every machine, whatever its C library does. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

struct random {
	uint64_t state;		/* a seed, to begin with */
};

/* From 0 to @n - 1. */
uint32_t random_below(struct random *r, uint32_t n);

#endif
