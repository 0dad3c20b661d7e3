// SPDX-License-Identifier: GPL-2.0-only
/* mlock(): memory that stays in memory, for a moment or from one step to the next. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "vm_util.h"

static int lock_pages(struct mem *m, size_t page, size_t pages, unsigned int flags)
{
	if (mlock2(mem_page(m, page), pages * m->layout.page, flags))
		return mem_fail(m, "mlock2: %s", strerror(errno));
	return 0;
}

/* Not the C library's: under a sanitizer that does nothing. */
static int unlock_pages(struct mem *m, size_t page, size_t pages)
{
	if (syscall(SYS_munlock, mem_page(m, page), pages * m->layout.page))
		return mem_fail(m, "munlock: %s", strerror(errno));
	return 0;
}

/*
 * On fault only: locking must not populate what the scenario left alone. Old kernels (5.10) refuse
 * that of memory that may not be accessed, when they have locked it.
 */
static int lock_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	long long before = table_number("/proc/self/status", "VmLck");
	int ret = lock_pages(m, page, pages, MLOCK_ONFAULT);
	int unlocked = unlock_pages(m, page, pages);

	(void)v;
	ret = ret ? ret : unlocked;
	errno = ESTALE;
	if (!ret && table_number("/proc/self/status", "VmLck") != before)
		ret = mem_fail(m, "after munlock() VmLck is not what it was");
	return ret;
}

DEFINE_OPERATION(lock_and_unlock) = {
	.id = "lock", .about = "mlock() and munlock(): in memory for a moment; pages stay",
	.splits = true, .only_unlocked = true, .senseless = { -ENOMEM, -EAGAIN }, .run = lock_run,
};

static int mlock_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	return lock_pages(m, page, pages, 0);
}

static int mlockonfault_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	return lock_pages(m, page, pages, MLOCK_ONFAULT);
}

static int munlock_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	return unlock_pages(m, page, pages);
}

/* What may not be accessed cannot be brought in: refused, and locked all the same. */
DEFINE_OPERATION(lock_all) = {
	.id = "mlock", .about = "mlock(): all pages are brought in, as by a write, and stay",
	.effect = EFFECT_TOUCH, .locks = LOCK_ALL, .not_kinds = KIND_HUGETLB, .splits = true,
	.only_writable = true, .senseless = { -ENOMEM, -EAGAIN }, .run = mlock_run,
};

DEFINE_OPERATION(lock_on_fault) = {
	.id = "mlockonfault", .about = "the same of pages that are there, or come in later",
	.locks = LOCK_ONFAULT, .not_kinds = KIND_HUGETLB, .splits = true,
	.only_writable = true, .keeps_protection = true, .senseless = { -ENOMEM, -EAGAIN },
	.run = mlockonfault_run,
};

DEFINE_OPERATION(unlock) = {
	.id = "munlock", .about = "munlock(): pages stay, until they are reclaimed",
	.unlocks = true, .not_kinds = KIND_HUGETLB, .splits = true, .keeps_protection = true,
	.senseless = { -ENOMEM }, .run = munlock_run,
};
