// SPDX-License-Identifier: GPL-2.0-only
/* The command line: see options.h. */
#define _GNU_SOURCE
#include "engine/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "engine/gate.h"
#include "engine/inject.h"
#include "engine/known.h"
#include "engine/select.h"
#include "engine/slots.h"

#define VERSION		"0.1"

struct options opt = {
	.timeout = 60, .timeout_mul = 1, .run = { .repeat = 1, .timeout = 60 },
};

static const char usage[] =
"usage: cow [OPTION]...\n"
"       cow exec [OPTION]... 'STEPS'       one scenario (cow exec --help)\n"
"       cow stress [OPTION]...             random ones (cow stress --help)\n"
"       cow race [OPTION]... [NAME]        pins against forks and more, in threads\n"
"       cow bench [--json] [--kinds GLOBS] what a pin costs\n"
"       cow bench consumers [--json] [--by GLOBS] [--kinds GLOBS]  ... by consumer\n"
"Check whether pins and copy-on-write are reliable on the running kernel; TAP on stdout.\n"
"\n"
"  -l, --list           print the ids of all (selected) tests and do nothing;\n"
"                       with -v also title and cow exec line; with --json as JSON\n"
"  -r, --run GLOBS      only tests whose id matches: comma-separated, \"!\" before a glob\n"
"                       takes away again (--run 'ro-longterm.*,!*.1G')\n"
"  -g, --group GROUPS   quick: every scenario on a kind of each family;\n"
"                       kselftest: what the kernel's own suite tests;\n"
"                       full (default): all but huge; huge: 1 GiB pages beyond kselftest\n"
"                       (with --run and no --group, all groups); quick,full: each test\n"
"                       of both once, first those of quick\n"
"      --exclude-from FILE  do not run what a line of it names: ID-GLOB REASON\n"
"      --repeat N       run all of it N times\n"
"      --until-fail     run again and again (or N times) until a test fails\n"
"      --shuffle        in another order; --seed N: in the same one again\n"
"  -f, --format FORMAT  tap (default), or kselftest: as the kernel's own suite prints\n"
"  -j, --jobs N         tests side by side (default: the number of CPUs)\n"
"  -t, --timeout S      seconds a test may take (60; of 1 GiB pages 100 more)\n"
"      --timeout-mul X  that many times as long (1.5), on a slow machine\n"
"      --require LIST   what must not be absent, or the run fails: names from\n"
"                       root, pin, swap, thp, hugetlb=2M, hugetlb=1G, mthp=64k ...\n"
"                       (--require help lists them)\n"
"      --max-skip N     more skipped tests than that, and the run fails\n"
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
"Exit code: 0 all that could be run passed; 1 a test failed, none could be run, or\n"
"--require, --max-skip or --strict was not met; 2 could not be run.\n"
"With --format kselftest: 0, 1, and 4 if all was skipped.\n";

void refuse(const char *fmt, ...)
{
	va_list args;

	fputs("cow: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

unsigned int option_number(const char *option, const char *text, unsigned int min,
			   unsigned int max)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || n < min || n > max)
		refuse("%s takes a whole number from %u to %u, not '%s'", option, min, max, text);
	return n;
}

static enum format parse_format(const char *text)
{
	if (!strcmp(text, "tap"))
		return FORMAT_TAP;
	if (!strcmp(text, "kselftest"))
		return FORMAT_KSELFTEST;
	refuse("--format takes tap or kselftest, not '%s'", text);
}

static const char *parse_groups(const char *text)
{
	size_t len;

	for (const char *name = text; ; name += len + 1) {
		len = strcspn(name, ",");
		if (group_find(name, len) < 0)
			refuse("--group takes quick, kselftest, full and huge, not '%.*s'",
			       (int)len, name);
		if (!name[len])
			return text;
	}
}

void option_inject(const char *text)
{
	if (!strcmp(text, "help")) {
		for (int f = 0; f < NR_FAULTS; f++)
			printf("%-14s %s\n", fault_name(f), fault_about(f));
		exit(0);
	}
	if (!inject_select(text))
		refuse("--inject knows no fault '%s' (--inject help lists them)", text);
}

void option_known_issues(const char *path)
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

static void parse_require(const char *list)
{
	char why[256];

	if (!strcmp(list, "help")) {
		printf("%s\n", need_names());
		exit(0);
	}
	if (gate_require(list, why))
		refuse("--require: %s", why);
}

