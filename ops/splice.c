// SPDX-License-Identifier: GPL-2.0-only
/* Pipes that hold pages of the memory, or of the file behind it, and what else goes into them. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "vm_util.h"

static int open_pipe(struct mem *m, int pipes[2], int size)
{
	if (pipe2(pipes, O_NONBLOCK | O_CLOEXEC))
		return mem_fail(m, "pipe: %s", strerror(errno));
	if (fcntl(pipes[1], F_SETPIPE_SZ, size) >= 0)
		return 0;
	close(pipes[0]);
	close(pipes[1]);
	return mem_fail(m, "F_SETPIPE_SZ: %s", strerror(errno));
}

static int end(int pipes[2], int ret)
{
	close(pipes[0]);
	close(pipes[1]);
	return ret;
}

static const char junk[4096];

/* Every place of the pipe has held a page to which who writes next may add. */
static int use_all(struct mem *m, int pipes[2])
{
	char back[sizeof(junk)];

	while (write(pipes[1], junk, sizeof(junk)) > 0)
		;
	while (read(pipes[0], back, sizeof(back)) > 0)
		;
	return errno == EAGAIN ? 0 : mem_fail(m, "pipe: %s", strerror(errno));
}

/* The beginning of each page, and more than the rest of it by write(): that takes another page. */
static int splice_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	size_t first, count;
	int pipes[2], ret;

	(void)v;
	ret = open_pipe(m, pipes, 16 * page_size());
	if (ret)
		return ret;
	layout_cells(&m->layout, page, pages, &first, &count);
	for (size_t c = first; c < first + count && !ret; c++) {
		loff_t at = mem_offset(m, layout_page(&m->layout, c));

		ret = use_all(m, pipes);
		if (!ret && (splice(m->fd, &at, pipes[1], NULL, 1, 0) != 1 ||
			     write(pipes[1], junk, sizeof(junk) - 1) < 0))
			ret = mem_fail(m, "splice: %s", strerror(errno));
	}
	return end(pipes, ret);
}

DEFINE_OPERATION(splice_file) = {
	.id = "splice", .about = "splice() of the file into a pipe, and write() after it",
	.kinds = KIND_FILE, .not_kinds = KIND_HUGETLB, .run = splice_run,
};

/* Of what found no room, nothing stays behind. */
static int vmfull_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	struct iovec all = { mem_page(m, page), pages * m->layout.page };
	int pipes[2], ret;

	(void)v;
	ret = open_pipe(m, pipes, page_size());
	if (ret)
		return ret;
	if (vmsplice(pipes[1], &all, 1, SPLICE_F_NONBLOCK) < 0)
		ret = mem_fail(m, "vmsplice: %s", strerror(errno));
	return end(pipes, ret);
}

/* EFAULT: memory that may not be read. */
DEFINE_OPERATION(vmfull) = {
	.id = "vmfull", .about = "vmsplice() into a pipe that has room for one page",
	.not_kinds = KIND_SECRET, .senseless = { -EFAULT }, .run = vmfull_run,
};
