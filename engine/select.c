// SPDX-License-Identifier: GPL-2.0-only
/* Which tests of the plan are run, how often, in what order: see select.h. */
#define _GNU_SOURCE
#include "engine/select.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/random.h"

/* --- by patterns of their ids --- */

static int by_id(const void *a, const void *b)
{
	return strcmp((*(const struct test *const *)a)->id, (*(const struct test *const *)b)->id);
}

static int id_is(const void *id, const void *test)
{
	return strcmp(id, (*(const struct test *const *)test)->id);
}

/* Lists of hundreds of ids are as usual as patterns. */
static const struct test **index_by_id(const struct plan *p)
{
	const struct test **index = malloc((p->nr + 1) * sizeof(*index));

	if (!index)
		abort();
	for (size_t i = 0; i < p->nr; i++)
		index[i] = &p->tests[i];
	qsort(index, p->nr, sizeof(*index), by_id);
	return index;
}

static bool is_pattern(const char *glob)
{
	return strpbrk(glob, "*?[\\");
}

static bool id_matches(const char *glob, const char *id)
{
	return is_pattern(glob) ? !fnmatch(glob, id, 0) : !strcmp(glob, id);
}

/* Say in @in that what a pattern matches is wanted, or not: true if there is such a test. */
static bool mark(const struct plan *p, const struct test **index, const char *glob, bool *in,
		 bool wanted)
{
	const struct test **found;
	bool any = false;

	if (!is_pattern(glob)) {
		found = bsearch(glob, index, p->nr, sizeof(*index), id_is);
		if (found)
			in[*found - p->tests] = wanted;
		return found;
	}
	for (size_t i = 0; i < p->nr; i++) {
		if (fnmatch(glob, p->tests[i].id, 0))
			continue;
		in[i] = wanted;
		any = true;
	}
	return any;
}

/* Later patterns win; a list that begins with "!" starts from everything. */
static void mark_all(const struct plan *p, const char *globs, bool *in, char *idle, size_t len)
{
	const struct test **index = index_by_id(p);
	char *copy = strdup(globs), *at = copy, *glob;

	if (!copy)
		abort();
	while ((glob = strsep(&at, ","))) {
		bool wanted = glob[0] != '!';

		if (!mark(p, index, glob + !wanted, in, wanted) && wanted && len && !*idle)
			snprintf(idle, len, "%s", glob);
	}
	free(copy);
	free(index);
}

size_t plan_select(struct plan *p, const char *globs, char *idle, size_t len)
{
	bool *in = malloc(p->nr + 1);
	size_t kept = 0;

	if (!in)
		abort();
	memset(in, globs[0] == '!', p->nr);
	if (len)
		*idle = '\0';
	mark_all(p, globs, in, idle, len);
	for (size_t i = 0; i < p->nr; i++)
		if (in[i])
			p->tests[kept++] = p->tests[i];
	p->nr = kept;
	free(in);
	return kept;
}

/* --- by groups --- */

static const char *const group_names[NR_GROUPS] = {
	[GROUP_QUICK] = "quick", [GROUP_KSELFTEST] = "kselftest", [GROUP_FULL] = "full",
	[GROUP_HUGE] = "huge",
};

const char *group_name(enum group g)
{
	return group_names[g];
}

int group_find(const char *name, size_t len)
{
	for (int g = 0; g < NR_GROUPS; g++)
		if (strlen(group_names[g]) == len && !strncmp(group_names[g], name, len))
			return g;
	return -1;
}

/* Those of @all that are in @group and in none of @taken, behind the first @nr of @to. */
static size_t take_group(struct test *to, size_t nr, const struct plan *all, unsigned int group,
			 unsigned int taken)
{
	for (size_t i = 0; i < all->nr; i++)
		if (all->tests[i].groups & group && !(all->tests[i].groups & taken))
			to[nr++] = all->tests[i];
	return nr;
}

