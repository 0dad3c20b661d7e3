// SPDX-License-Identifier: GPL-2.0-only
/* The step language: what parses to what, and what is refused, where and why. */
#include "engine/steps.h"

#include <stdlib.h>

#include "t/tap-unit.h"
#include "vm_util.h"

#define LONGTERM_RW	(PIN_RW | PIN_LONGTERM)
#define SHORT_RO	(PIN_RO | PIN_SHORT)

static bool parse(const char *text, struct scenario_steps *s)
{
	struct parse_error err = { .what = "" };
	bool good = !steps_parse(text, s, &err);

	if (!good)
		note("\"%s\", column %d: %s", text, err.col, err.what);
	return good;
}

/* --- what is accepted: the last step of a text --- */

static const struct {
	const char *text;
	struct step want;
} accepted[] = {
	{ "fill P", { .op = OP_FILL, .actor = 'P' } },
	{ "read P", { .op = OP_READ, .actor = 'P' } },
	{ "read P all", { .op = OP_READ, .actor = 'P', .part = PART_ALL } },
	{ "read P first", { .op = OP_READ, .actor = 'P', .part = PART_FIRST } },
	{ "write P last", { .op = OP_WRITE, .actor = 'P', .part = PART_LAST } },
	{ "write P lower", { .op = OP_WRITE, .actor = 'P', .part = PART_LOWER } },
	{ "write P upper", { .op = OP_WRITE, .actor = 'P', .part = PART_UPPER } },
	{ "fork P C", { .op = OP_FORK, .actor = 'P', .other = 'C' } },
	{ "fork P C thread", { .op = OP_FORK, .actor = 'P', .other = 'C', .by_thread = true } },
	{ "fork P Z; fork Z A", { .op = OP_FORK, .actor = 'Z', .other = 'A' } },
	{ "fork P C; exit C", { .op = OP_EXIT, .actor = 'C' } },
	{ "exec P", { .op = OP_EXEC, .actor = 'P' } },
	{ "unmap P", { .op = OP_UNMAP, .actor = 'P' } },
	{ "mprotect P r", { .op = OP_MPROTECT, .actor = 'P', .prot = PROT_READ } },
	{ "mprotect P rw",
	  { .op = OP_MPROTECT, .actor = 'P', .prot = PROT_READ | PROT_WRITE } },
	{ "mprotect P none", { .op = OP_MPROTECT, .actor = 'P', .prot = PROT_NONE } },
	{ "clearrefs P", { .op = OP_CLEARREFS, .actor = 'P' } },
	{ "dontfork P", { .op = OP_DONTFORK, .actor = 'P' } },
	{ "dofork P upper", { .op = OP_DOFORK, .actor = 'P', .part = PART_UPPER } },
	{ "collapse P", { .op = OP_COLLAPSE, .actor = 'P' } },
	{ "migrate P", { .op = OP_MIGRATE, .actor = 'P' } },
	{ "force P first", { .op = OP_FORCE, .actor = 'P', .part = PART_FIRST } },
	{ "uffdcopy P", { .op = OP_UFFDCOPY, .actor = 'P' } },
	{ "pin P", { .op = OP_PIN, .actor = 'P', .pin_flags = SHORT_RO } },
	{ "pin P ro", { .op = OP_PIN, .actor = 'P', .pin_flags = SHORT_RO } },
	{ "pin P longterm rw upper",
	  { .op = OP_PIN, .actor = 'P', .pin_flags = LONGTERM_RW, .part = PART_UPPER } },
	{ "pin P; pin P rw short",
	  { .op = OP_PIN, .actor = 'P', .pin_flags = PIN_RW | PIN_SHORT, .pin = 1 } },
	{ "pin P rw; pin P rw; unpin P", { .op = OP_UNPIN, .actor = 'P', .pin = 1 } },
	{ "pin P rw; pin P rw; unpin P 1", { .op = OP_UNPIN, .actor = 'P', .pin = 0 } },
	{ "pin P rw; poke P", { .op = OP_POKE, .actor = 'P', .pin = 0 } },
	{ "discard P lower", { .op = OP_OPERATION, .actor = 'P', .part = PART_LOWER,
			       .operation = (const struct operation *)-1L } },
	{ "pin P rw; pin P rw; poke P 2", { .op = OP_POKE, .actor = 'P', .pin = 1 } },
};

