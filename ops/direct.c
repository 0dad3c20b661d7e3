// SPDX-License-Identifier: GPL-2.0-only
/* Direct I/O of the memory, by parts of its pages: each takes a reference, and one is kept. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "vm_util.h"

/* So many pages by one call, each in so many parts. */
#define PAGES	16
#define PARTS	4

static int write_parts(struct mem *m, int fd, size_t page, size_t pages)
{
	size_t len = m->layout.page / PARTS;
	struct iovec parts[PAGES * PARTS];

	for (size_t i = 0; i < pages * PARTS; i++)
		parts[i] = (struct iovec){ (char *)mem_page(m, page) + i * len, len };
	errno = EIO;
	if (pwritev(fd, parts, pages * PARTS, 0) == (ssize_t)(pages * m->layout.page))
		return 0;
	return mem_fail(m, "O_DIRECT write in parts: %s", strerror(errno));
}

/* What is in the file now is what is in memory. */
static int compare_parts(struct mem *m, int fd, size_t page, size_t pages)
{
	size_t len = pages * m->layout.page;
	char *copy = aligned_alloc(m->layout.page, len);
	int ret = 0;

	if (!copy || pread(fd, copy, len, 0) != (ssize_t)len) {
		ret = mem_fail(m, "read of the file: %s", strerror(errno));
	} else if (memcmp(copy, mem_page(m, page), len)) {
		errno = ESTALE;
		ret = mem_fail(m, "what an O_DIRECT write in parts wrote is not what is in memory");
	}
	free(copy);
	return ret;
}

static int directparts_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	int fd = open(SCRATCH_DIR "ext4", O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600), ret;

	(void)v;
	if (fd < 0)
		return mem_fail(m, "a file with O_DIRECT: %s", strerror(errno));
	if (pages > PAGES)
		pages = PAGES;
	ret = write_parts(m, fd, page, pages);
	if (!ret)
		ret = compare_parts(m, fd, page, pages);
	close(fd);
	return ret;
}

/* EFAULT: memory that may not be read. ESTALE: others write meanwhile. */
DEFINE_OPERATION(directparts) = {
	.id = "directparts",
	.about = "O_DIRECT write of the memory to another file, in parts of its pages",
	.needs = NEED(EXT4), .senseless = { -EFAULT, -ESTALE }, .run = directparts_run,
};
