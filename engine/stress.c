// SPDX-License-Identifier: GPL-2.0-only
/* Random scenarios: see stress.h. */
#define _GNU_SOURCE
#include "engine/stress.h"

#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "engine/environ.h"
#include "engine/findings.h"
#include "engine/globs.h"
#include "engine/health.h"
#include "engine/inject.h"
#include "engine/judge.h"
#include "engine/exec.h"
#include "engine/options.h"
#include "engine/pools.h"
#include "engine/provision.h"
#include "engine/quiet.h"
#include "engine/settings.h"
#include "engine/start.h"
#include "engine/step_times.h"
#include "engine/swap.h"
#include "engine/suboptions.h"
#include "vm_util.h"

static const char usage[] =
"usage: cow stress [OPTION]...\n"
"Random scenarios over all kinds of memory, operations and pins, checked by the model after\n"
"each step. A failure is replayed, shrunk, and printed as a \"cow exec\" line.\n"
"\n"
"      --seed N         the same scenarios again (default: the time)\n"
"  -t, --time S         so many seconds (default 60)\n"
"  -c, --count N        at most N scenarios\n"
"      --ops GLOBS      only these verbs, as 'write,fork,pin,unpin,discard'\n"
"      --kinds GLOBS    only these kinds (default '*' without pages of 1 GiB)\n"
"      --by GLOBS       only these providers\n"
"  -j, --jobs N         side by side (default: the number of CPUs)\n"
"      --timeout S      seconds a scenario may take (default 20)\n"
"      --print          print the scenarios, run none\n"
"  -v, --verbose        print each scenario that is run\n"
"      --known          known issues are failures like others\n"
"      --known-issues FILE, --inject FAULT   as of cow itself\n"
"  -h, --help           this text\n"
"\n"
"Exit code: 0 no failure that was not known, 1 some, 2 could not be run.\n";

/* Cases between two looks at what is left behind. */
#define BATCH	256
#define TIME_LIMIT	20	/* seconds */

/* To make one that can be had. */
#define TRIES_MOST	200
/* What steps need that no kind asks for. */
#define SET_UP	(NEED(SWAP) | NEED(THP) | NEED(KSM) | NEED(MEMCG) | PINS_SET_UP)

static struct {
	struct palette palette;
	const char *kinds, *by;
	unsigned int seconds, count;
	bool print, verbose;

	struct random random;
	struct coverage coverage;	/* what was made, which steers what is made next */
	struct coverage tried;		/* what came about */
	struct test bases[2048];
	struct stress_case *cases;	/* one a slot, and one to replay on */
	struct stress_case failed[JOBS_MAX];
	struct result failed_result[JOBS_MAX];
	unsigned int nr_failed;
	unsigned long long scenarios, steps, left_behind, unset;
} stress = { .seconds = 60, .count = UINT_MAX };

static void parse(int argc, char **argv)
{
	static const struct suboption table[] = {
		{ "seed", .number = &opt.seed, .min = 1, .max = UINT_MAX },
		{ "time", 't', .number = &stress.seconds, .min = 1, .max = 864000 },
		{ "count", 'c', .number = &stress.count, .min = 1, .max = UINT_MAX },
		{ "jobs", 'j', .number = &opt.run.jobs, .min = 1, .max = JOBS_MAX - 1 },
		{ "timeout", .number = &opt.run.timeout, .min = 1, .max = 86400 },
		{ "ops", .text = &stress.palette.ops },
		{ "kinds", .text = &stress.kinds },
		{ "by", .text = &stress.by },
		{ "print", .flag = &stress.print },
		{ "verbose", 'v', .flag = &stress.verbose },
		{ "known", .act = findings_show_known },
		{ "known-issues", .take = option_known_issues },
		{ "inject", .take = option_inject },
		{ }
	};
	int first;

	opt.seed = time(NULL);
	opt.run.timeout = TIME_LIMIT;
	first = suboptions_parse(argc, argv, table, usage);
	if (first < argc)
		refuse("'%s' is no option (see cow stress --help)", argv[first]);
}

