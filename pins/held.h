/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Direct I/O that is held: submitted as AIO to somebody who does not do it before we want to
 * know. A R/O pin for a write, a R/W pin for a read, as long as we like. What providers of
 * such pins share; each has a struct of its own that begins with this one.
 *
 * A write is looked at where its bytes end up. Writing through the pin of a read is having
 * these bytes come in. Looking through it is not possible; but where what comes in shows in
 * its owner's memory, the pin saw just what its owner saw. Where the owner has given the page up,
 * nothing shows, and must not: neither in its memory nor in anybody else's.
 */
#ifndef HELD_H
#define HELD_H

#include <linux/aio_abi.h>
#include <sys/types.h>

#include "gup_helpers.h"

struct held {
	aio_context_t context;
	int memory;		/* /proc/self/mem: reading it unshares nothing; writing is forced */
	off_t where;		/* in the file that the I/O is on */
	int platter;		/* the bytes that move: of this file, */
	off_t offset;		/* from here on */
	int (*go)(struct pin *p);	/* lets the I/O come to its end */
	bool done;		/* it has come to its end ... */
	long res;		/* ... with this */
	/*
	 * Where something has come in that did not show in the owner's memory: it has lost
	 * the page, or had another one, which its own reading tells. The pin has what came in.
	 */
	bool apart[CELLS_MAX];
	uint8_t sight[CELLS_MAX];	/* enum sight */
};

/* Has the only I/O of @context ended? With @wait, wait for that. True: it came to @res. */
bool aio_reap(aio_context_t context, bool wait, long *res);

/* In this order; 0 or pin_fail(). */
int held_open(struct pin *p, struct held *h);
int held_submit(struct pin *p, struct held *h, int fd);
/* Waits for what is under way. In a child, h->context is another process's: 0 it before. */
void held_close(struct held *h);

/* read() and write() of such a provider, "in" of one that reads into the memory. */
int held_read(struct pin *p, uint64_t *words);
int held_in_read(struct pin *p, uint64_t *words);
int held_in_write(struct pin *p, struct value v);
enum sight held_in_sight(const struct pin *p, size_t cell);
/* What is on the platter now. */
int held_look(struct pin *p, uint64_t *words);
/* The first half of held_in_write(): all that is to come in. */
int held_in_fill(struct pin *p, struct value v);
/* That has come in, and more may: see held.apart. */
int held_in_compare(struct pin *p);

/* Does such a provider take pins, or mere references? */
bool held_takes_pins(int (*pin)(struct pin *p), void (*unpin)(struct pin *p));

/*
 * Killed, but still there, for a process with AIO under way cannot die before that is done;
 * or gone. No event tells: whoever holds the I/O must look now and then.
 */
bool held_dying(pid_t pid);
#define HELD_GLANCE_MS	50

#endif
