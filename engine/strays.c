// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that nobody has any more: see strays.h. A page with a reference too many is never freed:
 * all that is to be seen of it is that memory gets less. But it stays in the lists that reclaim
 * goes through, and is in none of the counts of what somebody has.
 */
#define _GNU_SOURCE
#include "engine/strays.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "vm_util.h"

/*
 * Each CPU has pages that it will put in the lists later, and holds references until then. Any
 * migration has them do so, that of nothing to where it is, too.
 */
void lists_complete(void)
{
	unsigned long node = 1;

	syscall(SYS_migrate_pages, 0, 8 * sizeof(node), &node, &node);
}

static long long count(const char *name)
{
	return table_number("/proc/vmstat", name);
}

long long strays(size_t size)
{
	long long listed, had;

	(void)size;
	lists_complete();
	/* The first one by vmstat(): the counts of all CPUs are added up. */
	listed = vmstat("nr_active_anon") + count("nr_inactive_anon");
	had = count("nr_anon_pages") + count("nr_shmem");
	/* What is both mapped and in the swap cache is counted twice: less is no finding. */
	had += meminfo("SwapCached") / (long long)page_size();
	return listed > had ? listed - had : 0;
}
