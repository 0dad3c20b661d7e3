// SPDX-License-Identifier: GPL-2.0-only
/* Memory state as the kernel exports it. */
#define _GNU_SOURCE
#include "vm_util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hugetlbfs.h>
#include <linux/loop.h>
#include <linux/mount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <sys/wait.h>
#include <unistd.h>

size_t page_size(void)
{
	static size_t size;

	if (!size)
		size = sysconf(_SC_PAGESIZE);
	return size;
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

#define SKIP_5	" %*s %*s %*s %*s %*s"

bool process_stat(pid_t pid, struct process_stat *st)
{
	char path[64], text[1024], *name_end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (file_read(path, text, sizeof(text)))
		return false;
	/* The name, field 2, may have whatever in it. */
	name_end = strrchr(text, ')');
	return name_end &&
	       sscanf(name_end, ") %c" SKIP_5 " %lu" SKIP_5 SKIP_5 SKIP_5 SKIP_5 " %*s %lu",
		      &st->state, &st->flags, &st->pending) == 3;
}

int process_wait(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

int mount_nowhere(const char *type, const char *const options[])
{
	int fs = syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), ret = fs < 0 ? -1 : 0;

	for (; *options && !ret; options += 2)
		ret = syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, options[0], options[1], 0);
	if (!ret)
		ret = syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (!ret)
		ret = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	if (ret < 0)
		ret = -errno;
	if (fs >= 0)
		close(fs);
	return ret;
}

bool in_own_guest(void)
{
	return !access("/cowpin/argv", F_OK);
}

/* pread() all of it, or -errno; an end of file in the middle is -ENODATA. */
static int pread_all(int fd, void *buf, size_t len, off_t pos)
{
	ssize_t got;

	if (fd < 0)
		return -errno;
	got = pread(fd, buf, len, pos);
	if (got < 0)
		return -errno;
	return (size_t)got == len ? 0 : -ENODATA;
}

/*
 * The pagemap of this very process: what a fork inherits shows its parent's memory. Kept
 * open, for verifying a huge page would open it hundreds of times.
 */
static int pagemap = -1, *own_pagemap = &pagemap;

static int pagemap_fd(void)
{
	if (*own_pagemap < 0)
		*own_pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	return *own_pagemap;
}

void pagemap_keep_in(int *fd)
{
	*fd = *own_pagemap;
	own_pagemap = fd;
}

void pagemap_after_fork(void)
{
	if (*own_pagemap >= 0)
		close(*own_pagemap);
	*own_pagemap = -1;
}

static int pagemap_strided(int fd, uint64_t first, size_t count, size_t stride,
			   uint64_t *out)
{
	for (size_t i = 0; i < count; i++) {
		off_t pos = (first + i * stride) * sizeof(*out);
		ssize_t got = pread(fd, &out[i], sizeof(*out), pos);

		if (got != sizeof(*out))
			return got < 0 ? -errno : -ENODATA;
	}
	return 0;
}

int pagemap_read(const void *addr, size_t count, size_t stride, uint64_t *out)
{
	uint64_t first = (uintptr_t)addr / page_size();

	if (stride == 1)
		return pread_all(pagemap_fd(), out, count * sizeof(*out), first * sizeof(*out));
	return pagemap_strided(pagemap_fd(), first, count, stride, out);
}

uint64_t pagemap_entry(const void *addr)
{
	uint64_t entry;

	return pagemap_read(addr, 1, 1, &entry) ? 0 : entry;
}

/* struct pm_scan_arg and struct page_region: headers may be older than the kernel. */
struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t inverted, mask, anyof, returned;
};
struct scan_region {
	uint64_t start, end, categories;
};

int pagemap_scan(const void *addr, size_t len, uint64_t set, uint64_t clear)
{
	struct scan_region region = { 0 };
	struct scan_arg arg = {
		.size = sizeof(arg), .start = (uintptr_t)addr, .end = (uintptr_t)addr + len,
		.vec = (uintptr_t)&region, .vec_len = 1,
		.inverted = clear, .mask = set | clear, .returned = set | clear,
	};
	int ret = ioctl(pagemap_fd(), _IOWR('f', 16, struct scan_arg), &arg);

	if (ret < 0)
		return -errno;
	return ret == 1 && region.start == arg.start && region.end == arg.end;
}

