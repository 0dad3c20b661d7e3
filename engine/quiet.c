// SPDX-License-Identifier: GPL-2.0-only
/* What must be as it was whenever no test runs: see quiet.h. */
#define _GNU_SOURCE
#include "engine/quiet.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/gone.h"
#include "engine/stage.h"
#include "engine/strays.h"
#include "vm_util.h"

/* Rings of dead processes are taken down, and their pages unpinned, by a kernel thread. */
#define PATIENCE	(10 * NS_PER_S)
#define PATIENCE_SHORT	(3 * NS_PER_S)
static uint64_t patience = PATIENCE;

void quiet_be_impatient(bool yes)
{
	patience = yes ? PATIENCE_SHORT : PATIENCE;
}

/* Bits of the taint mask that loading our own module sets: out of tree, unsigned. */
#define OWN_TAINT	(1LL << 12 | 1LL << 13)

#define SIZES_MAX	16

struct report {
	char *text;
	size_t len;
	int nr, found;		/* differences; QUIET_* */
};

__attribute__((format(printf, 3, 4)))
static void differs(struct report *r, int found, const char *fmt, ...)
{
	size_t used = strlen(r->text);
	va_list args;

	r->found |= found;
	if (r->nr++)
		used += snprintf(r->text + used, r->len - used, "; ");
	if (used >= r->len)
		return;
	va_start(args, fmt);
	vsnprintf(r->text + used, r->len - used, fmt, args);
	va_end(args);
}

/* --- numbers that go back to what they were --- */

static long long pins(size_t size)
{
	(void)size;
	long long acquired = vmstat("nr_foll_pin_acquired");

	/* Folded over the CPUs by the line above. */
	return acquired - table_number("/proc/vmstat", "nr_foll_pin_released");
}

static long long pool_taken(size_t size)
{
	return hugetlb_count(size, "nr_hugepages") - hugetlb_count(size, "free_hugepages");
}

static long long pool_size(size_t size)
{
	return hugetlb_count(size, "nr_hugepages");
}

/* Of a page that is promised to two, one will be missing. */
static long long pool_reserved(size_t size)
{
	return hugetlb_count(size, "resv_hugepages");
}

static long long taint(size_t size)
{
	long long mask = file_number("/proc/sys/kernel/tainted");

	(void)size;
	return mask < 0 ? 0 : mask & ~OWN_TAINT;
}

static int expected_descriptors;

void quiet_expect_descriptors(int nr)
{
	expected_descriptors += nr;
}

static long long descriptors(size_t size)
{
	DIR *dir = opendir("/proc/self/fd");
	long long nr = -expected_descriptors;

	(void)size;
	while (dir && readdir(dir))
		nr++;
	if (dir)
		closedir(dir);
	return nr;
}

static struct number {
	const char *what;
	long long (*read)(size_t size);
	size_t size;
	long long normal, now;
	bool late;		/* goes back in the kernel's own time */
	int found;		/* what a difference is, if not QUIET_LEFT */
	bool rises;		/* fewer are no finding */
} numbers[5 + 3 * SIZES_MAX] = {
	{ .what = "pins that were not released", .read = pins, .late = true },
	{ .what = "taint of the kernel", .read = taint, .found = QUIET_TAINTED },
	{ .what = "descriptors of cow", .read = descriptors, .found = QUIET_OURS },
};
static size_t nr_numbers = 3;

static void add_pools(void)
{
	size_t sizes[SIZES_MAX];
	int nr = hugetlb_sizes(sizes, SIZES_MAX);

	for (int i = 0; i < nr; i++) {
		numbers[nr_numbers++] = (struct number) {
			.what = "hugetlb pages in use", .read = pool_taken, .size = sizes[i],
			.late = true,
		};
		numbers[nr_numbers++] = (struct number) {
			.what = "size of the hugetlb pool", .read = pool_size, .size = sizes[i],
		};
		numbers[nr_numbers++] = (struct number) {
			.what = "hugetlb pages reserved", .read = pool_reserved, .size = sizes[i],
			.late = true,
		};
	}
}

/* Where nobody else's pages come and go. */
static void add_strays(void)
{
	if (!in_own_guest())
		return;
	numbers[nr_numbers++] = (struct number) {
		.what = "pages that nobody has, and that are not free", .read = strays,
		.late = true, .rises = true,
	};
	numbers[nr_numbers++] = (struct number) {
		.what = "pages that gave way to others, and that are not free",
		.read = gone_forgotten, .late = true, .rises = true,
	};
}

static bool settled(void *number)
{
	struct number *n = number;

	n->now = n->read(n->size);
	if (n->rises && n->now < n->normal)
		n->normal = n->now;
	return !n->late || n->now == n->normal;
}

static void check_numbers(struct report *r)
{
	uint64_t deadline = now_ns() + patience;

	for (struct number *n = numbers; n < numbers + nr_numbers; n++) {
		char token[16] = "";

		await_settled(settled, n, deadline);
		if (n->now == n->normal)
			continue;
		differs(r, n->found ? n->found : QUIET_LEFT, "%s%s%s: %lld, before %lld",
			n->what, n->size ? " " : "",
			n->size ? size_token(n->size, token, sizeof(token)) : "", n->now,
			n->normal);
		n->normal = n->now;
	}
}

/* --- texts that stay as they are --- */

