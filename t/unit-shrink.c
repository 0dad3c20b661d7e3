// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shrinking alone: faults are planted as predicates on the text, whose least scenario is
 * known. Whatever a candidate looks like on the way, what comes out parses.
 */
#include "engine/shrink.h"

#include <stdlib.h>

#include "engine/generate.h"
#include "t/tap-unit.h"
#include "vm_util.h"

#define RUNS	400

/* A planted fault, and what was asked of it. */
struct plant {
	bool (*fault)(const struct scenario_steps *s);
	int flaky;			/* it fails only each so-manieth time; 0: always */
	unsigned int runs, senseless, asked;
	size_t longest;
	bool grew;
};

static bool fails(const char *text, void *arg)
{
	struct plant *p = arg;
	struct scenario_steps s;
	struct parse_error err;

	p->runs++;
	p->grew |= strlen(text) > p->longest;
	if (steps_parse(text, &s, &err)) {
		p->senseless++;
		return false;
	}
	return p->fault(&s) && (!p->flaky || !(p->asked++ % p->flaky));
}

/* --- what a fault looks for --- */

/* The first step from @from on that is @op of @actor (0: of anybody); -1: none. */
static int find(const struct scenario_steps *s, int from, enum op op, char actor)
{
	for (int i = from; i >= 0 && i < s->nr; i++)
		if (s->step[i].op == op && (!actor || s->step[i].actor == actor))
			return i;
	return -1;
}

static bool pin_before_write(const struct scenario_steps *s)
{
	for (int i = 0; i < s->nr; i++)
		if (s->step[i].op == OP_PIN && find(s, i, OP_WRITE, s->step[i].actor) > 0)
			return true;
	return false;
}

/* CVE-2020-29374. */
static bool child_keeps_page(const struct scenario_steps *s)
{
	for (int i = 0; i < s->nr; i++) {
		char child = s->step[i].other;
		int pin = s->step[i].op == OP_FORK ? find(s, i, OP_PIN, child) : -1;

		if (pin > 0 && s->step[pin].by == provider_find("vmsplice") &&
		    find(s, find(s, pin, OP_UNMAP, child), OP_WRITE, s->step[i].actor) > 0)
			return true;
	}
	return false;
}

static bool pins_of_two(const struct scenario_steps *s)
{
	for (int i = 0; i < s->nr; i++)
		for (int k = 0; k < i; k++)
			if (s->step[i].op == OP_PIN && s->step[k].op == OP_PIN &&
			    s->step[i].actor != s->step[k].actor)
				return true;
	return false;
}

/* Two pins of one process; the first taken is released, then the other written through. */
static bool poke_after_unpin(const struct scenario_steps *s)
{
	for (int i = find(s, 0, OP_UNPIN, 0); i > 0; i = find(s, i + 1, OP_UNPIN, 0))
		for (int k = find(s, i, OP_POKE, s->step[i].actor); k > 0;
		     k = find(s, k + 1, OP_POKE, s->step[i].actor))
			if (s->step[k].pin == s->step[i].pin + 1)
				return true;
	return false;
}

/* Taking a right away and giving it back: neither goes alone. */
static bool rights_in_balance(const struct scenario_steps *s)
{
	int balance = 0;

	for (int i = 0; i < s->nr; i++)
		if (s->step[i].op == OP_MPROTECT)
			balance += s->step[i].prot & PROT_WRITE ? 1 : -1;
	return !balance && find(s, 0, OP_WRITE, 'P') > 0;
}

static bool writes_one_page(const struct scenario_steps *s)
{
	int i = find(s, 0, OP_WRITE, 'P');

	while (i > 0 && s->step[i].part != PART_FIRST)
		i = find(s, i + 1, OP_WRITE, 'P');
	return i > 0;
}

static bool fork_and_write(const struct scenario_steps *s)
{
	return find(s, find(s, 0, OP_FORK, 0), OP_WRITE, 'P') > 0;
}

static bool write_through_pin(const struct scenario_steps *s)
{
	return find(s, find(s, 0, OP_PIN, 0), OP_POKE, 0) > 0;
}

static bool always(const struct scenario_steps *s)
{
	(void)s;
	return true;
}

/* --- the table --- */

static const struct {
	const char *what;
	bool (*fault)(const struct scenario_steps *s);
	int flaky;
	const char *text, *least;
} plants[] = {
	{ "a pin before a write of the same process", pin_before_write, 0,
	  "fill P; fork P C; write C upper; pin P rw longterm lower; mprotect C r; "
	  "write C; exit C; write P lower; clearrefs P; write P",
	  "fill P; pin P; write P" },
	{ "a child keeps a page that it has unmapped", child_keeps_page, 0,
	  "fill P; fork P G; pin P rw; fork P C; write G; pin C ro short vmsplice; poke P 1; "
	  "unmap C; fork G E; write E; write P last; exit E; write P",
	  "fill P; fork P C; pin C vmsplice; unmap C; write P" },
	{ "pins of two processes", pins_of_two, 0,
	  "read P; pin P rw; fork P C; unpin P 1; pin C ro longterm upper; fork C E; "
	  "pin E rw short; pin P ro; poke E 3; write P",
	  "read P; pin P; fork P C; pin C" },
	{ "a pin written through after another was released", poke_after_unpin, 0,
	  "fill P; fork P C; pin C rw; pin P ro longterm; pin P rw longterm lower; "
	  "poke C 1; exit C; unpin P 2; write P; poke P 3",
	  "fill P; pin P; pin P rw; unpin P 1; poke P" },
	{ "two steps that only go together", rights_in_balance, 0,
	  "fill P; mprotect P r; fork P C; write C; mprotect P rw; write P; exit C",
	  "fill P; write P" },
	{ "a part that matters stays", writes_one_page, 0,
	  "fill P; pin P rw last; write P upper; poke P; write P first; write P",
	  "fill P; write P first" },
	{ "fails only each third time", fork_and_write, 3,
	  "fill P; pin P rw; fork P C; write C; poke P 1; fork C E; exit E; write P lower",
	  NULL },
	{ "a child's child does what anybody could", write_through_pin, 0,
	  "fill P; fork P C; fork C E; fork P G; exit G; pin E rw longterm; exit C; poke E 1",
	  "fill P; pin P rw; poke P" },
	{ "whatever is tried fails", always, 0,
	  "fill P; fork P C; pin C rw; poke C; exit C; write P", "fill P" },
};

