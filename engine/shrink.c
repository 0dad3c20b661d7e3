// SPDX-License-Identifier: GPL-2.0-only
/* From a long scenario to a short one: see shrink.h. */
#define _GNU_SOURCE
#include "engine/shrink.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/generate.h"

/* A scenario, taken apart. */
struct pieces {
	char step[STEPS_MAX][64];
	int nr;
};

struct job {
	const struct shrinker *how;
	char *text;
	const struct test *on;
	unsigned int runs;
};

static void take_apart(const char *text, struct pieces *p)
{
	p->nr = 0;
	while (*text && p->nr < STEPS_MAX) {
		size_t len = strcspn(text, ";");

		while (len && isspace((unsigned char)*text)) {
			text++;
			len--;
		}
		snprintf(p->step[p->nr++], sizeof(p->step[0]), "%.*s", (int)len, text);
		text += len + (text[len] == ';');
	}
}

static void join(const struct pieces *p, char *text)
{
	size_t len = 0;

	text[0] = '\0';
	for (int i = 0; i < p->nr; i++)
		len += snprintf(text + len, CASE_TEXT - len, "%s%s", i ? "; " : "", p->step[i]);
}

static bool is_verb(const char *step, const char *verb)
{
	size_t len = strlen(verb);

	return !strncmp(step, verb, len) && step[len] == ' ';
}

static void cut(struct pieces *p, int i)
{
	memmove(p->step[i], p->step[i + 1], (p->nr - i - 1) * sizeof(p->step[0]));
	p->nr--;
}

/* Pin @pin (from 1) is gone: so is what uses it, and later ones have other numbers. */
static void forget_pin(struct pieces *p, int from, int pin)
{
	for (int i = from; i < p->nr; i++) {
		char verb[16], actor;
		int nr;

		if (sscanf(p->step[i], "%15s %c %d", verb, &actor, &nr) != 3 ||
		    (strcmp(verb, "unpin") && strcmp(verb, "poke")))
			continue;
		if (nr == pin)
			cut(p, i--);
		else if (nr > pin)
			snprintf(p->step[i], sizeof(p->step[0]), "%s %c %d", verb, actor, nr - 1);
	}
}

static void remove_step(struct pieces *p, int i);

/* An actor that was never forked does nothing. */
static void forget_actor(struct pieces *p, int from, char actor)
{
	for (int i = from; i < p->nr; i++) {
		char *name = strchr(p->step[i], ' ');

		if (name && name[1] == actor)
			remove_step(p, i--);
	}
}

/* Without step @i, and without what makes no sense then. */
static void remove_step(struct pieces *p, int i)
{
	char actor, child;
	int pin = 0;

	if (is_verb(p->step[i], "pin")) {
		for (int j = 0; j <= i; j++)
			pin += is_verb(p->step[j], "pin");
		cut(p, i);
		forget_pin(p, i, pin);
	} else if (sscanf(p->step[i], "fork %c %c", &actor, &child) == 2) {
		cut(p, i);
		forget_actor(p, i, child);
	} else {
		cut(p, i);
	}
}

/* Is @text on @on still a failure? Then that is it. */
static bool try_on(struct job *job, const char *text, const struct test *on)
{
	if (!job->runs)
		return false;
	job->runs--;
	if (!job->how->fails(text, on, job->how->arg))
		return false;
	strcpy(job->text, text);
	job->on = on;
	return true;
}

/* Is @p smaller and still a failure? */
static bool try(struct job *job, const struct pieces *p)
{
	char text[CASE_TEXT];

	join(p, text);
	return strlen(text) < strlen(job->text) && try_on(job, text, job->on);
}

/* Still one with a step of @all less? From the end: what came after the failure goes first. */
static bool try_without_one(struct job *job, const struct pieces *all)
{
	for (int i = all->nr - 1; i > 0; i--) {
		struct pieces p = *all;

		remove_step(&p, i);
		if (try(job, &p))
			return true;
	}
	return false;
}

static bool without_one(struct job *job)
{
	struct pieces all;

	take_apart(job->text, &all);
	return try_without_one(job, &all);
}

