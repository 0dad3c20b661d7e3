/* SPDX-License-Identifier: GPL-2.0-only */
/* What random scenarios spend their time on: for some steps all wait for the kernel. */
#ifndef STEP_TIMES_H
#define STEP_TIMES_H

#include "engine/stage.h"

/* A scenario of @steps has ended on @stage; the steps of @mask (1 << index) were done. */
void step_times_add(const struct scenario_steps *steps, const struct stage *stage, uint32_t mask);
/* A comment line: the verbs that took most of the time, each with its share and what one takes. */
void step_times_print(void);

#endif