#define SCAN_WP_MATCHING	(1 << 0)
#define SCAN_CHECK_WPASYNC	(1 << 1)

int pagemap_protect(const void *addr, size_t len)
{
	struct scan_arg arg = {
		.size = sizeof(arg), .flags = SCAN_WP_MATCHING | SCAN_CHECK_WPASYNC,
		.start = (uintptr_t)addr, .end = (uintptr_t)addr + len,
		.mask = SCAN_WRITTEN, .returned = SCAN_WRITTEN,
	};

	return ioctl(pagemap_fd(), _IOWR('f', 16, struct scan_arg), &arg) < 0 ? -errno : 0;
}

/* @count entries of a file that has one for each page frame; @fd keeps it open. */
static int kpage_read(int *fd, const char *path, uint64_t pfn, size_t count, uint64_t *out)
{
	if (!pfn)
		return -ENODATA;
	if (*fd < 0)
		*fd = open(path, O_RDONLY | O_CLOEXEC);
	return pread_all(*fd, out, count * sizeof(*out), pfn * sizeof(*out));
}

int kpageflags_range(uint64_t pfn, size_t count, uint64_t *flags)
{
	static int fd = -1;

	return kpage_read(&fd, "/proc/kpageflags", pfn, count, flags);
}

int kpageflags(uint64_t pfn, uint64_t *flags)
{
	return kpageflags_range(pfn, 1, flags);
}

int kpagecount(uint64_t pfn, uint64_t *count)
{
	static int fd = -1;

	return kpage_read(&fd, "/proc/kpagecount", pfn, 1, count);
}

/* Not KPF_KSM: some kernels (seen: 6.12) set it for every anonymous page. */
char *kpageflags_str(uint64_t flags, char *buf, size_t len)
{
	static const struct { int bit; const char *name; } names[] = {
		{ KPF_ZERO_PAGE, "zeropage" }, { KPF_ANON, "anon" },
		{ KPF_THP, "thp" }, { KPF_HUGE, "hugetlb" }, { KPF_COMPOUND_HEAD, "head" },
		{ KPF_COMPOUND_TAIL, "tail" }, { KPF_SWAPCACHE, "swapcache" },
		{ KPF_DIRTY, "dirty" }, { KPF_LRU, "lru" },
	};
	size_t used = 0;

	snprintf(buf, len, "none");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (KPF(flags, names[i].bit) && used < len)
			used += snprintf(buf + used, len - used, "%s%s",
					 used ? "," : "", names[i].name);
	}
	return buf;
}

int file_read(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return -errno;
	got = read(fd, buf, len - 1);
	if (got < 0)
		got = -errno;
	close(fd);
	if (got < 0)
		return got;
	buf[got] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

int swap_list(char *area, size_t len)
{
	FILE *f = fopen("/proc/swaps", "re");
	char line[512];
	int nr = -1;		/* the first line is a head */

	for (; f && fgets(line, sizeof(line), f); nr++)
		snprintf(area, len, "%.*s", (int)strcspn(line, " \t"), line);
	if (f)
		fclose(f);
	return nr < 0 ? 0 : nr;
}

int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(text);
	char line[512];
	int ret = 0;

	if (fd < 0)
		return -errno;
	/* Some settings take nothing but whole lines, and all at once. */
	len = snprintf(line, sizeof(line), "%s%s", text,
		       len && text[len - 1] == '\n' ? "" : "\n");
	if (len >= sizeof(line) || write(fd, line, len) < 0)
		ret = -(errno ? errno : EINVAL);
	close(fd);
	return ret;
}

int ioctl_again(int fd, unsigned long request, unsigned long arg)
{
	int ret;

	do {
		ret = ioctl(fd, request, arg);
	} while (ret < 0 && errno == EINTR);
	return ret;
}

long long file_number(const char *path)
{
	char buf[64];
	int ret = file_read(path, buf, sizeof(buf));

	/* A counter of the kernel below zero is printed as a very large one. */
	return ret ? ret : (long long)strtoull(buf, NULL, 0);
}

