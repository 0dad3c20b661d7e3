// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random scenarios: the same for the same seed, all of them sensible, none of the verbs
 * forgotten; and the count of what was tried. Nothing is run here.
 */
#include "engine/generate.h"

#include <fnmatch.h>
#include <stdlib.h>

#include "t/tap-unit.h"
#include "vm_util.h"

#define SCENARIOS	10000

static struct test bases[2048];
static size_t nr_bases;

/* As cow stress does: all that pins of either sort can be taken of. */
static void find_bases(void)
{
	static const struct scenario probes[] = {
		{ .id = "stress", .title = "stress", .kinds = KIND_WHATEVER,
		  .steps = "read P; pin P ro short" },
		{ .id = "stress", .title = "stress", .kinds = KIND_WHATEVER,
		  .steps = "read P; pin P rw longterm" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		struct plan p;

		plan_build_one(&p, &probes[i]);
		for (size_t k = 0; k < p.nr && nr_bases < ARRAY_SIZE(bases); k++)
			bases[nr_bases++] = p.tests[k];
		free(p.tests);		/* the steps stay: the bases refer to them */
	}
}

/* --- a sequence of scenarios --- */

static struct run {
	struct palette palette;
	struct random random;
	struct coverage coverage;
	struct stress_case c;
} runs[2];

static void run_start(struct run *r, uint64_t seed, const char *ops)
{
	r->palette = (struct palette) { bases, nr_bases, ops };
	r->random.state = seed;
	if (coverage_init(&r->coverage, nr_bases))
		abort();
}

static bool run_next(struct run *r)
{
	return generate(&r->c, &r->palette, &r->random, &r->coverage);
}

static void run_end(struct run *r)
{
	coverage_free(&r->coverage);
}

/* How many of @nr scenarios are the same with two seeds? */
static int same_of(int nr, uint64_t seed, uint64_t other)
{
	int same = 0;

	run_start(&runs[0], seed, NULL);
	run_start(&runs[1], other, NULL);
	for (int i = 0; i < nr; i++)
		same += run_next(&runs[0]) && run_next(&runs[1]) &&
			!strcmp(runs[0].c.text, runs[1].c.text) &&
			!strcmp(runs[0].c.test.id, runs[1].c.test.id);
	run_end(&runs[0]);
	run_end(&runs[1]);
	return same;
}

static void test_seeds(void)
{
	is_int(same_of(500, 17, 17), 500, "the same seed: the same scenarios");
	ok(same_of(500, 17, 18) < 5, "another seed: others");
}

/* --- each of them --- */

/* What the pins of a hole would be of is refused when a late one is read, not before. */
static bool late_pin_of_hole(const struct scenario_steps *s)
{
	bool hole = false;

	for (int i = 0; i < s->nr; i++) {
		const struct step *at = &s->step[i];

		if (hole && at->op == OP_PIN && at->by && at->by->props & PIN_LATE)
			return true;
		hole |= at->op == OP_UNMAP || at->op == OP_MPROTECT || at->op == OP_DONTFORK ||
			(at->operation && at->operation->effect == EFFECT_UNMAP);
	}
	return false;
}

static const char *wrong_with(struct stress_case *c)
{
	struct scenario_steps s;
	struct parse_error err;

	if (steps_parse(c->text, &s, &err))
		return "does not parse";
	if (c->test.steps != &c->steps || c->test.scenario != &c->scenario ||
	    c->scenario.steps != c->text)
		return "is not in one piece";
	if (s.nr != c->steps.nr || s.nr < 2)
		return "has other steps, or too few";
	if (!plan_fits(&c->test))
		return "does not fit its kind";
	if (strlen(c->text) >= CASE_TEXT - 1)
		return "is too long";
	if (s.step[0].op != (c->test.kind->props & KIND_FILLED ? OP_FILL : OP_READ))
		return "begins with the wrong step";
	if (late_pin_of_hole(&s))
		return "has a late pin of what may not be there";
	if (!c->test.lenient || !c->test.random || fnmatch("stress.*", c->test.id, 0))
		return "is not called what it should";
	return NULL;
}

static unsigned int times[VERBS_MAX];

static void test_each(void)
{
	size_t pins = 0, children = 0, with_base, pairs;
	const char *wrong = NULL;
	struct run *r = &runs[0];

	run_start(r, 4711, NULL);
	for (int i = 0; i < SCENARIOS && !wrong; i++) {
		wrong = run_next(r) ? wrong_with(&r->c) : "there is none";
		for (int s = 0; s < r->c.steps.nr; s++)
			times[verb_of(&r->c.steps.step[s])]++;
		pins += r->c.steps.pins > 0;
		children += r->c.steps.actors > 1;
	}
	if (!ok(!wrong, "%d scenarios: all parse, and fit where they are to run", SCENARIOS))
		note("%s %s: '%s'", r->c.test.id, wrong, r->c.text);
	ok(pins > SCENARIOS / 3, "many take pins: %zu", pins);
	ok(children > SCENARIOS / 3, "many fork: %zu", children);
	coverage_sum(&r->coverage, &with_base, &pairs);
	ok(pairs > verbs_nr() * 8, "%zu different pairs of steps", pairs);
	ok(with_base > pairs, "%zu with kind and provider", with_base);
	run_end(r);
}

/* What the machine must have for a verb that is built in. */
static uint64_t verb_needs(unsigned int verb)
{
	switch (verb) {
	case OP_CLEARREFS: return NEED(SOFTDIRTY);
	case OP_FORCE: return NEED(FORCE);
	case OP_COLLAPSE: return NEED(COLLAPSE);
	default: return 0;
	}
}

/* Can it be there at all, here? */
static bool verb_expected(unsigned int verb)
{
	const struct operation *o = verb_operation(verb);
	const struct provider *by = verb_provider(verb);
	char why[160];

	if (verb == OP_UFFDCOPY)
		return false;
	if (verb < OP_OPERATION)
		return needs_unmet(verb_needs(verb), 0, 0, why, sizeof(why)) < 0;
	if (by)
		return by->props & PIN_NAMED && !(by->props & PIN_NOT_RANDOM) &&
		       needs_unmet(by->needs, 0, 0, why, sizeof(why)) < 0;
	for (size_t i = 0; i < nr_bases; i++)
		if (operation_fits(o, bases[i].kind->props) &&
		    needs_unmet(o->needs, bases[i].size, 0, why, sizeof(why)) < 0)
			return true;
	return false;
}

static void test_verbs(void)
{
	ok(verbs_nr() > OP_OPERATION && verbs_nr() <= VERBS_MAX, "%u verbs", verbs_nr());
	for (unsigned int v = 0; v < verbs_nr(); v++) {
		const struct provider *by = verb_provider(v);
		bool expected = verb_expected(v);

		ok(expected ? times[v] > 0 : !times[v], "%s %s: %u times%s", verb_name(v),
		   by ? by->id : "", times[v],
		   expected ? "" : " (cannot be had, or is no step of these)");
	}
}

/* --- steered by what was not tried --- */

/* Different pairs of steps of @nr scenarios: what was tried before is @kept, or forgotten. */
static size_t pairs_of(int nr, bool kept)
{
	struct run *r = &runs[0];
	struct coverage all;
	size_t with_base, pairs;

	run_start(r, 2718, NULL);
	if (coverage_init(&all, nr_bases))
		abort();
	for (int i = 0; i < nr && run_next(r); i++) {
		coverage_add(&all, 0, &r->c.steps, ALL_STEPS);
		if (!kept)
			memset(r->coverage.count, 0, nr_bases * VERBS_MAX * VERBS_MAX *
			       sizeof(*r->coverage.count));
	}
	run_end(r);
	coverage_sum(&all, &with_base, &pairs);
	coverage_free(&all);
	return pairs;
}

static void test_steering(void)
{
	size_t all_bases = nr_bases, kept, reset;

	nr_bases = 1;
	kept = pairs_of(2000, true);
	reset = pairs_of(2000, false);
	nr_bases = all_bases;
	ok(kept > reset * 5 / 4, "who knows what was tried tries more: %zu pairs, else %zu", kept,
	   reset);
}

/* --- only some verbs --- */

static void test_ops(const char *globs, const char *const *allowed)
{
	const char *stranger = NULL;
	struct run *r = &runs[0];
	bool made = true;

	run_start(r, 99, globs);
	for (int i = 0; i < 200 && made && !stranger; i++) {
		made = run_next(r);
		for (int s = 1; s < r->c.steps.nr && made; s++) {
			const char *name = verb_name(verb_of(&r->c.steps.step[s]));
			bool known = false;

			for (int a = 0; allowed[a]; a++)
				known |= !strcmp(allowed[a], name);
			stranger = known ? stranger : name;
		}
	}
	run_end(r);
	if (!ok(made && !stranger, "--ops '%s': these, and no others", globs))
		note("%s", stranger ? stranger : "no scenario");
}

static void test_ops_none(void)
{
	struct run *r = &runs[0];

	run_start(r, 5, "nope");
	/* The first step is always there: on its own it is a scenario that says little. */
	ok(!run_next(r) || r->c.steps.nr == 1, "--ops of no verb: nothing but the first step");
	run_end(r);
}

/* --- a case of a text --- */

static const struct test *base_of(const char *kind, const char *by)
{
	for (size_t i = 0; i < nr_bases; i++)
		if (!strcmp(bases[i].id + bases[i].kind_at, kind) &&
		    bases[i].by && !strcmp(bases[i].by->id, by))
			return &bases[i];
	abort();
}

static void test_case_make(void)
{
	struct stress_case *c = &runs[0].c;

	ok(case_make(c, base_of("anon", "gup"), "fill P; pin P rw; write P"), "a case of a text");
	is_str(c->test.id, "stress.gup.anon", "its id");
	is_str(c->text, "fill P; pin P rw; write P", "its text");
	is_int(c->steps.nr, 3, "its steps");
	ok(c->test.lenient && c->test.random, "some steps of it may rightly fail");
	ok(case_make(c, &c->test, c->text) && !strcmp(c->test.id, "stress.gup.anon"),
	   "the same of itself, as of a copy");
	ok(!case_make(c, base_of("anon", "gup"), "fill P; pin"), "not of what does not parse");
	ok(!case_make(c, base_of("anon", "gup"), "fill P; write P first"),
	   "not of a part of one page");
	ok(!case_make(c, base_of("anon", "gup"), "fill P; punch P"),
	   "not of a hole in a file where there is none");
	ok(!case_make(c, base_of("anon", "iouring"), "fill P; pin P ro short"),
	   "not of a pin that the provider cannot give");
	ok(!case_make(c, base_of("memfd", "gup"), "read P; collapse P"),
	   "not of a collapse of one page");
}

/* --- counting --- */

static void count(struct coverage *c, size_t base, const char *text, uint32_t mask)
{
	struct scenario_steps s;
	struct parse_error err;

	if (steps_parse(text, &s, &err))
		abort();
	coverage_add(c, base, &s, mask);
}

static void test_coverage(void)
{
	unsigned int write = OP_WRITE, fork = OP_FORK;
	size_t with_base, pairs;
	struct coverage c;

	if (coverage_init(&c, 3))
		abort();
	coverage_sum(&c, &with_base, &pairs);
	ok(!with_base && !pairs, "nothing yet");
	count(&c, 0, "fill P", ALL_STEPS);
	coverage_sum(&c, &with_base, &pairs);
	is_int(pairs, 0, "one step is no pair");
	count(&c, 0, "fill P; write P; write P; write P", ALL_STEPS);
	coverage_sum(&c, &with_base, &pairs);
	is_int(pairs, 2, "fill write, write write");
	is_int(*coverage_at(&c, 0, write, write), 2, "how often");
	count(&c, 2, "fill P; write P; fork P C", ALL_STEPS);
	coverage_sum(&c, &with_base, &pairs);
	is_int(pairs, 3, "a pair counts once over all kinds");
	is_int(with_base, 4, "and once for each of them");
	ok(*coverage_at(&c, 2, write, fork) == 1 && !*coverage_at(&c, 2, fork, write) &&
	   !*coverage_at(&c, 1, write, fork), "in this order, on this one");
	count(&c, 1, "read P; discard P; punch P", ALL_STEPS);
	coverage_sum(&c, &with_base, &pairs);
	is_int(pairs, 5, "operations are verbs, too");
	count(&c, 1, "read P; punch P; discard P; write P", 1 << 0 | 1 << 3);
	coverage_sum(&c, &with_base, &pairs);
	is_int(pairs, 6, "what was left out is no step");
	is_int(*coverage_at(&c, 1, OP_READ, write), 1, "what came before and after it is a pair");
	coverage_free(&c);
}

static void test_random_below(void)
{
	unsigned int seen[7] = { 0 }, least = UINT32_MAX, most = 0;
	struct random r = { 1 }, s = { 1 };
	bool same = true;

	for (int i = 0; i < 7000; i++) {
		uint32_t n = random_below(&r, 7);

		same &= n == random_below(&s, 7);
		seen[n % 7] += n < 7;
	}
	for (int i = 0; i < 7; i++) {
		least = seen[i] < least ? seen[i] : least;
		most = seen[i] > most ? seen[i] : most;
	}
	ok(same, "the same numbers for the same seed");
	ok(least > 850 && most < 1150, "all about equally often (%u to %u of 7000)", least, most);
}

int main(void)
{
	static const char *const few[] = { "write", "fork", "pin", NULL };
	static const char *const pops[] = { "popread", "popwrite", "read", NULL };

	find_bases();
	plan(2 + 5 + 1 + verbs_nr() + 1 + 3 + 11 + 10 + 2);
	test_seeds();
	test_each();
	test_verbs();
	test_steering();
	test_ops("write,fork,pin", few);
	test_ops("pop*,read", pops);
	test_ops_none();
	test_case_make();
	test_coverage();
	test_random_below();
	return tap_done();
}
