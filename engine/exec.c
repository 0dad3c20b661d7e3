// SPDX-License-Identifier: GPL-2.0-only
/* A scenario from the command line: see exec.h. */
#define _GNU_SOURCE
#include "engine/exec.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "engine/options.h"
#include "engine/race_main.h"
#include "engine/select.h"
#include "engine/start.h"
#include "engine/suboptions.h"

static const char usage[] =
"usage: cow exec [OPTION]... 'STEPS'\n"
"Run one scenario in the step language (docs/scenarios.md), as\n"
"  cow exec -v --kind memfd --by gup 'read P; pin P ro longterm; write P'\n"
"\n"
"  -k, --kind KIND[.SIZE]  memory (default: anon if it is filled, else memfd);\n"
"                          --kind help lists all\n"
"  -b, --by PROVIDER       who takes pins that name nobody (default: gup)\n"
"      --account           also check what the memory costs: RSS and cgroup charge\n"
"  -v, --verbose           after each step, what everybody sees\n"
"  -n, --repeat N          so many times\n"
"  -t, --timeout S         seconds it may take (default 60)\n"
"      --inject FAULT      make something go wrong\n"
"  -h, --help              this text\n"
"\n"
"Exit code: 0 as it must be, 1 not so, or it could not be tried; 2 bad usage.\n";

static struct {
	struct scenario scenario;
	const char *kind, *by;
} exec = {
	.scenario = { .id = "exec", .title = "exec", .kinds = KIND_WHATEVER },
	.by = "gup",
};

static void list_kinds(void)
{
	const struct kind *const *kinds;
	size_t nr = kinds_all(&kinds);

	for (size_t i = 0; i < nr; i++)
		printf("%-22s %s\n", kinds[i]->id, kinds[i]->title);
	exit(0);
}

static void parse(int argc, char **argv)
{
	static const struct suboption table[] = {
		{ "kind", 'k', .text = &exec.kind },
		{ "by", 'b', .text = &exec.by },
		{ "account", .flag = &exec.scenario.accounts },
		{ "verbose", 'v', .flag = &opt.run.trace },
		{ "repeat", 'n', .number = &opt.run.repeat, .min = 1, .max = 1000000 },
		{ "timeout", 't', .number = &opt.run.timeout, .min = 1, .max = 86400 },
		{ "inject", .take = option_inject },
		{ }
	};
	int first = suboptions_parse(argc, argv, table, usage);

	if (exec.kind && !strcmp(exec.kind, "help"))
		list_kinds();
	if (first + 1 != argc)
		refuse("exec takes one argument, the steps in quotes (see cow exec --help)");
	exec.scenario.steps = argv[first];
}

/* What is wrong, and under the text, where: a tab or a newline is as wide as a blank. */
static void check_steps(struct scenario_steps *steps)
{
	struct parse_error err;

	if (!steps_parse(exec.scenario.steps, steps, &err))
		return;
	fprintf(stderr, "cow: column %d: %s\n  ", err.col + 1, err.what);
	for (const char *c = exec.scenario.steps; *c; c++)
		fputc(isspace((unsigned char)*c) ? ' ' : *c, stderr);
	fprintf(stderr, "\n  %*s^\n", err.col, "");
	exit(2);
}

static bool kind_known(const char *name)
{
	const struct kind *const *kinds;
	size_t nr = kinds_all(&kinds);

	for (size_t i = 0; i < nr; i++) {
		size_t len = strlen(kinds[i]->id);

		if (!strncmp(name, kinds[i]->id, len) && (!name[len] || name[len] == '.'))
			return true;
	}
	return false;
}

/* The test of the plan that is meant, alone; @wanted is its kind and size. */
static bool choose(struct plan *p, const char *wanted)
{
	for (size_t i = 0; i < p->nr; i++) {
		const struct test *t = &p->tests[i];

		if (strcmp(t->id + t->kind_at, wanted) || (t->by && strcmp(t->by->id, exec.by)))
			continue;
		p->tests[0] = *t;
		p->tests[0].lenient = true;
		p->nr = 1;
		return true;
	}
	return false;
}

int exec_main(int argc, char **argv)
{
	struct scenario_steps steps;
	struct plan plan;
	bool fills;

	parse(argc, argv);
	check_steps(&steps);
	fills = steps.step[0].op == OP_FILL || steps.step[0].op == OP_UFFDCOPY;
	if (!exec.kind)
		exec.kind = fills ? "anon" : "memfd";
	if (!kind_known(exec.kind))
		refuse("--kind: there is no kind '%s' (--kind help)", exec.kind);
	if (!provider_find(exec.by))
		refuse("--by: there is no provider '%s'", exec.by);
	plan_build_one(&plan, &exec.scenario);
	if (!choose(&plan, exec.kind))
		refuse("these steps make no sense on %s%s%s (no such size, or the kind or the "
		       "provider cannot do one of them)", exec.kind,
		       steps.axis_flags ? " by " : "", steps.axis_flags ? exec.by : "");
	return start_run(&plan);
}

/* A word as a shell takes it; steps have no quotes in them. */
void exec_print(const struct test *t)
{
	if (t->scenario->rounds) {
		race_print(t);
		return;
	}
	printf("cow exec --kind %s", t->id + t->kind_at);
	if (t->by)
		printf(" --by %s", t->by->id);
	printf("%s '%s'\n", t->scenario->accounts ? " --account" : "", t->scenario->steps);
}