int choice_read(const char *path, char *buf, size_t len)
{
	char line[256], *open, *close;
	int ret = file_read(path, line, sizeof(line));

	if (ret)
		return ret;
	open = strchr(line, '[');
	close = open ? strchr(open, ']') : NULL;
	if (!close)
		return -ENODATA;
	*close = '\0';
	snprintf(buf, len, "%s", open + 1);
	return 0;
}

size_t thp_pmd_size(void)
{
	static long long size = -1;	/* asked for thousands of times */

	if (size < 0)
		size = file_number(THP_SYSFS "/hpage_pmd_size");
	if (size < 0)
		size = 0;
	return size;
}

size_t thp_largest(void)
{
	size_t pmd = thp_pmd_size();

	return pmd ? pmd : 2 * MIB;
}

void thp_each_enabled(void (*with)(const char *path))
{
	DIR *dir = opendir(THP_SYSFS);
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		char path[512];

		if (strncmp(e->d_name, "hugepages-", 10))
			continue;
		snprintf(path, sizeof(path), THP_SYSFS "/%s/enabled", e->d_name);
		with(path);
	}
	if (dir)
		closedir(dir);
}

static int by_size(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return (x > y) - (x < y);
}

int hugetlb_sizes(size_t *sizes, int max)
{
	static long found[16];
	static int nr = -1;	/* asked for thousands of times */
	int out = 0;

	if (nr < 0)
		nr = gethugepagesizes(found, ARRAY_SIZE(found));

	for (int i = 0; i < nr && out < max; i++)
		sizes[out++] = found[i];
	qsort(sizes, out, sizeof(*sizes), by_size);
	return out;
}

char *hugetlb_path(size_t size, const char *counter, char *buf, size_t len)
{
	snprintf(buf, len, "/sys/kernel/mm/hugepages/hugepages-%zukB/%s", size / KIB, counter);
	return buf;
}

long long hugetlb_count(size_t size, const char *counter)
{
	char path[128];

	return file_number(hugetlb_path(size, counter, path, sizeof(path)));
}

/* The number behind "NAME<separators>" at the start of a line of @path; -errno. */
long long table_number(const char *path, const char *name)
{
	FILE *f = fopen(path, "re");
	size_t len = strlen(name);
	long long ret = -ENOENT;
	char line[256];

	if (!f)
		return -errno;
	while (ret < 0 && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, name, len) && strchr(": \t", line[len]))
			ret = strtoll(line + len + strspn(line + len, ": \t"), NULL, 10);
	}
	fclose(f);
	return ret;
}

long long meminfo(const char *name)
{
	long long kb = table_number("/proc/meminfo", name);

	return kb < 0 ? kb : kb * (long long)KIB;
}

long long vmstat(const char *name)
{
	char buf[8];

	/* Counters are kept per CPU; reading this file folds them into the sums. */
	file_read("/proc/sys/vm/stat_refresh", buf, sizeof(buf));
	return table_number("/proc/vmstat", name);
}

static bool smaps_header_holds(const char *line, uintptr_t addr)
{
	unsigned long from, to;

	return sscanf(line, "%lx-%lx ", &from, &to) == 2 && addr >= from && addr < to;
}

long long smaps_bytes(const void *addr, const char *name)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	size_t len = strlen(name);
	long long ret = -ENOENT;
	bool inside = false;
	char line[512];

	if (!f)
		return -errno;
	while (ret < 0 && fgets(line, sizeof(line), f)) {
		if (!inside)
			inside = smaps_header_holds(line, (uintptr_t)addr);
		else if (!strncmp(line, name, len) && line[len] == ':')
			ret = strtoll(line + len + 1, NULL, 10) * (long long)KIB;
	}
	fclose(f);
	return ret;
}

#define ZONES_MAX	16

