/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages that go elsewhere and come back, for other operations: 0, or -errno with m->why. */
#ifndef OPS_MOVE_H
#define OPS_MOVE_H

#include "mem.h"

/* UFFDIO_MOVE of pages [page, page + pages). Takes NEED(UFFDMOVE). */
int move_by_uffd(struct mem *m, size_t page, size_t pages);
/* Each page to the NUMA node where it is not; what is pinned, or not there, stays. NEED(NUMA). */
int move_to_other_node(struct mem *m, size_t page, size_t pages);

#endif
