/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How often this process and its children enter the kernel's functions that take pins and
 * references: kprobes, counted by perf events.
 */
#ifndef GUP_CALLS_H
#define GUP_CALLS_H

#include <stddef.h>
#include <stdint.h>

#define GUP_CALLS_MAX	16

struct gup_calls { uint64_t count[GUP_CALLS_MAX]; };

/* Begin, before the processes are forked; end. While it goes on, all of that is slower. */
void gup_calls_open(void);
void gup_calls_close(void);

void gup_calls_now(struct gup_calls *now);
/* "pin_user_pages_fast 1, __get_user_pages 2": what @now has more than @before. */
char *gup_calls_str(const struct gup_calls *before, const struct gup_calls *now, char *buf,
		    size_t len);

#endif