int plan_select_groups(struct plan *p, const char *groups)
{
	struct test *kept = malloc((p->nr + 1) * sizeof(*kept));
	unsigned int taken = 0;
	size_t nr = 0, len;

	if (!kept)
		return -ENOMEM;
	for (const char *name = groups; *name; name += len + !!name[len]) {
		len = strcspn(name, ",");
		int g = group_find(name, len);

		if (g < 0)
			continue;
		nr = take_group(kept, nr, p, 1u << g, taken);
		taken |= 1u << g;
	}
	memcpy(p->tests, kept, nr * sizeof(*kept));
	p->nr = nr;
	free(kept);
	return 0;
}

/* --- a file of what not to run --- */

static size_t plan_drop(struct plan *p, const char *glob)
{
	size_t kept = 0, dropped;

	for (size_t i = 0; i < p->nr; i++)
		if (!id_matches(glob, p->tests[i].id))
			p->tests[kept++] = p->tests[i];
	dropped = p->nr - kept;
	p->nr = kept;
	return dropped;
}

static void add_exclusion(struct exclusions *e, const char *glob, const char *reason)
{
	e->list = realloc(e->list, (e->nr + 1) * sizeof(*e->list));
	if (!e->list)
		abort();
	e->list[e->nr++] = (struct exclusion) { .glob = strdup(glob), .reason = strdup(reason) };
}

static bool matches_any(const struct plan *p, const char *glob)
{
	for (size_t i = 0; i < p->nr; i++)
		if (id_matches(glob, p->tests[i].id))
			return true;
	return false;
}

/* "GLOB REASON"; 0, or what is wrong with the line. */
static const char *exclude_line(struct exclusions *e, const struct plan *all, char *line)
{
	char *glob, *reason;

	line[strcspn(line, "\n")] = '\0';
	glob = line + strspn(line, " \t");
	if (!*glob || *glob == '#')
		return NULL;
	reason = glob + strcspn(glob, " \t");
	if (*reason)
		*reason++ = '\0';
	reason += strspn(reason, " \t");
	if (!*reason)
		return "GLOB REASON is wanted, and there is no reason";
	if (!matches_any(all, glob))
		return "no test has an id that matches (see --list)";
	add_exclusion(e, glob, reason);
	return NULL;
}

int exclusions_load(struct exclusions *e, const struct plan *all, const char *path, char *why)
{
	char *line = NULL;
	const char *wrong = NULL;
	size_t room = 0;
	int nr = 0;
	FILE *f;

	*e = (struct exclusions) { 0 };
	errno = 0;
	f = fopen(path, "re");
	while (f && !wrong && getline(&line, &room, f) >= 0) {
		nr++;
		wrong = exclude_line(e, all, line);
	}
	if (wrong)
		snprintf(why, 256, "%.120s, line %d: %s", path, nr, wrong);
	else if (!f || errno)
		snprintf(why, 256, "%.120s: %s", path, strerror(errno));
	free(line);
	if (f && !fclose(f) && !wrong && !errno)
		return 0;
	return -EINVAL;
}

void plan_exclude(struct plan *p, struct exclusions *e)
{
	for (size_t i = 0; i < e->nr; i++)
		e->list[i].dropped = plan_drop(p, e->list[i].glob);
}

void exclusions_free(struct exclusions *e)
{
	for (size_t i = 0; i < e->nr; i++) {
		free(e->list[i].glob);
		free(e->list[i].reason);
	}
	free(e->list);
}

/* --- order --- */

void plan_put_last(struct plan *p, uint64_t needs)
{
	struct test *last = malloc((p->nr + 1) * sizeof(*last));
	size_t kept = 0, nr = 0;

	if (!last)
		abort();
	for (size_t i = 0; i < p->nr; i++) {
		if (test_needs(&p->tests[i]) & needs)
			last[nr++] = p->tests[i];
		else
			p->tests[kept++] = p->tests[i];
	}
	memcpy(p->tests + kept, last, nr * sizeof(*last));
	free(last);
}

void plan_shuffle(struct plan *p, unsigned int seed)
{
	struct random random = { seed };

	for (size_t i = p->nr; i > 1; i--) {
		size_t j = random_below(&random, i);
		struct test t = p->tests[i - 1];

		p->tests[i - 1] = p->tests[j];
		p->tests[j] = t;
	}
}
