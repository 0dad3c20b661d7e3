/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel lets root do more than what is to be tried: without a capability for a while. */
#ifndef CAPABILITY_H
#define CAPABILITY_H

#include <linux/capability.h>
#include <stdbool.h>
#include <sys/resource.h>

struct capabilities {
	struct __user_cap_data_struct set[2];
};

/* This thread does without @cap (CAP_*), below 32; what it had goes to @before. False: errno. */
bool capability_lower(int cap, struct capabilities *before);
void capabilities_restore(const struct capabilities *before);

/* Pins of memory count for this thread, as they do for whoever has no CAP_IPC_LOCK. */
struct bounds {
	struct rlimit limit;
	struct capabilities capabilities;
};
/* RLIMIT_MEMLOCK may be changed until the end. False: errno. */
bool bounds_begin(struct bounds *before);
void bounds_end(const struct bounds *before);

#endif
