// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is made of a random scenario that failed: replayed, shrunk, told apart from those
 * that fail only at times, printed once. What runs scenarios here is a table of when they
 * fail.
 */
#define _GNU_SOURCE
#include "engine/findings.h"

#include <stdlib.h>
#include <unistd.h>

#include "engine/known.h"
#include "t/tap-unit.h"
#include "vm_util.h"

static struct stress_case found, scratch;

/* --- a machine that fails as planned --- */

static struct {
	bool (*fails)(const struct scenario_steps *s);
	unsigned int each;		/* it fails each so-manieth time; 0: never again, */
	unsigned int each_on_anon;	/* likewise on base pages; 0: no difference */
	const char *reason;
	unsigned int runs, asked;
	struct result result;
} machine;

static const struct result *run_it(struct stress_case *c)
{
	struct result *r = &machine.result;
	unsigned int each = machine.each;

	if (machine.each_on_anon && c->test.kind->props & KIND_BASE)
		each = machine.each_on_anon;
	machine.runs++;
	*r = (struct result) { .verdict = VERDICT_PASS };
	if (!machine.fails(&c->steps) || !each || machine.asked++ % each)
		return r;
	r->verdict = VERDICT_FAIL;
	snprintf(r->reason, sizeof(r->reason), "%s", machine.reason);
	snprintf(r->text, sizeof(r->text), "it went wrong in run %u", machine.runs);
	snprintf(r->diag, sizeof(r->diag), "  one line\n  and another\n");
	return r;
}

static bool has(const struct scenario_steps *s, enum op op)
{
	for (int i = 0; i < s->nr; i++)
		if (s->step[i].op == op)
			return true;
	return false;
}

static bool has_fork(const struct scenario_steps *s)
{
	return has(s, OP_FORK);
}

static bool has_unmap(const struct scenario_steps *s)
{
	return has(s, OP_UNMAP);
}

static bool has_exit(const struct scenario_steps *s)
{
	return has(s, OP_EXIT);
}

static bool has_force(const struct scenario_steps *s)
{
	return has(s, OP_FORCE);
}

static struct plan bases;
static const struct test *base;

static void set_base(const char *kind)
{
	base = NULL;
	for (size_t i = 0; i < bases.nr && !base; i++)
		if (!strcmp(bases.tests[i].id + bases.tests[i].kind_at, kind))
			base = &bases.tests[i];
	if (!base)
		abort();
}

static void find_bases(void)
{
	static const struct scenario any = {
		.id = "stress", .title = "stress", .kinds = KIND_WHATEVER, .steps = "fill P",
	};

	plan_build_one(&bases, &any);
	set_base("anon");
}

/* What is printed of @text that has failed for @reason, as the @number-th. */
static char *add(const char *text, const char *reason, unsigned long long number)
{
	struct result r = { .verdict = VERDICT_FAIL };
	FILE *real = stdout, *all;
	char *out = NULL;
	size_t len;

	if (!case_make(&found, base, text))
		abort();
	snprintf(r.reason, sizeof(r.reason), "%s", reason);
	machine.reason = reason;
	machine.runs = machine.asked = 0;
	fflush(stdout);
	all = open_memstream(&out, &len);
	if (!all)
		abort();
	stdout = all;
	found.number = number;
	findings_add(&found, &r, &scratch, run_it);
	stdout = real;
	fclose(all);
	return out;
}

static void tells(const char *out, const char *what, const char *name)
{
	if (!ok(strstr(out, what), "%s", name))
		note("not in it: %s\n%s", what, out);
}

