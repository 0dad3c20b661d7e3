/* SPDX-License-Identifier: GPL-2.0-only */
/* Scratch file systems, one of each kind, below SCRATCH_DIR. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stddef.h>
#include <stdint.h>

/*
 * Mount those that @needs (a mask of NEED()) asks for: from a disk with the serial number
 * cowpin-FS, as a VM of ours has it, else from a fresh image file on a loop device. These files are
 * made by mkfs, which takes its time: begin with it, do something else, then mount them. Once in a
 * run, with the same @needs.
 */
void scratch_begin(uint64_t needs);
void scratch_provide(uint64_t needs);

/*
 * A block device of the run's own, of @size bytes, into @dev: the disk with the serial number
 * cowpin-@name, else a loop device, which is there as long as the descriptor that is returned.
 * -errno.
 */
int scratch_disk(const char *name, size_t size, char *dev, size_t len);

#endif
