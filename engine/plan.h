/* SPDX-License-Identifier: GPL-2.0-only */
/* The plan: the cross product of the axes, after asking the properties. */
#ifndef PLAN_H
#define PLAN_H

#include "engine/steps.h"
#include "kinds/kind.h"
#include "scenarios/scenario.h"

/* Groups of tests; a test is in one or more. */
enum group {
	GROUP_QUICK,		/* every scenario, on a kind of each family */
	GROUP_KSELFTEST,	/* what the kernel's cow, gup_longterm and mkdirty test */
	GROUP_FULL,		/* all but GROUP_HUGE */
	GROUP_HUGE,		/* 1 GiB pages beyond GROUP_KSELFTEST */
	NR_GROUPS
};

struct test {
	char id[128];			/* SCENARIO[.PROVIDER].KIND[.SIZE] */
	unsigned int kind_at;		/* where in the id KIND[.SIZE] begins */
	const struct scenario *scenario;
	const struct scenario_steps *steps;
	const struct kind *kind;
	size_t size;			/* on the kind's size axis, else 0 */
	bool least;			/* the first size of that axis */
	unsigned int groups;		/* mask of 1 << GROUP_* */
	bool lenient;		/* of no catalogue: what makes no sense is left out */
	bool random;		/* others run beside it: some steps may rightly fail */
	const struct provider *by;	/* of pin steps that name none; may be NULL */
};

#define TITLE_MAX	192

struct plan {
	struct test *tests;
	size_t nr, room;
	struct scenario_steps *steps;	/* of every scenario; shared memory */
	size_t scenarios, scenarios_max;
	bool settled;			/* `tests` is shared memory, not of the heap */
};

/* What a person reads of it: "TITLE ... with KIND (SIZE)". @title has TITLE_MAX bytes. */
char *test_title(const struct test *t, char *title);

/* All tests, in plan order. Needs no root and changes nothing. Exits if a row is wrong. */
void plan_build(struct plan *p);
/* The same of one scenario, which need not be of the catalogue. */
void plan_build_one(struct plan *p, const struct scenario *s);
/* Do the steps of @t make sense on its kind, its size and with its provider? */
bool plan_fits(const struct test *t);
void plan_free(struct plan *p);
/*
 * Move the tests to memory that fork() does not copy: thousands of processes are forked
 * from the one that holds the plan. Last: nothing can be added or taken away then.
 */
int plan_settle(struct plan *p);

/* Hugetlb pages of its size that a test takes at most. */
unsigned int test_hugetlb_pages(const struct test *t);

/* Requirements of a test: mask of NEED(). */
uint64_t test_needs(const struct test *t);

#endif
