/* SPDX-License-Identifier: GPL-2.0-only */
/* From a plan to a run: what comes before, whichever program of cow it is. */
#ifndef START_H
#define START_H

#include "engine/plan.h"

/* Be alone on this machine, and put back what an earlier run left; exits if that fails. */
void start_alone(void);
/* Limits of the process, and opt.run.jobs if it was not given. */
void start_limits(void);
/* Run @p with `opt`; returns the exit code. */
int start_run(struct plan *p);

#endif
