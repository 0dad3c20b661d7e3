// SPDX-License-Identifier: GPL-2.0-only
/* Swap for a run: see swap.h. */
#define _GNU_SOURCE
#include "engine/swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/swap.h>
#include <unistd.h>

#include "engine/settings.h"
#include "engine/tool.h"
#include "vm_util.h"

#define SWAP_SIZE	(512 * MIB)
#define ENOUGH		(256 * MIB)
#define ZRAM		"zram0"
#define SWAP_FILE	"/var/tmp/cowpin.swap"

static bool provided;

/* Write a swap header, and use it. */
static int swap_on(const char *path)
{
	int ret = tool_run((const char *const[]){ "mkswap", path, NULL });

	if (ret)
		return ret < 0 ? ret : -EIO;
	ret = settings_undo_by("swapoff %s", path);
	if (ret)
		return ret;
	if (swapon(path, 0))
		return -errno;
	provided = true;
	return 0;
}

static int zram_on(void)
{
	char size[32];
	int ret;

	if (access("/sys/block/" ZRAM, F_OK))
		tool_run((const char *const[]){ "modprobe", "zram", "num_devices=1", NULL });
	/* A size says that somebody uses it. */
	if (file_number("/sys/block/" ZRAM "/disksize"))
		return -EBUSY;
	ret = settings_undo_by("set /sys/block/" ZRAM "/reset 1");
	snprintf(size, sizeof(size), "%lu", SWAP_SIZE);
	if (!ret)
		ret = file_write("/sys/block/" ZRAM "/disksize", size);
	return ret ? ret : swap_on("/dev/" ZRAM);
}

static int file_on(void)
{
	/* Whose the file is that is there already, we do not know: leave it alone. */
	int fd = open(SWAP_FILE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), ret;

	if (fd < 0)
		return -errno;
	ret = settings_undo_by("unlink " SWAP_FILE);
	if (ret)
		unlink(SWAP_FILE);
	else
		ret = -posix_fallocate(fd, 0, SWAP_SIZE);
	close(fd);
	return ret ? ret : swap_on(SWAP_FILE);
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

	return provided && swap_list(area, sizeof(area)) == 1;
}
