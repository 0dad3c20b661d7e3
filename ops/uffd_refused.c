// SPDX-License-Identifier: GPL-2.0-only
/* What userfaultfd must not be given: it writes where it is asked to put pages. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "ops/uffd.h"

static int watch(struct mem *m, void *map)
{
	int fd = uffd_open(0), ret;

	if (fd < 0)
		return mem_fail(m, "userfaultfd: %s", strerror(errno));
	ret = uffd_register(fd, map, m->len, UFFDIO_REGISTER_MODE_MISSING);
	close(fd);
	if (ret)
		return errno == EPERM ? 0 : mem_fail(m, "userfaultfd: %s", strerror(errno));
	errno = ESTALE;
	return mem_fail(m, "userfaultfd may fill what may only be read");
}

/* By a descriptor that is for reading only. */
static int uffdreader_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	int fd = mem_open(m, O_RDONLY), ret;
	void *map;

	(void)page;
	(void)pages;
	(void)v;
	map = mmap(NULL, m->len, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, m->offset);
	if (map == MAP_FAILED) {
		ret = mem_fail(m, "mmap of the file, shared: %s", strerror(errno));
	} else {
		ret = watch(m, map);
		munmap(map, m->len);
	}
	close(fd);
	return ret;
}

DEFINE_OPERATION(uffdreader) = {
	.id = "uffdreader",
	.about = "userfaultfd of a mapping of who may only read: must be refused",
	.kinds = KIND_MEMFD, .needs = NEED(UFFD), .run = uffdreader_run,
};