static void parse_timeout_mul(const char *text)
{
	char *end;

	errno = 0;
	opt.timeout_mul = strtod(text, &end);
	if (errno || end == text || *end || !(opt.timeout_mul > 0) || opt.timeout_mul > 1000)
		refuse("--timeout-mul takes a number above 0, up to 1000, not '%s'", text);
}

enum {
	INJECT = 256, RESTORE, SHOW_VERSION, KNOWN, STRICT, JSON, EXCLUDE, REPEAT, UNTIL_FAIL,
	SHUFFLE, SEED, TIMEOUT_MUL, REQUIRE, MAX_SKIP,
};

static const struct option longs[] = {
	{ "list", no_argument, NULL, 'l' },
	{ "run", required_argument, NULL, 'r' },
	{ "group", required_argument, NULL, 'g' },
	{ "format", required_argument, NULL, 'f' },
	{ "jobs", required_argument, NULL, 'j' },
	{ "timeout", required_argument, NULL, 't' },
	{ "timeout-mul", required_argument, NULL, TIMEOUT_MUL },
	{ "exclude-from", required_argument, NULL, EXCLUDE },
	{ "repeat", required_argument, NULL, REPEAT },
	{ "until-fail", no_argument, NULL, UNTIL_FAIL },
	{ "shuffle", no_argument, NULL, SHUFFLE },
	{ "seed", required_argument, NULL, SEED },
	{ "require", required_argument, NULL, REQUIRE },
	{ "max-skip", required_argument, NULL, MAX_SKIP },
	{ "inject", required_argument, NULL, INJECT },
	{ "known-issues", required_argument, NULL, KNOWN },
	{ "strict", no_argument, NULL, STRICT },
	{ "restore", no_argument, NULL, RESTORE },
	{ "json", no_argument, NULL, JSON },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, SHOW_VERSION },
	{ NULL, 0, NULL, 0 },
};

static void parse_option(int c)
{
	switch (c) {
	case 'l': opt.list = true; break;
	case 'r': add_globs(optarg); break;
	case 'g': opt.groups = parse_groups(optarg); break;
	case 'f': opt.run.tap.format = parse_format(optarg); break;
	case 'j': opt.run.jobs = option_number("--jobs", optarg, 1, JOBS_MAX); break;
	case 't': opt.timeout = option_number("--timeout", optarg, 1, 86400); break;
	case 'v': opt.run.tap.verbose = true; break;
	case 'h': fputs(usage, stdout); exit(0);
	case TIMEOUT_MUL: parse_timeout_mul(optarg); break;
	case EXCLUDE: opt.exclude = optarg; break;
	case REPEAT: opt.run.repeat = option_number("--repeat", optarg, 1, 1000000); break;
	case UNTIL_FAIL: opt.run.until_fail = true; break;
	case SHUFFLE: opt.shuffle = true; break;
	case SEED: opt.seed = option_number("--seed", optarg, 1, UINT_MAX);
		opt.seeded = true;
		break;
	case REQUIRE: parse_require(optarg); break;
	case MAX_SKIP: gate_max_skip(option_number("--max-skip", optarg, 0, UINT_MAX)); break;
	case INJECT: option_inject(optarg); break;
	case KNOWN: option_known_issues(optarg); break;
	case STRICT: opt.strict = true; break;
	case RESTORE: opt.restore = true; break;
	case JSON: opt.json = true; break;
	case SHOW_VERSION: puts("cow " VERSION); exit(0);
	}
}

/* What makes no sense without something else. */
static void check_options(void)
{
	if (opt.json && !opt.list)
		refuse("--json goes with --list");
	if (opt.seeded && !opt.shuffle)
		refuse("--seed goes with --shuffle");
	if (opt.run.until_fail && opt.run.repeat == 1)
		opt.run.repeat = UINT_MAX;
	opt.run.timeout = opt.timeout * opt.timeout_mul + 0.5;
	if (!opt.run.timeout)
		opt.run.timeout = 1;
}

void options_parse(int argc, char **argv)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":lr:g:f:j:t:vh", longs, NULL)) != -1) {
		if (c == ':')
			refuse("%s needs an argument (see --help)", argv[optind - 1]);
		if (c == '?')
			refuse("unknown option %s (see --help)", argv[optind - 1]);
		parse_option(c);
	}
	if (optind < argc)
		refuse("'%s' is no option (see --help)", argv[optind]);
	check_options();
}
