// SPDX-License-Identifier: GPL-2.0-only
/* The settings journal and its guardian: see settings.h. */
#define _GNU_SOURCE
#include "engine/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm_util.h"

#define STATE_DIR	"/run/cowpin"
#define JOURNAL		STATE_DIR "/settings"

static int journal = -1;
static pid_t guardian;
static int lifeline = -1;	/* the guardian sees it close, even if we are killed */

/* The value as one would write it: the word in brackets of a choice file. */
static int setting_read(const char *path, char *buf, size_t len)
{
	int ret = choice_read(path, buf, len);

	return ret == -ENODATA ? file_read(path, buf, len) : ret;
}

/* Lines are "path value"; the last one that is not whole was never acted upon. */
static int restore_lines(char *text)
{
	char *lines[256], *save = NULL;
	int nr = 0, done = 0;

	for (char *l = strtok_r(text, "\n", &save); l && nr < 256; l = strtok_r(NULL, "\n", &save))
		lines[nr++] = l;
	while (nr--) {
		char *space = strchr(lines[nr], ' ');

		if (!space)
			continue;
		*space = '\0';
		if (file_write(lines[nr], space + 1))
			fprintf(stderr, "cow: cannot set %s back to %s\n", lines[nr], space + 1);
		done++;
	}
	return done;
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
	return 0;
}

static int journal_open(void)
{
	if (journal >= 0)
		return 0;
	if (mkdir(STATE_DIR, 0700) && errno != EEXIST)
		return -errno;
	journal = open(JOURNAL, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return journal < 0 ? -errno : guardian_start();
}

static int journal_add(const char *path, const char *old)
{
	char line[512];
	int len = snprintf(line, sizeof(line), "%s %s\n", path, old);

	if (len >= (int)sizeof(line))
		return -ENAMETOOLONG;
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
	ret = journal_open();
	if (!ret)
		ret = journal_add(path, old);
	return ret ? ret : file_write(path, value);
}

void settings_end(void)
{
	if (journal < 0)
		return;
	close(lifeline);
	close(journal);
	journal = -1;
	while (waitpid(guardian, NULL, 0) < 0 && errno == EINTR)
		;
}
