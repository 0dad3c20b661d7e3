// SPDX-License-Identifier: GPL-2.0-only
/* The step language: parsing. */
#define _GNU_SOURCE
#include "steps.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "vm_util.h"

struct parser {
	const char *text;
	const char *at;
	const char *word;	/* the last word, not terminated */
	int len;
	char state[26];		/* of actors: 0 unknown, 'a' alive, 'x' exited */
	char pin_owner[PINS_MAX];	/* 0: released */
	unsigned int pin_flags[PINS_MAX];
	struct scenario_steps *out;
	struct step *step;
	struct parse_error *err;
};

__attribute__((format(printf, 2, 3)))
static int fail(struct parser *p, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(p->err->what, sizeof(p->err->what), fmt, args);
	va_end(args);
	p->err->col = p->word - p->text;
	return -EINVAL;
}

/* The next word of this step, false at its end. */
static bool next_word(struct parser *p)
{
	p->at += strspn(p->at, " \t\n");
	p->word = p->at;
	p->len = strcspn(p->at, " \t\n;");
	p->at += p->len;
	return p->len;
}

static bool word_is(const struct parser *p, const char *text)
{
	return (int)strlen(text) == p->len && !strncmp(p->word, text, p->len);
}

static bool is_actor_name(char c)
{
	return isupper((unsigned char)c) && c != WRITER_FILE && c != WRITER_PIN;
}

static int parse_actor(struct parser *p)
{
	if (!next_word(p))
		return fail(p, "an actor is missing here");
	if (p->len != 1 || !is_actor_name(*p->word))
		return fail(p, "'%.*s' is no actor (a capital letter but D and F)", p->len,
			    p->word);
	switch (p->state[*p->word - 'A']) {
	case 0:
		return fail(p, "nobody has forked %c yet", *p->word);
	case 'x':
		return fail(p, "%c has exited by then", *p->word);
	}
	p->step->actor = *p->word;
	return 0;
}

static int arg_child(struct parser *p)
{
	if (!next_word(p))
		return fail(p, "the child's name is missing here");
	if (p->len != 1 || !is_actor_name(*p->word))
		return fail(p, "'%.*s' is no actor (a capital letter but D and F)", p->len,
			    p->word);
	if (p->state[*p->word - 'A'])
		return fail(p, "the name %c is taken", *p->word);
	if (p->out->actors == ACTORS_MAX)
		return fail(p, "more than %d actors", ACTORS_MAX);
	p->step->other = *p->word;
	p->state[*p->word - 'A'] = 'a';
	p->out->actors++;
	if (!next_word(p))
		return 0;
	p->step->by_thread = word_is(p, "thread");
	return p->step->by_thread ? 0 : fail(p, "'%.*s' is too much here (thread?)", p->len,
					     p->word);
}

static int arg_exit(struct parser *p)
{
	p->state[p->step->actor - 'A'] = 'x';
	for (int i = 0; i < PINS_MAX; i++)
		if (p->pin_owner[i] == p->step->actor)
			p->pin_owner[i] = 0;
	return 0;
}

static const char *const part_names[NR_PARTS] = {
	[PART_ALL] = "all", [PART_FIRST] = "first", [PART_LAST] = "last",
	[PART_LOWER] = "lower", [PART_UPPER] = "upper",
};

/* True if the word names a part of the region. */
static bool take_part(struct parser *p)
{
	for (int i = 0; i < NR_PARTS; i++) {
		if (!word_is(p, part_names[i]))
			continue;
		p->step->part = i;
		p->out->needs_parts |= i != PART_ALL;
		return true;
	}
	return false;
}

static int arg_part(struct parser *p)
{
	if (next_word(p) && !take_part(p))
		return fail(p, "'%.*s' is no part (all, first, last, lower, upper)", p->len,
			    p->word);
	return 0;
}

/* The part, of a step that changes the mapping of that part. */
static int arg_vma_part(struct parser *p)
{
	int ret = arg_part(p);

	p->out->splits_vma |= p->step->part != PART_ALL;
	p->out->splits_off_page |= p->step->part == PART_FIRST || p->step->part == PART_LAST;
	return ret;
}