static bool parses(const char *text)
{
	struct scenario_steps s;
	struct parse_error err;

	if (!steps_parse(text, &s, &err))
		return true;
	note("\"%s\", column %d: %s", text, err.col, err.what);
	return false;
}

static void shrink_it(struct plant *p, unsigned int runs, const char *from, char *text)
{
	snprintf(text, CASE_TEXT, "%s", from);
	p->longest = strlen(text);
	shrink(text, runs, fails, p);
}

static void test_plants(void)
{
	char text[CASE_TEXT];

	for (size_t i = 0; i < ARRAY_SIZE(plants); i++) {
		struct plant p = { .fault = plants[i].fault, .flaky = plants[i].flaky };

		shrink_it(&p, RUNS, plants[i].text, text);
		if (plants[i].least)
			is_str(text, plants[i].least, "%s", plants[i].what);
		else
			ok(strlen(text) < strlen(plants[i].text), "%s: shorter", plants[i].what);
		ok(parses(text), "%s: it parses", plants[i].what);
		ok(!p.grew && p.runs <= RUNS, "%s: never longer, %u runs", plants[i].what,
		   p.runs);
		p.flaky = 0;
		ok(fails(text, &p), "%s: it fails still", plants[i].what);
	}
}

/* --- how often, and what of --- */

static void test_budget(void)
{
	static const unsigned int budgets[] = { 0, 1, 2, 5, 17 };
	char text[CASE_TEXT];

	for (size_t i = 0; i < ARRAY_SIZE(budgets); i++) {
		struct plant p = { .fault = child_keeps_page };

		shrink_it(&p, budgets[i], plants[1].text, text);
		ok(p.runs <= budgets[i] && parses(text), "%u runs allowed, %u made", budgets[i],
		   p.runs);
	}
}

static bool never(const char *text, void *arg)
{
	(void)text;
	++*(unsigned int *)arg;
	return false;
}

static void test_fails_no_more(void)
{
	unsigned int runs = 0;
	char text[CASE_TEXT];

	snprintf(text, sizeof(text), "%s", plants[1].text);
	shrink(text, RUNS, never, &runs);
	is_str(text, plants[1].text, "what fails no more stays as it is");
	ok(runs > 0 && runs <= RUNS, "after %u runs", runs);
	snprintf(text, sizeof(text), "fill P");
	runs = 0;
	shrink(text, RUNS, never, &runs);
	is_str(text, "fill P", "one step cannot be less");
}

/* Accepts candidates by a seed: any way down must keep pins and actors consistent. */
struct walk {
	uint64_t state;
	unsigned int senseless;
};

static bool at_random(const char *text, void *arg)
{
	struct walk *w = arg;
	struct random r = { w->state++ };
	struct scenario_steps s;
	struct parse_error err;

	if (steps_parse(text, &s, &err)) {
		w->senseless++;
		return false;
	}
	return random_below(&r, 3) == 0;
}

static void test_walks(void)
{
	bool good = true;
	struct walk w = { 0 };

	for (unsigned int seed = 1; seed <= 2000 && good; seed++) {
		char text[CASE_TEXT];

		w.state = (uint64_t)seed << 20;
		snprintf(text, sizeof(text), "%s", plants[seed % 4].text);
		shrink(text, RUNS, at_random, &w);
		good = parses(text);
	}
	ok(good, "2000 ways down, and each end parses (%u senseless candidates)", w.senseless);
}

/* Steps that are taken away take with them what makes no sense then. */
static const char *wanted;

static bool is_wanted(const char *text, void *arg)
{
	(void)arg;
	return !strcmp(text, wanted);
}

static void test_removal(void)
{
	static const struct { const char *from, *to, *what; } removals[] = {
		{ "fill P; pin P rw; pin P rw; pin P rw; poke P 3; unpin P 2",
		  "fill P; pin P rw; pin P rw; poke P 2; unpin P 1", "later pins, renumbered" },
		{ "fill P; pin P rw; poke P 1; unpin P 1; write P", "fill P; write P",
		  "a pin and its uses" },
		{ "fill P; fork P C; pin P rw; fork C E; pin C rw; pin E rw; pin P rw; poke P 4; "
		  "poke P 1", "fill P; pin P rw; pin P rw; poke P 2; poke P 1",
		  "an actor, what it did, and its children" },
		{ "fill P; fork P C; exit C; write P", "fill P; write P", "an actor that exits" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(removals); i++) {
		char text[CASE_TEXT];

		wanted = removals[i].to;
		snprintf(text, sizeof(text), "%s", removals[i].from);
		shrink(text, RUNS, is_wanted, NULL);
		is_str(text, removals[i].to, "in one go: %s", removals[i].what);
	}
}

int main(void)
{
	plan(4 * ARRAY_SIZE(plants) + 5 + 3 + 1 + 4);
	test_plants();
	test_budget();
	test_fails_no_more();
	test_walks();
	test_removal();
	return tap_done();
}
