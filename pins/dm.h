/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Disks that can be stopped: device-mapper devices, linear on one loop device, on a memfd.
 * I/O to a suspended one waits, with the pages of its memory pinned, until it is resumed.
 *
 * A process with AIO under way cannot die before that I/O is done. So a keeper process of
 * the run resumes the disks of whoever is dying; what ends with the run itself is resumed
 * and removed by the settings journal (verb dmremove).
 */
#ifndef DM_H
#define DM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DM_PREFIX	"cowpin-"

/* --- commands (pins/dm.c); 0 or -errno --- */

/* A linear device of @len bytes from byte @from of the block device @below; its number. */
int dm_create(const char *name, dev_t below, uint64_t from, uint64_t len, dev_t *dev);
/* From the next dm_resume() on it is that; or all I/O to it fails, what waits included. */
int dm_map(const char *name, dev_t below, uint64_t from, uint64_t len);
int dm_fail(const char *name, uint64_t len);
int dm_suspend(const char *name);
int dm_resume(const char *name);
/* Resume and remove all that begin with @prefix; those in use when they are closed. */
int dm_remove_all(const char *prefix);

/* --- the disks of a run (pins/dm_pool.c) --- */

#define DM_DISK_SIZE	(4UL << 20)

/* In the process that begins the run. The journal shall know first: see dm_remove_all(). */
int dm_pool_provide(unsigned int disks);

/* A disk of one's own. */
struct dm_disk {
	int nr;
	int fd;			/* the disk, with O_DIRECT */
	int platter;		/* where its bytes are: at @offset of this file */
	off_t offset;
};

int dm_disk_take(struct dm_disk *disk);
int dm_disk_stop(const struct dm_disk *disk);
int dm_disk_go(const struct dm_disk *disk);
/* What waits for dm_disk_go() shall fail. */
int dm_disk_fail(const struct dm_disk *disk);
void dm_disk_give(struct dm_disk *disk);

/* Does O_DIRECT pin its pages (6.5), or take mere references? (pins/dmdio.c) */
bool dmdio_takes_pins(void);

#endif
