// SPDX-License-Identifier: GPL-2.0-only
/* Calls of GUP functions, counted: see gup_calls.h. */
#define _GNU_SOURCE
#include "bench/gup_calls.h"

#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vm_util.h"

#define KPROBE_TYPE	"/sys/bus/event_source/devices/kprobe/type"

/* What drivers call, and last the one that runs where the fast path does not do. */
static const char *const functions[] = {
	"pin_user_pages", "pin_user_pages_fast", "pin_user_pages_remote",
	"pin_user_pages_unlocked", "get_user_pages", "get_user_pages_fast",
	"get_user_pages_remote", "get_user_pages_unlocked", "get_user_page_fast_only",
	"get_user_pages_fast_only", "memfd_pin_folios", "__get_user_pages",
};
_Static_assert(ARRAY_SIZE(functions) <= GUP_CALLS_MAX, "too many functions");

static int fds[ARRAY_SIZE(functions)];

/* -1: the kernel has no such function, or no kprobes for perf. */
static int count(const char *function)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr), .type = file_number(KPROBE_TYPE),
		.kprobe_func = (uintptr_t)function, .inherit = 1,
	};

	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

void gup_calls_open(void)
{
	bool known = file_number(KPROBE_TYPE) > 0;

	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		fds[i] = known ? count(functions[i]) : -1;
}

void gup_calls_close(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

void gup_calls_now(struct gup_calls *now)
{
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		if (fds[i] < 0 || read(fds[i], &now->count[i], sizeof(now->count[i])) < 0)
			now->count[i] = 0;
}

char *gup_calls_str(const struct gup_calls *before, const struct gup_calls *now, char *buf,
		    size_t len)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(functions) && used < len; i++)
		if (now->count[i] > before->count[i])
			used += snprintf(buf + used, len - used, "%s%s %llu", used ? ", " : "",
					 functions[i],
					 (unsigned long long)(now->count[i] - before->count[i]));
	return buf;
}
