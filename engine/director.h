/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The director of one test: carries out its steps by telling the actors, holds the
 * model, compares after each step, and decides. It maps none of the tested memory.
 */
#ifndef DIRECTOR_H
#define DIRECTOR_H

#include "engine/plan.h"
#include "engine/stage.h"

/* Once in a process, before director_run(). */
void director_prepare(void);

/*
 * Run @t on @stage in this process, which must have no other children; as often as one
 * likes, one test after the other. The result is
 * in stage->result; all actors are gone when it returns. @deadline: monotonic ns.
 */
void director_run(const struct test *t, struct stage *stage, uint64_t deadline);

#endif
