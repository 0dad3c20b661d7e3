// SPDX-License-Identifier: GPL-2.0-only
/* cow: after memory was written, does the pin still hold the page the process sees? */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench/pin_cost.h"
#include "engine/list.h"
#include "engine/options.h"
#include "engine/select.h"
#include "engine/settings.h"
#include "engine/slots.h"

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
	char glob[256];

	exclude(p);
	/* A typo must not make a run smaller without a word. */
	if (opt.globs && plan_idle_glob(p, opt.globs, glob, sizeof(glob)))
		refuse("no test has an id that matches '%s' (see --list)", glob);
	if (opt.group < 0 && !opt.globs)
		opt.group = GROUP_FULL;
	if (opt.group >= 0)
		plan_select_group(p, opt.group);
	if (!plan_select(p, opt.globs))
		refuse("no test has an id that matches '%s' (see --list)", opt.globs);
	plan_exclude(p, &excluded);
	if (!p->nr)
		refuse("--exclude-from %s leaves no test to run", opt.exclude);
	shuffle(p);
}

static void limits(void)
{
	struct rlimit none = { 0, 0 };

	/* Actors that die of SIGBUS are findings, not reasons to dump gigabytes. */
	setrlimit(RLIMIT_CORE, &none);
	if (!opt.run.jobs) {
		long cpus = sysconf(_SC_NPROCESSORS_ONLN);

		opt.run.jobs = cpus < 1 ? 1 : cpus > JOBS_MAX ? JOBS_MAX : cpus;
	}
}

static void restore(void)
{
	int nr = settings_lock();

	if (nr == -EWOULDBLOCK)
		refuse("another run is under way on this machine");
	if (!nr)
		nr = settings_restore_leftovers();

	if (nr < 0)
		refuse("cannot restore settings: %s", strerror(-nr));
	if (nr || opt.restore)
		fprintf(stderr, "cow: put back %d settings of an earlier run\n", nr);
}

static void run(struct plan *p)
{
	int ret;

	limits();
	if (!geteuid())
		restore();
	opt.run.tap.open_end = opt.run.until_fail;
	opt.run.tap.planned = p->nr * (opt.run.until_fail ? 1 : opt.run.repeat);
	ret = plan_settle(p);
	if (!ret)
		ret = run_plan(p, &opt.run);
	if (ret)
		refuse("cannot run: %s", strerror(-ret));
}

int main(int argc, char **argv)
{
	struct plan plan;

	if (argc > 1 && !strcmp(argv[1], "bench"))
		return pin_cost_main(argc - 1, argv + 1);
	options_parse(argc, argv);
	if (opt.restore) {
		restore();
		return 0;
	}
	plan_build(&plan);
	select_tests(&plan);
	if (opt.list && opt.json)
		list_json(&plan);
	else if (opt.list)
		list_plain(&plan, opt.run.tap.verbose);
	else
		run(&plan);
	plan_free(&plan);
	exclusions_free(&excluded);
	free(opt.globs);
	return opt.list ? 0 : tap_exit_code(opt.strict);
}
