// SPDX-License-Identifier: GPL-2.0-only
/* cow: after memory was written, does the pin still hold the page the process sees? */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/pin_cost.h"
#include "engine/inject.h"
#include "engine/known.h"
#include "engine/plan.h"
#include "engine/runner.h"
#include "engine/settings.h"
#include "vm_util.h"

#define VERSION		"0.1"
#define JOBS_LIMIT	64

static struct {
	bool list, restore, strict;
	char *globs;
	int group;
	struct run_options run;
} opt = { .group = -1, .run = { .timeout = 60 } };

static const char usage[] =
"usage: cow [OPTION]...\n"
"       cow bench [--json] [--kinds GLOB]\n"
"Check whether pins and copy-on-write are reliable on the running kernel; TAP on stdout.\n"
"\n"
"  -l, --list           print the ids of all (selected) tests and do nothing;\n"
"                       with -v also title and steps\n"
"  -r, --run GLOBS      only tests whose id matches: comma-separated, \"!\" before a glob\n"
"                       takes away again (--run 'ro-longterm.*,!*.1G')\n"
"  -g, --group GROUP    quick: every scenario on a kind of each family;\n"
"                       kselftest: what the kernel's own suite tests;\n"
"                       full (default): all but huge; huge: 1 GiB pages beyond kselftest\n"
"                       (with --run and no --group, all groups)\n"
"  -f, --format FORMAT  tap (default), or kselftest: as the kernel's own suite prints\n"
"  -j, --jobs N         tests side by side (default: the number of CPUs)\n"
"  -t, --timeout S      seconds a test may take (default 60)\n"
"      --known-issues FILE  failures that are known, a line each:\n"
"                       ID-GLOB FAILS-AS KERNELS ARCH REASON, as\n"
"                       fork.*.anon leak 6.1-6.3 x86_64 waits for a backport\n"
"                       (* for any; KERNELS FROM-TO, one of them may be missing)\n"
"      --strict         a known issue that passes is a failure\n"
"      --inject FAULT   make something go wrong, to see that it is noticed;\n"
"                       --inject help lists the faults\n"
"      --restore        put back settings that a killed run left changed, and exit\n"
"  -v, --verbose        say more: of each test, how long it took\n"
"  -h, --help           this text\n"
"      --version        version\n"
"\n"
"Exit code: 0 all passed (or were skipped), 1 a test failed, 2 could not be run.\n"
"With --format kselftest: 0, 1, and 4 if all was skipped.\n";

__attribute__((format(printf, 1, 2), noreturn))
static void refuse(const char *fmt, ...)
{
	va_list args;

	fputs("cow: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

static unsigned int number(const char *option, const char *text, unsigned int max)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || n < 1 || n > max)
		refuse("%s takes a whole number from 1 to %u, not '%s'", option, max, text);
	return n;
}

static enum format format(const char *text)
{
	if (!strcmp(text, "tap"))
		return FORMAT_TAP;
	if (!strcmp(text, "kselftest"))
		return FORMAT_KSELFTEST;
	refuse("--format takes tap or kselftest, not '%s'", text);
}

static int group(const char *text)
{
	int g = group_find(text);

	if (g < 0)
		refuse("--group takes quick, kselftest, full or huge, not '%s'", text);
	return g;
}

static void inject(const char *text)
{
	if (!strcmp(text, "help")) {
		for (int f = 0; f < NR_FAULTS; f++)
			printf("%-14s %s\n", fault_name(f), fault_about(f));
		exit(0);
	}
	if (!inject_select(text))
		refuse("--inject knows no fault '%s' (--inject help lists them)", text);
}

static void known_issues_file(const char *path)
{
	char why[256];

	if (known_load(path, why))
		refuse("--known-issues: %s", why);
}

/* Several --run add up. */
static void add_globs(const char *text)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", opt.globs ? opt.globs : "", opt.globs ? "," : "",
		     text) < 0)
		refuse("out of memory");
	free(opt.globs);
	opt.globs = joined;
}

