// SPDX-License-Identifier: GPL-2.0-only
/* Another process that works on our memory: see stranger.h. */
#define _GNU_SOURCE
#include "stranger.h"

#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmod/cowpin.h"
#include "vm_util.h"

/* The errand is its standard input. The mapping is shared: no fork copies or keeps it. */
struct errand *errand_new(enum errand_job job, size_t nr)
{
	size_t len = sizeof(struct errand) + nr * sizeof(((struct errand *)0)->words[0]);
	int fd = memfd_create("cowpin-errand", MFD_CLOEXEC);
	struct errand *e = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if (!ftruncate(fd, len))
		e = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (e == MAP_FAILED) {
		close(fd);
		return NULL;
	}
	e->job = job;
	e->whose = getpid();
	e->fd = fd;
	e->size = len;
	return e;
}

void errand_free(struct errand *e)
{
	close(e->fd);
	munmap(e, e->size);
}

static int spawn(const struct errand *e, int fd, pid_t *pid)
{
	char *const argv[] = { "cow", "stranger", NULL }, *const env[] = { NULL };
	posix_spawn_file_actions_t files;
	int ret;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, e->fd, STDIN_FILENO);
	if (fd >= 0)
		posix_spawn_file_actions_adddup2(&files, fd, STRANGER_FD);
	ret = posix_spawn(pid, "/proc/self/exe", &files, NULL, argv, env);
	posix_spawn_file_actions_destroy(&files);
	return -ret;
}

int errand_run(struct errand *e, int fd)
{
	pid_t pid;
	int ret;

	e->ret = -ECHILD;
	ret = spawn(e, fd, &pid);
	if (ret)
		return ret;
	process_wait(pid);
	return e->ret;
}

/* --- the other side --- */

static int do_pin(struct errand *e)
{
	struct cowpin_pin pin = { .addr = e->at, .len = e->len, .flags = e->flags,
				  .pid = e->whose };

	if (ioctl(STRANGER_FD, COWPIN_IOC_PIN, &pin))
		return -errno;
	e->id = pin.id;
	return 0;
}

static int do_vmwrite(struct errand *e)
{
	for (size_t i = 0; i < e->nr; i++) {
		struct iovec from = { &e->words[i].word, sizeof(e->words[i].word) };
		struct iovec to = { (void *)e->words[i].at, sizeof(e->words[i].word) };

		if (process_vm_writev(e->whose, &from, 1, &to, 1, 0) < 0 && errno != EFAULT)
			return -errno;
	}
	return 0;
}

static int poke_words(const struct errand *e)
{
	for (size_t i = 0; i < e->nr; i++)
		if (ptrace(PTRACE_POKEDATA, e->whose, e->words[i].at, e->words[i].word))
			return -errno;
	return 0;
}

static int do_poke(struct errand *e)
{
	int status, ret;

	if (ptrace(PTRACE_SEIZE, e->whose, NULL, NULL) ||
	    ptrace(PTRACE_INTERRUPT, e->whose, NULL, NULL) ||
	    waitpid(e->whose, &status, __WALL) < 0)
		return -errno;
	ret = poke_words(e);
	ptrace(PTRACE_DETACH, e->whose, NULL, NULL);
	return ret;
}

int stranger_main(int argc, char **argv)
{
	static int (*const jobs[])(struct errand *e) = {
		[ERRAND_PIN] = do_pin,
		[ERRAND_VMWRITE] = do_vmwrite,
		[ERRAND_POKE] = do_poke,
	};
	struct errand *e;
	struct stat st;

	(void)argc;
	(void)argv;
	if (fstat(STDIN_FILENO, &st) || !S_ISREG(st.st_mode) ||
	    (size_t)st.st_size < sizeof(*e))
		return 2;
	e = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, STDIN_FILENO, 0);
	if (e == MAP_FAILED || e->size != (size_t)st.st_size)
		return 2;
	e->ret = jobs[e->job](e);
	return 0;
}
