/* SPDX-License-Identifier: GPL-2.0-only */
/* On what a run was made: for whoever reads its results later, or compares two. */
#ifndef ENVIRON_H
#define ENVIRON_H

#include "engine/plan.h"

/* What takes time is begun, to be ready when it is wanted; or it takes its time then. */
void environ_begin(void);

/* Comment lines "# env KEY: VALUE" on stdout. */
void environ_print(const struct plan *p);

#endif
