// SPDX-License-Identifier: GPL-2.0-only
/* Pages that gave way to others: see gone.h. */
#include "engine/gone.h"

#include <stdbool.h>

#include "engine/inject.h"
#include "engine/slots.h"
#include "engine/stage.h"
#include "engine/strays.h"
#include "vm_util.h"

static uint64_t frame(uint64_t entry)
{
	return entry & PM_PRESENT ? entry & PM_PFN_MASK : 0;
}

void gone_note(struct gone *g, const uint64_t *before, const uint64_t *now, size_t cells)
{
	for (size_t c = 0; c < cells; c++)
		if (frame(before[c]) && frame(before[c]) != frame(now[c]) && g->nr < GONE_MAX)
			g->pfn[g->nr++] = frame(before[c]);
}

/* A page that is taken out of the lists keeps what it was until it is free. */
static bool is_forgotten(uint64_t flags)
{
	const uint64_t content = 1ULL << KPF_UPTODATE | 1ULL << KPF_SWAPBACKED;
	const uint64_t owned = 1ULL << KPF_LRU | 1ULL << KPF_BUDDY | 1ULL << KPF_MMAP |
			       1ULL << KPF_SLAB | 1ULL << KPF_HUGE | 1ULL << KPF_PGTABLE |
			       1ULL << KPF_ZERO_PAGE;

	return ((flags & content) && !(flags & owned)) || injected == FAULT_FORGOTTEN;
}

/* Those that are still, of these. */
static size_t keep_forgotten(uint64_t *pfn, size_t nr)
{
	size_t kept = 0;
	uint64_t flags;

	for (size_t i = 0; i < nr; i++)
		if (!kpageflags(pfn[i], &flags) && is_forgotten(flags))
			pfn[kept++] = pfn[i];
	return kept;
}

static long long told;

long long gone_forgotten(size_t size)
{
	long long nr = told;

	(void)size;
	for (unsigned int i = 0; i < slots_nr(); i++) {
		struct gone *g = &slot_at(i)->stage->gone;

		g->nr = keep_forgotten(g->pfn, g->nr);
		if (g->nr) {
			lists_complete();
			g->nr = keep_forgotten(g->pfn, g->nr);
		}
		nr += g->nr;
	}
	return nr;
}

void gone_told(void)
{
	for (unsigned int i = 0; i < slots_nr(); i++) {
		struct gone *g = &slot_at(i)->stage->gone;

		told += g->nr;
		g->nr = 0;
	}
}