static bool same_step(const struct step *a, const struct step *b)
{
	return a->op == b->op && a->actor == b->actor && a->other == b->other &&
	       a->by_thread == b->by_thread &&
	       a->part == b->part && a->prot == b->prot && a->pin_flags == b->pin_flags &&
	       a->by == b->by && a->pin == b->pin && !a->operation == !b->operation;
}

static void test_accepted(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(accepted); i++) {
		struct scenario_steps s;

		ok(parse(accepted[i].text, &s) &&
		   same_step(&s.step[s.nr - 1], &accepted[i].want), "%s", accepted[i].text);
	}
}

/* A verb without a line above is a verb without a test. */
static void test_all_verbs(void)
{
	bool seen[NR_OPS] = { false };
	int nr = 0;

	for (size_t i = 0; i < ARRAY_SIZE(accepted); i++) {
		nr += !seen[accepted[i].want.op];
		seen[accepted[i].want.op] = true;
	}
	is_int(nr, NR_OPS, "each verb is in the table of this test");
}

/* A named provider gives what it can when nothing is said. */
static void test_named_providers(void)
{
	struct scenario_steps s;

	ok(parse("pin P vmsplice", &s) && s.step[0].by == provider_find("vmsplice") &&
	   s.step[0].pin_flags == SHORT_RO, "vmsplice: R/O, short-term");
	is_int(s.axis_flags, 0, "a named provider asks nothing of the axis");
	ok(parse("pin P lower iouring", &s) && s.step[0].by == provider_find("iouring") &&
	   s.step[0].pin_flags == LONGTERM_RW && s.step[0].part == PART_LOWER,
	   "iouring: R/W, long-term");
	ok(parse("pin P rw longterm; pin P vmsplice; pin P ro", &s), "providers of both sorts");
	is_int(s.axis_flags, PIN_RW | PIN_LONGTERM | PIN_RO | PIN_SHORT,
	       "what steps ask of the axis adds up");
}

static void test_counts(void)
{
	struct scenario_steps s;

	ok(parse("fill P; fork P C; exit C; fork P G; pin G; pin P ro", &s), "counts");
	is_int(s.nr, 6, "steps");
	is_int(s.actors, 3, "actors: also those that have exited");
	is_int(s.pins, 2, "pins");
	ok(!s.needs_parts && !s.splits_vma && !s.forces && !s.collapses, "nothing special");
	ok(parse("write P first", &s) && s.needs_parts && !s.splits_vma, "a part is noted");
	ok(parse("unmap P lower", &s) && s.needs_parts && s.splits_vma, "so is a split mapping");
	ok(!s.splits_off_page, "in halves");
	ok(parse("mprotect P r last", &s) && s.splits_vma, "by mprotect, too");
	ok(s.splits_off_page, "off a single page");
	ok(parse("munlock P", &s) && !s.locks && parse("mlock P", &s) && s.locks,
	   "so is locked memory");
	ok(parse("unmap P", &s) && !s.splits_vma, "all of the mapping is no part");
	ok(parse("force P", &s) && s.forces, "force is noted");
	ok(parse("collapse P", &s) && s.collapses, "collapse is noted");
}

/* The place of a step in the text is what a diagnosis prints. */
static void test_places(void)
{
	static const char text[] = " fill P;fork\tP C ;\nwrite  C";
	struct scenario_steps s;

	ok(parse(text, &s) && s.nr == 3, "white space of all sorts");
	is_int(s.step[0].col, 1, "first step: column");
	is_int(s.step[0].len, 6, "first step: length");
	is_int(s.step[1].col, 8, "second step: column");
	is_int(s.step[2].col, 19, "third step: column");
	is_int(s.step[2].len, 8, "third step: length");
}

