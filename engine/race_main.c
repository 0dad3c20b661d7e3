// SPDX-License-Identifier: GPL-2.0-only
/* Races from the command line: see race_main.h. */
#define _GNU_SOURCE
#include "engine/race_main.h"

#include <stdlib.h>
#include <string.h>

#include "engine/globs.h"
#include "engine/options.h"
#include "engine/race.h"
#include "engine/start.h"
#include "engine/suboptions.h"

#define PREFIX	"race."

static const char usage[] =
"usage: cow race [OPTION]... [NAME]\n"
"Pins taken and released in one thread, writes and reads in others, and what NAME says.\n"
"\n"
"  -l, --list           the names\n"
"  -t, --time S         seconds for each (default: as many rounds as in the catalogue)\n"
"  -k, --kinds GLOBS    only on these kinds\n"
"  -b, --by GLOBS       who pins (default 'gup-fast,iouring')\n"
"  -v, --verbose        how many rounds, writes and pins it was\n"
"      --inject FAULT   make something go wrong\n"
"  -h, --help           this text\n"
"\n"
"Exit code: 0 as it must be, 1 not so, or nothing could be tried; 2 bad usage.\n";

static struct {
	unsigned int seconds;
	const char *name, *kinds, *by;
} asked = { .by = "gup-fast,iouring" };

static const char *name_of(const struct test *t)
{
	return t->scenario->id + strlen(PREFIX);
}

static void list_races(void)
{
	const struct scenario *last = NULL;
	struct plan p;

	plan_build(&p);
	for (size_t i = 0; i < p.nr; i++) {
		const struct scenario *s = p.tests[i].scenario;

		if (!s->rounds || s == last)
			continue;
		last = s;
		printf("%-12s %s\n", name_of(&p.tests[i]), s->steps);
	}
	exit(0);
}

static void parse(int argc, char **argv)
{
	static const struct suboption table[] = {
		{ "list", 'l', .act = list_races },
		{ "time", 't', .number = &asked.seconds, .min = 1, .max = 86400 },
		{ "kinds", 'k', .text = &asked.kinds },
		{ "by", 'b', .text = &asked.by },
		{ "verbose", 'v', .flag = &opt.run.tap.verbose },
		{ "inject", .take = option_inject },
		{ }
	};
	int first = suboptions_parse(argc, argv, table, usage);

	if (first + 1 < argc)
		refuse("race takes one name (see cow race --list)");
	asked.name = first < argc ? argv[first] : NULL;
}

static bool fits(const struct test *t)
{
	return t->scenario->rounds && globs_match(asked.by, t->by->id) &&
	       (!asked.name || !strcmp(asked.name, name_of(t))) &&
	       (!asked.kinds || globs_match(asked.kinds, t->id + t->kind_at));
}

int race_main(int argc, char **argv)
{
	struct plan p;
	size_t kept = 0;

	parse(argc, argv);
	plan_build(&p);
	for (size_t i = 0; i < p.nr; i++)
		if (fits(&p.tests[i]))
			p.tests[kept++] = p.tests[i];
	p.nr = kept;
	if (!kept)
		refuse("there is no race '%s' by '%s' on '%s' (see cow race --list)",
		       asked.name ? asked.name : "*", asked.by, asked.kinds ? asked.kinds : "*");
	race_for(asked.seconds);
	opt.run.jobs = 1;
	opt.run.timeout = asked.seconds + 60;
	return start_run(&p);
}

void race_print(const struct test *t)
{
	printf("cow race --kinds %s --by %s %s\n", t->id + t->kind_at, t->by->id, name_of(t));
}
