// SPDX-License-Identifier: GPL-2.0-only
/* Memory cgroup of a test: see charge.h. */
#include "engine/charge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/settings.h"
#include "needs.h"
#include "vm_util.h"

#define CONTROL		MEMCG_ROOT "/cgroup.subtree_control"

static char group[64];

int charge_provide(void)
{
	char have[256];
	int ret = file_read(CONTROL, have, sizeof(have));

	if (ret || strstr(have, "memory"))
		return ret;
	ret = settings_undo_by("set " CONTROL " -memory");
	return ret ? ret : file_write(CONTROL, "+memory");
}

int charge_begin(pid_t pid)
{
	char path[128], text[16];

	snprintf(group, sizeof(group), MEMCG_ROOT "/cowpin.%d", getpid());
	if (settings_undo_by("rmdir %s", group) || mkdir(group, 0700))
		return -errno;
	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	snprintf(text, sizeof(text), "%d", pid);
	return file_write(path, text);
}

long long charge_bytes(void)
{
	char path[128];

	if (!group[0])
		return -1;
	snprintf(path, sizeof(path), "%s/memory.current", group);
	return file_number(path);
}

void charge_end(void)
{
	if (group[0])
		rmdir(group);
	group[0] = '\0';
}
