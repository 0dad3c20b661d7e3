// SPDX-License-Identifier: GPL-2.0-only
/* Requirements: see needs.h. */
#define _GNU_SOURCE
#include "needs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vm_util.h"

#define GUP_TEST_FILE	"/sys/kernel/debug/gup_test"
#define GUP_TEST_STOP	_IO('g', 8)

struct ask {
	size_t size;
	unsigned int pages;
	char *why;
	size_t len;
};

__attribute__((format(printf, 2, 3)))
static bool no(const struct ask *a, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(a->why, a->len, fmt, args);
	va_end(args);
	return false;
}

/* The pagemap entry of a page of ours that was just written. */
static uint64_t fresh_entry(void)
{
	char *at = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	uint64_t entry;

	if (at == MAP_FAILED)
		return 0;
	*at = 1;
	entry = pagemap_entry(at);
	munmap(at, page_size());
	return entry;
}

static bool root_met(const struct ask *a)
{
	if (geteuid())
		return no(a, "not run as root");
	if (!(fresh_entry() & PM_PFN_MASK))
		return no(a, "pagemap shows no PFNs (no CAP_SYS_ADMIN?)");
	return true;
}

/*
 * gup_test can hold a pin since 6.2; before that, it knows no such call. Asked only once:
 * asking releases the machine's one pin, whosever it is.
 */
static bool gup_test_holds_pins(void)
{
	static int holds = -1;

	if (holds < 0) {
		int fd = open(GUP_TEST_FILE, O_RDWR | O_CLOEXEC);

		holds = fd >= 0 && !ioctl(fd, GUP_TEST_STOP);
		if (fd >= 0)
			close(fd);
	}
	return holds;
}

static bool module_met(const struct ask *a)
{
	if (!access("/dev/cowpin", R_OK | W_OK) || gup_test_holds_pins())
		return true;
	return no(a, "neither /dev/cowpin (our module) nor a gup_test that holds pins");
}

static bool iouring_met(const struct ask *a)
{
	struct io_uring_params params = { 0 };
	int fd = syscall(SYS_io_uring_setup, 1, &params);

	if (fd < 0)
		return no(a, "io_uring_setup: %s", strerror(errno));
	close(fd);
	return true;
}

static bool hugetlb_met(const struct ask *a)
{
	long long have = hugetlb_count(a->size, "nr_hugepages");

	if (have < 0)
		return no(a, "the machine has no hugetlb pages of %zu kB", a->size / KIB);
	if (have < a->pages)
		return no(a, "the pool of %zu kB pages has %lld, %u are needed", a->size / KIB,
			  have, a->pages);
	return true;
}

static bool thp_met(const struct ask *a)
{
	char word[32];

	if (!thp_pmd_size())
		return no(a, "the kernel has no PMD-sized THP");
	if (choice_read(THP_SYSFS "/enabled", word, sizeof(word)) || !strcmp(word, "never"))
		return no(a, "THP is switched off");
	return true;
}

static bool huge_zero_met(const struct ask *a)
{
	if (file_number(THP_SYSFS "/use_zero_page") != 1)
		return no(a, "the huge zeropage is switched off");
	return true;
}

static bool softdirty_met(const struct ask *a)
{
	if (!(fresh_entry() & PM_SOFT_DIRTY))
		return no(a, "the kernel tracks no soft-dirty bits");
	return true;
}

static bool memcg_met(const struct ask *a)
{
	char have[256];

	if (file_read("/sys/fs/cgroup/cgroup.controllers", have, sizeof(have)) ||
	    !strstr(have, "memory"))
		return no(a, "no cgroup v2 with the memory controller at /sys/fs/cgroup");
	return true;
}

static const struct {
	const char *code;
	bool (*met)(const struct ask *a);
} needs[NR_NEEDS] = {
	[NEED_ROOT] = { "no-root", root_met },
	[NEED_MODULE] = { "no-module", module_met },
	[NEED_IOURING] = { "no-iouring", iouring_met },
	[NEED_HUGETLB] = { "no-hugetlb", hugetlb_met },
	[NEED_THP] = { "no-thp", thp_met },
	[NEED_HUGE_ZERO] = { "no-huge-zeropage", huge_zero_met },
	[NEED_MEMCG] = { "no-memcg", memcg_met },
	[NEED_SOFTDIRTY] = { "no-softdirty", softdirty_met },
};

const char *need_code(enum need n)
{
	return needs[n].code;
}

int needs_unmet(unsigned int mask, size_t size, unsigned int pages, char *why, size_t len)
{
	struct ask ask = { .size = size, .pages = pages, .why = why, .len = len };

	for (int n = 0; n < NR_NEEDS; n++)
		if ((mask & (1u << n)) && !needs[n].met(&ask))
			return n;
	return -1;
}
