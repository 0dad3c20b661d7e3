/* SPDX-License-Identifier: GPL-2.0-only */
/* On which CPUs what we do runs. */
#ifndef CPUS_H
#define CPUS_H

#include <stddef.h>

/* The caller stays on one of those it may use; the same @nr means the same one. */
void cpus_stay_on_one(size_t nr);
/* All that this process or those it comes from could use before that. */
void cpus_use_all(void);

#endif