static struct setting {
	char path[96];
	char normal[256];
} settings[32 + SIZES_MAX] = {	/* as far as they have a path */
	{ .path = THP_SYSFS "/enabled" },
	{ .path = THP_SYSFS "/defrag" },
	{ .path = THP_SYSFS "/shmem_enabled" },
	{ .path = SHMEM_THP_ENABLED },
	{ .path = THP_SYSFS "/use_zero_page" },
	{ .path = "/sys/kernel/mm/ksm/run" },
	{ .path = "/sys/kernel/mm/ksm/use_zero_pages" },
	{ .path = "/proc/sys/vm/overcommit_memory" },
	{ .path = "/proc/sys/vm/swappiness" },
	{ .path = "/proc/sys/vm/nr_overcommit_hugepages" },
	{ .path = "/proc/sys/vm/compact_unevictable_allowed" },
	{ .path = "/proc/sys/vm/unprivileged_userfaultfd" },
	{ .path = "/proc/sys/vm/memfd_noexec" },
	{ .path = "/sys/kernel/mm/ksm/pages_to_scan" },
	{ .path = "/sys/kernel/mm/ksm/sleep_millisecs" },
	{ .path = THP_SYSFS "/khugepaged/defrag" },
	{ .path = THP_SYSFS "/khugepaged/pages_to_scan" },
	{ .path = THP_SYSFS "/khugepaged/scan_sleep_millisecs" },
	{ .path = THP_SYSFS "/khugepaged/alloc_sleep_millisecs" },
	{ .path = THP_SYSFS "/khugepaged/max_ptes_none" },
	{ .path = THP_SYSFS "/khugepaged/max_ptes_swap" },
	{ .path = THP_SYSFS "/khugepaged/max_ptes_shared" },
};

/* The last one stays empty. */
static void add_setting(const char *path)
{
	struct setting *s = settings;

	while (s->path[0])
		s++;
	if (s < settings + ARRAY_SIZE(settings) - 1)
		snprintf(s->path, sizeof(s->path), "%s", path);
}

static void setting_now(const struct setting *s, char *buf, size_t len)
{
	if (file_read(s->path, buf, len))
		buf[0] = '\0';
}

static void check_settings(struct report *r)
{
	for (struct setting *s = settings; s->path[0]; s++) {
		char now[sizeof(s->normal)];

		setting_now(s, now, sizeof(now));
		if (!strcmp(now, s->normal))
			continue;
		differs(r, QUIET_LEFT, "%s: '%s', before '%s'", s->path, now, s->normal);
		strcpy(s->normal, now);
	}
}

/* How many swap areas, whatever is in them. */
static int swap_areas;

static int count_swap_areas(void)
{
	char last[256];

	return swap_list(last, sizeof(last));
}

void quiet_expect_swap_areas(int nr)
{
	swap_areas += nr;
}

static void check_swap(struct report *r)
{
	int now = count_swap_areas();

	if (now != swap_areas)
		differs(r, QUIET_LEFT, "swap areas: %d, before %d", now, swap_areas);
	swap_areas = now;
}

/* --- processes --- */

#define EXPECTED_MAX	80
static pid_t expected[EXPECTED_MAX];

void quiet_expect_process(pid_t pid)
{
	for (int i = 0; i < EXPECTED_MAX; i++) {
		if (!expected[i] || kill(expected[i], 0)) {
			expected[i] = pid;
			return;
		}
	}
}

static bool is_expected(pid_t pid)
{
	for (int i = 0; i < EXPECTED_MAX; i++)
		if (expected[i] == pid)
			return true;
	return false;
}

/* Who was killed, or is about to exit, may have much memory to free: that is waited for. */
static bool ended_or_lives(void *pid)
{
	struct process_stat st;

	return !process_stat(*(pid_t *)pid, &st) || st.state == 'Z' ||
	       !(st.flags & PF_EXITING || st.pending & 1UL << (SIGKILL - 1));
}

static void check_process(struct report *r, pid_t pid)
{
	char path[64], comm[32] = "?";

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file_read(path, comm, sizeof(comm));
	await_settled(ended_or_lives, &pid, now_ns() + patience);
	if (waitpid(pid, NULL, WNOHANG) == pid)
		return;		/* dead, and nobody had waited for it */
	differs(r, QUIET_OURS, "process %d (%s) is left over", pid, comm);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/*
 * Whatever is left of a test becomes our child, for we are the subreaper. With no report:
 * who is here now is here to stay.
 */
static void check_processes(struct report *r)
{
	char path[64], text[1024], *save = NULL;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	if (file_read(path, text, sizeof(text)))
		return;
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (!r)
			quiet_expect_process(atoi(word));
		else if (!is_expected(atoi(word)))
			check_process(r, atoi(word));
	}
}

void quiet_start(void)
{
	uint64_t flags;
	char page[1];

	add_pools();
	add_strays();
	thp_each_enabled(add_setting);
	/* These open descriptors that stay. */
	pagemap_entry(page);
	kpageflags(1, &flags);
	for (struct number *n = numbers; n < numbers + nr_numbers; n++)
		n->normal = n->read(n->size);
	for (struct setting *s = settings; s->path[0]; s++)
		setting_now(s, s->normal, sizeof(s->normal));
	swap_areas = count_swap_areas();
	check_processes(NULL);
}

int quiet_check(char *why, size_t len)
{
	struct report r = { .text = why, .len = len };

	why[0] = '\0';
	check_processes(&r);	/* first: what they hold is not leaked */
	check_numbers(&r);
	gone_told();
	check_settings(&r);
	check_swap(&r);
	return r.found;
}
