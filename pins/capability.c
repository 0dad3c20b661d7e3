// SPDX-License-Identifier: GPL-2.0-only
/* See capability.h. */
#define _GNU_SOURCE
#include "pins/capability.h"

#include <sys/syscall.h>
#include <unistd.h>

static struct __user_cap_header_struct *of_mine(void)
{
	static struct __user_cap_header_struct header;

	header = (struct __user_cap_header_struct) { _LINUX_CAPABILITY_VERSION_3, 0 };
	return &header;
}

bool capability_lower(int cap, struct capabilities *before)
{
	struct capabilities less;

	if (syscall(SYS_capget, of_mine(), before->set))
		return false;
	less = *before;
	less.set[0].effective &= ~(1u << cap);
	return !syscall(SYS_capset, of_mine(), less.set);
}

void capabilities_restore(const struct capabilities *before)
{
	syscall(SYS_capset, of_mine(), before->set);
}

bool bounds_begin(struct bounds *before)
{
	return !getrlimit(RLIMIT_MEMLOCK, &before->limit) &&
	       capability_lower(CAP_IPC_LOCK, &before->capabilities);
}

void bounds_end(const struct bounds *before)
{
	capabilities_restore(&before->capabilities);
	setrlimit(RLIMIT_MEMLOCK, &before->limit);
}
