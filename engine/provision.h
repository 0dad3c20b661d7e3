/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a run sets up on the machine before its tests: only what they need, everything by
 * way of the settings journal. What cannot be had is left to needs.c, which says why.
 */
#ifndef PROVISION_H
#define PROVISION_H

#include "engine/plan.h"

void provision(const struct plan *p, unsigned int jobs, uint64_t more);

#endif
