/* SPDX-License-Identifier: GPL-2.0-only */
/* What everybody sees after each step, in words: cow exec -v. */
#ifndef TRACE_H
#define TRACE_H

#include "engine/stage.h"

/* In the director: note what was seen after the step just done, if it is to be told. */
void trace_step(void);

/* Or that it was not done, and why. */
void trace_left_out(const char *why);

/* In the runner: print what the test in that stage noted, as comment lines. */
void trace_print(const struct stage *s);

#endif