/* Two that need each other, as taking away a right and giving it back. */
static bool without_two(struct job *job)
{
	struct pieces all, p;

	take_apart(job->text, &all);
	for (int i = all.nr - 1; i > 1; i--) {
		for (int j = i - 1; j > 0; j--) {
			p = all;
			remove_step(&p, i);
			if (j < p.nr)
				remove_step(&p, j);
			if (try(job, &p))
				return true;
		}
	}
	return false;
}

/* Without the child that step @fork makes: its parent does what it did. */
static void adopt(struct pieces *p, int fork, char parent, char child)
{
	cut(p, fork);
	for (int i = fork; i < p->nr; i++) {
		char *name = strchr(p->step[i], ' ');

		if (!name || name[1] != child)
			continue;
		if (is_verb(p->step[i], "exit"))
			cut(p, i--);
		else
			name[1] = parent;
	}
}

/*
 * A process less: its parent does what it did. With @and_one, also a step less: a pin of the parent
 * has fork copy pages for the child, say, and would do so for a grandchild that is a child then.
 */
static bool without_child(struct job *job, bool and_one)
{
	struct pieces all, p;
	char parent, child;

	take_apart(job->text, &all);
	for (int i = all.nr - 1; i > 0; i--) {
		if (sscanf(all.step[i], "fork %c %c", &parent, &child) != 2)
			continue;
		p = all;
		adopt(&p, i, parent, child);
		if (and_one ? try_without_one(job, &p) : try(job, &p))
			return true;
	}
	return false;
}

/* A step with one word less: all instead of a part, the default instead of a flag. */
static bool with_less(struct job *job)
{
	struct pieces all, p;

	take_apart(job->text, &all);
	for (int i = 1; i < all.nr; i++) {
		for (char *at = strchr(all.step[i], ' '); at; at = strchr(at + 1, ' ')) {
			char *word, *end;

			p = all;
			word = p.step[i] + (at - all.step[i]);
			end = strchr(word + 1, ' ');
			memmove(word, end ? end : word + strlen(word),
				end ? strlen(end) + 1 : 1);
			if (try(job, &p))
				return true;
		}
	}
	return false;
}

/* --- on simpler memory --- */

static bool is_simpler(const struct test *a, const struct test *b)
{
	return a->by == b->by && a->size <= b->size && kind_simpler(a->kind, b->kind);
}

static bool comes_before(const struct test *a, const struct test *b)
{
	return a->kind == b->kind ? a->size < b->size : a->kind->rank < b->kind->rank;
}

/* Of what is simpler than that on which it fails now, the first after @after (NULL: of all). */
static const struct test *next_simpler(const struct job *job, const struct test *after)
{
	const struct test *next = NULL;

	for (size_t i = 0; i < job->how->nr_bases; i++) {
		const struct test *t = &job->how->bases[i];

		if (is_simpler(t, job->on) && (!after || comes_before(after, t)) &&
		    (!next || comes_before(t, next)))
			next = t;
	}
	return next;
}

/* What a scenario begins with depends on the kind: see draft() in generate.c. */
static void begin_as_on(struct pieces *p, const struct kind *k)
{
	if (is_verb(p->step[0], "fill") || is_verb(p->step[0], "read"))
		memcpy(p->step[0], k->props & KIND_FILLED ? "fill" : "read", strlen("fill"));
}

static bool on_simpler(struct job *job)
{
	const struct test *on = NULL;
	char text[CASE_TEXT];
	struct pieces p;

	while ((on = next_simpler(job, on))) {
		take_apart(job->text, &p);
		begin_as_on(&p, on->kind);
		join(&p, text);
		if (try_on(job, text, on))
			return true;
	}
	return false;
}

void shrink(const struct shrinker *s, char *text, const struct test **on)
{
	struct job job = { .how = s, .text = text, .on = *on, .runs = s->runs };

	while (without_one(&job) || without_child(&job, false) || with_less(&job) ||
	       without_two(&job) || without_child(&job, true) || on_simpler(&job))
		;
	*on = job.on;
}
