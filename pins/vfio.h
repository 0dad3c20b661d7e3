/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices that read and write memory by DMA, through an IOMMU and VFIO type1: the "edu"
 * devices of QEMU, which copy a page from memory into a buffer of their own, and back.
 */
#ifndef PINS_VFIO_H
#define PINS_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- the devices of a run (pins/vfio_pool.c) --- */

/*
 * Have vfio-pci drive all devices of that kind, each after @note has noted in the journal how
 * to undo it. Are there enough for one of @tests side by side that take @each at most?
 */
bool vfio_pool_provide(int (*note)(const char *address), unsigned int each, unsigned int tests);
/* There are not enough for all tests that run side by side. */
bool vfio_pool_scarce(void);
/* The iommu group of the first device from @nr on, or -1; @address gets where it is. */
int vfio_pool_group(unsigned int nr, char address[16]);
/* Give the device at @address back to whoever drives it otherwise. 0 or -errno. */
int vfio_pool_undo(const char *address);

/* --- one of them (pins/vfio_device.c) --- */

struct vfio_device {
	int container, group, device;
	int done;		/* an eventfd: the device's interrupt */
	uint64_t registers;	/* where they are in @device */
	char *page;		/* what comes from the device, and goes there */
	bool trespassed;	/* vfio_trespass() was called */
};

/* A device that nobody else uses, and the page. 0 or -errno; @why: at what. */
int vfio_open(struct vfio_device *dev, const char **why);
void vfio_close(struct vfio_device *dev);

/* Map [@at, @at + @len) for the device, for reading or for writing as well. 0 or -errno. */
#define VFIO_MEMORY	0x100000UL	/* where the device sees the tested memory */
#define VFIO_LEN	(4 * KIB)	/* at most, for the device needs 0.4 s to read a page */
int vfio_map(struct vfio_device *dev, void *at, uint64_t iova, size_t len, bool writable);
int vfio_unmap(struct vfio_device *dev, uint64_t iova, size_t len);

/* Have the device write whatever it has, at @iova, which it may not. 0 or -errno. */
int vfio_trespass(struct vfio_device *dev, uint64_t iova);

/* A page from @iova to dev->page, or back, by DMA. 0 or -errno. */
int vfio_read_page(struct vfio_device *dev, uint64_t iova);
int vfio_write_page(struct vfio_device *dev, uint64_t iova);

#endif
