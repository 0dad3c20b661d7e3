/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For somebody who sits in front of it: on a terminal, one line at the bottom that says how
 * far the run is, and colours. Elsewhere all of this does nothing.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include "engine/tap.h"

/* @planned: tests in all. With @all, every result is printed anyhow. */
void progress_start(size_t planned, bool all);
bool progress_shown(void);
/* A result was counted. */
void progress_update(const struct counts *c, const struct test *t, const struct result *r);
/* Make room for a line of output. */
void progress_clear(void);

/* The colour of the next line, and back to none. NO_COLOR is heeded. */
void progress_colour(enum verdict verdict, bool todo);
void progress_plain(void);

#endif
