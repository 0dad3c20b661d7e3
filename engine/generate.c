// SPDX-License-Identifier: GPL-2.0-only
/* Random scenarios: see generate.h. */
#define _GNU_SOURCE
#include "engine/generate.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "engine/globs.h"
#include "vm_util.h"

#define STEPS_LEAST	2
#define STEPS_MOST	14
#define ACTORS_MOST	4
#define PINS_MOST	4
#define TRIES		200

/* How often verbs are thought of: what every pin must survive most of all. */
static const uint8_t weights[NR_OPS] = {
	[OP_READ] = 20, [OP_WRITE] = 120, [OP_FORK] = 70, [OP_EXIT] = 25, [OP_UNMAP] = 20,
	[OP_MPROTECT] = 25, [OP_CLEARREFS] = 10, [OP_DONTFORK] = 10, [OP_DOFORK] = 5,
	[OP_COLLAPSE] = 15, [OP_MIGRATE] = 10, [OP_FORCE] = 15, [OP_PIN] = 100, [OP_UNPIN] = 20,
	[OP_POKE] = 30, [OP_EXEC] = 2,
};
#define WEIGHT_OPERATION	8
#define WEIGHT_SLOW		2
/* Pins by name: references promise less than the rest, which take their time. */
#define WEIGHT_REFERENCE	4
#define WEIGHT_NAMED		1

/*
 * A scenario is about a few things: where all is possible at each step, what belongs together
 * comes too seldom in the right order. So each has its own few of the operations; and
 * every other one has most of its pins by one of those who only pin when they are named.
 */
#define ONE_OPERATION_IN	4
#define WHAT_IS_MISSING		6
#define OWN_PROVIDER_IN		2
#define OWN_PINS_OF_FOUR	3

/* A scenario in the making: who is there, and holds what. */
struct draft {
	struct random *r;
	const struct palette *palette;
	const struct test *base;
	bool parts;			/* the region has more than one page */
	unsigned int weight[VERBS_MAX];	/* how often each verb is thought of */
	const struct provider *own;	/* takes most of its pins; NULL: nobody special */
	char actors[ACTORS_MOST + 1];	/* alive */
	char mappers[ACTORS_MOST + 1];	/* of these, who has not unmapped it all */
	char wrote[ACTORS_MOST + 1];	/* of these, who has written since a pin or fork */
	char next_actor;
	struct { char owner; bool rw; } pins[PINS_MOST];
	int nr_pins, nr_actors;
	bool set_up;			/* it may use PINS_SET_UP */
	bool holes;			/* something may not be accessible any more */
	char *text;
	size_t len;
};

__attribute__((format(printf, 2, 3)))
static void put(struct draft *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	t->len += vsnprintf(t->text + t->len, CASE_TEXT - t->len, fmt, args);
	va_end(args);
}

/* Somebody who has the memory. */
static char some_actor(struct draft *t)
{
	return t->mappers[random_below(t->r, strlen(t->mappers))];
}

static void add_actor(char *actors, char who)
{
	size_t nr = strlen(actors);

	actors[nr] = who;
	actors[nr + 1] = '\0';
}

static void drop_actor(char *actors, char who)
{
	char *at = strchr(actors, who);

	if (at)
		memmove(at, at + 1, strlen(at));
}

static const char *const parts[] = { "lower", "upper", "first", "last" };
#define HALVES	2

/* True: only a part is named, one of the first so many. */
static bool put_part_of(struct draft *t, size_t nr)
{
	bool part = t->parts && !random_below(t->r, 3);

	if (part)
		put(t, " %s", parts[random_below(t->r, nr)]);
	return part;
}

static bool put_part(struct draft *t)
{
	return put_part_of(t, ARRAY_SIZE(parts));
}

/* Mappings of a part: not within a hugetlb page. */
static bool put_vma_part(struct draft *t)
{
	unsigned int props = t->base->kind->props;

	if (!(props & KIND_HUGETLB))
		return put_part(t);
	return (props & KIND_SEVERAL) && put_part_of(t, HALVES);
}

/* --- one step each; false: not now --- */

static bool draft_fork(struct draft *t)
{
	char parent = some_actor(t);

	if (t->nr_actors == ACTORS_MOST)
		return false;
	put(t, "fork %c %c%s", parent, t->next_actor, random_below(t->r, 8) ? "" : " thread");
	add_actor(t->actors, t->next_actor);
	add_actor(t->mappers, t->next_actor);
	t->wrote[0] = '\0';
	/* D and F mean something else. */
	t->next_actor += t->next_actor == 'C' ? 2 : t->next_actor == 'E' ? 2 : 1;
	t->nr_actors++;
	return true;
}

