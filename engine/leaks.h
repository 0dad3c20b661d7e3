/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kmemleak, where the kernel has it: memory that nobody refers to any more. A leak costs a machine
 * its memory, and is also what is left of a reference count that is never dropped.
 */
#ifndef LEAKS_H
#define LEAKS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/health.h"

struct leak {
	struct splat splat;	/* which object; then who allocated it, and where */
	uint64_t born;		/* when, as now_ns(); 0: not known */
	bool old;		/* before the run: nobody's fault here, though told only now */
};

/* Begin to watch: what was allocated by now does not count. False: the kernel has no kmemleak. */
bool leaks_start(void);

/*
 * Have the kernel look. Takes seconds, for it calls nothing leaked that is younger than five;
 * on a slow or large machine minutes. How many are new, @max at most, or -errno.
 */
int leaks_find(struct leak *found, int max);

#endif
