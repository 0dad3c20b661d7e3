/* SPDX-License-Identifier: GPL-2.0-only */
/* Swap for a run, where the machine has none. */
#ifndef SWAP_H
#define SWAP_H

#include <stdbool.h>

/* zram if the kernel has it, else a file in /var/tmp. 0 or -errno. */
int swap_provide(void);
/* Is there no other swap than what we have provided? */
bool swap_is_ours(void);

/* Can it be told to refuse what is written to it? */
bool swap_can_be_full(void);

/*
 * A disk of the run's own, to be swapped to at times. zram writes at once, and reclaim then frees
 * the page in the same go; what is written to a disk stays in the swap cache for now. 0 or -errno.
 */
int swap_disk_provide(void);
/*
 * From now on memory goes to that disk, and to none else of our own; or not to it any more. All
 * that is in the area that is given up comes back. 0 or -errno.
 */
int swap_use_disk(bool disk);
bool swap_uses_disk(void);

#endif