static int arg_force(struct parser *p)
{
	p->out->forces = true;
	return arg_part(p);
}

static int arg_collapse(struct parser *p)
{
	p->out->collapses = true;
	return 0;
}

static int arg_prot(struct parser *p)
{
	static const struct { const char *name; int prot; } prots[] = {
		{ "r", PROT_READ }, { "rw", PROT_READ | PROT_WRITE }, { "none", PROT_NONE },
	};

	if (!next_word(p))
		return fail(p, "a protection is missing here (r, rw, none)");
	for (size_t i = 0; i < ARRAY_SIZE(prots); i++) {
		if (word_is(p, prots[i].name)) {
			p->step->prot = prots[i].prot;
			return arg_vma_part(p);
		}
	}
	return fail(p, "'%.*s' is no protection (r, rw, none)", p->len, p->word);
}

/* A word of a pin step: a flag, a part, or a provider's name. */
static int pin_word(struct parser *p)
{
	static const struct { const char *name; unsigned int flag, excludes; } flags[] = {
		{ "ro", PIN_RO, PIN_RW }, { "rw", PIN_RW, PIN_RO },
		{ "longterm", PIN_LONGTERM, PIN_SHORT }, { "short", PIN_SHORT, PIN_LONGTERM },
	};
	char name[32];

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (!word_is(p, flags[i].name))
			continue;
		if (p->step->pin_flags & flags[i].excludes)
			return fail(p, "'%s' contradicts what was said before", flags[i].name);
		p->step->pin_flags |= flags[i].flag;
		return 0;
	}
	if (take_part(p))
		return 0;
	snprintf(name, sizeof(name), "%.*s", p->len, p->word);
	p->step->by = provider_find(name);
	return p->step->by ? 0 : fail(p, "'%s' is neither a pin flag, a part nor a provider", name);
}

static int arg_pin(struct parser *p)
{
	unsigned int *flags = &p->step->pin_flags, serves;
	int ret = 0;

	if (p->out->pins == PINS_MAX)
		return fail(p, "more than %d pins", PINS_MAX);
	p->step->pin = p->out->pins++;
	while (!ret && next_word(p))
		ret = pin_word(p);
	if (ret)
		return ret;
	/* What a provider can do only one way need not be said. */
	serves = p->step->by ? p->step->by->props : PIN_RO | PIN_SHORT;
	if (!(*flags & (PIN_RO | PIN_RW)))
		*flags |= serves & PIN_RO ? PIN_RO : PIN_RW;
	if (!(*flags & (PIN_LONGTERM | PIN_SHORT)))
		*flags |= serves & PIN_SHORT ? PIN_SHORT : PIN_LONGTERM;
	if (p->step->by && (*flags & ~serves))
		return fail(p, "%s cannot give such a pin", p->step->by->id);
	if (!p->step->by)
		p->out->axis_flags |= *flags;
	p->pin_owner[p->step->pin] = p->step->actor;
	p->pin_flags[p->step->pin] = *flags | (serves & PIN_GUARDED);
	return 0;
}

/* The number of an earlier pin; without one, the latest. */
static int arg_pin_number(struct parser *p)
{
	char *end = NULL;
	long nr = p->out->pins;

	if (next_word(p))
		nr = strtol(p->word, &end, 10);
	if ((end && end != p->at) || nr < 1 || nr > p->out->pins)
		return fail(p, "there is no such pin yet (pins have numbers, from 1)");
	p->step->pin = nr - 1;
	if (!p->pin_owner[nr - 1])
		return fail(p, "pin %ld is released by then", nr);
	if (p->pin_owner[nr - 1] != p->step->actor)
		return fail(p, "pin %ld is %c's", nr, p->pin_owner[nr - 1]);
	return 0;
}

static int arg_unpin(struct parser *p)
{
	int ret = arg_pin_number(p);

	if (!ret)
		p->pin_owner[p->step->pin] = 0;
	return ret;
}

