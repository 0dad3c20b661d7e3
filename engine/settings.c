// SPDX-License-Identifier: GPL-2.0-only
/* The settings journal and its guardian: see settings.h. */
#define _GNU_SOURCE
#include "engine/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/quiet.h"
#include "pins/dm.h"
#include "pins/ublk.h"
#include "pins/vfio.h"
#include "vm_util.h"

#define JOURNAL		STATE_DIR "/settings"

static int journal = -1;
static pid_t guardian;
static int lock = -1;		/* held by the guardian, too: until all is put back */
static int lifeline = -1;	/* the guardian sees it close, even if we are killed */

/* The value as one would write it: the word in brackets of a choice file. */
static int setting_read(const char *path, char *buf, size_t len)
{
	int ret = choice_read(path, buf, len);

	return ret == -ENODATA ? file_read(path, buf, len) : ret;
}

static int undo_set(char *args)
{
	char *space = strchr(args, ' ');

	if (!space)
		return -EINVAL;
	*space = '\0';
	return file_write(args, space + 1);
}

static int undo_swapoff(char *path)
{
	return swapoff(path) ? -errno : 0;
}

static int undo_umount(char *path)
{
	return umount2(path, MNT_DETACH) ? -errno : 0;
}

static int undo_rmdir(char *path)
{
	return rmdir(path) ? -errno : 0;
}

static int undo_unlink(char *path)
{
	return unlink(path) ? -errno : 0;
}

static int undo_rmmod(char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

static int undo_dmremove(char *prefix)
{
	return dm_remove_all(prefix);
}

static int undo_ublkremove(char *mark)
{
	return ublk_remove_all(mark);
}

static int undo_offline(char *all)
{
	int left = memory_blocks_offline(true);

	(void)all;
	return left > 0 ? -EBUSY : left;
}

static int undo_vfio(char *address)
{
	return vfio_pool_undo(address);
}

static const struct {
	const char *verb;
	int (*undo)(char *args);
} undos[] = {
	{ "set", undo_set },		/* PATH VALUE: write it back */
	{ "swapoff", undo_swapoff },
	{ "umount", undo_umount },
	{ "rmdir", undo_rmdir },
	{ "unlink", undo_unlink },
	{ "rmmod", undo_rmmod },
	{ "vfio", undo_vfio },		/* PCI ADDRESS: that device gets back its own driver */
	{ "offline", undo_offline },	/* "all": all blocks of memory are online */
	{ "dmremove", undo_dmremove },	/* PREFIX: all such devices, after resuming them */
	{ "ublkremove", undo_ublkremove },	/* MARK: all disks that have it */
};

/* What was noted but did not come about any more is not an error. */
static bool never_was(int ret)
{
	return ret == -ENOENT || ret == -EINVAL || ret == -ENXIO || ret == -ENOSYS;
}

static void undo_line(char *line)
{
	char *args = strchr(line, ' ');

	if (!args)
		return;
	*args++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(undos); i++) {
		int ret;

		if (strcmp(undos[i].verb, line))
			continue;
		ret = undos[i].undo(args);
		if (ret && (!i || !never_was(ret)))
			fprintf(stderr, "cow: cannot undo: %s %s: %s\n", line, args,
				strerror(-ret));
	}
}

/* A line that is not whole was never acted upon. Returns how many there were. */
static int restore_lines(char *text)
{
	char *lines[256], *save = NULL, *end = strrchr(text, '\n');
	int nr = 0, left;

	if (!end)
		return 0;
	*end = '\0';

	for (char *l = strtok_r(text, "\n", &save); l && nr < 256; l = strtok_r(NULL, "\n", &save))
		lines[nr++] = l;
	for (left = nr; left--; )
		undo_line(lines[left]);
	return nr;
}

int settings_lock(void)
{
	if (mkdir(STATE_DIR, 0700) && errno != EEXIST)
		return -errno;
	lock = open(STATE_DIR "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB))
		return -errno;
	return 0;
}

static int restore(void)
{
	static char text[64 * 1024];
	int fd = open(JOURNAL, O_RDONLY | O_CLOEXEC), done;
	ssize_t got;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got < 0)
		return -errno;
	text[got] = '\0';
	done = restore_lines(text);
	unlink(JOURNAL);
	return done;
}

int settings_restore_leftovers(void)
{
	return restore();
}

/* Lives in a session of its own, so that no signal for the run's group reaches it. */
static void guard(int fd)
{
	char c;

	setsid();
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_IGN);
	while (read(fd, &c, 1) < 0 && errno == EINTR)
		;
	restore();
	_exit(0);
}

static int guardian_start(void)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	fflush(NULL);
	guardian = fork();
	if (guardian < 0)
		return -errno;
	if (!guardian) {
		close(fds[1]);
		guard(fds[0]);
	}
	close(fds[0]);
	lifeline = fds[1];
	/* Where the first change is made during the run, they are no leftovers of a test. */
	quiet_expect_process(guardian);
	quiet_expect_descriptors(2);
	return 0;
}

static int journal_open(void)
{
	if (journal >= 0)
		return 0;
	journal = open(JOURNAL, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return journal < 0 ? -errno : guardian_start();
}

int settings_undo_by(const char *fmt, ...)
{
	char line[512];
	va_list args;
	int len, ret = journal_open();

	if (ret)
		return ret;
	va_start(args, fmt);
	len = vsnprintf(line, sizeof(line) - 1, fmt, args);
	va_end(args);
	if (len >= (int)sizeof(line) - 1)
		return -ENAMETOOLONG;
	line[len++] = '\n';
	errno = EIO;	/* of a write that falls short */
	if (write(journal, line, len) != len || fsync(journal))
		return -errno;
	return 0;
}

int settings_set(const char *path, const char *value)
{
	char old[128];
	int ret = setting_read(path, old, sizeof(old));

	if (ret)
		return ret;
	if (!strcmp(old, value))
		return 0;
	ret = settings_undo_by("set %s %s", path, old);
	return ret ? ret : file_write(path, value);
}

void settings_in_child(void)
{
	if (lifeline >= 0)
		close(lifeline);
	if (lock >= 0)
		close(lock);
	lifeline = lock = -1;
}

void settings_end(void)
{
	if (journal < 0)
		return;
	close(lifeline);
	close(journal);
	journal = -1;
	process_wait(guardian);
}
