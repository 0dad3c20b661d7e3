// SPDX-License-Identifier: GPL-2.0-only
/* The devices of a run, and what drives them: see vfio.h. */
#define _GNU_SOURCE
#include "pins/vfio.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vm_util.h"

#define DEVICES		"/sys/bus/pci/devices/"
#define VENDOR		0x1234	/* QEMU's edu */
#define DEVICE		0x11e8
#define DEVICES_MAX	64

static struct { char address[16]; int group; } pool[DEVICES_MAX];
static unsigned int pooled;
static bool scarce;

static char *path_of(const char *address, const char *file, char path[64])
{
	snprintf(path, 64, DEVICES "%.16s/%s", address, file);
	return path;
}

static long attribute(const char *address, const char *file)
{
	char path[64], text[16];

	return file_read(path_of(address, file, path), text, sizeof(text)) ? -1
		: strtol(text, NULL, 16);
}

/* The number at the end of a link, as in ../../kernel/iommu_groups/7. */
static int group_of(const char *address)
{
	char path[64], to[PATH_MAX];
	ssize_t len = readlink(path_of(address, "iommu_group", path), to, sizeof(to) - 1);

	if (len < 0)
		return -errno;
	to[len] = '\0';
	return atoi(strrchr(to, '/') + 1);
}

/* The device gets a driver: @name, or "\n" for whoever feels responsible. */
static int drive_by(const char *address, const char *name)
{
	char path[64];
	int ret = file_write(path_of(address, "driver_override", path), name);

	/* It may have no driver to be parted from. */
	file_write(path_of(address, "driver/unbind", path), address);
	return ret ? ret : file_write("/sys/bus/pci/drivers_probe", address);
}

static bool driven(const char *address)
{
	char path[64];

	return !access(path_of(address, "driver/new_id", path), F_OK);
}

static int take(const char *address, int (*note)(const char *address))
{
	int ret, group = group_of(address);

	/* No IOMMU stands between it and memory. */
	if (group < 0)
		return group;
	ret = note(address);
	if (!ret)
		ret = drive_by(address, "vfio-pci");
	if (ret)
		return ret;
	if (!driven(address))
		return -ENODEV;
	snprintf(pool[pooled].address, sizeof(pool[pooled].address), "%.15s", address);
	pool[pooled++].group = group;
	return 0;
}

bool vfio_pool_provide(int (*note)(const char *address), unsigned int each, unsigned int tests)
{
	DIR *dir = opendir(DEVICES);
	struct dirent *e;

	while (dir && (e = readdir(dir)) && pooled < DEVICES_MAX)
		if (attribute(e->d_name, "vendor") == VENDOR &&
		    attribute(e->d_name, "device") == DEVICE)
			take(e->d_name, note);
	if (dir)
		closedir(dir);
	scarce = pooled < each * tests;
	return pooled >= each;
}

bool vfio_pool_scarce(void)
{
	return scarce;
}

int vfio_pool_group(unsigned int nr, char address[16])
{
	if (nr >= pooled)
		return -1;
	memcpy(address, pool[nr].address, sizeof(pool[nr].address));
	return pool[nr].group;
}

int vfio_pool_undo(const char *address)
{
	return drive_by(address, "\n");
}
