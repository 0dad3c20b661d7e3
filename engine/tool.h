/* SPDX-License-Identifier: GPL-2.0-only */
/* Running a tool of the system. */
#ifndef TOOL_H
#define TOOL_H

/*
 * Run argv[0], found in PATH and the directories of system tools, and wait for it; its
 * output goes nowhere. Its exit code, or -errno (ENOENT: there is no such tool).
 */
int tool_run(const char *const argv[]);

#endif