static void test_each_time(void)
{
	char *out;

	machine.fails = has_fork;
	machine.each = 1;
	out = add("fill P; write P; fork P C; write C; clearrefs P", "leak", 17);
	tells(out, "not ok 1 - stress.anon.leak\n", "a failure: its id and reason");
	tells(out, "steps: 'fill P; fork P C'\n", "shrunk");
	tells(out, "found_as: 'fill P; write P; fork P C; write C; clearrefs P'\n",
	      "as it was found");
	tells(out, "scenario: 17\n", "which one of the run it was");
	tells(out, "replays: 5\n  replays_failed: 5\n", "replayed");
	tells(out, "repeat: cow exec --kind anon 'fill P; fork P C'\n", "a line for a shell");
	tells(out, "#   one line\n#   and another\n", "the diagnosis");
	ok(!strstr(out, "flaky"), "not flaky");
	is_int(findings_new(), 1, "it counts");
	free(out);
}

static void test_again(void)
{
	char *out = add("fill P; fork P C; write C; exit C", "leak", 18);

	is_str(out, "", "the same, and more: not told again");
	is_int(machine.runs, 0, "nor run again");
	free(out);
	out = add("fill P; fork P C; write C; exit C", "stale-data", 18);
	tells(out, "not ok 2 - stress.anon.stale-data\n", "for another reason, it is another");
	is_int(findings_new(), 2, "and counts");
	free(out);
}

static void test_at_times(void)
{
	char *out;

	machine.fails = has_unmap;
	machine.each = 3;
	out = add("fill P; write P; unmap P; clearrefs P", "leak", 19);
	tells(out, "not ok 3 - stress.anon.leak\n", "one that fails at times");
	tells(out, "replays_failed: 2\n", "how often");
	tells(out, "flaky: of 5 replays 2 failed in the same way\n", "it is called flaky");
	tells(out, "steps: 'fill P; unmap P'\n", "and shrunk all the same");
	free(out);
}

static void test_never_again(void)
{
	static const char text[] = "fill P; write P; fork P C; exit C";
	char *out;

	machine.fails = has_exit;
	machine.each = 0;
	out = add(text, "kernel", 20);
	tells(out, "replays_failed: 0\n", "one that does not fail again");
	tells(out, "steps: 'fill P; write P; fork P C; exit C'\n", "stays as it is");
	is_int(machine.runs, 5, "nothing is tried but replays");
	free(out);
}

/* Another failure of a shorter scenario is not the one that is looked for. */
static const struct result *run_otherwise(struct stress_case *c)
{
	const struct result *r = run_it(c);

	if (c->steps.nr < 3)
		snprintf(machine.result.reason, sizeof(machine.result.reason), "other");
	return r;
}

static void test_other_reason(void)
{
	struct result r = { .verdict = VERDICT_FAIL, .reason = "torn-page" };
	FILE *real = stdout, *all;
	char *out = NULL;
	size_t len;

	machine.fails = has_force;
	machine.each = 1;
	machine.reason = "torn-page";
	if (!case_make(&found, base, "fill P; write P; force P; clearrefs P"))
		abort();
	all = open_memstream(&out, &len);
	if (!all)
		abort();
	stdout = all;
	findings_add(&found, &r, &scratch, run_otherwise);
	stdout = real;
	fclose(all);
	tells(out, "steps: 'fill P; write P; force P'\n",
	      "shrinking keeps to the reason, as far as that goes");
	free(out);
}

static void test_known(void)
{
	char path[] = "/tmp/cowpin-unit-XXXXXX", why[256], *out;
	int fd = mkstemp(path);
	unsigned int before = findings_new();

	ok(fd >= 0 && dprintf(fd, "stress.anon write-refused * * waits for a backport\n") > 0 &&
	   !known_load(path, why), "a file of known issues");
	close(fd);
	unlink(path);
	machine.fails = has_fork;
	machine.each = 1;
	out = add("fill P; fork P C; write P", "write-refused", 22);
	tells(out, " - stress.anon.write-refused # TODO waits for a backport\n", "is a TODO");
	is_int(findings_new(), before, "and does not count");
	free(out);
}

static bool has_scanwp(const struct scenario_steps *s)
{
	for (int i = 0; i < s->nr; i++)
		if (s->step[i].operation && !strcmp(s->step[i].operation->id, "scanwp"))
			return true;
	return false;
}

