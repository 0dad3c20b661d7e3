/* SPDX-License-Identifier: GPL-2.0-only */
/* Direct I/O of the memory, for other operations. */
#ifndef OPS_DIRECT_H
#define OPS_DIRECT_H

#include "mem.h"

/*
 * An O_DIRECT read of what @v leaves in pages [page, page + pages), from a file of its own.
 * 0, or -errno with m->why. Takes NEED(EXT4).
 */
int direct_read(struct mem *m, size_t page, size_t pages, struct value v);

#endif
