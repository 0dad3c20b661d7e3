// SPDX-License-Identifier: GPL-2.0-only
/* More pins than RLIMIT_MEMLOCK allows: what was pinned until that showed is given back. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <liburing.h>
#include <string.h>
#include <sys/resource.h>

#include "kinds/kind.h"
#include "pins/capability.h"

static int register_beyond(struct mem *m, const struct iovec *buffer, rlim_t most)
{
	const struct rlimit all = { most, most }, none = { 0, most };
	struct io_uring ring;
	int ret;

	/* A ring may count as well, also one that was closed a moment ago. */
	if (setrlimit(RLIMIT_MEMLOCK, &all))
		return mem_fail(m, "RLIMIT_MEMLOCK: %s", strerror(errno));
	ret = io_uring_queue_init(1, &ring, 0);
	errno = -ret;
	if (ret)
		return mem_fail(m, "io_uring_setup: %s", strerror(errno));
	ret = setrlimit(RLIMIT_MEMLOCK, &none) ? -errno :
	      io_uring_register_buffers(&ring, buffer, 1);
	io_uring_queue_exit(&ring);
	if (ret == -ENOMEM)
		return 0;
	errno = ret ? -ret : ESTALE;
	return mem_fail(m, "a fixed buffer beyond RLIMIT_MEMLOCK: %s",
			ret ? strerror(errno) : "given");
}

/* A ring counts what it pins if who makes it must not lock any memory. */
static int overlimit_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	struct iovec buffer = { mem_page(m, page), pages * m->layout.page };
	struct bounds before;
	int ret;

	(void)v;
	if (!bounds_begin(&before))
		return mem_fail(m, "without CAP_IPC_LOCK: %s", strerror(errno));
	ret = register_beyond(m, &buffer, before.limit.rlim_max);
	bounds_end(&before);
	return ret;
}

/* EFAULT, EOPNOTSUPP: memory that may not be pinned so. */
DEFINE_OPERATION(overlimit) = {
	.id = "overlimit", .about = "a fixed buffer of io_uring beyond RLIMIT_MEMLOCK: refused",
	.kinds = KIND_ANON | KIND_PRIVATE, .needs = NEED(IOURING), .only_writable = true,
	.senseless = { -EFAULT, -EOPNOTSUPP }, .run = overlimit_run,
};
