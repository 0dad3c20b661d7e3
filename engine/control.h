/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a run is doing, for whoever has to tell when it cannot do so any more: lines on the
 * descriptor that COWPIN_CONTROL names, and markers in the kernel log.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include "engine/plan.h"
#include "engine/stage.h"

/* "plan ID" for each test. */
void control_plan(const struct plan *p);
/* "run N", the number in the plan (a serial port is slow); "cowpin: run ID" in the kernel log. */
void control_run(const struct test *t);
/* "done N ok|not-ok|skip". */
void control_done(const struct test *t, const struct result *r);

#endif
