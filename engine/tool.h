/* SPDX-License-Identifier: GPL-2.0-only */
/* Running a tool of the system. */
#ifndef TOOL_H
#define TOOL_H

#include <sys/types.h>

/*
 * Run argv[0], found in PATH and the directories of system tools, and wait for it; its
 * output goes nowhere. Its exit code, or -errno (ENOENT: there is no such tool).
 */
int tool_run(const char *const argv[]);

/* The same in two: a pid or -errno, and, for what that returned, its exit code or -errno. */
pid_t tool_begin(const char *const argv[]);
int tool_end(pid_t pid);

#endif
