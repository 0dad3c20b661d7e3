/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk in user space for one pin: ublk, with UBLK_F_USER_COPY. While its server has a
 * request, it can copy from and to the pages of that request as often as it likes.
 */
#ifndef UBLK_H
#define UBLK_H

#include <stdbool.h>

#include "pins/servers.h"

#define UBLK_DISK_SIZE	(4UL << 20)

/* What a client may say: one byte, and one comes back, 0 or an errno. */
enum ublk_word {
	UBLK_LOOK = 1,		/* the pages of the request, into the platter */
	UBLK_PUT,		/* the other way round */
	UBLK_GO,		/* the request is done */
};

/* All disks of a run are marked by it, up to 8 characters. */
#define UBLK_MARK	"cowpin"

/* In a server: gives the client the disk, for direct I/O. Does not return. */
void ublk_serve(const struct client *c);

/* Has the kernel ublk, with all that we need? */
bool ublk_known(void);

/* Takes down all disks with that mark, whether they have a server or not. 0 or -errno. */
int ublk_remove_all(const char *mark);

#endif
