/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of a race have in common; nobody else includes this. */
#ifndef RACE_SELF_H
#define RACE_SELF_H

#include <stdatomic.h>

#include "engine/race.h"

#define RACE_PAGES_MAX	512
/* A word: who wrote it, and the how manieth write that was. */
#define BY_OWNER	(0x50ULL << 56)
#define BY_CHILD	(0x43ULL << 56)
#define WHO		(0xffULL << 56)

/* What the threads of one race share. */
struct race {
	const struct test *test;
	const struct step *against;	/* what is done over and over, */
	const struct step *beside;	/* and an operation in a thread of its own, or NULL */
	struct result *result;
	struct mem mem;
	size_t pages;
	uint64_t deadline;
	uint64_t few_from;		/* from then on, few rounds are enough */
	atomic_bool stop, failed;
	/* By page: the latest write that is certainly done. */
	_Atomic uint64_t committed[RACE_PAGES_MAX];
	atomic_uint closed;		/* odd while nobody may write */
	atomic_ulong writes, faults, reads, pins, refused, rounds, worked;
	atomic_ulong kernel_pins, kernel_refused;	/* in a loop within the kernel */
	atomic_uint refusals;		/* of the step, since it worked last */
	atomic_ulong beside_worked;
	char beside_why[WHY_LEN];	/* in the end: why it did not, the last time */
};

extern struct race race;

static inline volatile uint64_t *race_word(size_t page)
{
	return (volatile uint64_t *)mem_page(&race.mem, page);
}

/* The time is up, or something went wrong. */
bool race_over(void);
/* The first thing that goes wrong ends it. */
__attribute__((format(printf, 2, 3)))
void race_wrong(const char *reason, const char *fmt, ...);
/*
 * @seen was seen in @page by @who, after write @least was done: it is that one or a later one of
 * the owner's. @stale: the reason code if it is not.
 */
void race_judge(uint64_t seen, size_t page, uint64_t least, const char *who, const char *stale);

/* The last step of the scenario, there and back. 0, or -errno with race.mem.why. */
int race_there_and_back(void);
/* A thread: the operation that is done beside that. */
void *race_beside(void *arg);
/* fsync() of a shared file on a disk: all that was written before is there. The same. */
int race_sync(void);

#endif
