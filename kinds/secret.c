// SPDX-License-Identifier: GPL-2.0-only
/* Memory that not even the kernel may look at (memfd_secret): nobody can pin it. */
#define _GNU_SOURCE
#include "kind.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "vm_util.h"

static int secret_create(struct mem *m)
{
	size_t len = mem_length(m, page_size());

	m->fd = syscall(SYS_memfd_secret, O_CLOEXEC);
	if (m->fd < 0)
		return mem_fail(m, "memfd_secret: %s", strerror(errno));
	if (ftruncate(m->fd, len))
		return mem_fail(m, "ftruncate to %zu bytes: %s", len, strerror(errno));
	return mem_map_file(m, len);
}

static int secret_verify(struct mem *m)
{
	struct statfs fs;

	if (fstatfs(m->fd, &fs))
		return mem_fail(m, "fstatfs: %s", strerror(errno));
	if (fs.f_type != SECRETMEM_MAGIC)
		return mem_wrong(m, "no secret memory: file system %#lx", (long)fs.f_type);
	return mem_verify_flags(m, 0, 1ULL << KPF_ANON | 1ULL << KPF_ZERO_PAGE |
				1ULL << KPF_SWAPBACKED, "a page of secret memory");
}

DEFINE_KIND(secret) = {
	.id = "secret", .title = "secret memory", .rank = 307,
	.props = KIND_SHARED | KIND_SECRET | KIND_EXTRA, .needs = NEED(ROOT) | NEED(SECRETMEM),
	.create = secret_create, .verify = secret_verify, .destroy = mem_unmap,
};