/* A race that is known fails at times: what fails each time is another bug. */
static void test_known_race(void)
{
	unsigned int before = findings_new();
	char *out;

	machine.fails = has_scanwp;
	machine.each = 0;
	out = add("fill P; write P; scanwp P; exit P", "unnoticed", 23);
	tells(out, " - stress.anon.unnoticed # TODO PAGEMAP_SCAN ", "a known race: is a TODO");
	is_int(findings_new(), before, "and does not count");
	free(out);
	machine.each = 1;
	out = add("fill P; read P; scanwp P", "unnoticed", 24);
	tells(out, " - stress.anon.unnoticed\n", "it fails each time: is none");
	is_int(findings_new(), before + 1, "and counts");
	free(out);
}

/* A busy machine is no failure, unless it is so all the time. */
static void test_slow(void)
{
	static const char *const texts[] = {
		"fill P; write P; exit P", "fill P; read P; exit P", "fill P; clearrefs P; exit P",
		"fill P; force P; exit P", "fill P; migrate P; exit P", "fill P; unmap P; exit P",
	};
	unsigned int before = findings_new();
	char *out = NULL;

	machine.fails = has_exit;
	machine.each = 0;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		bool last = i == ARRAY_SIZE(texts) - 1;

		out = add(texts[i], i % 2 ? "timeout" : "actor-hung", 30 + i);
		ok(!strncmp(out, "not ok", 6) == last && findings_new() == before + last,
		   "out of time once, %zu: %s", i + 1, last ? "too often" : "no finding");
		if (!i)
			tells(out, "# scenario 30 failed (actor-hung)", "but told");
		free(out);
	}
	machine.each = 1;
	out = add("fill P; fork P C; exit C", "timeout", 36);
	tells(out, "not ok", "out of time each time: a finding");
	free(out);
}

/* What fails on simpler memory as well is told of that, once. */
static void test_simpler(void)
{
	unsigned int before = findings_new();
	char *out;

	findings_bases(bases.tests, bases.nr);
	machine.fails = has_fork;
	machine.each = 1;
	set_base("memfd");
	out = add("read P; fork P C; clearrefs P", "torn-page", 23);
	tells(out, " - stress.anon.torn-page\n", "on base pages");
	tells(out, "steps: 'fill P; fork P C'\n", "with steps as they are there");
	tells(out, "found_on: 'memfd'\n", "and what it was found on");
	free(out);
	out = add("read P; fork P C; write C", "torn-page", 24);
	is_str(out, "", "the same where it was found: not told again");
	is_int(machine.runs, 0, "nor run again");
	free(out);
	set_base("tmpfile");
	out = add("read P; write P; fork P C", "torn-page", 25);
	is_str(out, "", "on memory from where it comes out the same: not told again");
	ok(machine.runs > 0, "after %u runs", machine.runs);
	free(out);
	out = add("read P; fork P C", "torn-page", 26);
	is_int(machine.runs, 0, "and there, from then on, not run again");
	free(out);
	is_int(findings_new(), before + 1, "it counts once");
}

/* On simpler memory it fails at times: so it is another failure, or one that is hard to see. */
static void test_simpler_at_times(void)
{
	char *out;

	machine.fails = has_unmap;
	machine.each_on_anon = 2;
	set_base("anon.swapped");
	out = add("fill P; unmap P; write P", "lost-rest", 27);
	tells(out, " - stress.anon.swapped.lost-rest\n", "told of where it fails each time");
	ok(!strstr(out, "flaky"), "and not flaky");
	free(out);
	machine.each_on_anon = 0;
}

int main(void)
{
	find_bases();
	plan(9 + 4 + 4 + 3 + 1 + 3 + 4 + 8 + 9 + 2);
	test_each_time();
	test_again();
	test_at_times();
	test_never_again();
	test_other_reason();
	test_known();
	test_known_race();
	test_slow();
	test_simpler();
	test_simpler_at_times();
	return tap_done();
}
