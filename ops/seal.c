// SPDX-License-Identifier: GPL-2.0-only
/* Seals of memfds: what is promised to readers must hold against who still has pages, too. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <fcntl.h>
#include <string.h>

#include "kinds/kind.h"
#include "vm_util.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE	0x0010
#endif

/* A seal is about the file, not about private copies; of hugetlb pages there may be none left. */
static int verify_private(struct mem *m)
{
	size_t len = page_size();
	char *map;
	int ret = 0;

	if (m->kind->props & KIND_HUGETLB)
		return 0;
	map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, m->fd, m->offset);
	if (map == MAP_FAILED)
		return mem_fail(m, "mmap of the sealed file, private: %s", strerror(errno));
	if (mprotect(map, len, PROT_READ | PROT_WRITE))
		ret = mem_fail(m, "mprotect of the sealed file, private: %s", strerror(errno));
	else
		*(volatile char *)map = 1;
	munmap(map, len);
	return ret;
}

static int add_seal(struct mem *m, int seal)
{
	int seals;

	if (fcntl(m->fd, F_ADD_SEALS, seal))
		return mem_fail(m, "F_ADD_SEALS: %s", strerror(errno));
	seals = fcntl(m->fd, F_GET_SEALS);
	errno = EIO;
	return seals & seal ? verify_private(m) :
	       mem_fail(m, "the seal that was set is not there: %#x", seals);
}

static int seal_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)page;
	(void)pages;
	(void)v;
	return add_seal(m, F_SEAL_WRITE);
}

DEFINE_OPERATION(seal) = {
	.id = "seal",
	.about = "F_SEAL_WRITE: refused while anybody could still write, or has a page pinned",
	.effect = EFFECT_SEAL, .kinds = KIND_MEMFD, .not_in_use = true, .run = seal_run,
};

static int sealfuture_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)page;
	(void)pages;
	(void)v;
	return add_seal(m, F_SEAL_FUTURE_WRITE);
}

DEFINE_OPERATION(sealfuture) = {
	.id = "sealfuture",
	.about = "F_SEAL_FUTURE_WRITE: no new ways to write; mappings and pins go on",
	.effect = EFFECT_SEAL, .kinds = KIND_MEMFD, .run = sealfuture_run,
};