static bool draft_exit(struct draft *t)
{
	char who = t->actors[random_below(t->r, strlen(t->actors))];

	if (strlen(t->actors) < 2)
		return false;
	put(t, "exit %c", who);
	drop_actor(t->actors, who);
	drop_actor(t->mappers, who);
	drop_actor(t->wrote, who);
	for (int p = 0; p < t->nr_pins; p++)
		if (t->pins[p].owner == who)
			t->pins[p].owner = 0;
	return true;
}

/* Can a provider that only takes pins when it is named do so now? */
static bool can_pin(struct draft *t, const struct provider *by)
{
	const struct kind *k = t->base->kind;
	size_t len = k->region ? k->region(t->base->size) : page_size();

	if ((by->props & PIN_NOT_RANDOM) || ((by->needs & PINS_SET_UP) && !t->set_up))
		return false;
	/* What is read late is refused late. */
	return (by->props & PIN_NAMED) && !(t->holes && (by->props & PIN_LATE)) &&
	       !(by->max_len && len > by->max_len) &&
	       needs_unmet(by->needs, 0, 0, (char[160]){ 0 }, 160) < 0;
}

/* @by: named, or NULL: the one of the third axis. */
static bool draft_pin(struct draft *t, const struct provider *by)
{
	unsigned int serves = by ? by->props : t->base->by ? t->base->by->props : 0;
	bool rw, longterm;

	if (t->nr_pins == PINS_MOST || (by ? !can_pin(t, by) : !t->base->by))
		return false;
	rw = !(serves & PIN_RO) || ((serves & PIN_RW) && random_below(t->r, 2));
	longterm = !(serves & PIN_SHORT) || ((serves & PIN_LONGTERM) && random_below(t->r, 2));
	t->pins[t->nr_pins].owner = some_actor(t);
	t->pins[t->nr_pins].rw = rw && (serves & PIN_WRITES);
	put(t, "pin %c %s %s", t->pins[t->nr_pins].owner, rw ? "rw" : "ro",
	    longterm ? "longterm" : "short");
	put_part(t);
	if (by)
		put(t, " %s", by->id);
	t->nr_pins++;
	t->wrote[0] = '\0';
	return true;
}

static bool draft_pin_use(struct draft *t, enum op op)
{
	int pin = t->nr_pins ? (int)random_below(t->r, t->nr_pins) : -1;

	if (pin < 0 || !t->pins[pin].owner || (op == OP_POKE && !t->pins[pin].rw))
		return false;
	put(t, "%s %c %d", step_verb(op), t->pins[pin].owner, pin + 1);
	if (op == OP_UNPIN)
		t->pins[pin].owner = 0;
	return true;
}

/*
 * Rather one who has not written since the last pin or fork: with the first write pages are
 * copied, and the last one who shares a page may take it for its own.
 */
static char some_writer(struct draft *t)
{
	char who = some_actor(t);

	for (int i = 0; i < ACTORS_MOST && strchr(t->wrote, who); i++)
		who = some_actor(t);
	if (!strchr(t->wrote, who))
		add_actor(t->wrote, who);
	return who;
}

static bool all_wrote(const struct draft *t)
{
	for (const char *who = t->mappers; *who; who++)
		if (!strchr(t->wrote, *who))
			return false;
	return true;
}

static bool draft_plain(struct draft *t, enum op op)
{
	char who = op == OP_WRITE ? some_writer(t) : some_actor(t);
	bool part = false;

	/* When nobody sees the memory any more, nothing can be seen. */
	if ((op == OP_UNMAP || op == OP_EXEC) && !t->nr_pins && !t->mappers[1])
		return false;
	put(t, "%s %c", step_verb(op), who);
	if (op == OP_READ || op == OP_WRITE || op == OP_FORCE)
		part = put_part(t);
	else if (op != OP_CLEARREFS && op != OP_MIGRATE && op != OP_COLLAPSE &&
		 op != OP_EXEC)
		part = put_vma_part(t);
	if ((op == OP_UNMAP && !part) || op == OP_EXEC)
		drop_actor(t->mappers, who);
	return true;
}

static bool draft_mprotect(struct draft *t)
{
	static const char *const prots[] = { "r", "rw", "none", "rw", "r" };

	put(t, "mprotect %c %s", some_actor(t), prots[random_below(t->r, ARRAY_SIZE(prots))]);
	put_vma_part(t);
	return true;
}

static bool draft_operation(struct draft *t, const struct operation *o)
{
	char who = some_actor(t);
	bool part;

	if (!operation_fits(o, t->base->kind->props) ||
	    needs_unmet(o->needs, t->base->size, 0, (char[160]){ 0 }, 160) >= 0)
		return false;
	put(t, "%s %c", o->id, who);
	part = o->splits ? put_vma_part(t) :
	       !(t->base->kind->props & KIND_HUGETLB) && put_part(t);
	if (o->effect == EFFECT_UNMAP && !part)
		drop_actor(t->mappers, who);
	return true;
}

