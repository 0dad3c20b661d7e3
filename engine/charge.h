/* SPDX-License-Identifier: GPL-2.0-only */
/* What a process's memory costs its memory cgroup: a group of its own for one test. */
#ifndef CHARGE_H
#define CHARGE_H

#include <stdbool.h>
#include <sys/types.h>

/* Let groups below the root count memory; through the settings journal. 0 or -errno. */
int charge_provide(void);

/* Make a group for this director and move @pid into it. 0 or -errno. */
int charge_begin(pid_t pid);
/* Bytes charged now, -1 if there is no group. Batches of some pages make it inexact. */
long long charge_bytes(void);
/* All processes in the group are gone: remove it. */
void charge_end(void);

#endif
