/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What must be as it was whenever no test runs: pins, hugetlb pools, swap areas, settings,
 * the kernel's taint, our descriptors and processes. What tests leave behind is a leak of
 * the kernel, or of ours; both would spoil the tests that come.
 */
#ifndef QUIET_H
#define QUIET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Remember how things are; after everything is set up. */
void quiet_start(void);

/* A process of ours that is there to stay; @nr more (or less) descriptors, swap areas of ours. */
void quiet_expect_process(pid_t pid);
void quiet_expect_descriptors(int nr);
void quiet_expect_swap_areas(int nr);

/*
 * No test runs: is all as it was? What the kernel releases in its own time is waited for.
 * 0, or QUIET_* with the differences in @why; what is found is the new normal.
 */
#define QUIET_LEFT	1	/* something is left behind */
#define QUIET_TAINTED	2	/* the kernel marked itself as tainted */
#define QUIET_OURS	4	/* something that only cow can have left: descriptors, processes */
int quiet_check(char *why, size_t len);
/*
 * What is left is waited for, ten seconds at most; or three, when it is known that something is
 * left for good, and only asked who leaves it, too.
 */
void quiet_be_impatient(bool yes);

#endif