/* --- on what --- */

static bool wanted(const struct test *t)
{
	const char *kind = t->id + t->kind_at;

	/* What nobody can pin takes turns from all else. */
	if (stress.kinds ? !globs_match(stress.kinds, kind) :
	    t->size >= GIB || t->kind->props & KIND_SECRET)
		return false;
	return !stress.by || (t->by && globs_match(stress.by, t->by->id));
}

static bool kind_there(const char *glob)
{
	for (size_t b = 0; b < stress.palette.nr_bases; b++)
		if (!fnmatch(glob, stress.bases[b].id + stress.bases[b].kind_at, 0))
			return true;
	return false;
}

static bool provider_there(const char *glob)
{
	for (size_t b = 0; b < stress.palette.nr_bases; b++)
		if (stress.bases[b].by && !fnmatch(glob, stress.bases[b].by->id, 0))
			return true;
	return false;
}

static bool verb_there(const char *glob)
{
	for (unsigned int v = 0; v < verbs_nr(); v++)
		if (!fnmatch(glob, verb_name(v), 0))
			return true;
	return false;
}

/* A typo must not make it smaller without a word. */
static void refuse_idle(const char *option, const char *globs, bool (*there)(const char *glob))
{
	char glob[64];

	while (globs && globs_next(&globs, glob, sizeof(glob)))
		if (!there(glob))
			refuse("%s: nothing matches '%s'", option, glob);
}

/* Kinds that go to swap on a disk: of all bases that are left, or none. */
static bool on_disk;

/* There is one place to swap to, and going there and back for each scenario takes too long. */
static void choose_swap(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < stress.palette.nr_bases; i++)
		if (!(test_needs(&stress.bases[i]) & NEED(SWAPDISK)))
			stress.bases[kept++] = stress.bases[i];
	on_disk = !kept;
	if (!on_disk)
		stress.palette.nr_bases = kept;
}

/*
 * All combinations of kind, size and provider, as tests of scenarios that take whatever pins
 * there are; with as many processes as there may be, so that pools are filled for them.
 */
