// SPDX-License-Identifier: GPL-2.0-only
/* cow: after memory was written, does the pin still hold the page the process sees? */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/pin_cost.h"
#include "engine/actor.h"
#include "engine/environ.h"
#include "engine/exec.h"
#include "engine/list.h"
#include "engine/options.h"
#include "engine/select.h"
#include "engine/race_main.h"
#include "engine/start.h"
#include "engine/stress.h"
#include "stranger.h"

static struct exclusions excluded;

static void exclude(struct plan *p)
{
	char why[256];

	if (!opt.exclude)
		return;
	if (exclusions_load(&excluded, p, opt.exclude, why))
		refuse("--exclude-from: %s", why);
	opt.run.tap.excluded = &excluded;
}

static void shuffle(struct plan *p)
{
	if (!opt.shuffle)
		return;
	if (!opt.seeded)
		opt.seed = time(NULL);
	plan_shuffle(p, opt.seed);
	opt.run.tap.seed = &opt.seed;
}

static void select_tests(struct plan *p)
{
	char idle[256] = "";

	exclude(p);
	if (opt.globs)
		plan_select(p, opt.globs, idle, sizeof(idle));
	/* A typo must not make a run smaller without a word. */
	if (*idle)
		refuse("no test has an id that matches '%s' (see --list)", idle);
	if (!opt.groups && !opt.globs)
		opt.groups = group_name(GROUP_FULL);
	/* All others swap to another place: the last of each group. */
	plan_put_last(p, NEED(SWAPDISK));
	if (opt.groups && plan_select_groups(p, opt.groups))
		refuse("%s", strerror(ENOMEM));
	if (!p->nr)
		refuse("no test has an id that matches '%s' (see --list)", opt.globs);
	plan_exclude(p, &excluded);
	if (!p->nr)
		refuse("--exclude-from %s leaves no test to run", opt.exclude);
	shuffle(p);
}

static const struct {
	const char *name;
	int (*main)(int argc, char **argv);
} programs[] = {
	{ "bench", pin_cost_main },
	{ "exec", exec_main },
	{ "race", race_main },
	{ "stress", stress_main },
	/* Started by ourselves only: */
	{ "stranger", stranger_main },
	{ "resume", actor_resume_main },
};

int main(int argc, char **argv)
{
	struct plan plan;

	int ret = 0;

	for (size_t i = 0; argc > 1 && i < sizeof(programs) / sizeof(programs[0]); i++)
		if (!strcmp(argv[1], programs[i].name))
			return programs[i].main(argc - 1, argv + 1);
	options_parse(argc, argv);
	if (opt.restore) {
		start_alone();
		return 0;
	}
	if (!opt.list)
		environ_begin();
	plan_build(&plan);
	select_tests(&plan);
	if (opt.list && opt.json)
		list_json(&plan);
	else if (opt.list)
		list_plain(&plan, opt.run.tap.verbose);
	else
		ret = start_run(&plan);
	plan_free(&plan);
	exclusions_free(&excluded);
	free(opt.globs);
	return ret;
}
