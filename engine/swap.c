// SPDX-License-Identifier: GPL-2.0-only
/* Swap for a run: see swap.h. */
#define _GNU_SOURCE
#include "engine/swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/swap.h>
#include <unistd.h>

#include "engine/module.h"
#include "engine/quiet.h"
#include "engine/scratch.h"
#include "engine/settings.h"
#include "engine/stage.h"
#include "engine/tool.h"
#include "vm_util.h"

#define SWAP_SIZE	(512 * MIB)
#define ENOUGH		(256 * MIB)
#define ZRAM		"zram0"
#define SWAP_FILE	"/var/tmp/cowpin.swap"	/* .PID.TIME */

/* Paths of what the run has: an area, and a disk that is used in its place at times. */
static char own[64], disk[32];
static bool disk_used;

/* Write a swap header, and see to it that it is not used for longer than the run. */
static int make_area(const char *path)
{
	int ret = tool_run((const char *const[]){ "mkswap", path, NULL });

	if (ret)
		return ret < 0 ? ret : -EIO;
	return settings_undo_by("swapoff %s", path);
}

static int swap_on(const char *path)
{
	int ret = make_area(path);

	if (ret)
		return ret;
	if (swapon(path, 0))
		return -errno;
	snprintf(own, sizeof(own), "%s", path);
	return 0;
}

static int zram_on(void)
{
	char size[32];
	int ret;

	driver_load("zram", "num_devices=1");
	/* A size says that somebody uses it. */
	if (file_number("/sys/block/" ZRAM "/disksize"))
		return -EBUSY;
	ret = settings_undo_by("set /sys/block/" ZRAM "/reset 1");
	snprintf(size, sizeof(size), "%lu", SWAP_SIZE);
	if (!ret)
		ret = file_write("/sys/block/" ZRAM "/disksize", size);
	return ret ? ret : swap_on("/dev/" ZRAM);
}

/*
 * By a name that nobody else has: so it can be noted before the file is there, and whoever is
 * killed between the two leaves nothing that no start of ours knows of.
 */
static int file_on(void)
{
	char path[sizeof(own)];
	int fd, ret;

	snprintf(path, sizeof(path), SWAP_FILE ".%d.%llx", getpid(),
		 (unsigned long long)now_ns());
	ret = settings_undo_by("unlink %s", path);
	if (ret)
		return ret;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	ret = posix_fallocate(fd, 0, SWAP_SIZE);
	if (ret == ENOSPC)
		ret = ftruncate(fd, 0) ? errno : posix_fallocate(fd, 0, ENOUGH);
	close(fd);
	return ret ? -ret : swap_on(path);
}

int swap_provide(void)
{
	if (meminfo("SwapFree") >= (long long)ENOUGH)
		return 0;
	return zram_on() ? file_on() : 0;
}

bool swap_is_ours(void)
{
	char area[256];

	return own[0] && swap_list(area, sizeof(area)) == 1;
}

bool swap_can_be_full(void)
{
	return !strcmp(own, "/dev/" ZRAM) && !access("/sys/block/" ZRAM "/mem_limit", W_OK);
}

/* Large folios go to swap in one piece only where seeking costs nothing. */
static int no_seeking(const char *dev)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/block/%s/queue/rotational", dev + strlen("/dev/"));
	return settings_set(path, "0");
}

int swap_disk_provide(void)
{
	char dev[sizeof(disk)];
	/* Stays open: a loop device would be gone while it is not used. */
	int fd = scratch_disk("swap", SWAP_SIZE, dev, sizeof(dev)), ret;

	if (fd < 0)
		return fd;
	ret = no_seeking(dev);
	if (!ret)
		ret = make_area(dev);
	if (ret)
		close(fd);
	else
		strcpy(disk, dev);
	return ret;
}

/* Where nothing else is ours, there is one area more than before. */
static int disk_on(void)
{
	/* Before any that is not ours. */
	if (swapon(disk, SWAP_FLAG_PREFER | SWAP_FLAG_PRIO_MASK))
		return -errno;
	if (!own[0])
		quiet_expect_swap_areas(1);
	return own[0] && swapoff(own) ? -errno : 0;
}

static int disk_off(void)
{
	if (own[0] && swapon(own, 0))
		return -errno;
	if (!own[0])
		quiet_expect_swap_areas(-1);
	return swapoff(disk) ? -errno : 0;
}

int swap_use_disk(bool on)
{
	int ret;

	if (on == disk_used)
		return 0;
	ret = !disk[0] ? -ENODEV : on ? disk_on() : disk_off();
	if (!ret)
		disk_used = on;
	return ret;
}

bool swap_uses_disk(void)
{
	return disk_used;
}
