// SPDX-License-Identifier: GPL-2.0-only
/* A block of memory is taken offline, as before it is unplugged, and put online again. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "vm_util.h"

/* How long the kernel may try: where a page is pinned it does so until a signal comes. */
#define LIMIT_US	700000

/* Of the first page that is there; 0: none is. */
static uint64_t some_pfn(struct mem *m, size_t page, size_t pages)
{
	for (size_t i = page; i < page + pages; i++) {
		uint64_t entry = pagemap_entry(mem_page(m, i));

		if (entry & PM_PRESENT)
			return entry & PM_PFN_MASK;
	}
	return 0;
}

/* Free hugetlb pages are given up with their block, and then are missing in their pool. */
static bool has_hugetlb(uint64_t pfn, size_t count)
{
	static uint64_t flags[4096];

	for (size_t done = 0; done < count; done += ARRAY_SIZE(flags)) {
		if (kpageflags_range(pfn + done, ARRAY_SIZE(flags), flags))
			return true;
		for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
			if (KPF(flags[i], KPF_HUGE))
				return true;
	}
	return false;
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* A write that a signal ends. */
static int offline_in_time(const char *state)
{
	struct sigaction act = { .sa_handler = on_alarm }, old;
	struct itimerval soon = { .it_value.tv_usec = LIMIT_US, .it_interval.tv_usec = LIMIT_US };
	struct itimerval never = { 0 };
	int ret;

	sigaction(SIGALRM, &act, &old);
	setitimer(ITIMER_REAL, &soon, NULL);
	ret = file_write(state, "offline");
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &old, NULL);
	return ret;
}

/* While it is online this names its zone; others it could be of, only when it is offline. */
static bool is_movable(const char *block)
{
	char path[96], zone[32];

	snprintf(path, sizeof(path), "%s/valid_zones", block);
	return !file_read(path, zone, sizeof(zone)) && !strncmp(zone, "Movable", 7);
}

/* There and back, to the zone where it was. */
static int offline_online(struct mem *m, const char *block)
{
	const char *back = is_movable(block) ? "online_movable" : "online";
	char state[96];
	int ret;

	snprintf(state, sizeof(state), "%s/state", block);
	ret = offline_in_time(state);
	if (ret) {
		errno = -ret;
		return mem_fail(m, "%s stays online: %s", block, strerror(errno));
	}
	ret = file_write(state, back);
	errno = EIO;	/* nothing that may be refused */
	return ret ? mem_fail(m, "%s stays offline: %s", block, strerror(-ret)) : 0;
}

static int offline_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	uint64_t pfn = some_pfn(m, page, pages);
	size_t block = memory_block_size() / page_size();
	char path[64];

	(void)v;
	errno = EBUSY;
	if (!pfn)
		return mem_fail(m, "no page is there");
	if (has_hugetlb(pfn / block * block, block))
		return mem_fail(m, "pages of a hugetlb pool are in the block");
	snprintf(path, sizeof(path), MEMORY_BLOCKS "/memory%llu",
		 (unsigned long long)pfn / block);
	return offline_online(m, path);
}

DEFINE_OPERATION(offline) = {
	.id = "offline", .slow = true,
	.about = "the block of memory of the first page is taken offline: a pinned page stays",
	.not_kinds = KIND_HUGETLB, .needs = NEED(OFFLINE), .alone = true,
	/* EINVAL: the block is of two zones. */
	.refuses = { -EBUSY, -EINTR, -EAGAIN, -EINVAL }, .run = offline_run,
};
