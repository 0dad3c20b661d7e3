/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages that nobody has any more, and that are not free. */
#ifndef STRAYS_H
#define STRAYS_H

#include <stddef.h>

/*
 * How many pages of anonymous or shared memory are neither mapped by a process nor in a file nor
 * in the swap cache, and yet in use: somebody holds a reference, or one was forgotten. Of the
 * whole machine: of use where no other programs come and go. @size is ignored. At least 0.
 */
long long strays(size_t size);

/* Have each CPU put the pages that it keeps for later into the lists of reclaim. */
void lists_complete(void);

#endif
