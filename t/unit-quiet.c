// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's taint, as the end of a run of tests finds it: our own module, loaded while they
 * ran, is out of tree and not signed, and no finding; any other bit is. On a machine of our own,
 * that has nothing but a taint: the files of procfs and sysfs are what this says they are.
 */
#define _GNU_SOURCE
#include "engine/quiet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "t/tap-unit.h"
#include "vm_util.h"

static char taint_file[] = "/tmp/cowpin-unit-quiet-XXXXXX";

static const char *file_of(const char *path)
{
	if (!strcmp(path, "/proc/sys/kernel/tainted"))
		return taint_file;
	if (!strcmp(path, "/proc/meminfo"))
		return path;		/* libhugetlbfs would complain */
	return strncmp(path, "/proc/", 6) && strncmp(path, "/sys/", 5) ? path : "/nowhere";
}

/* Instead of libc's. */
int open(const char *path, int flags, ...)
{
	unsigned int mode;
	va_list args;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, unsigned int) : 0;
	va_end(args);
	return syscall(SYS_openat, AT_FDCWD, file_of(path), flags, mode);
}

FILE *fopen(const char *path, const char *mode)
{
	int fd = open(path, mode[0] == 'w' ? O_WRONLY : O_RDONLY);

	return fd < 0 ? NULL : fdopen(fd, mode);
}

static void set_taint(unsigned int bits)
{
	int fd = open(taint_file, O_WRONLY | O_TRUNC);

	if (dprintf(fd, "%u\n", bits) < 0 || close(fd))
		abort();
}

#define OUT_OF_TREE	(1u << 12)
#define UNSIGNED	(1u << 13)

/* One after the other; what was found once is normal from then on. */
static const struct { unsigned int bits; int found; const char *what; } marks[] = {
	{ 0, 0, "nothing" },
	{ OUT_OF_TREE, 0, "our module, out of tree" },
	{ OUT_OF_TREE | UNSIGNED, 0, "our module, unsigned" },
	{ OUT_OF_TREE | UNSIGNED | 1u << 9, QUIET_TAINTED, "a warning beside our module" },
	{ OUT_OF_TREE | UNSIGNED | 1u << 9, 0, "the same, once more" },
	{ 1u << 9 | 1u << 5, QUIET_TAINTED, "a bad page" },
	{ 1u << 9 | 1u << 5 | 1u << 7, QUIET_TAINTED, "an oops" },
	{ 1u << 9 | 1u << 5 | 1u << 7 | 1u << 14, QUIET_TAINTED, "a soft lockup" },
};

int main(void)
{
	char why[256];

	plan(2 * ARRAY_SIZE(marks));
	if (mkstemp(taint_file) < 0)
		abort();
	set_taint(0);
	quiet_start();
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		set_taint(marks[i].bits);
		is_int(quiet_check(why, sizeof(why)), marks[i].found, "taint: %s", marks[i].what);
		ok(!!strstr(why, "taint of the kernel: ") == !!marks[i].found,
		   "it is told: %s", marks[i].what);
	}
	unlink(taint_file);
	return tap_done();
}
