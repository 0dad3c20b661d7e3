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
 * What @t takes while it runs. pools_can() says if there will ever be as much, else why not in
 * @why (@len bytes); pools_take() takes it if it is free now, which it is when no test runs.
 */
bool pools_can(const struct test *t, char *why, size_t len);
/* Is the pool as large as that at all, whoever has its pages now? */
bool pools_hold(const struct test *t);
bool pools_take(const struct test *t);
void pools_give(const struct test *t);

#endif
