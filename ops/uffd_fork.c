// SPDX-License-Identifier: GPL-2.0-only
/* userfaultfd and fork(): whoever watches memory of a parent may watch its child's, too. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "ops/uffd.h"
#include "vm_util.h"

/* fork() waits for somebody to take the child's descriptor: -1, that nobody was told of it. */
struct watch {
	int fd, child_fd;
	int over;		/* an eventfd: nothing will come any more */
};

static void *take_child(void *arg)
{
	struct watch *w = arg;
	struct pollfd fds[] = { { .fd = w->fd, .events = POLLIN },
				{ .fd = w->over, .events = POLLIN } };
	struct uffd_msg msg;

	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	if (fds[0].revents & POLLIN && read(w->fd, &msg, sizeof(msg)) == sizeof(msg) &&
	    msg.event == UFFD_EVENT_FORK)
		w->child_fd = msg.arg.fork.ufd;
	return NULL;
}

/* What the child, which is there for nothing else, finds. */
enum found { PROTECTED, UNPROTECTED, NOTHING };

/* MADV_DONTFORK: of that a child has nothing, and nobody is told. */
static bool inherited(const struct mem *m, size_t page, size_t pages)
{
	return !msync(mem_page(m, page), pages * m->layout.page, MS_ASYNC);
}

static enum found look(struct mem *m, size_t page, size_t pages)
{
	enum found found = NOTHING;
	/* All at once, unless there are holes. */
	size_t step = inherited(m, page, pages) ? pages : 1;

	pagemap_after_fork();
	for (size_t i = page; i < page + pages; i += step) {
		if (!inherited(m, i, step))
			continue;
		if (uffd_verify_protected(m, i, step, true))
			return UNPROTECTED;
		found = PROTECTED;
	}
	return found;
}

static int judge(struct mem *m, const struct watch *w, int status)
{
	errno = ESTALE;
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOTHING)
		return 0;
	if (w->child_fd < 0)
		return mem_fail(m, "userfaultfd does not tell of a fork");
	return status ? mem_fail(m, "a page of the child is not write-protected") : 0;
}

static int fork_watched(struct mem *m, struct watch *w, size_t page, size_t pages)
{
	pthread_t thread;
	int error;
	pid_t pid;

	if (pthread_create(&thread, NULL, take_child, w))
		return mem_fail(m, "no thread to be had");
	pid = fork();
	error = errno;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(look(m, page, pages));
	}
	/* fork() comes back when the child's descriptor was taken, if there is one. */
	eventfd_write(w->over, 1);
	pthread_join(thread, NULL);
	errno = error;
	if (pid < 0)
		return mem_fail(m, "fork: %s", strerror(errno));
	return judge(m, w, process_wait(pid));
}

static int watch_fork(struct mem *m, struct watch *w, size_t page, size_t pages)
{
	int ret;

	/* Only then poll() knows. */
	fcntl(w->fd, F_SETFL, O_NONBLOCK);
	ret = fork_watched(m, w, page, pages);
	if (!ret && uffd_protect(w->fd, mem_page(m, page), pages * m->layout.page, 0))
		ret = mem_fail(m, "ending the write protection: %s", strerror(errno));
	return ret;
}

static int fork_protected(struct mem *m, size_t page, size_t pages, uint64_t features)
{
	struct watch w = { .child_fd = -1, .over = eventfd(0, EFD_CLOEXEC) };
	int ret;

	w.fd = uffd_watch_protected(m, page, pages, UFFD_FEATURE_EVENT_FORK | features);
	ret = w.fd < 0 ? w.fd : watch_fork(m, &w, page, pages);
	if (w.child_fd >= 0)
		close(w.child_fd);
	if (w.fd >= 0)
		close(w.fd);
	close(w.over);
	return ret;
}

static int uffdfork_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	return fork_protected(m, page, pages, 0);
}

static int uffdforkshared_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	return fork_protected(m, page, pages, UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
}

DEFINE_OPERATION(uffdfork) = {
	.id = "uffdfork",
	.about = "fork() of write-protected pages that userfaultfd follows: a child's are, too",
	.kinds = KIND_ANON | KIND_PRIVATE, .not_kinds = KIND_HUGETLB, .needs = NEED(UFFD),
	.senseless = { -EINVAL, -ENOENT, -EBUSY }, .run = uffdfork_run,
};

/* A child need not find what is in a file in its page table, but for what is only there. */
DEFINE_OPERATION(uffdfork_shared) = {
	.id = "uffdforkshared",
	.about = "the same of a file in memory, of which a child gets page tables only for that",
	.kinds = KIND_FILE | KIND_SHARED, .not_kinds = KIND_HUGETLB | KIND_DISK,
	.needs = NEED(UFFDWPFILE),
	.senseless = { -EINVAL, -ENOENT, -EBUSY }, .run = uffdforkshared_run,
};