/* The frames of each node's ZONE_MOVABLE; returns how many there are. */
static int movable_zones(uint64_t (*zones)[2])
{
	FILE *f = fopen("/proc/zoneinfo", "re");
	unsigned long long spanned = 0, start;
	bool movable = false;
	char line[256], zone[32];
	int nr = 0;

	while (f && nr < ZONES_MAX && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Node %*d, zone %31s", zone) == 1)
			movable = !strcmp(zone, "Movable");
		if (!movable)
			continue;
		sscanf(line, " spanned %llu", &spanned);
		if (sscanf(line, " start_pfn: %llu", &start) == 1 && spanned) {
			zones[nr][0] = start;
			zones[nr++][1] = start + spanned;
		}
	}
	if (f)
		fclose(f);
	return nr;
}

bool pfn_is_movable(uint64_t pfn)
{
	static uint64_t zones[ZONES_MAX][2];
	static int nr = -1;	/* they do not change while we run */

	if (nr < 0)
		nr = movable_zones(zones);
	for (int i = 0; i < nr; i++)
		if (pfn >= zones[i][0] && pfn < zones[i][1])
			return true;
	return false;
}

size_t memory_block_size(void)
{
	char text[32];

	if (access(MEMORY_BLOCKS "/memory0/state", W_OK) ||
	    file_read(MEMORY_BLOCKS "/block_size_bytes", text, sizeof(text)))
		return 0;
	return strtoull(text, NULL, 16);
}

/* Also while it is on its way there. */
static bool block_offline(const char *name)
{
	char path[320], state[32];

	snprintf(path, sizeof(path), MEMORY_BLOCKS "/%s/state", name);
	return !file_read(path, state, sizeof(state)) && strncmp(state, "online", 6);
}

static bool block_stays_offline(const char *name)
{
	char path[320];

	if (!block_offline(name))
		return false;
	snprintf(path, sizeof(path), MEMORY_BLOCKS "/%s/state", name);
	file_write(path, "online");
	return block_offline(name);
}

int memory_blocks_offline(bool online)
{
	DIR *dir = opendir(MEMORY_BLOCKS);
	struct dirent *e;
	int nr = 0;

	if (!dir)
		return -errno;
	while ((e = readdir(dir)))
		nr += !strncmp(e->d_name, "memory", 6) &&
		      (online ? block_stays_offline : block_offline)(e->d_name);
	closedir(dir);
	return nr;
}

bool kernel_at_least(int major, int minor)
{
	struct utsname u;
	int have_major, have_minor;

	if (uname(&u) || sscanf(u.release, "%d.%d", &have_major, &have_minor) != 2)
		return false;
	return have_major > major || (have_major == major && have_minor >= minor);
}

int loop_attach(int image, char *dev, size_t len)
{
	struct loop_config config = { .fd = image, .info.lo_flags = LO_FLAGS_AUTOCLEAR };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), loop, nr;

	if (control < 0)
		return -errno;
	nr = ioctl(control, LOOP_CTL_GET_FREE);
	close(control);
	if (nr < 0)
		return -errno;
	snprintf(dev, len, "/dev/loop%d", nr);
	loop = open(dev, O_RDWR | O_CLOEXEC);
	if (loop >= 0 && !ioctl(loop, LOOP_CONFIGURE, &config))
		return loop;
	nr = -errno;
	if (loop >= 0)
		close(loop);
	return nr;
}

char *size_token(size_t size, char *buf, size_t len)
{
	if (size % GIB == 0)
		snprintf(buf, len, "%zuG", size / GIB);
	else if (size % MIB == 0)
		snprintf(buf, len, "%zuM", size / MIB);
	else
		snprintf(buf, len, "%zuk", size / KIB);
	return buf;
}

size_t size_parse(const char *text)
{
	static const struct { char letter; size_t bytes; } units[] = {
		{ 'k', KIB }, { 'K', KIB }, { 'M', MIB }, { 'G', GIB },
	};
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *text == '-' || n > 1024 * 1024)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (*end == units[i].letter && !end[1])
			return n * units[i].bytes;
	return 0;
}

bool pagemap_scan_known(void)
{
	int ret = pagemap_scan((void *)((uintptr_t)&pagemap_scan_known / page_size() * page_size()),
			       page_size(), 0, 0);

	return ret != -ENOTTY && ret != -EINVAL;
}
