// SPDX-License-Identifier: GPL-2.0-only
/* What a run is doing: see control.h. */
#define _GNU_SOURCE
#include "engine/control.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const struct plan *plan;
static int channel = -1;
static int kmsg = -1;

static void open_channels(void)
{
	const char *fd = getenv("COWPIN_CONTROL");

	if (fd)
		channel = atoi(fd);
	if (kmsg < 0)
		kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
}

void control_plan(const struct plan *p)
{
	plan = p;
	open_channels();
	for (size_t i = 0; i < p->nr && channel >= 0; i++)
		dprintf(channel, "plan %s\n", p->tests[i].id);
}

void control_run(const struct test *t)
{
	char line[256];
	int len = snprintf(line, sizeof(line), "<7>cowpin: run %s\n", t->id);

	if (channel >= 0)
		dprintf(channel, "run %td\n", t - plan->tests + 1);
	/* KERN_DEBUG: in the log, not on a slow console. A log that takes none is no failure. */
	if (kmsg >= 0 && write(kmsg, line, len) < len)
		kmsg = -1;
}

void control_done(const struct test *t, const struct result *r)
{
	static const char *const words[] = {
		[VERDICT_NONE] = "not-ok", [VERDICT_PASS] = "ok", [VERDICT_FAIL] = "not-ok",
		[VERDICT_SKIP] = "skip",
	};

	if (channel >= 0)
		dprintf(channel, "done %td %s\n", t - plan->tests + 1, words[r->verdict]);
}
