// SPDX-License-Identifier: GPL-2.0-only
/* Who runs where: see cpus.h. */
#define _GNU_SOURCE
#include "engine/cpus.h"

#include <sched.h>

static cpu_set_t allowed;

void cpus_stay_on_one(size_t nr)
{
	cpu_set_t one;

	if (!CPU_COUNT(&allowed) && sched_getaffinity(0, sizeof(allowed), &allowed))
		return;
	nr %= CPU_COUNT(&allowed);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed) || nr--)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

void cpus_use_all(void)
{
	if (CPU_COUNT(&allowed))
		sched_setaffinity(0, sizeof(allowed), &allowed);
}
