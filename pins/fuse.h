/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A file system in user space of one file, for one pin: FUSE, by its raw protocol. It is
 * mounted nowhere, and goes with its server.
 */
#ifndef FUSE_H
#define FUSE_H

#include <stdbool.h>

#include "pins/servers.h"

#define FUSE_FILE_SIZE	(4UL << 20)

/* What a server does with one sort of request until a byte from its client makes it go on. */
enum fuse_hold {
	FUSE_LEAVES_WRITES,	/* reads nothing: the bytes of a write are still in the memory */
	FUSE_KEEPS_READS,	/* reads them, and does not answer */
};

/* In a server: gives the client the mounted file, O_PATH. Does not return. */
void fuse_serve(const struct client *c, enum fuse_hold hold);

/* Has the kernel FUSE? */
bool fuse_known(void);
/* Does FUSE pin its memory, or take mere references? (pins/fuse.c) */
bool fuse_takes_pins(void);

#endif
