/* SPDX-License-Identifier: GPL-2.0-only */
/* Swap for a run, where the machine has none. */
#ifndef SWAP_H
#define SWAP_H

#include <stdbool.h>

/* zram if the kernel has it, else a file in /var/tmp. 0 or -errno. */
int swap_provide(void);
/* Is there no other swap than what we have provided? */
bool swap_is_ours(void);

#endif
