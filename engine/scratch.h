/* SPDX-License-Identifier: GPL-2.0-only */
/* Scratch file systems, one of each kind, below SCRATCH_DIR. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stdint.h>

/*
 * Mount those that @needs (a mask of NEED()) asks for: from a disk with the serial number
 * cowpin-FS, as a VM of ours has it, else from a fresh image file on a loop device.
 */
void scratch_provide(uint64_t needs);

#endif
