/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kinds of THP share. */
#ifndef THP_H
#define THP_H

#include "kinds/kind.h"

/* Just the largest. */
int thp_only_pmd(size_t *sizes);
/*
 * From 16 kB to a PMD: the same on every machine of an architecture; a size that a kernel
 * lacks is a SKIP.
 */
int thp_sizes(size_t *sizes);
/* Map room for one folio of m->size; the tested region is the first part of it. */
int thp_create(struct mem *m);
/* The region is of one folio of m->size, from its page 0 on, mapped by PTEs. */
int thp_verify_by_ptes(struct mem *m);

#define THP_COMMON						\
	.spell_size = true,					\
	.create = thp_create,					\
	.destroy = mem_unmap

#define IN_MEMORY_AND(more)	.props = KIND_ANON | KIND_PRIVATE | KIND_THP | (more), \
				.needs = NEED(ROOT) | NEED(THP) | NEED(MTHP)
#define IN_MEMORY		IN_MEMORY_AND(0)
#define IN_MEMORY_UNEVEN	IN_MEMORY_AND(KIND_UNEVEN)
#define IN_SWAP		.props = KIND_ANON | KIND_PRIVATE | KIND_THP | KIND_SWAPPED, \
			.needs = NEED(ROOT) | NEED(THP) | NEED(MTHP) | NEED(SWAP), \
			.verify = mem_verify_swapped

#endif
