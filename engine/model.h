/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The oracle: knows what every process and every pin must see after each step. No test
 * says what to expect; it says what is done, and the model follows. It makes no system
 * call and knows nothing of kinds: only whether memory is private, and whether a file
 * is behind it.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>

#include "content.h"
#include "engine/steps.h"

/* What a pin promises. */
enum promise {
	PROMISE_EXACT,		/* always what its owner sees */
	PROMISE_SNAPSHOT,	/* something its owner saw when pinning or later */
	PROMISE_FROZEN,		/* what its owner saw when pinning, for good */
};

enum cell_state {
	CELL_GONE,		/* not mapped */
	CELL_OWN,		/* the process's own: v */
	CELL_SHOWS_FILE,	/* what is behind the memory: a file's content, or zeroes */
};

struct model_cell {
	uint8_t state;
	uint8_t prot;		/* PROT_* */
	bool dontfork, wipe;
	bool zeroed;		/* of CELL_OWN: for all we know KSM has put the zeropage there */
	uint8_t lock;		/* enum lock */
	struct value v;
	struct value mark;	/* of the page, if it is CELL_OWN */
};

struct model_actor {
	char name;		/* 0: no such actor */
	bool alive;
	struct model_cell cell[CELLS_MAX];
};

struct model_pin {
	bool held, writable;
	int owner;
	uint8_t promise[CELLS_MAX];
	size_t first, cells;
	struct value at[CELLS_MAX];	/* what its owner saw then, or last if detached */
	/* Generations that its owner saw later, a bit each: for snapshots. */
	uint64_t later[CELLS_MAX];
	uint16_t detached[CELLS_MAX];	/* number of the loss by which the owner lost the page */
	bool of_file[CELLS_MAX];	/* the page that was pinned is the file's, and still is */
};

/* Writes of one test: generations from 1. */
#define GENERATIONS_MAX	64

struct model {
	size_t cells;
	bool shared;		/* MAP_SHARED: a write goes to the file */
	bool zeropage;		/* what nobody wrote is one page that nobody can write to */
	int actors, pins;	/* how many of them there are, or were */
	uint16_t gen;		/* of the last write */
	uint16_t losses;	/* steps by which pages were lost */
	uint8_t writer[GENERATIONS_MAX];	/* who made it */
	struct value file[CELLS_MAX];
	struct value file_mark[CELLS_MAX];
	struct model_actor actor[ACTORS_MAX];
	struct model_pin pin[PINS_MAX];
};

/* One actor, P, with fresh memory: zeroes, or the file's first content. */
void model_start(struct model *m, size_t cells, bool shared, bool has_file);

void model_protect(struct model *m, int actor, size_t first, size_t count, int prot);
/* From now on the memory is locked so, or not any more; that it is brought in is told besides. */
void model_lock(struct model *m, int actor, size_t first, size_t count, enum lock lock);
void model_dontfork(struct model *m, int actor, size_t first, size_t count, bool dont);
/* Must a store of @actor to that cell be a fault? */
bool model_faults(const struct model *m, int actor, size_t cell);

int model_actor(const struct model *m, char name);

/*
 * Each takes cells [first, first + count). model_write() returns what is written; cells
 * that are not writable keep what they have, unless @force.
 */
struct value model_write(struct model *m, int actor, size_t first, size_t count, bool force);
/* Private pages become the actor's own, as they are. */
void model_touch(struct model *m, int actor, size_t first, size_t count);
/* The actor gives its private pages up: what is behind them shows again. */
void model_discard(struct model *m, int actor, size_t first, size_t count);
/* A new value of @actor, that nothing has yet. */
struct value model_value(struct model *m, int actor);
/* Private pages are given up, and others come in their place, with @v and its mark. */
void model_refill(struct model *m, int actor, size_t first, size_t count, struct value v);
/* All of each private page is zeroes, as if the actor had written them. */
void model_zero(struct model *m, int actor, size_t first, size_t count);
/* The file gets zeroes there, in other pages than those that it had. */
void model_punch(struct model *m, size_t first, size_t count);
/* The same, and @v is in them, with its mark. */
void model_file_refill(struct model *m, size_t first, size_t count, struct value v);
/* The file ends at cell @first and is extended: from there on zeroes, no private copies. */
void model_truncate(struct model *m, size_t first);
/* The kernel writes into a page of @actor, at its mark. */
void model_patch(struct model *m, int actor, size_t cell);
/* A child of @actor will find zeroes there. */
void model_wipe(struct model *m, int actor, size_t first, size_t count);
/* The pages of @actor are in another mapping now, which was told nothing of fork. */
void model_map_anew(struct model *m, int actor);
/* The file is written by somebody who has it open; returns what. */
struct value model_file_write(struct model *m, size_t first, size_t count);
/* The write of @v by @actor was the first content there: it set the marks of the pages. */
void model_mark(struct model *m, int actor, size_t first, size_t count, struct value v);
/* The mark that @actor must find; only if the state is not CELL_GONE. */
struct value model_mark_of(const struct model *m, int actor, size_t cell);
void model_unmap(struct model *m, int actor, size_t first, size_t count);
int model_fork(struct model *m, int parent, char name);
void model_exit(struct model *m, int actor);
/* @flags: PIN_RO ..., and PIN_IS_GET, PIN_STORES, PIN_FREEZES of the provider. */
void model_pin(struct model *m, int pin, int owner, unsigned int flags, size_t first,
	       size_t count);
void model_unpin(struct model *m, int pin);
/*
 * Of a pin that is looked at by what comes in through it: may that show nowhere in its owner's
 * memory? Only where its owner has not got the page any more; it must show nowhere then.
 */
bool model_pin_may_hide(const struct model *m, int pin, size_t cell);
/* Was that pin taken, and is it still held? */
static inline bool model_holds(const struct model *m, int pin)
{
	return pin < m->pins && m->pin[pin].held;
}
struct value model_poke(struct model *m, int pin);

/* What @actor must read; only if the state is not CELL_GONE. */
struct value model_sees(const struct model *m, int actor, size_t cell);
/* May @actor read @seen there? */
bool model_allows(const struct model *m, int actor, size_t cell, struct value seen);
/* May @seen be seen through @pin at region cell @cell? */
bool model_pin_allows(const struct model *m, int pin, size_t cell, struct value seen);
/* Must the pin's page be the one in the owner's page table? */
bool model_pin_attached(const struct model *m, int pin, size_t cell);
/* What should be seen through it, for diagnosis. */
struct value model_pin_sees(const struct model *m, int pin, size_t cell);

#endif
