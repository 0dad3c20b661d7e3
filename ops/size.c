// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel says that an address space has, against what is in it. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <stdio.h>
#include <string.h>

#include "kinds/kind.h"
#include "vm_util.h"

/* In bytes. */
struct sizes {
	long long all, data;
};

/* VmData is of what a process writes for itself alone, but for stacks. */
static void add_mapping(struct sizes *sum, const char *line)
{
	unsigned long from, to;
	char perms[5];

	/* A page of the kernel's, of no process. */
	if (strstr(line, "[vsyscall]") || sscanf(line, "%lx-%lx %4s", &from, &to, perms) != 3)
		return;
	sum->all += to - from;
	if (perms[1] == 'w' && perms[3] == 'p' && !strstr(line, "[stack]"))
		sum->data += to - from;
}

static int sum_up(struct mem *m, struct sizes *sum)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];

	if (!maps)
		return mem_fail(m, "/proc/self/maps: %s", strerror(errno));
	while (fgets(line, sizeof(line), maps))
		add_mapping(sum, line);
	fclose(maps);
	return 0;
}

static int vmsize_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	struct sizes sum = { 0 }, told = {
		.all = table_number("/proc/self/status", "VmSize:") * (long long)KIB,
		.data = table_number("/proc/self/status", "VmData:") * (long long)KIB,
	};
	int ret = sum_up(m, &sum);

	(void)page;
	(void)pages;
	(void)v;
	if (ret || (told.all == sum.all && told.data == sum.data))
		return ret;
	errno = ESTALE;
	return mem_fail(m, "mappings of %lld kB, %lld to write to; VmSize is %lld, VmData %lld",
			sum.all / (long long)KIB, sum.data / (long long)KIB,
			told.all / (long long)KIB, told.data / (long long)KIB);
}

DEFINE_OPERATION(vmsize) = {
	.id = "vmsize",
	.about = "VmSize and VmData are what all mappings come to; nothing is changed",
	.keeps_protection = true, .run = vmsize_run,
};
