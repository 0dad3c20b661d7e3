// SPDX-License-Identifier: GPL-2.0-only
/* Loading kernel modules: see module.h. */
#include "engine/module.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/settings.h"
#include "engine/tool.h"

#define DEVICE	"/dev/cowpin"

/*
 * A module that is not there is a reason to skip, said once, by whoever skips. In a VM process 1
 * has loaded it, and there are no tools.
 */
static int load(void)
{
	const char *path = getenv("COWPIN_MODULE");
	const char *const by_path[] = { "insmod", path, NULL };
	const char *const by_name[] = { "modprobe", "-q", "cowpin", NULL };
	int ret = tool_run(path ? by_path : by_name);

	return ret > 0 ? -ENOENT : ret;
}

void driver_load(const char *name, const char *parameter)
{
	char loaded[64];

	snprintf(loaded, sizeof(loaded), "/sys/module/%s", name);
	/* A kernel without loadable modules has all that it will have. */
	if (access(loaded, F_OK) && !access("/proc/modules", F_OK))
		tool_run((const char *const[]){ "modprobe", name, parameter, NULL });
}

int module_load(void)
{
	int ret;

	if (!access(DEVICE, F_OK))
		return 0;
	ret = settings_undo_by("rmmod cowpin");
	return ret ? ret : load();
}