static void find_bases(void)
{
	static const struct scenario probes[] = {
		{ .id = "stress", .title = "stress", .kinds = KIND_WHATEVER,
		  .steps = "fill P; fork P C; fork P E; fork P G; pin P ro short" },
		{ .id = "stress", .title = "stress", .kinds = KIND_WHATEVER,
		  .steps = "fill P; fork P C; fork P E; fork P G; pin P rw longterm" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		struct plan p;

		plan_build_one(&p, &probes[i]);
		for (size_t k = 0; k < p.nr; k++) {
			bool new = wanted(&p.tests[k]);

			for (size_t b = 0; b < stress.palette.nr_bases && new; b++)
				new = strcmp(stress.bases[b].id, p.tests[k].id);
			if (new && stress.palette.nr_bases < ARRAY_SIZE(stress.bases))
				stress.bases[stress.palette.nr_bases++] = p.tests[k];
		}
		free(p.tests);		/* the steps stay: the bases refer to them */
	}
	stress.palette.bases = stress.bases;
	refuse_idle("--kinds", stress.kinds, kind_there);
	refuse_idle("--by", stress.by, provider_there);
	refuse_idle("--ops", stress.palette.ops, verb_there);
	if (!stress.palette.nr_bases)
		refuse("no kind and provider match (cow exec --kind help)");
	choose_swap();
}

static void drop_bases_without_means(void)
{
	size_t kept = 0;
	char why[160];

	for (size_t i = 0; i < stress.palette.nr_bases; i++) {
		const struct test *t = &stress.bases[i];
		unsigned int pages = test_hugetlb_pages(t);

		if (needs_unmet(test_needs(t), t->size, pages, why, sizeof(why)) >= 0 ||
		    !pools_can(t, why, sizeof(why)))
			continue;
		stress.bases[kept++] = *t;
	}
	stress.palette.nr_bases = kept;
	if (!kept)
		refuse("no kind of memory and no provider can be had here (not root?)");
}

/* Which scenarios are made depends on what there is, so this comes first. */
static void set_up_machine(void)
{
	struct plan bases = { .tests = stress.bases, .nr = stress.palette.nr_bases };

	start_limits();
	start_alone();
	provision(&bases, opt.run.jobs, SET_UP);
	drop_bases_without_means();
	if (on_disk && swap_use_disk(true))
		refuse("cannot swap to a disk");
}

/* --- running --- */

static void ends(struct slot *slot, bool dead)
{
	struct stress_case *c = &stress.cases[slot->test];
	const struct result *r = &slot->stage->result;

	judge_end(&c->test, slot, dead);
	stress.steps += __builtin_popcount(r->tried);
	coverage_add(&stress.tried, c->base, &c->steps, r->tried);
	step_times_add(&c->steps, slot->stage, r->tried);
	pools_give(&c->test);
	if (r->verdict != VERDICT_FAIL)
		return;
	/* Compaction for one may disturb how memory comes about for another. */
	if (!strcmp(r->reason, "setup") && r->step <= 0) {
		stress.unset++;
		return;
	}
	stress.failed[stress.nr_failed] = *c;
	stress.failed_result[stress.nr_failed++] = *r;
}

/* Who reads this over a serial port takes silence for death. */
#define WORD_EVERY	(20 * NS_PER_S)

static void say_something(void)
{
	static uint64_t last;

	if (now_ns() < last + WORD_EVERY)
		return;
	if (last)
		printf("# at scenario %llu\n", stress.scenarios);
	fflush(stdout);
	last = now_ns();
}

static void ends_alone(struct slot *slot, bool dead)
{
	judge_end(&stress.cases[slot->test].test, slot, dead);
}

static const struct result *run_alone(struct stress_case *c)
{
	struct slot *slot = slot_free();

	say_something();
	if (!slot_start(slot, c - stress.cases, opt.run.timeout))
		abort();
	while (slot->busy)
		slots_wait(ends_alone);
	return &slot->stage->result;
}

static bool any_busy(void)
{
	for (unsigned int i = 0; i < slots_nr(); i++)
		if (slot_at(i)->busy)
			return true;
	return false;
}

static void drain(void)
{
	while (any_busy())
		slots_wait(ends);
}

/* A copy refers to itself. */
static void settle_copy(struct stress_case *c)
{
	case_make(c, &c->test, c->text);
}

static void look_into_failures(void)
{
	drain();
	for (unsigned int i = 0; i < stress.nr_failed; i++) {
		settle_copy(&stress.failed[i]);
		findings_add(&stress.failed[i], &stress.failed_result[i],
			     &stress.cases[slots_nr()], run_alone);
	}
	stress.nr_failed = 0;
}

static void left_behind(const char *what)
{
	printf("# left behind by one of the last %d scenarios before number %llu: %s\n", BATCH,
	       stress.scenarios, what);
	stress.left_behind++;
}

/*
 * Pages are freed and unpinned by kernel threads, too, and processes are gone late: what the
 * kernel complains of then is nobody's, or of the last scenario of all.
 */
static void look_behind(void)
{
	char why[256];
	struct splat s;

	drain();
	if (quiet_check(why, sizeof(why)))
		left_behind(why);
	inject_late_splat(0);
	while (health_next(&s))
		left_behind(s.text);
}

/* What is made must not depend on who has pages just now, only on how many there are in all. */
static void make_one(struct stress_case *c)
{
	int tries = 0;

	do {
		if (!generate(c, &stress.palette, &stress.random, &stress.coverage))
			refuse("no scenario can be made of these operations and kinds");
	} while (!geteuid() && !pools_hold(&c->test) && ++tries < TRIES_MOST);
}

/* Copies of a test are all in one array, as directors expect it. */
static void start_next(struct slot *slot)
{
	size_t i = slot - slot_at(0);
	struct stress_case *c = &stress.cases[i];

	make_one(c);
	c->number = ++stress.scenarios;
	if (stress.verbose) {
		printf("# scenario %llu: ", c->number);
		exec_print(&c->test);
		fflush(stdout);
	}
	if (!pools_take(&c->test)) {
		drain();
		pools_take(&c->test);
	}
	if (!slot_start(slot, i, opt.run.timeout))
		refuse("fork: no process to be had");
	if (stress.scenarios % BATCH == 0)
		look_behind();
}

static void run_until(uint64_t end)
{
	while (now_ns() < end && stress.scenarios < stress.count) {
		struct slot *slot = slot_free();

		say_something();
		if (stress.nr_failed)
			look_into_failures();
		else if (slot)
			start_next(slot);
		else
			slots_wait(ends);
	}
	look_into_failures();
	look_behind();
	look_into_failures();
}

/* --- beginning and end --- */

static void print_all(void)
{
	struct stress_case c;

	for (unsigned int i = 0; i < (stress.count == UINT_MAX ? 10 : stress.count); i++) {
		make_one(&c);
		exec_print(&c.test);
	}
}

static void prepare(void)
{
	size_t len;

	len = (opt.run.jobs + 1) * sizeof(*stress.cases);
	stress.cases = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (stress.cases == MAP_FAILED)
		refuse("mmap: out of memory");
	if (slots_prepare_cases(opt.run.jobs, &stress.cases[0].test, sizeof(stress.cases[0])))
		refuse("no memory for the stages");
	findings_bases(stress.palette.bases, stress.palette.nr_bases);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	health_start();
	quiet_start();
}

static void summary(double seconds)
{
	size_t with_base, pairs;
	bool good = !findings_new() && !stress.left_behind && stress.unset < stress.scenarios;

	coverage_sum(&stress.tried, &with_base, &pairs);
	findings_end();
	if (stress.unset)
		printf("# %llu scenarios were not tried: their memory did not come about\n",
		       stress.unset);
	printf("# coverage: %zu pairs of steps, %zu with kind and provider\n", pairs, with_base);
	step_times_print();
	printf("# seed %u: %llu scenarios (%.0f/s), %llu steps (%.0f/s) in %.1f s\n", opt.seed,
	       stress.scenarios, stress.scenarios / seconds, stress.steps,
	       stress.steps / seconds, seconds);
	printf("%sok %u - stress\n1..%u\n", good ? "" : "not ", findings_printed() + 1,
	       findings_printed() + 1);
}

int stress_main(int argc, char **argv)
{
	struct plan bases = { .tests = stress.bases };
	uint64_t began;

	parse(argc, argv);
	find_bases();
	stress.random.state = opt.seed;
	if (coverage_init(&stress.coverage, stress.palette.nr_bases) ||
	    coverage_init(&stress.tried, stress.palette.nr_bases))
		refuse("out of memory");
	bases.nr = stress.palette.nr_bases;
	if (!geteuid())
		set_up_machine();
	else if (!stress.print)
		refuse("only root can run random scenarios (--print prints them)");
	if (stress.print) {
		print_all();
		settings_end();
		return 0;
	}
	printf("TAP version 13\n");
	environ_print(&bases);
	printf("# %zu of %zu combinations of kind and provider can be had here\n",
	       stress.palette.nr_bases, bases.nr);
	prepare();
	began = now_ns();
	run_until(began + stress.seconds * NS_PER_S);
	summary((now_ns() - began) / 1e9);
	slots_retire_all();
	settings_end();
	coverage_free(&stress.coverage);
	coverage_free(&stress.tried);
	return findings_new() || stress.left_behind || stress.unset >= stress.scenarios;
}
