/* SPDX-License-Identifier: GPL-2.0-only */
/* A verdict where the director could not come to one, or did not know all: the kernel log. */
#ifndef JUDGE_H
#define JUDGE_H

#include "engine/slots.h"

/*
 * The test in @slot is over: its director says so, or is no more (@dead). Completes the
 * result, also by what is new in the kernel log, and frees the slot.
 */
void judge_end(const struct test *t, struct slot *slot, bool dead);

#endif
