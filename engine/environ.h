/* SPDX-License-Identifier: GPL-2.0-only */
/* On what a run was made: for whoever reads its results later, or compares two. */
#ifndef ENVIRON_H
#define ENVIRON_H

#include "engine/plan.h"

/* Comment lines "# env KEY: VALUE" on stdout. */
void environ_print(const struct plan *p);

#endif
