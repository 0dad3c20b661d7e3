// SPDX-License-Identifier: GPL-2.0-only
/* Write protection that the kernel takes away by itself: how checkpoints track what is written. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <string.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "ops/uffd.h"
#include "vm_util.h"

/* One for the process, as long as it lives: protection goes with the descriptor. */
static int async_fd(void)
{
	static pid_t owner;
	static int fd = -1;

	if (owner == getpid() && fd >= 0)
		return fd;
	if (fd >= 0)
		close(fd);	/* a parent's */
	owner = getpid();
	fd = uffd_open(UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED);
	return fd;
}

static int scanwp_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	size_t len = pages * m->layout.page;
	char *at = mem_page(m, page);
	int fd = async_fd(), ret;

	(void)v;
	if (fd < 0 || uffd_register(fd, at, len, UFFDIO_REGISTER_MODE_WP))
		return mem_fail(m, "userfaultfd: %s", strerror(errno));
	ret = pagemap_protect(at, len);
	errno = -ret;
	return ret ? mem_fail(m, "PAGEMAP_SCAN with PM_SCAN_WP_MATCHING: %s", strerror(errno)) : 0;
}

DEFINE_OPERATION(scanwp_shared) = {
	.id = "scanwpshared",
	.about = "the same of a memfd's pages, which may leave memory meanwhile",
	.kinds = KIND_FILE | KIND_SHARED, .not_kinds = KIND_HUGETLB | KIND_DISK,
	.needs = NEED(SCANWP),
	.splits = true, .write_protects = true,
	.senseless = { -EINVAL, -EBUSY, -EPERM }, .run = scanwp_run,
};

DEFINE_OPERATION(scanwp_huge) = {
	.id = "scanwphuge", .about = "the same of hugetlb pages",
	.kinds = KIND_ANON | KIND_HUGETLB, .needs = NEED(SCANWP), .write_protects = true,
	.senseless = { -EINVAL, -EBUSY, -EPERM }, .run = scanwp_run,
};

DEFINE_OPERATION(scanwp) = {
	.id = "scanwp",
	.about = "PAGEMAP_SCAN write-protects what was written; a pinned page is reused in place",
	.kinds = KIND_ANON, .not_kinds = KIND_HUGETLB, .needs = NEED(SCANWP), .splits = true,
	.write_protects = true,
	.senseless = { -EINVAL, -EBUSY, -EPERM }, .run = scanwp_run,
};
