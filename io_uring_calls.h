/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls of io_uring that the library's headers may be too old for; see the uapi headers. */
#ifndef IO_URING_CALLS_H
#define IO_URING_CALLS_H

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REGISTER_CLONE_BUFFERS	30

/* The ring @to gets the fixed buffers of the ring @from, too. 0 or -errno. */
static inline int ring_clone_buffers(int from, int to)
{
	struct {
		uint32_t src_fd, flags, src_off, dst_off, nr, pad[3];
	} clone = { .src_fd = from };

	return syscall(SYS_io_uring_register, to, REGISTER_CLONE_BUFFERS, &clone, 1) ? -errno : 0;
}

#endif
