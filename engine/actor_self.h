/* SPDX-License-Identifier: GPL-2.0-only */
/* An actor from the inside: its state, and its parts. Nobody but actor*.c needs this. */
#ifndef ACTOR_SELF_H
#define ACTOR_SELF_H

#include "engine/stage.h"
#include "kinds/kind.h"

#include <setjmp.h>

/* What an actor knows of a cell of its memory. */
enum {
	OWN_GONE = 1 << 0,		/* not mapped any more */
	OWN_KEPT = 1 << 1,		/* gone, and its place kept free */
	OWN_DONTFORK = 1 << 2,
	OWN_STORED = 1 << 3,		/* written, or moved, since soft-dirty bits were cleared */
	OWN_PROTECTED = 1 << 4,		/* PAGEMAP_SCAN's write protection must be there, */
	OWN_UNPROTECTED = 1 << 5,	/* or must not; of neither, nothing is known */
	OWN_WIPEONFORK = 1 << 6,
	OWN_GUARDED = 1 << 7,		/* gone, and each access is to be a fault */
};

struct own_cell {
	uint8_t is;			/* OWN_* */
	uint8_t prot;			/* PROT_* */
};

/*
 * All of an actor's state; a forked child begins with a copy of its parent's. Each page of
 * it that is written costs a fault in each process of each test: what all tests need is in
 * the first.
 */
struct actor {
	struct stage *stage;
	struct box *box;
	int index;
	pid_t director;
	int pagemap;			/* its own: vm_util.h */
	struct mem mem;
	bool stray;			/* there is memory that its parent kept from it */
	bool tracks;			/* soft-dirty bits have been cleared */
	bool faults_expected;		/* a store may be a fault: it goes on */
	sigjmp_buf after_fault;		/* here */
	bool let_go;			/* it had pins, or its parent has, and has none now */
	ptrdiff_t shift;		/* from the director's addresses: after execve */
	bool held[PINS_MAX];
	struct pin pin[PINS_MAX];
	struct own_cell cell[CELLS_MAX];
} __attribute__((aligned(4096)));
extern struct actor self;

/* Each does one command: 0, or -errno with self.mem.why. */
typedef int actor_fn(const struct command *c);

/* The steps that work on memory (actor_memory.c) and pins (actor_pins.c). */
actor_fn act_fill, act_read, act_write, act_unmap, act_mprotect, act_clearrefs, act_dontfork,
	 act_dofork, act_collapse, act_migrate, act_force, act_uffdcopy, act_operation;
actor_fn act_pin, act_unpin, act_poke, act_facts;
/* Is there memory that can be read although it is guarded? */
bool actor_sees_guarded(void);
/* actor_exec.c: comes back only if it does not work. */
actor_fn act_exec;

/* Report what memory and pins hold (actor_look.c). */
actor_fn act_look, act_look_late;
/* Does the look of @c bring in what is not present? */
bool looks_at_all(const struct command *c);

/* Which memory is locked, in words of the kernel (actor_locks.c). */
void look_at_locks(void);

/* What the director's pointer to something linked is here. */
const void *actor_here(const void *there);
/* The step that made the process exec is done; ready for the next. Does not return. */
void actor_go_on(void);

/* In a forked child: drop pins that are its parent's. */
void actor_forget_pins(void);
/* The memory is @by bytes from where it was, and so are the pinned pages. */
void actor_shift_pins(ptrdiff_t by);
/* Release all pins. */
void actor_release_pins(void);

/* Cells, and bytes, of the command's part of the region. */
void actor_cells(const struct command *c, size_t *first, size_t *count);
char *actor_range(const struct command *c, size_t *len);
/* Is there something mapped, which may be read? */
bool actor_may_read(size_t cell);
/* Each cell of the region is, or is not, what the OWN_* flag @is says. */
void actor_mark_all(uint8_t is, bool on);

/* After step @s nothing is known of write protection, but if it leaves that alone; NULL: a fork. */
void actor_forget_protection(const struct step *s);
/* Nothing shall come to lie where memory is gone: a later step would work on that. */
void actor_keep_holes(void);
/* Stores that are faults are noted, from now on, and do not kill. */
void actor_catch_faults(void);

#endif
