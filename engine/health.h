/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel itself as a witness: its log. */
#ifndef HEALTH_H
#define HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct splat {
	char text[512];		/* the line that gave it away */
	char more[1024];	/* some that follow, indented, a line each */
	pid_t pid;		/* whom the kernel names, 0: nobody */
};

/* Begin to watch: what is in the log by now does not count. */
void health_start(void);

/* The next new sign of trouble in the kernel log; false if there is none. */
bool health_next(struct splat *s);

/* Is that line of it one? And the process that it names; 0: none. */
bool health_is_sign(const char *line);
pid_t health_pid(const char *line);

#endif
