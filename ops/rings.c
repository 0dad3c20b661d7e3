// SPDX-License-Identifier: GPL-2.0-only
/* Rings of io_uring that more than one process has. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <liburing.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "io_uring_calls.h"
#include "kinds/kind.h"
#include "vm_util.h"

/* In a child: has it buffers of its parent's memory in a ring of its own? */
static bool can_clone(int from)
{
	struct io_uring own;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return !io_uring_queue_init(1, &own, 0) && !ring_clone_buffers(from, own.ring_fd);
}

static int try_to_clone(struct mem *m, int ring)
{
	pid_t pid = fork();

	if (pid < 0)
		return mem_fail(m, "fork: %s", strerror(errno));
	if (!pid)
		_exit(can_clone(ring));
	if (!process_wait(pid))
		return 0;
	errno = ESTALE;
	return mem_fail(m, "a child clones fixed buffers of its parent's memory");
}

/* A page of our own, for a buffer would pin what is tested, and fork() copy it then. */
static int cloneother_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	struct iovec iov = { .iov_len = m->layout.page };
	struct io_uring ring;
	int ret;

	(void)page;
	(void)pages;
	(void)v;
	iov.iov_base = mmap(NULL, iov.iov_len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ret = iov.iov_base == MAP_FAILED ? -ENOMEM : io_uring_queue_init(1, &ring, 0);
	errno = -ret;
	if (ret)
		return mem_fail(m, "io_uring_setup: %s", strerror(errno));
	ret = io_uring_register_buffers(&ring, &iov, 1);
	errno = -ret;
	ret = ret ? mem_fail(m, "a fixed buffer: %s", strerror(errno)) :
	      try_to_clone(m, ring.ring_fd);
	io_uring_queue_exit(&ring);
	munmap(iov.iov_base, iov.iov_len);
	return ret;
}

DEFINE_OPERATION(clone_other) = {
	.id = "cloneother",
	.about = "a child clones its parent's fixed buffers: refused, the memory is not its own",
	.kinds = KIND_BASE, .needs = NEED(IOCLONE), .run = cloneother_run,
};