static int arg_poke(struct parser *p)
{
	int ret = arg_pin_number(p);

	if (!ret && !(p->pin_flags[p->step->pin] & (PIN_RW | PIN_GUARDED)))
		ret = fail(p, "pin %d is read-only", p->step->pin + 1);
	return ret;
}

static int arg_operation(struct parser *p)
{
	const struct operation *o = p->step->operation;

	p->out->alone |= o->alone;
	p->out->own_group |= o->own_group;
	p->out->locks |= o->locks != LOCK_NONE;
	return o->splits ? arg_vma_part(p) : arg_part(p);
}

static int arg_none(struct parser *p)
{
	(void)p;
	return 0;
}

static const struct {
	const char *verb;
	int (*args)(struct parser *p);
} grammar[NR_OPS] = {
	[OP_FILL] = { "fill", arg_none },
	[OP_READ] = { "read", arg_part },
	[OP_WRITE] = { "write", arg_part },
	[OP_FORK] = { "fork", arg_child },
	[OP_EXIT] = { "exit", arg_exit },
	[OP_EXEC] = { "exec", arg_none },
	[OP_UNMAP] = { "unmap", arg_vma_part },
	[OP_MPROTECT] = { "mprotect", arg_prot },
	[OP_CLEARREFS] = { "clearrefs", arg_none },
	[OP_DONTFORK] = { "dontfork", arg_vma_part },
	[OP_DOFORK] = { "dofork", arg_vma_part },
	[OP_COLLAPSE] = { "collapse", arg_collapse },
	[OP_MIGRATE] = { "migrate", arg_none },
	[OP_FORCE] = { "force", arg_force },
	[OP_UFFDCOPY] = { "uffdcopy", arg_none },
	[OP_PIN] = { "pin", arg_pin },
	[OP_UNPIN] = { "unpin", arg_unpin },
	[OP_POKE] = { "poke", arg_poke },
	[OP_OPERATION] = { NULL, arg_operation },
};

const char *step_verb(enum op op)
{
	return grammar[op].verb;
}

static int parse_verb(struct parser *p)
{
	for (int i = 0; i < NR_OPS; i++) {
		if (grammar[i].verb && word_is(p, grammar[i].verb)) {
			p->step->op = i;
			return 0;
		}
	}
	p->step->operation = operation_find(p->word, p->len);
	if (p->step->operation) {
		p->step->op = OP_OPERATION;
		return 0;
	}
	return fail(p, "'%.*s' is no verb of the step language", p->len, p->word);
}

static int parse_step(struct parser *p)
{
	int ret;

	if (p->out->nr == STEPS_MAX)
		return fail(p, "more than %d steps", STEPS_MAX);
	p->step = &p->out->step[p->out->nr++];
	p->step->col = p->word - p->text;
	ret = parse_verb(p);
	if (!ret)
		ret = parse_actor(p);
	if (!ret)
		ret = grammar[p->step->op].args(p);
	if (!ret && next_word(p))
		ret = fail(p, "'%.*s' is too much here", p->len, p->word);
	p->step->len = p->word - p->text - p->step->col;
	return ret;
}

int steps_parse(const char *text, struct scenario_steps *out, struct parse_error *err)
{
	struct parser p = { .text = text, .at = text, .out = out, .err = err };
	int ret = 0;

	memset(out, 0, sizeof(*out));
	out->actors = 1;
	p.state['P' - 'A'] = 'a';
	while (!ret) {
		if (!next_word(&p))
			return fail(&p, "a step is missing here");
		ret = parse_step(&p);
		if (!ret && *p.at != ';')
			return 0;
		p.at++;
	}
	return ret;
}

void part_pages(enum part part, size_t pages, size_t *first, size_t *count)
{
	size_t half = pages / 2;

	*first = part == PART_LAST ? pages - 1 : part == PART_UPPER ? half : 0;
	*count = part == PART_ALL ? pages : part == PART_LOWER ? half :
		 part == PART_UPPER ? pages - half : 1;
}
