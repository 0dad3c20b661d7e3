// SPDX-License-Identifier: GPL-2.0-only
/* kmemleak as a witness: see leaks.h. */
#define _GNU_SOURCE
#include "engine/leaks.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/settings.h"
#include "engine/tap.h"
#include "vm_util.h"

/* Younger objects are not reported: whoever allocated them may just be about to use them. */
#define MIN_AGE		(5 * NS_PER_S + NS_PER_S / 10)

/* Whoever watches a guest ends it if nothing is heard. */
#define SAY_EVERY_MS	20000

/* The kernel tells ages in jiffies; two moments tell how long these take. */
static struct moment {
	long long jiffies;	/* negative: not known */
	uint64_t ns;
} first, last;

/* A file in its place, for tests of this: that one reports whatever it likes, at once. */
static const char *kmemleak(void)
{
	const char *path = getenv("COWPIN_KMEMLEAK");

	return path ? path : "/sys/kernel/debug/kmemleak";
}

static struct moment moment_now(void)
{
	long long jiffies = table_number("/proc/timer_list", "jiffies");

	return (struct moment){ .jiffies = jiffies, .ns = now_ns() };
}

bool leaks_start(void)
{
	first = moment_now();
	return !file_write(kmemleak(), "clear");
}

static int wait_for_scan(pid_t pid)
{
	unsigned int said = 0;
	int status, fd = syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (fd >= 0 && !poll(&p, 1, SAY_EVERY_MS))
		tap_note("kmemleak looks through the memory: %u s",
			 ++said * SAY_EVERY_MS / 1000);
	if (fd >= 0)
		close(fd);
	status = process_wait(pid);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

/* In a process of its own, so that this one can say that it is still there. */
static int scan(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		settings_in_child();
		_exit(-file_write(kmemleak(), "scan"));
	}
	return wait_for_scan(pid);
}

static void wait_until(uint64_t ns)
{
	uint64_t now;

	while (!getenv("COWPIN_KMEMLEAK") && (now = now_ns()) < ns)
		poll(NULL, 0, (ns - now) / NS_PER_MS + 1);	/* no event: they must get older */
}

static uint64_t time_of(long long jiffies)
{
	long long span = last.jiffies - first.jiffies;

	if (first.jiffies < 0 || span <= 0)
		return 0;
	return last.ns - (long long)((last.ns - first.ns) / (double)span *
				     (last.jiffies - jiffies));
}

/* As "  comm "cow-actor0", pid 7, jiffies 4294940000", then bytes and a trace. */
static void take_detail(struct leak *l, const char *line)
{
	struct splat *s = &l->splat;
	const char *pid = strstr(line, ", pid ");
	size_t used = strlen(s->more);
	long long jiffies;

	if (pid && sscanf(pid, ", pid %d, jiffies %lld", &s->pid, &jiffies) == 2) {
		l->born = time_of(jiffies);
		l->old = jiffies < first.jiffies;
	}
	if (used < sizeof(s->more) - 160)
		snprintf(s->more + used, sizeof(s->more) - used, "%s    %.140s",
			 used ? "\n" : "", line);
}

static int take_list(FILE *f, struct leak *found, int max)
{
	char line[256];
	int nr = 0;

	while (fgets(line, sizeof(line), f)) {
		struct leak *l = nr ? &found[nr - 1] : NULL;

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == ' ' && l) {
			take_detail(l, line);
			continue;
		}
		if (strncmp(line, "unreferenced object", 19))
			continue;
		if (l && l->old)
			nr--;
		if (nr == max)
			return nr;
		l = &found[nr++];
		*l = (struct leak){ 0 };
		snprintf(l->splat.text, sizeof(l->splat.text), "kmemleak: %s", line);
	}
	return nr && found[nr - 1].old ? nr - 1 : nr;
}

/* All of them before they are forgotten. */
static int read_list(struct leak *found, int max)
{
	FILE *f = fopen(kmemleak(), "re");
	int nr;

	if (!f)
		return -errno;
	nr = take_list(f, found, max);
	fclose(f);
	return nr;
}

/*
 * The first scan finds what is not referenced and takes a checksum, the second one reports it
 * unless that changed or it is too young. A third one forgives what was only just being moved
 * from one list to another while the second one looked.
 */
int leaks_find(struct leak *found, int max)
{
	uint64_t old_enough = now_ns() + MIN_AGE;
	int ret = scan();

	wait_until(old_enough);
	ret = ret ? ret : scan();
	last = moment_now();
	ret = ret ? ret : read_list(found, max);
	if (ret <= 0)
		return ret;
	ret = scan();
	ret = ret ? ret : read_list(found, max);
	file_write(kmemleak(), "clear");
	return ret;
}
