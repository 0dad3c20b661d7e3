// SPDX-License-Identifier: GPL-2.0-only
/* Loading our kernel module: see module.h. */
#include "engine/module.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/settings.h"

#define DEVICE	"/dev/cowpin"

#ifdef NO_LIBKMOD
/* The static program of a VM: process 1 has loaded the module, or there is none. */
static int load(void)
{
	return -ENOENT;
}
#else
#include <libkmod.h>

static struct kmod_module *find(struct kmod_ctx *ctx)
{
	const char *path = getenv("COWPIN_MODULE");
	struct kmod_module *mod = NULL;
	int ret = path ? kmod_module_new_from_path(ctx, path, &mod)
		       : kmod_module_new_from_name(ctx, "cowpin", &mod);

	return ret < 0 ? NULL : mod;
}

static int load(void)
{
	struct kmod_ctx *ctx = kmod_new(NULL, NULL);
	struct kmod_module *mod = NULL;
	int ret = -ENOENT;

	/* A module that is not there is a reason to skip, said once, by whoever skips. */
	if (ctx) {
		kmod_set_log_priority(ctx, 0);
		mod = find(ctx);
	}
	if (mod) {
		ret = kmod_module_probe_insert_module(mod, 0, NULL, NULL, NULL, NULL);
		kmod_module_unref(mod);
	}
	kmod_unref(ctx);
	return ret;
}
#endif

int module_load(void)
{
	int ret;

	if (!access(DEVICE, F_OK))
		return 0;
	ret = settings_undo_by("rmmod cowpin");
	return ret ? ret : load();
}
