/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A file system in user space of one file, for one pin: FUSE, by its raw protocol. Its server
 * is a process of its own, "cow-server"; the file system is mounted nowhere, and all goes when
 * either of them does.
 *
 * Servers are forked by a process of the run that has none of the tested memory, for fork()
 * would share it.
 */
#ifndef FUSE_H
#define FUSE_H

#include <stdbool.h>
#include <stddef.h>

#define FUSE_FILE_SIZE	(4UL << 20)

/* In the process that begins the run; 0 or -errno (the kernel has no FUSE). */
int fuse_provide(void);

/* What a server does with one sort of request until it is told to go on. */
enum fuse_hold {
	FUSE_LEAVES_WRITES,	/* reads nothing: the bytes of a write are still in the memory */
	FUSE_KEEPS_READS,	/* reads them, and does not answer */
};

/*
 * Another server, whose file has its bytes in @platter; *file: that file, for direct I/O. A
 * socket to the server: a byte makes it go on, shutdown() makes it end. Or -errno.
 */
int fuse_start(int platter, enum fuse_hold hold, int *file);

/* Does FUSE pin its memory, or take mere references? (pins/fuse.c) */
bool fuse_takes_pins(void);

#endif