/* --- what is refused --- */

static const struct {
	const char *text;
	int col;
	const char *what;	/* of the message */
} refused[] = {
	{ "", 0, "a step is missing" },
	{ "   ", 3, "a step is missing" },
	{ ";", 0, "a step is missing" },
	{ "fill P;", 7, "a step is missing" },
	{ "fill P;; write P", 7, "a step is missing" },
	{ "frobnicate P", 0, "'frobnicate' is no verb" },
	{ "fil P", 0, "'fil' is no verb" },
	{ "fills P", 0, "'fills' is no verb" },
	{ "Fill P", 0, "'Fill' is no verb" },
	{ "fill P; P write", 8, "'P' is no verb" },
	{ "fill", 4, "an actor is missing" },
	{ "fill ; write P", 5, "an actor is missing" },
	{ "fill p", 5, "'p' is no actor" },
	{ "fill PP", 5, "'PP' is no actor" },
	{ "fill D", 5, "'D' is no actor" },
	{ "fill F", 5, "'F' is no actor" },
	{ "fill 1", 5, "'1' is no actor" },
	{ "fill C", 5, "nobody has forked C" },
	{ "fork P C; exit C; write C", 24, "C has exited" },
	{ "exit P; write P", 14, "P has exited" },
	{ "fork P", 6, "child's name is missing" },
	{ "fork P C twice", 9, "'twice' is too much" },
	{ "fork P P", 7, "the name P is taken" },
	{ "fork P C; fork P C", 17, "the name C is taken" },
	{ "fork P C; exit C; fork P C", 25, "the name C is taken" },
	{ "fork P D", 7, "'D' is no actor" },
	{ "fork P F", 7, "'F' is no actor" },
	{ "fork P child", 7, "'child' is no actor" },
	{ "fork C G", 5, "nobody has forked C" },
	{ "fork P C G", 9, "'G' is too much" },
	{ "fill P first", 7, "'first' is too much" },
	{ "read P middle", 7, "'middle' is no part" },
	{ "read P first last", 13, "'last' is too much" },
	{ "exit P now", 7, "'now' is too much" },
	{ "mprotect P", 10, "a protection is missing" },
	{ "mprotect P w", 11, "'w' is no protection" },
	{ "mprotect P r middle", 13, "'middle' is no part" },
	{ "clearrefs P first", 12, "'first' is too much" },
	{ "pin P ro rw", 9, "'rw' contradicts" },
	{ "pin P rw ro", 9, "'ro' contradicts" },
	{ "pin P longterm short", 15, "'short' contradicts" },
	{ "pin P short longterm", 12, "'longterm' contradicts" },
	{ "pin P wo", 6, "'wo' is neither a pin flag, a part nor a provider" },
	{ "unpin P", 7, "no such pin" },
	{ "poke P", 6, "no such pin" },
	{ "pin P rw; unpin P 2", 18, "no such pin" },
	{ "pin P rw; unpin P 0", 18, "no such pin" },
	{ "pin P rw; unpin P -1", 18, "no such pin" },
	{ "pin P rw; unpin P one", 18, "no such pin" },
	{ "pin P rw; unpin P 1 1", 20, "'1' is too much" },
};

static void test_refused(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct scenario_steps s;
		struct parse_error err = { .col = -1 };
		int ret = steps_parse(refused[i].text, &s, &err);

		if (!ok(ret && err.col == refused[i].col && strstr(err.what, refused[i].what),
			"refused: \"%s\"", refused[i].text))
			note("%d, column %d: \"%s\", not column %d: \"... %s ...\"", ret, err.col,
			     err.what, refused[i].col, refused[i].what);
	}
}