/* What a step of that verb needs of the kind and the machine. */
static bool verb_possible(struct draft *t, unsigned int verb)
{
	unsigned int props = t->base->kind->props;

	switch (verb) {
	case OP_FILL:
	case OP_UFFDCOPY:
		return false;		/* only first */
	case OP_FORCE:
		return !(props & (KIND_HUGETLB | KIND_SHARED)) &&
		       needs_unmet(NEED(FORCE), 0, 0, (char[160]){ 0 }, 160) < 0;
	case OP_CLEARREFS:
		return needs_unmet(NEED(SOFTDIRTY), 0, 0, (char[160]){ 0 }, 160) < 0;
	case OP_COLLAPSE:
		return (props & (KIND_ANON | KIND_THP | KIND_SWAPPED)) == (KIND_ANON | KIND_THP) &&
		       t->base->kind->region(t->base->size) == thp_largest() &&
		       needs_unmet(NEED(COLLAPSE), 0, 0, (char[160]){ 0 }, 160) < 0;
	default:
		return true;
	}
}

static bool draft_step(struct draft *t, unsigned int verb)
{
	if (!verb_possible(t, verb) ||
	    (!t->mappers[0] && verb != OP_EXIT && verb != OP_UNPIN && verb != OP_POKE))
		return false;
	switch (verb) {
	case OP_FORK:
		return draft_fork(t);
	case OP_EXIT:
		return draft_exit(t);
	case OP_PIN:
		return draft_pin(t, random_below(t->r, 4) < OWN_PINS_OF_FOUR ? t->own : NULL);
	case OP_UNPIN:
	case OP_POKE:
		return draft_pin_use(t, verb);
	case OP_MPROTECT:
		return draft_mprotect(t);
	}
	if (verb < OP_OPERATION)
		return draft_plain(t, verb);
	if (verb_provider(verb))
		return draft_pin(t, verb_provider(verb));
	return draft_operation(t, verb_operation(verb));
}

static bool verb_wanted(const struct palette *p, unsigned int verb)
{
	return !p->ops || globs_match(p->ops, verb_name(verb));
}

/* What takes a hundred times as long as others comes less often. */
static unsigned int weight_of(unsigned int verb)
{
	const struct provider *by = verb_provider(verb);

	if (verb < OP_OPERATION)
		return weights[verb];
	if (by && (by->props & PIN_NAMED))
		return by->props & PIN_IS_GET ? WEIGHT_REFERENCE : WEIGHT_NAMED;
	if (by)
		return 0;
	return verb_operation(verb)->slow ? WEIGHT_SLOW : WEIGHT_OPERATION;
}

/*
 * What this is about: somebody pins, the page is shared, and one after the other writes. Of
 * these, what is missing is thought of more often.
 */
static unsigned int weight_now(const struct draft *t, unsigned int verb)
{
	bool shared = t->mappers[0] && t->mappers[1];
	bool missing = (verb == OP_PIN && !t->nr_pins) ||
		       (verb == OP_FORK && t->nr_pins && !shared) ||
		       (verb == OP_WRITE && t->nr_pins && shared && !all_wrote(t));

	return t->weight[verb] * (missing ? WHAT_IS_MISSING : 1);
}

/* A verb from number @from on, as often as its weight says. */
static unsigned int some_verb(struct draft *t, unsigned int from)
{
	unsigned int total = 0, at;

	for (unsigned int v = from; v < verbs_nr(); v++)
		total += weight_now(t, v);
	at = total ? random_below(t->r, total) : 0;
	for (unsigned int v = from; v < verbs_nr(); v++) {
		if (at < weight_now(t, v))
			return v;
		at -= weight_now(t, v);
	}
	return OP_WRITE;
}

/* What the scenario will be about. */
static void choose_verbs(struct draft *t)
{
	const struct operation *const *operations;

	for (unsigned int v = 0; v < verbs_nr(); v++) {
		const struct provider *by = verb_provider(v);
		bool left_out = verb_operation(v) && !t->palette->ops &&
				random_below(t->r, ONE_OPERATION_IN);

		if (by && !can_pin(t, by))
			left_out = true;
		t->weight[v] = left_out || !verb_wanted(t->palette, v) ? 0 : weight_of(v);
	}
	if (!random_below(t->r, OWN_PROVIDER_IN))
		t->own = verb_provider(some_verb(t, OP_OPERATION + operations_all(&operations)));
}

/* Of three that come to mind, that which followed @last least often; or simply the first. */
static unsigned int next_verb(struct draft *t, struct coverage *c, size_t base,
			      unsigned int last)
{
	unsigned int best = some_verb(t, 0);

	for (int i = 0; i < 2 && !random_below(t->r, 2); i++) {
		unsigned int verb = some_verb(t, 0);

		if (*coverage_at(c, base, last, verb) < *coverage_at(c, base, last, best))
			best = verb;
	}
	return best;
}

