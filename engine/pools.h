/* SPDX-License-Identifier: GPL-2.0-only */
/* Hugetlb pools: filled for the tests that need them, and shared out while they run. */
#ifndef POOLS_H
#define POOLS_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/plan.h"

/* Fill the pools for the tests of @p, @jobs at a time; through the settings journal. */
void pools_fill(const struct plan *p, unsigned int jobs);

/*
 * Pages of @size for one test. pools_can() says if there will ever be as many,
 * pools_take() takes them if they are free now.
 */
bool pools_can(size_t size, unsigned int pages);
bool pools_take(size_t size, unsigned int pages);
void pools_give(size_t size, unsigned int pages);

#endif