static void parse_options(int argc, char **argv)
{
	enum { INJECT = 256, RESTORE, SHOW_VERSION, KNOWN, STRICT };
	static const struct option longs[] = {
		{ "list", no_argument, NULL, 'l' },
		{ "run", required_argument, NULL, 'r' },
		{ "group", required_argument, NULL, 'g' },
		{ "format", required_argument, NULL, 'f' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "timeout", required_argument, NULL, 't' },
		{ "inject", required_argument, NULL, INJECT },
		{ "known-issues", required_argument, NULL, KNOWN },
		{ "strict", no_argument, NULL, STRICT },
		{ "restore", no_argument, NULL, RESTORE },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, SHOW_VERSION },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":lr:g:f:j:t:vh", longs, NULL)) != -1) {
		switch (c) {
		case 'l': opt.list = true; break;
		case 'r': add_globs(optarg); break;
		case 'g': opt.group = group(optarg); break;
		case 'f': opt.run.format = format(optarg); break;
		case 'j': opt.run.jobs = number("--jobs", optarg, JOBS_LIMIT); break;
		case 't': opt.run.timeout = number("--timeout", optarg, 86400); break;
		case INJECT: inject(optarg); break;
		case KNOWN: known_issues_file(optarg); break;
		case STRICT: opt.strict = true; break;
		case RESTORE: opt.restore = true; break;
		case 'v': opt.run.verbose = true; break;
		case 'h': fputs(usage, stdout); exit(0);
		case SHOW_VERSION: puts("cow " VERSION); exit(0);
		case ':': refuse("%s needs an argument (see --help)", argv[optind - 1]);
		default: refuse("unknown option %s (see --help)", argv[optind - 1]);
		}
	}
	if (optind < argc)
		refuse("'%s' is no option (see --help)", argv[optind]);
}

static void select_tests(struct plan *p)
{
	char glob[256];

	/* A typo must not make a run smaller without a word. */
	if (opt.globs && plan_idle_glob(p, opt.globs, glob, sizeof(glob)))
		refuse("no test has an id that matches '%s' (see --list)", glob);
	if (opt.group < 0 && !opt.globs)
		opt.group = GROUP_FULL;
	if (opt.group >= 0)
		plan_select_group(p, opt.group);
	if (!plan_select(p, opt.globs))
		refuse("no test has an id that matches '%s' (see --list)", opt.globs);
}

static void list(const struct plan *p)
{
	for (size_t i = 0; i < p->nr; i++) {
		const struct test *t = &p->tests[i];

		if (opt.run.verbose)
			printf("%s\n\t%s\n\t%s\n", t->id, t->title, t->scenario->steps);
		else
			puts(t->id);
	}
}

static void limits(void)
{
	struct rlimit none = { 0, 0 };

	/* Actors that die of SIGBUS are findings, not reasons to dump gigabytes. */
	setrlimit(RLIMIT_CORE, &none);
	if (!opt.run.jobs) {
		long cpus = sysconf(_SC_NPROCESSORS_ONLN);

		opt.run.jobs = cpus < 1 ? 1 : cpus > JOBS_LIMIT ? JOBS_LIMIT : cpus;
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

int main(int argc, char **argv)
{
	struct plan plan;
	int ret;

	if (argc > 1 && !strcmp(argv[1], "bench"))
		return pin_cost_main(argc - 1, argv + 1);
	parse_options(argc, argv);
	if (opt.restore) {
		restore();
		return 0;
	}
	plan_build(&plan);
	select_tests(&plan);
	if (opt.list) {
		list(&plan);
		plan_free(&plan);
		free(opt.globs);
		return 0;
	}
	limits();
	if (!geteuid())
		restore();
	ret = run_plan(&plan, &opt.run);
	if (ret)
		refuse("cannot run: %s", strerror(-ret));
	plan_free(&plan);
	free(opt.globs);
	return tap_exit_code(opt.strict);
}
