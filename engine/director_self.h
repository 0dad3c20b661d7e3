/* SPDX-License-Identifier: GPL-2.0-only */
/* A director from the inside: its state, and its parts (director*.c, compare.c). */
#ifndef DIRECTOR_SELF_H
#define DIRECTOR_SELF_H

#include "engine/model.h"
#include "engine/plan.h"
#include "engine/stage.h"

#define KNOWN_LAYOUTS	64

/* How memory of a kind is sampled: who has seen it once can tell before there is any. */
struct known_layout {
	const struct kind *kind;
	size_t size;
	struct layout layout;
};

/* All of a director's state: a process of its own runs one test. */
struct director {
	const struct test *test;
	struct stage *stage;
	struct result *result;
	uint64_t deadline;
	int step;
	bool dead[ACTORS_MAX];
	int exit_status[ACTORS_MAX];	/* as of waitpid() */
	uint32_t asked[ACTORS_MAX];	/* number of the last request, by whomever */
	int pin_step[PINS_MAX];		/* index of the step that took it */
	long long charged_before;	/* bytes, when nothing was populated yet */
	bool populated;
	bool sealed;			/* the file can be written to no more */
	bool looked_at_all;		/* the last step's look was one at everything */
	bool all_looked;		/* each after the other, when the last step was done */
	bool to_create;			/* the memory, with the first step */
	struct model model;		/* model_start() resets it */
	struct known_layout known[KNOWN_LAYOUTS];	/* of earlier tests */
};
extern struct director d;

static inline bool failed(void)
{
	return d.result->verdict == VERDICT_FAIL;
}

static inline char actor_name(int actor)
{
	return d.model.actor[actor].name;
}

static inline bool alive(int actor)
{
	return d.model.actor[actor].name && d.model.actor[actor].alive;
}

/* All actors that are alive, a mask, without @actor (-1: with all). */
static inline unsigned int living_but(int actor)
{
	unsigned int all = 0;

	for (int i = 0; i < d.model.actors; i++)
		if (i != actor && alive(i))
			all |= 1u << i;
	return all;
}

/* Who gave @pin. */
static inline const struct provider *provider_of(int pin)
{
	const struct step *s = &d.test->steps->step[d.pin_step[pin]];

	return s->by ? s->by : d.test->by;
}

/* The cells of the step's part of the region. */
static inline void step_cells(const struct step *s, size_t *first, size_t *count)
{
	const struct layout *l = &d.stage->layout;
	size_t page, pages;

	part_pages(s->part, l->pages, &page, &pages);
	layout_cells(l, page, pages, first, count);
}

/*
 * Have @actor do it, and wait for that and for those who look then. False: an actor is dead or
 * silent, and the test has failed. What was refused is in the box; then nobody else was asked.
 */
bool tell(int actor, const struct command *c);
/* Fail the test for what @actor could not do. */
void fail_status(int actor, const char *reason, const char *what);

/*
 * The first process, and, if it is not made with the first step, its memory (director_start.c).
 * False: the test has failed. And when the command that makes the memory is done, the same.
 */
bool start_test(void);
bool created(void);

/*
 * What a step does to the model (director_model.c): before the actor is told, for writes
 * need their value, and when it was not refused.
 */
void model_before(const struct step *s, int actor, struct command *c);
void model_after(const struct step *s, int actor, const struct command *c);

/* Has the pin ended, now that something has been written through it? */
bool pin_ends_written(int pin);

/* What the kernel must and may do (director_rules.c). */
/* A step that has lost its sense: of a scenario that somebody has typed, or chance. */
bool senseless(const struct step *s, int actor);
/*
 * Pins the kernel must not give: of what the process itself may not access so; and where
 * writeback could not protect the page from them. Likewise writes through pins, and
 * operations. Says why; NULL: it must do it.
 */
const char *must_refuse(const struct step *s, int actor);
/* A step that did not work, with @error: is that as it should be? */
bool may_fail(const struct step *s, int actor, const char *refusal, int error);
/* Are its pages @actor's own for sure, and pinned by nobody? So not .refuses_shared. */
bool must_be_done(const struct step *s, int actor);
/* May KSM, which was told of the memory before @s, merge its pages (again) at any time? */
bool may_be_merged(const struct step *s);
/* The first step that brings pages in. */
bool populates(const struct step *s);
/* Must the memory after this pin be what it was before, by the kernel's own rules? */
bool keeps_kind(const struct step *s);
/* Is there a pin; does @actor hold one; is there one of a page of the step's part? */
bool pinned(void);
bool holds_pin(int actor);
bool pins_part(const struct step *s, int actor);
/* Has its owner still all pages of @pin? */
bool attached(int pin);

/*
 * The oracles (compare.c). Each compares what was seen with what must be, and fails the
 * test if that differs.
 */
/* Everybody looks, one after the other. */
bool all_look(enum cmd cmd);
/*
 * Does @find still find what is wrong, in what has been seen, after everybody has looked again
 * some times? The kernel may have been migrating a page between one look and the other. @at says
 * where then. False, too, if somebody cannot look any more, which is a failure of its own.
 */
struct spot {
	int actor, child;
	size_t cell;
};
bool found_still(bool (*find)(struct spot *at), struct spot *at);
/* Everybody looks, if they have not since the last step; then all views and all pins. */
void compare(enum cmd cmd);
/* What a pin just took is exclusive, and still of the kind that the title names. */
void compare_pinned(int pin);
/* What the parent wrote before @fork is there in the child, not copied if it need not be. */
void compare_fork(const struct step *fork, int parent, int child);
/* Stores of the last write faulted where the protection says so, and only there. */
void compare_faults(int actor, size_t first, size_t count);
/*
 * Memory is locked where the model says, and nowhere else, and the kernel counts it so; and what
 * is locked stays in memory (compare_locks.c). Before and after a step:
 */
void note_locked(const struct step *s);
void compare_locked(const struct step *s);
/* What is behind the memory, after a look at everything. */
void compare_behind(void);

#endif
