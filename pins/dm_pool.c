// SPDX-License-Identifier: GPL-2.0-only
/* The disks of a run and their keeper: see dm.h. */
#define _GNU_SOURCE
#include "pins/dm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "pins/held.h"
#include "vm_util.h"

#define DISKS_MAX	64

/* Shared by all processes of a run. */
static struct pool {
	unsigned int disks;
	dev_t below, dev[DISKS_MAX];
	bool failing[DISKS_MAX];
	pid_t stopped_by[DISKS_MAX];	/* 0: it is running */
	uint32_t stopped;		/* how many of them: the keeper sleeps while it is 0 */
} *pool;

static int platter = -1;	/* a memfd: the bytes of all disks, one after the other */

static char *disk_name(unsigned int nr, char name[32])
{
	snprintf(name, 32, DM_PREFIX "%u", nr);
	return name;
}

/* --- the keeper --- */

static int resume(unsigned int nr, pid_t pid)
{
	char name[32];
	int ret = dm_resume(disk_name(nr, name));

	if (__atomic_compare_exchange_n(&pool->stopped_by[nr], &pid, 0, false, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST))
		__atomic_sub_fetch(&pool->stopped, 1, __ATOMIC_SEQ_CST);
	return ret;
}

static void keep(pid_t parent)
{
	setsid();
	closefrom(0);	/* locks and pipes that others wait for the end of */
	prctl(PR_SET_NAME, "cow-keeper");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == parent) {
		for (unsigned int i = 0; i < pool->disks; i++) {
			pid_t pid = __atomic_load_n(&pool->stopped_by[i], __ATOMIC_SEQ_CST);

			if (pid && held_dying(pid))
				resume(i, pid);
		}
		/* That a process begins to die is no event that one could wait for. */
		if (__atomic_load_n(&pool->stopped, __ATOMIC_SEQ_CST))
			poll(NULL, 0, HELD_GLANCE_MS);
		else
			syscall(SYS_futex, &pool->stopped, FUTEX_WAIT, 0, NULL, NULL, 0);
	}
	_exit(0);
}

static int keeper_start(void)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		keep(parent);
	return pid < 0 ? -errno : 0;
}

/* --- providing them --- */

static off_t offset_of(unsigned int nr)
{
	return nr * DM_DISK_SIZE;
}

static int make_disks(dev_t below, unsigned int disks)
{
	char name[32];
	int ret = 0;

	pool->below = below;
	for (; pool->disks < disks && !ret; pool->disks++)
		ret = dm_create(disk_name(pool->disks, name), below, offset_of(pool->disks),
				DM_DISK_SIZE, &pool->dev[pool->disks]);
	return ret;
}

int dm_pool_provide(unsigned int disks)
{
	int loop, ret;
	char path[32];
	struct stat st;

	if (disks > DISKS_MAX)
		disks = DISKS_MAX;
	pool = mmap(NULL, sizeof(*pool), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		    0);
	platter = memfd_create("cowpin-platter", MFD_CLOEXEC);
	if (pool == MAP_FAILED || platter < 0 || ftruncate(platter, disks * DM_DISK_SIZE))
		return -errno;
	loop = loop_attach(platter, path, sizeof(path));
	if (loop < 0)
		return loop;
	ret = fstat(loop, &st) ? -errno : make_disks(st.st_rdev, disks);
	close(loop);
	return ret ? ret : keeper_start();
}

/* --- using them --- */

/* As new, whoever had it last. */
static int mend(unsigned int nr)
{
	char name[32];
	int ret;

	if (!pool->failing[nr])
		return 0;
	ret = dm_map(disk_name(nr, name), pool->below, offset_of(nr), DM_DISK_SIZE);
	ret = ret ? ret : dm_resume(name);
	pool->failing[nr] = ret;
	return ret;
}

int dm_disk_take(struct dm_disk *disk)
{
	int ret = -EBUSY;

	for (unsigned int i = 0; pool && i < pool->disks; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/dev/dm-%u", minor(pool->dev[i]));
		/* One user at a time, of all processes: the kernel says who. */
		disk->fd = open(path, O_RDWR | O_DIRECT | O_EXCL | O_CLOEXEC);
		if (disk->fd < 0) {
			ret = -errno;	/* or somebody has taken the disk away */
			continue;
		}
		disk->nr = i;
		disk->platter = platter;
		disk->offset = offset_of(i);
		ret = mend(i);
		if (!ret)
			return 0;
		dm_disk_give(disk);
	}
	return ret;
}

int dm_disk_stop(const struct dm_disk *disk)
{
	char name[32];

	/* The keeper shall know first. */
	__atomic_store_n(&pool->stopped_by[disk->nr], getpid(), __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&pool->stopped, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &pool->stopped, FUTEX_WAKE, 1, NULL, NULL, 0);
	return dm_suspend(disk_name(disk->nr, name));
}

int dm_disk_go(const struct dm_disk *disk)
{
	return resume(disk->nr, getpid());
}

int dm_disk_fail(const struct dm_disk *disk)
{
	char name[32];

	pool->failing[disk->nr] = true;
	return dm_fail(disk_name(disk->nr, name), DM_DISK_SIZE);
}

void dm_disk_give(struct dm_disk *disk)
{
	close(disk->fd);
	disk->fd = -1;
}
