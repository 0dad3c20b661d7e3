// SPDX-License-Identifier: GPL-2.0-only
/* What an actor reports of locked memory: mlock() locks mappings, and the kernel counts pages. */
#define _GNU_SOURCE
#include "engine/actor_self.h"

#include <stdio.h>
#include <string.h>

#include "engine/inject.h"
#include "vm_util.h"

/* A locked mapping, [from, to). */
static void note_mapping(struct view *v, unsigned long from, unsigned long to)
{
	const struct layout *l = &self.mem.layout;

	v->locked_maps_kib += (to - from) / KIB;
	for (size_t c = 0; c < l->cells; c++) {
		uintptr_t at = (uintptr_t)mem_page(&self.mem, layout_page(l, c));

		if (at >= from && at < to)
			v->locked[c] = true;
	}
}

void look_at_locks(void)
{
	struct view *v = &self.stage->view[self.index];
	FILE *smaps = fopen("/proc/self/smaps", "re");
	unsigned long from = 0, to = 0, start, end;
	char line[512];

	memset(v->locked, false, sizeof(v->locked));
	v->locked_maps_kib = 0;
	while (smaps && fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2) {
			from = start;
			to = end;
		}
		if (!strncmp(line, "VmFlags:", strlen("VmFlags:")) && strstr(line, " lo"))
			note_mapping(v, from, to);
	}
	if (smaps)
		fclose(smaps);
	v->locked_kib = table_number("/proc/self/status", "VmLck");
	if (injected == FAULT_LOCK_COUNT)
		v->locked_kib *= 2;
}