/* What parses, but makes no sense: it would crash an actor, and the kernel get the blame. */
static const char *const senseless[] = {
	"pin P vmsplice rw",			/* it can only read */
	"pin P vmsplice longterm",
	"pin P iouring ro",
	"pin P rw; unpin P 1x",
	"pin P rw; unpin P; unpin P",		/* released already */
	"pin P rw; unpin P; poke P",
	"pin P rw; fork P C; unpin C",		/* not C's pin */
	"pin P rw; fork P C; poke C",
	"fork P C; pin C rw; exit C; poke P",	/* gone with its owner */
	"pin P ro; poke P",			/* R/O */
	"pin P vmsplice; poke P",
};

static void test_senseless(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(senseless); i++) {
		struct scenario_steps s;
		struct parse_error err;

		ok(steps_parse(senseless[i], &s, &err), "refused: \"%s\"", senseless[i]);
	}
}

/* --- limits --- */

/* @head, and @unit @times times; %c in @unit is a new letter each time. */
static char *repeated(const char *head, const char *unit, int times)
{
	static const char names[] = "ABCEGHIJKLMNOQRSTUVWXYZ";
	static char text[2048];
	size_t used = snprintf(text, sizeof(text), "%s", head);

	for (int i = 0; i < times; i++)
		used += snprintf(text + used, sizeof(text) - used, unit, names[i % 23]);
	return text;
}

static void test_limit(const char *what, const char *unit, int max, const char *message)
{
	struct scenario_steps s;
	struct parse_error err = { .what = "" };

	ok(parse(repeated("read P", unit, max), &s), "as many %s as there may be", what);
	if (!ok(steps_parse(repeated("read P", unit, max + 1), &s, &err) &&
		strstr(err.what, message), "one more is refused"))
		note("\"%s\"", err.what);
	ok(s.nr <= STEPS_MAX && s.actors <= ACTORS_MAX && s.pins <= PINS_MAX,
	   "and does not count");
}

/* Names far longer than any buffer for them. */
static void test_long_words(void)
{
	static char text[1200];
	struct scenario_steps s;
	struct parse_error err;
	size_t head = snprintf(text, sizeof(text), "pin P ");

	memset(text + head, 'x', sizeof(text) - head - 1);
	ok(steps_parse(text, &s, &err) && strlen(err.what) < sizeof(err.what),
	   "a provider's name of a kilobyte");
	ok(steps_parse(text + head, &s, &err) && strlen(err.what) < sizeof(err.what),
	   "a verb of a kilobyte");
}

static void is_part(enum part part, size_t pages, size_t first, size_t count)
{
	size_t f, c;

	part_pages(part, pages, &f, &c);
	if (!ok(f == first && c == count, "part %d of %zu pages", part, pages))
		note("from %zu, %zu pages; not from %zu, %zu", f, c, first, count);
}

static void test_parts(void)
{
	is_part(PART_ALL, 1, 0, 1);
	is_part(PART_ALL, 512, 0, 512);
	is_part(PART_FIRST, 512, 0, 1);
	is_part(PART_LAST, 512, 511, 1);
	is_part(PART_LOWER, 512, 0, 256);
	is_part(PART_UPPER, 512, 256, 256);
	is_part(PART_LOWER, 3, 0, 1);
	is_part(PART_UPPER, 3, 1, 2);
}

int main(void)
{
	plan(ARRAY_SIZE(accepted) + 1 + 5 + 14 + 6 + ARRAY_SIZE(refused) +
	     ARRAY_SIZE(senseless) + 9 + 2 + 8);
	test_accepted();
	test_all_verbs();
	test_named_providers();
	test_counts();
	test_places();
	test_refused();
	test_senseless();
	test_limit("steps", "; write P", STEPS_MAX - 1, "more than 32 steps");
	test_limit("actors", "; fork P %c", ACTORS_MAX - 1, "more than 8 actors");
	test_limit("pins", "; pin P rw", PINS_MAX, "more than 8 pins");
	test_long_words();
	test_parts();
	return tap_done();
}
