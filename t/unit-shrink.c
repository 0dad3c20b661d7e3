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

static bool fails(const char *text, const struct test *on, void *arg)
{
	struct plant *p = arg;
	struct scenario_steps s;
	struct parse_error err;

	(void)on;
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

static bool pinned_at(const struct scenario_steps *s, int end, char actor, bool reference)
{
	for (int i = find(s, 0, OP_PIN, actor); i > 0 && i < end; i = find(s, i + 1, OP_PIN, actor))
		if ((s->step[i].by == provider_find("vmsplice")) == reference)
			return true;
	return false;
}

/* A process with a page of its own: its parent had it pinned, so that fork made a copy. */
static bool owns_page(const struct scenario_steps *s, int end, char actor)
{
	for (int i = find(s, 0, OP_FORK, 0); i > 0 && i < end; i = find(s, i + 1, OP_FORK, 0))
		if (s->step[i].other == actor)
			return pinned_at(s, i, s->step[i].actor, false);
	return true;
}

/* It takes a reference, and no pin, and shares the page with a child. */
static bool reference_at_fork(const struct scenario_steps *s)
{
	for (int i = find(s, 0, OP_FORK, 0); i > 0; i = find(s, i + 1, OP_FORK, 0)) {
		char parent = s->step[i].actor;

		if (pinned_at(s, i, parent, true) && !pinned_at(s, i, parent, false) &&
		    owns_page(s, i, parent) && find(s, i, OP_WRITE, parent) > 0 &&
		    find(s, i, OP_WRITE, s->step[i].other) > 0)
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
	{ "a reference of who owns the page, and a child", reference_at_fork, 0,
	  "fill P; pin P; fork P C; pin C vmsplice; fork C E; write C; write E",
	  "fill P; pin P vmsplice; fork P E; write P; write E" },
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

typedef bool fails_fn(const char *text, const struct test *on, void *arg);

/* On one kind, whichever it is. */
static void shrink_text(char *text, unsigned int runs, fails_fn *fails, void *arg)
{
	struct shrinker s = { .fails = fails, .arg = arg, .runs = runs };
	const struct test *on = NULL;

	shrink(&s, text, &on);
}

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
	shrink_text(text, runs, fails, p);
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
		ok(fails(text, NULL, &p), "%s: it fails still", plants[i].what);
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

static bool never(const char *text, const struct test *on, void *arg)
{
	(void)text;
	(void)on;
	++*(unsigned int *)arg;
	return false;
}

static void test_fails_no_more(void)
{
	unsigned int runs = 0;
	char text[CASE_TEXT];

	snprintf(text, sizeof(text), "%s", plants[1].text);
	shrink_text(text, RUNS, never, &runs);
	is_str(text, plants[1].text, "what fails no more stays as it is");
	ok(runs > 0 && runs <= RUNS, "after %u runs", runs);
	snprintf(text, sizeof(text), "fill P");
	runs = 0;
	shrink_text(text, RUNS, never, &runs);
	is_str(text, "fill P", "one step cannot be less");
}

/* Accepts candidates by a seed: any way down must keep pins and actors consistent. */
struct walk {
	uint64_t state;
	unsigned int senseless;
};

static bool at_random(const char *text, const struct test *on, void *arg)
{
	struct walk *w = arg;
	struct random r = { w->state++ };
	struct scenario_steps s;
	struct parse_error err;

	(void)on;
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
		shrink_text(text, RUNS, at_random, &w);
		good = parses(text);
	}
	ok(good, "2000 ways down, and each end parses (%u senseless candidates)", w.senseless);
}

/* Steps that are taken away take with them what makes no sense then. */
static const char *wanted;

static bool is_wanted(const char *text, const struct test *on, void *arg)
{
	(void)on;
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
		shrink_text(text, RUNS, is_wanted, NULL);
		is_str(text, removals[i].to, "in one go: %s", removals[i].what);
	}
}

/* --- simpler kinds --- */

static struct plan all;

static const struct test *base_of(const char *kind, const char *by)
{
	for (size_t i = 0; i < all.nr; i++)
		if (!strcmp(all.tests[i].id + all.tests[i].kind_at, kind) &&
		    !strcmp(all.tests[i].by->id, by))
			return &all.tests[i];
	abort();
}

/* A fault of some memory, and what was asked of it. */
struct kind_plant {
	bool (*fault)(const struct scenario_steps *s, const struct test *on);
	unsigned int runs, others;
	const struct provider *by;
};

static bool fails_on(const char *text, const struct test *on, void *arg)
{
	static struct stress_case c;
	struct kind_plant *p = arg;

	p->runs++;
	p->others += on->by != p->by;
	return case_make(&c, on, text) && p->fault(&c.steps, on);
}

/* Where the memory is a file's, it must be the process's own before it is shared. */
static bool own_hugetlb_page(const struct scenario_steps *s, const struct test *on)
{
	int write = find(s, 0, on->kind->props & KIND_FILE ? OP_WRITE : OP_FILL, 'P');

	return on->kind->props & KIND_HUGETLB && child_keeps_page(s) && write >= 0 &&
	       write < find(s, 0, OP_FORK, 0);
}

static bool any_thp(const struct scenario_steps *s, const struct test *on)
{
	return on->kind->props & KIND_THP && pin_before_write(s);
}

static bool any_memory(const struct scenario_steps *s, const struct test *on)
{
	(void)on;
	return pin_before_write(s);
}

static bool needs_part(const struct scenario_steps *s, const struct test *on)
{
	(void)on;
	return writes_one_page(s);
}

static bool only_swapped(const struct scenario_steps *s, const struct test *on)
{
	return on->kind->props & KIND_SWAPPED && find(s, 0, OP_WRITE, 'P') > 0;
}

static bool only_mremapped(const struct scenario_steps *s, const struct test *on)
{
	return !strcmp(on->kind->id, "thp-mremap") && pin_before_write(s);
}

static const struct {
	const char *what;
	bool (*fault)(const struct scenario_steps *s, const struct test *on);
	const char *kind, *text, *simplest, *least;
} kind_plants[] = {
	{ "a private memfd of hugetlb", own_hugetlb_page, "memfd.hugetlb.2M",
	  "read P; write P; pin P; fork P C; pin C vmsplice; unmap C; write P",
	  "hugetlb.2M", "fill P; fork P C; pin C vmsplice; unmap C; write P" },
	{ "a part of a THP that is shared", any_thp, "thp-shared.pmd",
	  "fill P; pin P ro upper; write P; clearrefs P", "thp.pmd", "fill P; pin P; write P" },
	{ "swapped, mapped by page, and it matters not", any_memory, "thp-pte-swapped.pmd",
	  "fill P; write P; pin P rw; write P lower", "anon", "fill P; pin P; write P" },
	{ "a file on a disk", any_memory, "ext4", "read P; clearrefs P; pin P; write P",
	  "anon", "fill P; pin P; write P" },
	{ "that on a disk, and shared", any_memory, "ext4.shared", "read P; pin P; write P",
	  "anon.shared", "read P; pin P; write P" },
	{ "what needs two pages", needs_part, "thp-pte.pmd", "fill P; pin P; write P first",
	  "thp.pmd", "fill P; write P first" },
	{ "what needs swap", only_swapped, "thp-single-swapped.pmd", "fill P; pin P; write P",
	  "anon.swapped", "fill P; write P" },
	{ "what only one kind has", only_mremapped, "thp-mremap.pmd",
	  "fill P; read P; pin P; write P", "thp-mremap.pmd", "fill P; pin P; write P" },
};

static void test_kind(size_t i, const char *by)
{
	const struct test *on = base_of(kind_plants[i].kind, by);
	struct kind_plant p = { .fault = kind_plants[i].fault, .by = on->by };
	struct shrinker s = {
		.fails = fails_on, .arg = &p, .runs = RUNS, .bases = all.tests, .nr_bases = all.nr,
	};
	char text[CASE_TEXT];

	snprintf(text, sizeof(text), "%s", kind_plants[i].text);
	shrink(&s, text, &on);
	is_str(text, kind_plants[i].least, "%s (%s)", kind_plants[i].what, by);
	is_str(on->id + on->kind_at, kind_plants[i].simplest, "on the simplest kind");
	ok(!p.others && p.runs <= RUNS, "never by another provider, %u runs", p.runs);
}

static void test_kinds(void)
{
	static const struct scenario any = {
		.id = "stress", .title = "stress", .kinds = KIND_WHATEVER,
		.steps = "read P; pin P ro short",
	};

	plan_build_one(&all, &any);
	for (size_t i = 0; i < ARRAY_SIZE(kind_plants); i++) {
		test_kind(i, "gup");
		test_kind(i, "gup-fast");
	}
	plan_free(&all);
}

/* A simpler one of a simpler one is simpler, none is simpler than itself. */
static void test_order(void)
{
	const struct kind *const *k;
	size_t nr = kinds_all(&k);
	bool order = true;

	for (size_t a = 0; a < nr; a++)
		for (size_t b = 0; b < nr; b++)
			for (size_t c = 0; c < nr; c++)
				order &= !kind_simpler(k[a], k[b]) || !kind_simpler(k[b], k[c]) ||
					 (a != c && kind_simpler(k[a], k[c]));
	ok(order, "'simpler' is an order");
	ok(kind_simpler(kind_find("anon"), kind_find("ext4")) &&
	   !kind_simpler(kind_find("anon"), kind_find("hugetlb")) &&
	   !kind_simpler(kind_find("anon"), kind_find("memfd.shared")) &&
	   !kind_simpler(kind_find("zeropage"), kind_find("memfd")), "of one sort");
}

int main(void)
{
	plan(4 * ARRAY_SIZE(plants) + 5 + 3 + 1 + 4 + 2 * 3 * ARRAY_SIZE(kind_plants) + 2);
	test_plants();
	test_budget();
	test_fails_no_more();
	test_walks();
	test_removal();
	test_kinds();
	test_order();
	return tap_done();
}
