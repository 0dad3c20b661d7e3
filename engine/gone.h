/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages that gave way to others in somebody's page table: copied, migrated, collapsed, merged,
 * given up. When the test is over they are free, or somebody else's.
 */
#ifndef GONE_H
#define GONE_H

#include <stddef.h>
#include <stdint.h>

#include "mem.h"

#define GONE_MAX	2048

/* What actors tell the runner, of the test that runs; later ones are not remembered. */
struct gone {
	uint32_t nr;
	uint64_t pfn[GONE_MAX];
};

/* In an actor: entries of pagemap that were @before, @cells of them, are @now. */
void gone_note(struct gone *g, const uint64_t *before, const uint64_t *now, size_t cells);

/*
 * In the runner, when no test runs: how many of them, of the whole run, are in use, although they
 * are in no list of reclaim and nobody maps them, as if somebody had forgotten to release them.
 * @size is ignored.
 */
long long gone_forgotten(size_t size);
/* These are counted from now on, whatever becomes of them: there is room for more. */
void gone_told(void);

#endif
