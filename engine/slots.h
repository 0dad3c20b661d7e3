/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where tests run, as many side by side as there are slots: each has a stage and a director,
 * a process of its own that runs one test after the other.
 */
#ifndef SLOTS_H
#define SLOTS_H

#include "engine/health.h"
#include "engine/plan.h"
#include "engine/stage.h"

#define JOBS_MAX	64
/* And one for what waits for a device. */
#define SLOTS_MAX	(JOBS_MAX + 1)

struct slot {
	struct stage *stage;
	pid_t pid;		/* of its director, 0: none */
	int pidfd;
	int ended;		/* eventfd: the director has come to the end of a test */
	bool busy;
	size_t test;
	uint64_t started, deadline;
	struct splat splat;
	bool splatted;
};

/* @nr slots for tests of @p. 0 or -errno. */
int slots_prepare(unsigned int nr, const struct plan *p);
/* The same for tests that stand @stride bytes apart, from @first on, in shared memory. */
int slots_prepare_cases(unsigned int nr, const struct test *first, size_t stride);
unsigned int slots_nr(void);
struct slot *slot_at(unsigned int i);
/* One that is not busy, or NULL: of all, or of @nr from the slot @first on. */
struct slot *slot_free(void);
struct slot *slot_free_of(unsigned int first, unsigned int nr);

/*
 * Have test @index run there, for @seconds at most; more where pages of 1 GiB are copied. False: no
 * process to be had.
 */
bool slot_start(struct slot *slot, size_t index, unsigned int seconds);

/*
 * Wait until a test ends (its director says so, or is no more: @dead), or its time is up.
 * @ends is called for each such slot, which is still busy.
 */
void slots_wait(void (*ends)(struct slot *slot, bool dead));

/*
 * End the director, and all processes of its group: none may live on, holding pins or
 * pages. Its wait status.
 */
int slot_retire(struct slot *slot);
void slots_retire_all(void);
/* From a signal handler. */
void slots_kill_all(void);

#endif
