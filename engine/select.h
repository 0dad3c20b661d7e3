/* SPDX-License-Identifier: GPL-2.0-only */
/* Which tests of the plan are run, and in what order. */
#ifndef SELECT_H
#define SELECT_H

#include "engine/plan.h"

/*
 * Keep only what @globs selects: a comma-separated list of patterns on ids, "!" before
 * one takes away again. Returns how many are left. The first pattern that takes nothing is
 * copied into @idle (@len bytes, may be 0), which else is empty.
 */
size_t plan_select(struct plan *p, const char *globs, char *idle, size_t len);

/*
 * Keep only the tests of some groups, by their names, comma-separated: in the order of the
 * plan, but for those of the first group, who come first, and so on. 0 or -errno.
 */
int plan_select_groups(struct plan *p, const char *groups);
/* The group of the name of @len bytes at @name, or -1. */
int group_find(const char *name, size_t len);
const char *group_name(enum group g);

/* What a gate does not want to run, with its reasons. */
struct exclusion {
	char *glob, *reason;
	size_t dropped;		/* tests that it took out of the plan */
};
struct exclusions {
	struct exclusion *list;
	size_t nr;
};

/*
 * Read @path: lines "GLOB REASON...", a line that begins with "#" is a comment. Each glob
 * must match an id of @all. 0, or -EINVAL with @why (256 bytes) saying what is wrong and in
 * which line.
 */
int exclusions_load(struct exclusions *e, const struct plan *all, const char *path, char *why);
/* Take them out of @p; counts what each took. */
void plan_exclude(struct plan *p, struct exclusions *e);
void exclusions_free(struct exclusions *e);

/* Tests with any of @needs (a mask of NEED()) behind all others. */
void plan_put_last(struct plan *p, uint64_t needs);
/* Another order, the same for the same @seed. */
void plan_shuffle(struct plan *p, unsigned int seed);

#endif
