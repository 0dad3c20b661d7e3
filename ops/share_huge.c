// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of a hugetlb file that are as large as a page table of huge pages have one in common,
 * if nothing tells them apart. Their protection does: what one may write, another may only read.
 */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "mm_calls.h"
#include "vm_util.h"

/* What a page table of pages of 2 MiB maps; a page of 1 GiB is as large. */
#define SPAN	GIB

struct pair {
	volatile char *rw;
	const volatile char *ro;
	char *map;		/* both, and what is before and behind them */
};

static bool map_at(char *at, int prot, int fd)
{
	return mmap(at, SPAN, prot, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, 0) != MAP_FAILED;
}

static int map_pair(struct mem *m, struct pair *p)
{
	int fd = memfd_create("cowpin-share", MFD_CLOEXEC | MFD_HUGETLB |
			      huge_size_bits(m->size));
	char *at;

	p->map = mmap(NULL, 3 * SPAN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fd < 0 || p->map == MAP_FAILED)
		return mem_fail(m, "a hugetlb file, or room for it: %s", strerror(errno));
	at = p->map + -(uintptr_t)p->map % SPAN;
	p->rw = at;
	p->ro = at + SPAN;
	if (ftruncate(fd, SPAN) || !map_at(at, PROT_READ | PROT_WRITE, fd) ||
	    !map_at(at + SPAN, PROT_READ, fd)) {
		munmap(p->map, 3 * SPAN);
		close(fd);
		return mem_fail(m, "mmap of a hugetlb file: %s", strerror(errno));
	}
	close(fd);
	return 0;
}

/* What has no page table yet would be a fault anyway. */
static void store(const volatile char *at)
{
	char was = *at;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	signal(SIGSEGV, SIG_DFL);
	*(volatile char *)at = was + 1;
	_exit(0);
}

/* By a child, which dies of it. */
static bool store_is_fault(const volatile char *at)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		store(at);
	status = pid > 0 ? process_wait(pid) : 0;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static int sharehuge_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	struct pair p;
	int ret = map_pair(m, &p);

	(void)page;
	(void)pages;
	(void)v;
	if (ret)
		return ret;
	*p.rw = 1;
	errno = ESTALE;
	if (*p.ro != 1)
		ret = mem_fail(m, "two mappings of a hugetlb file have other content");
	else if (!store_is_fault(p.ro))
		ret = mem_fail(m, "a read-only mapping of a hugetlb file can be written to");
	munmap(p.map, 3 * SPAN);
	return ret;
}

DEFINE_OPERATION(share_huge) = {
	.id = "sharehuge",
	.about = "two large mappings of a hugetlb file, one read-only: it stays so",
	.kinds = KIND_ANON | KIND_PRIVATE | KIND_HUGETLB, .huge_pages = 1,
	.senseless = { -ENOMEM, -ENOSPC }, .run = sharehuge_run,
};
