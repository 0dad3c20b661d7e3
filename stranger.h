/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Another process that works on our memory, as a debugger or a hypervisor's helper does. It is
 * started by posix_spawn(), never by fork(): that would share the very pages. What it shall do
 * is an errand, a file that both map.
 */
#ifndef STRANGER_H
#define STRANGER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum errand_job {
	ERRAND_PIN,		/* pin by the device that is its descriptor STRANGER_FD */
	ERRAND_VMWRITE,		/* write words by process_vm_writev(), where allowed */
	ERRAND_POKE,		/* write words by ptrace(), past the protection */
};

#define STRANGER_FD	3

struct errand {
	enum errand_job job;
	pid_t whose;		/* process it works on */
	int ret;		/* out: 0 or -errno */
	int fd;			/* the file behind it, of the process that made it */
	size_t size;		/* of all this */
	uint64_t at, len;	/* ERRAND_PIN */
	uint32_t flags;		/* ERRAND_PIN: COWPIN_* */
	uint32_t id;		/* ERRAND_PIN, out */
	size_t nr;
	struct { uint64_t at, word; } words[];
};

/* An errand with room for @nr words, all zero; NULL with errno. */
struct errand *errand_new(enum errand_job job, size_t nr);
void errand_free(struct errand *e);
/* Have it run; @fd: what it needs as STRANGER_FD, or -1. 0 or -errno. */
int errand_run(struct errand *e, int fd);

/* The stranger's main(). */
int stranger_main(int argc, char **argv);

#endif
