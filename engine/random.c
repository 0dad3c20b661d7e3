// SPDX-License-Identifier: GPL-2.0-only
/* Random numbers, by SplitMix64: see random.h. */
#include "engine/random.h"

uint32_t random_below(struct random *r, uint32_t n)
{
	uint64_t z = (r->state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31)) % n;
}
