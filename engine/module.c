// SPDX-License-Identifier: GPL-2.0-only
/* Loading kernel modules: see module.h. */
#include "engine/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/settings.h"
#include "engine/tool.h"

#define DEVICE	"/dev/cowpin"

void driver_load(const char *name, const char *parameter)
{
	char loaded[64];

	snprintf(loaded, sizeof(loaded), "/sys/module/%s", name);
	/* A kernel without loadable modules has all that it will have. */
	if (access(loaded, F_OK) && !access("/proc/modules", F_OK))
		tool_run((const char *const[]){ "modprobe", name, parameter, NULL });
}

void module_load(void)
{
	const char *path = getenv("COWPIN_MODULE");

	if (!access(DEVICE, F_OK) || settings_undo_by("rmmod cowpin"))
		return;
	if (path)
		tool_run((const char *const[]){ "insmod", path, NULL });
	else
		driver_load("cowpin", NULL);
}
