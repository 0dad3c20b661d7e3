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

static struct fs {
	const char *name;
	uint64_t need;
	const char *mkfs, *force;	/* the tool, and its word for "whatever is there" */
	size_t size;			/* the smallest that its mkfs is content with, about */
	char disk[16];			/* the disk that it is to be on, or "" */
	int image;			/* else the file, or -errno, */
	pid_t maker;			/* and mkfs, or -errno */
} file_systems[] = {
	{ .name = "ext4", .need = NEED(EXT4), .mkfs = "mkfs.ext4", .force = "-F",
	  .size = 64 * MIB },
	{ .name = "xfs", .need = NEED(XFS), .mkfs = "mkfs.xfs", .force = "-f",
	  .size = 320 * MIB },
	{ .name = "btrfs", .need = NEED(BTRFS), .mkfs = "mkfs.btrfs", .force = "-f",
	  .size = 160 * MIB },
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

/* The same, to get a fresh file system: mkfs gets it as a descriptor. */
static void begin_image(struct fs *fs)
{
	char path[32];

	fs->image = make_file(fs->size);
	if (fs->image < 0)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fs->image);
	fs->maker = tool_begin((const char *const[]){ fs->mkfs, fs->force, path, NULL });
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

static void mount_image(struct fs *fs)
{
	char dev[32];
	int loop;

	if (fs->image < 0)
		return;
	loop = tool_end(fs->maker) ? -EIO : loop_attach(fs->image, dev, sizeof(dev));
	if (loop >= 0) {
		mount_at(fs, dev);
		close(loop);
	}
	close(fs->image);
}

void scratch_begin(uint64_t needs)
{
	for (size_t i = 0; i < ARRAY_SIZE(file_systems); i++) {
		struct fs *fs = &file_systems[i];

		if (needs & fs->need && !find_disk(fs->name, fs->disk, sizeof(fs->disk)))
			begin_image(fs);
	}
}

static void provide(struct fs *fs)
{
	driver_load(fs->name, NULL);
	if (*fs->disk)
		mount_at(fs, fs->disk);
	else
		mount_image(fs);
}

void scratch_provide(uint64_t needs)
{
	for (size_t i = 0; i < ARRAY_SIZE(file_systems); i++)
		if (needs & file_systems[i].need)
			provide(&file_systems[i]);
}
