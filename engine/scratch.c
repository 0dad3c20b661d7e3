// SPDX-License-Identifier: GPL-2.0-only
/* Scratch file systems: see scratch.h. */
#define _GNU_SOURCE
#include "engine/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/module.h"
#include "engine/settings.h"
#include "engine/tool.h"
#include "needs.h"
#include "vm_util.h"

static const struct fs {
	const char *name;
	uint64_t need;
	const char *mkfs, *force;	/* the tool, and its word for "whatever is there" */
	size_t size;			/* the smallest that its mkfs is content with, about */
} file_systems[] = {
	{ "ext4", NEED(EXT4), "mkfs.ext4", "-F", 64 * MIB },
	{ "xfs", NEED(XFS), "mkfs.xfs", "-f", 320 * MIB },
	{ "btrfs", NEED(BTRFS), "mkfs.btrfs", "-f", 160 * MIB },
};

static void load_disk_drivers(void)
{
	static bool loaded;

	if (loaded)
		return;
	driver_load("virtio_pci", NULL);
	driver_load("virtio_blk", NULL);
	loaded = true;
}

/* The device of a virtual disk with that serial number, into @dev; false: none. */
static bool find_disk(const char *name, char *dev, size_t len)
{
	char want[32], path[64], serial[64];

	load_disk_drivers();
	snprintf(want, sizeof(want), "cowpin-%s", name);
	for (char c = 'a'; c <= 'z'; c++) {
		snprintf(path, sizeof(path), "/sys/block/vd%c/serial", c);
		if (file_read(path, serial, sizeof(serial)) || strcmp(serial, want))
			continue;
		snprintf(dev, len, "/dev/vd%c", c);
		return true;
	}
	return false;
}

/*
 * A sparse file, or -errno. It has no name: nothing to unlink, and nothing of anybody's to
 * overwrite.
 */
static int make_file(size_t size)
{
	const char *dir = getenv("COWPIN_SCRATCH");
	int fd = open(dir ? dir : "/var/tmp", O_TMPFILE | O_RDWR, 0600), ret = -errno;

	if (fd < 0 || !ftruncate(fd, size))
		return fd < 0 ? ret : fd;
	ret = -errno;
	close(fd);
	return ret;
}

/* The same with a fresh file system: mkfs gets it as a descriptor. */
static int make_image(const struct fs *fs)
{
	char path[32];
	int fd = make_file(fs->size), ret;

	if (fd < 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = tool_run((const char *const[]){ fs->mkfs, fs->force, path, NULL });
	if (!ret)
		return fd;
	close(fd);
	return ret > 0 ? -EIO : ret;
}

int scratch_disk(const char *name, size_t size, char *dev, size_t len)
{
	int image, fd;

	if (find_disk(name, dev, len)) {
		fd = open(dev, O_RDONLY | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	image = make_file(size);
	if (image < 0)
		return image;
	driver_load("loop", NULL);
	fd = loop_attach(image, dev, len);
	close(image);
	return fd;
}

static int mount_at(const struct fs *fs, const char *dev)
{
	char dir[64];
	int ret;

	snprintf(dir, sizeof(dir), SCRATCH_DIR "%s", fs->name);
	ret = settings_undo_by("rmdir %s", dir);
	if (!ret && mkdir(dir, 0700) && errno != EEXIST)
		ret = -errno;
	if (!ret)
		ret = settings_undo_by("umount %s", dir);
	if (!ret && mount(dev, dir, fs->name, MS_NOATIME, NULL))
		ret = -errno;
	return ret;
}

static void mount_image(const struct fs *fs)
{
	int image = make_image(fs), loop;
	char dev[32];

	if (image < 0)
		return;
	loop = loop_attach(image, dev, sizeof(dev));
	if (loop >= 0) {
		mount_at(fs, dev);
		close(loop);
	}
	close(image);
}

static void provide(const struct fs *fs)
{
	char dev[32];

	driver_load(fs->name, NULL);
	if (find_disk(fs->name, dev, sizeof(dev)))
		mount_at(fs, dev);
	else
		mount_image(fs);
}

void scratch_provide(uint64_t needs)
{
	for (size_t i = 0; i < ARRAY_SIZE(file_systems); i++)
		if (needs & file_systems[i].need)
			provide(&file_systems[i]);
}
