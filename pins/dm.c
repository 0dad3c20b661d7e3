// SPDX-License-Identifier: GPL-2.0-only
/* The device-mapper by its ioctl(): see dm.h. */
#include "pins/dm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define CONTROL		"/dev/mapper/control"
#define SECTOR		512

/* udev's rules shall leave the device alone: looking at a stopped one takes for ever. */
#define NO_UDEV_RULES	(0x1fu << 16)

struct arg {
	struct dm_ioctl head;
	char data[32 * 1024];
};

static int dm_call(unsigned long cmd, const char *name, struct arg *arg)
{
	int fd = open(CONTROL, O_RDWR | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	arg->head.version[0] = DM_VERSION_MAJOR;
	arg->head.data_size = sizeof(*arg);
	arg->head.data_start = offsetof(struct arg, data);
	if (name)
		snprintf(arg->head.name, sizeof(arg->head.name), "%s", name);
	ret = ioctl(fd, cmd, arg) ? -errno : 0;
	close(fd);
	return ret;
}

static int dm_load(const char *name, uint64_t len, const char *type, const char *how)
{
	struct arg arg = { .head.target_count = 1 };
	struct dm_target_spec *spec = (void *)arg.data;

	spec->length = len / SECTOR;
	strcpy(spec->target_type, type);
	snprintf(arg.data + sizeof(*spec), 64, "%s", how);
	return dm_call(DM_TABLE_LOAD, name, &arg);
}

int dm_map(const char *name, dev_t below, uint64_t from, uint64_t len)
{
	char how[64];

	snprintf(how, sizeof(how), "%u:%u %llu", major(below), minor(below),
		 (unsigned long long)from / SECTOR);
	return dm_load(name, len, "linear", how);
}

int dm_fail(const char *name, uint64_t len)
{
	return dm_load(name, len, "error", "");
}

int dm_suspend(const char *name)
{
	/* There is no file system on it to be frozen, and nothing that could be flushed. */
	struct arg arg = { .head.flags = DM_SUSPEND_FLAG | DM_SKIP_LOCKFS_FLAG |
					 DM_NOFLUSH_FLAG };

	return dm_call(DM_DEV_SUSPEND, name, &arg);
}

int dm_resume(const char *name)
{
	struct arg arg = { .head.event_nr = NO_UDEV_RULES };

	return dm_call(DM_DEV_SUSPEND, name, &arg);
}

static int dm_remove(const char *name)
{
	struct arg arg = { .head.flags = DM_DEFERRED_REMOVE, .head.event_nr = NO_UDEV_RULES };

	return dm_call(DM_DEV_REMOVE, name, &arg);
}

int dm_create(const char *name, dev_t below, uint64_t from, uint64_t len, dev_t *dev)
{
	struct arg arg = { .head.event_nr = NO_UDEV_RULES };
	int ret = dm_call(DM_DEV_CREATE, name, &arg);

	if (ret)
		return ret;
	/* The kernel has its own way to put a device number into 64 bits. */
	*dev = makedev((arg.head.dev >> 8) & 0xfff,
		       (arg.head.dev & 0xff) | ((arg.head.dev >> 12) & 0xfff00));
	ret = dm_map(name, below, from, len);
	return ret ? ret : dm_resume(name);
}

/*
 * By another name first: a process that lives on for a moment finds it no more, and cannot
 * stop it again.
 */
static void dm_take_away(const char *name)
{
	struct arg arg = { .head.event_nr = NO_UDEV_RULES };
	const char *as = name;
	char gone[DM_NAME_LEN];

	snprintf(gone, sizeof(gone), "%.64s.gone.%d", name, getpid());
	strcpy(arg.data, gone);
	if (!strstr(name, ".gone.") && !dm_call(DM_DEV_RENAME, name, &arg))
		as = gone;
	dm_resume(as);
	dm_remove(as);
}

int dm_remove_all(const char *prefix)
{
	struct arg arg = { 0 };
	const struct dm_name_list *at = (void *)arg.data;
	int ret = dm_call(DM_LIST_DEVICES, NULL, &arg);

	if (!ret && (arg.head.flags & DM_BUFFER_FULL_FLAG))
		ret = -ENOBUFS;
	if (ret)
		return ret;
	for (bool more = at->dev; more; at = (const void *)((const char *)at + at->next)) {
		if (!strncmp(at->name, prefix, strlen(prefix)))
			dm_take_away(at->name);
		more = at->next;
	}
	return 0;
}
