/* SPDX-License-Identifier: GPL-2.0-only */
/* A director from the inside: its state, and its parts. Only director.c, compare.c. */
#ifndef DIRECTOR_SELF_H
#define DIRECTOR_SELF_H

#include "engine/model.h"
#include "engine/plan.h"
#include "engine/stage.h"

/* All of a director's state: a process of its own runs one test. */
struct director {
	const struct test *test;
	struct stage *stage;
	struct result *result;
	uint64_t deadline;
	int step;
	bool dead[ACTORS_MAX];
	int exit_status[ACTORS_MAX];	/* as of waitpid() */
	int pin_step[PINS_MAX];		/* index of the step that took it */
	long long charged_before;	/* bytes, when nothing was populated yet */
	bool populated;
	bool sealed;			/* the file can be written to no more */
	bool looked_at_all;		/* the last step's look was one at everything */
	struct model model;		/* last: model_start() resets it */
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

/* To actors (director.c). False: the actor is dead or silent, and the test has failed. */
void request(int actor, const struct command *c);
bool await(int actor);
bool tell(int actor, const struct command *c);

/*
 * The oracles (compare.c). Each compares what was seen with what must be, and fails the
 * test if that differs.
 */
/* Everybody looks (but @done, who has; -1: nobody has), then all views and all pins. */
void compare(enum cmd cmd, int done);
/* What a pin just took is exclusive, and still of the kind that the title names. */
void compare_pinned(int pin);
/* What the parent wrote before the fork is there in the child. */
void compare_fork(int parent, int child);
/* Stores of the last write faulted where the protection says so, and only there. */
void compare_faults(int actor, size_t first, size_t count);
/* What is behind the memory, after a look at everything. */
void compare_behind(void);

#endif
