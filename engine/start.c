// SPDX-License-Identifier: GPL-2.0-only
/* From a plan to a run: see start.h. */
#define _GNU_SOURCE
#include "engine/start.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/options.h"
#include "engine/settings.h"
#include "engine/slots.h"

void start_limits(void)
{
	struct rlimit none = { 0, 0 };

	/* Actors that die of SIGBUS are findings, not reasons to dump gigabytes. */
	setrlimit(RLIMIT_CORE, &none);
	if (!opt.run.jobs) {
		long cpus = sysconf(_SC_NPROCESSORS_ONLN);

		opt.run.jobs = cpus < 1 ? 1 : cpus > JOBS_MAX ? JOBS_MAX : cpus;
	}
}

void start_alone(void)
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

int start_run(struct plan *p)
{
	int ret;

	start_limits();
	if (!geteuid())
		start_alone();
	opt.run.tap.open_end = opt.run.until_fail;
	opt.run.tap.planned = p->nr * (opt.run.until_fail ? 1 : opt.run.repeat);
	ret = plan_settle(p);
	if (!ret)
		ret = run_plan(p, &opt.run);
	if (ret)
		refuse("cannot run: %s", strerror(-ret));
	return tap_exit_code(opt.strict);
}
