/* SPDX-License-Identifier: GPL-2.0-only */
/* A verdict where the director could not come to one, or did not know all: the kernel log. */
#ifndef JUDGE_H
#define JUDGE_H

#include "engine/slots.h"

/* Read what is new in the kernel log, and note which of the running tests it concerns. */
void judge_read_log(void);

/*
 * The test in @slot is over: complete its result. @status: of the director, if it died.
 */
void judge_end(const struct test *t, struct slot *slot, int status);

#endif