static bool makes_holes(unsigned int verb)
{
	const struct operation *o = verb_operation(verb);

	return o ? o->effect == EFFECT_UNMAP :
		   verb == OP_UNMAP || verb == OP_EXEC || verb == OP_MPROTECT ||
		   verb == OP_DONTFORK;
}

static void draft(struct draft *t, struct coverage *c, size_t base)
{
	unsigned int steps = STEPS_LEAST +
			     random_below(t->r, STEPS_MOST - STEPS_LEAST + 1);
	unsigned int last = t->base->kind->props & KIND_FILLED ? OP_FILL : OP_READ;

	choose_verbs(t);
	put(t, "%s P", step_verb(last));
	for (unsigned int tries = 0; steps && tries < TRIES; tries++) {
		unsigned int verb = next_verb(t, c, base, last);
		size_t before = t->len;

		if (!t->weight[verb])
			continue;
		put(t, "; ");
		if (!draft_step(t, verb)) {
			t->text[t->len = before] = '\0';
			continue;
		}
		last = verb;
		t->holes |= makes_holes(verb);
		steps--;
	}
}

static void name_case(struct test *t)
{
	char kind[sizeof(t->id)];

	snprintf(kind, sizeof(kind), "%s", t->id + t->kind_at);
	t->kind_at = snprintf(t->id, sizeof(t->id), "stress%s%s.", t->by ? "." : "",
			      t->by ? t->by->id : "");
	snprintf(t->id + t->kind_at, sizeof(t->id) - t->kind_at, "%s", kind);
}

bool case_make(struct stress_case *c, const struct test *like, const char *text)
{
	struct parse_error err;

	if (text != c->text)
		snprintf(c->text, sizeof(c->text), "%s", text);
	if (steps_parse(c->text, &c->steps, &err))
		return false;
	c->scenario = (struct scenario) {
		.id = "stress", .title = "stress", .steps = c->text, .kinds = KIND_WHATEVER,
	};
	c->test = *like;
	c->test.scenario = &c->scenario;
	c->test.steps = &c->steps;
	c->test.lenient = c->test.random = true;
	name_case(&c->test);
	return plan_fits(&c->test);
}

/* Kinds that go through much the same code of the kernel. */
enum kind_family {
	FAMILY_HUGETLB, FAMILY_SWAPPED, FAMILY_THP, FAMILY_FILE, FAMILY_REST, NR_FAMILIES
};

static enum kind_family family_of(const struct kind *k)
{
	return k->props & KIND_HUGETLB ? FAMILY_HUGETLB :
	       k->props & KIND_SWAPPED ? FAMILY_SWAPPED :
	       k->props & KIND_THP ? FAMILY_THP :
	       k->props & KIND_FILE ? FAMILY_FILE : FAMILY_REST;
}

static bool has_family(const struct palette *p, enum kind_family family)
{
	for (size_t i = 0; i < p->nr_bases; i++)
		if (family_of(p->bases[i].kind) == family)
			return true;
	return false;
}

static enum kind_family some_family(const struct palette *p, struct random *r)
{
	enum kind_family family;

	do
		family = random_below(r, NR_FAMILIES);
	while (!has_family(p, family));
	return family;
}

/*
 * All families are as likely, and in each all kinds, however many sizes they have, and
 * whoever can pin them.
 */
static size_t some_base(const struct palette *p, struct random *r)
{
	enum kind_family family = some_family(p, r);

	for (;;) {
		size_t base = random_below(r, p->nr_bases), same = 0;

		for (size_t i = 0; i < p->nr_bases; i++)
			same += p->bases[i].kind == p->bases[base].kind;
		if (family_of(p->bases[base].kind) == family && !random_below(r, same))
			return base;
	}
}

bool generate(struct stress_case *c, const struct palette *p, struct random *r,
	      struct coverage *coverage)
{
	for (int tries = 0; tries < TRIES; tries++) {
		size_t base = some_base(p, r);
		const struct test *like = &p->bases[base];
		struct draft t = {
			.r = r, .palette = p, .base = like, .actors = "P", .mappers = "P",
			.next_actor = 'C', .nr_actors = 1, .text = c->text,
			.set_up = !random_below(r, PINS_SET_UP_IN),
			.parts = like->kind->region &&
				 like->kind->region(like->size) >= 2 * page_size(),
		};

		draft(&t, coverage, base);
		if (!case_make(c, like, c->text))
			continue;
		coverage_add(coverage, base, &c->steps, ALL_STEPS);
		c->base = base;
		return true;
	}
	return false;
}
