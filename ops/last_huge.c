// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hugetlb pool without another page. Who has mapped a page privately has been promised that he
 * can write to it: if there is no page for a copy, the children lose theirs, and must be told (a
 * SIGBUS), now and later, when there are pages again. Whoever is given one then reads zeroes
 * where something was.
 */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "vm_util.h"

/* Words of the page, far from each other: one is written again, the other must stay. */
#define WRITTEN	0
#define KEPT	1000
#define OLD	0x6f6c64u
#define NEW	0x6e6577u

/* The page, mapped privately; or NULL with errno. */
static volatile uint32_t *map_only_page(size_t size)
{
	char text[24];
	const char *const options[] = { "pagesize", text, "size", text, NULL };
	int dir, file, error;
	void *at = MAP_FAILED;

	snprintf(text, sizeof(text), "%zu", size);
	dir = mount_nowhere("hugetlbfs", options);
	file = dir < 0 ? dir : openat(dir, "page", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (file >= 0)
		at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	error = dir < 0 ? -dir : errno;
	if (file >= 0)
		close(file);
	if (dir >= 0)
		close(dir);
	errno = error;
	return at == MAP_FAILED ? NULL : at;
}

/* A child that has the page, and reads it when it is told to. */
static pid_t fork_reader(const volatile uint32_t *page, int go)
{
	pid_t pid = fork();
	eventfd_t value;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	signal(SIGBUS, SIG_DFL);
	while (eventfd_read(go, &value) && errno == EINTR)
		;
	_exit(page[KEPT] == OLD ? 0 : 1);
}

static int judge(struct mem *m, bool kept, int status)
{
	errno = ESTALE;
	if (!kept)
		return mem_fail(m, "the owner of the last page of a pool has lost its content");
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status))
		return mem_fail(m, "a child whose page was taken from it reads other content");
	return mem_fail(m, "a child whose page was taken from it is not told (status %#x)", status);
}

static int take_from_child(struct mem *m, volatile uint32_t *page, int go)
{
	pid_t pid;
	bool kept = false;

	page[WRITTEN] = page[KEPT] = OLD;
	pid = fork_reader(page, go);
	if (pid > 0) {
		page[WRITTEN] = NEW;
		kept = page[WRITTEN] == NEW && page[KEPT] == OLD;
	}
	/* From now on there is a page again. */
	munmap((void *)page, m->size);
	if (pid < 0)
		return mem_fail(m, "fork: %s", strerror(errno));
	eventfd_write(go, 1);
	return judge(m, kept, process_wait(pid));
}

static int lasthuge_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	volatile uint32_t *only = map_only_page(m->size);
	int go, ret;

	(void)page;
	(void)pages;
	(void)v;
	if (!only)
		return mem_fail(m, "a hugetlbfs of one page: %s", strerror(errno));
	go = eventfd(0, EFD_CLOEXEC);
	ret = take_from_child(m, only, go);
	close(go);
	return ret;
}

/* Two pages: that one, and a copy of a pinned page for the child. */
DEFINE_OPERATION(last_huge) = {
	.id = "lasthuge",
	.about = "a hugetlb page is written that a child has, and there is no other: it is told",
	.kinds = KIND_ANON | KIND_PRIVATE | KIND_HUGETLB, .huge_pages = 2,
	.senseless = { -ENOMEM, -ENOSPC }, .run = lasthuge_run,
};
