/* SPDX-License-Identifier: GPL-2.0-only */
/* An actor from the inside: its state, and its parts. Nobody but actor*.c needs this. */
#ifndef ACTOR_SELF_H
#define ACTOR_SELF_H

#include "engine/stage.h"
#include "kinds/kind.h"

/* All of an actor's state; a forked child begins with a copy of its parent's. */
struct actor {
	struct stage *stage;
	struct box *box;
	int index;
	pid_t director;
	struct mem mem;
	bool gone[CELLS_MAX];		/* cells that are not mapped any more */
	bool kept[CELLS_MAX];		/* gone, and its place kept free */
	bool dontfork[CELLS_MAX];
	uint8_t prot[CELLS_MAX];	/* PROT_* */
	bool stray;			/* there is memory that its parent kept from it */
	bool tracks;			/* soft-dirty bits have been cleared, */
	bool stored[CELLS_MAX];		/* and these cells have been written since */
	struct pin pin[PINS_MAX];
	bool held[PINS_MAX];
	ptrdiff_t shift;		/* from the director's addresses: after execve */
};
extern struct actor self;

/* Each does one command: 0, or -errno with self.mem.why. */
typedef int actor_fn(const struct command *c);

/* The steps that work on memory (actor_memory.c) and pins (actor_pins.c). */
actor_fn act_fill, act_read, act_write, act_unmap, act_mprotect, act_clearrefs, act_dontfork,
	 act_dofork, act_collapse, act_migrate, act_force, act_uffdcopy, act_operation;
actor_fn act_pin, act_unpin, act_poke, act_facts;
/* actor_exec.c: comes back only if it does not work. */
actor_fn act_exec;

/* Report what memory and pins hold (actor_look.c). */
actor_fn act_look;

/* What the director's pointer to something linked is here. */
const void *actor_here(const void *there);
/* The step that made the process exec is done; ready for the next. Does not return. */
void actor_go_on(void);

/* In a forked child: drop pins that are its parent's. */
void actor_forget_pins(void);
/* Release all pins. */
void actor_release_pins(void);

/* Cells, and bytes, of the command's part of the region. */
void actor_cells(const struct command *c, size_t *first, size_t *count);
char *actor_range(const struct command *c, size_t *len);

/* Nothing shall come to lie where memory is gone: a later step would work on that. */
void actor_keep_holes(void);
/* Stores that are faults are noted, from now on, and do not kill. */
void actor_catch_faults(void);

#endif
