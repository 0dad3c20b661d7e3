/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A race: pins are taken and released in one thread, memory is written in a second and read in
 * a third one, and the last step of the scenario is done over and over in a fourth. What order
 * that takes nobody knows, but some things hold at every moment: no write is lost, nobody sees
 * another's data, neither a pin nor a thread sees what is older than the latest write before it
 * looked, and where writing is forbidden nobody writes.
 */
#ifndef RACE_H
#define RACE_H

#include "engine/plan.h"
#include "engine/stage.h"

/* So many seconds each, instead of the rounds that a scenario asks for; 0: these. */
void race_for(unsigned int seconds);

/* In the director: run @t until it is over, or at most until @deadline. The result is in @stage. */
void race_run(const struct test *t, struct stage *stage, uint64_t deadline);

#endif
