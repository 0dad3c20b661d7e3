// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device behind an IOMMU: see vfio.h. Its registers are read and written through VFIO's
 * descriptor, not by a mapping, which would be one more thing that fork() copies.
 */
#define _GNU_SOURCE
#include "pins/vfio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm_util.h"

#define OWN_PAGE	0x10000UL	/* where the device sees dev->page */

/* Registers of edu, and its buffer (QEMU, docs/specs/edu). */
#define REG_ACKNOWLEDGE	0x64
#define REG_SOURCE	0x80
#define REG_TARGET	0x88
#define REG_COUNT	0x90
#define REG_COMMAND	0x98
#define CMD_START	1u
#define CMD_TO_MEMORY	2u
#define CMD_INTERRUPT	4u
#define INTERRUPT_DMA	0x100u
#define BUFFER		0x40000u
/* Of a whole page, QEMU before 8.1 says that it ends beyond the buffer, and aborts. */
#define PIECE		2048u

#define PATIENCE_MS	20000

static bool reg_write(const struct vfio_device *dev, unsigned int reg, uint32_t value)
{
	return pwrite(dev->device, &value, sizeof(value), dev->registers + reg) == sizeof(value);
}

/* --- opening --- */

static int group_open(struct vfio_device *dev, char address[16])
{
	int ret = -ENODEV;

	for (unsigned int i = 0; dev->group < 0; i++) {
		int nr = vfio_pool_group(i, address);
		char path[32];

		if (nr < 0)
			return ret;
		snprintf(path, sizeof(path), "/dev/vfio/%d", nr);
		/* One user at a time, of all processes: the kernel says who. */
		dev->group = open(path, O_RDWR | O_CLOEXEC);
		if (dev->group < 0)
			ret = -errno;
	}
	return 0;
}

static int device_open(struct vfio_device *dev)
{
	char address[16];
	int ret = group_open(dev, address);

	if (ret)
		return ret;
	dev->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (dev->container < 0 ||
	    ioctl(dev->group, VFIO_GROUP_SET_CONTAINER, &dev->container) ||
	    ioctl(dev->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return -errno;
	dev->device = ioctl(dev->group, VFIO_GROUP_GET_DEVICE_FD, address);
	return dev->device < 0 ? -errno : 0;
}

/* The place of its registers; and it may do DMA. */
static int device_enable(struct vfio_device *dev)
{
	struct vfio_region_info bar = { .argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX };
	struct vfio_region_info config = { .argsz = sizeof(config),
					   .index = VFIO_PCI_CONFIG_REGION_INDEX };
	uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

	if (ioctl(dev->device, VFIO_DEVICE_GET_REGION_INFO, &bar) ||
	    ioctl(dev->device, VFIO_DEVICE_GET_REGION_INFO, &config) ||
	    pwrite(dev->device, &command, sizeof(command), config.offset + PCI_COMMAND) < 0)
		return -errno;
	dev->registers = bar.offset;
	return 0;
}

static int interrupt_open(struct vfio_device *dev)
{
	union {
		struct vfio_irq_set set;
		char room[sizeof(struct vfio_irq_set) + sizeof(int)];
	} msi;

	msi.set = (struct vfio_irq_set) {
		.argsz = sizeof(msi.room), .index = VFIO_PCI_MSI_IRQ_INDEX, .count = 1,
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
	};
	dev->done = eventfd(0, EFD_CLOEXEC);
	memcpy(msi.room + sizeof(msi.set), &dev->done, sizeof(dev->done));
	return dev->done < 0 || ioctl(dev->device, VFIO_DEVICE_SET_IRQS, &msi) ? -errno : 0;
}

/* No child gets it, for what is pinned is copied for a child at once. */
static int page_open(struct vfio_device *dev)
{
	char *page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	if (page == MAP_FAILED)
		return -errno;
	dev->page = page;
	if (madvise(page, page_size(), MADV_DONTFORK))
		return -errno;
	return vfio_map(dev, page, OWN_PAGE, page_size(), true);
}

int vfio_open(struct vfio_device *dev, const char **why)
{
	static const struct {
		int (*open)(struct vfio_device *dev);
		const char *what;
	} steps[] = {
		{ device_open, "a device of one's own" },
		{ device_enable, "enabling the device" },
		{ interrupt_open, "the device's interrupt" },
		{ page_open, "the device's page" },
	};

	*dev = (struct vfio_device) { .container = -1, .group = -1, .device = -1, .done = -1 };
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int ret = steps[i].open(dev);

		if (!ret)
			continue;
		*why = steps[i].what;
		vfio_close(dev);
		return ret;
	}
	return 0;
}

void vfio_close(struct vfio_device *dev)
{
	const int fds[] = { dev->device, dev->group, dev->container, dev->done };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (dev->page)
		munmap(dev->page, page_size());
}

/* --- memory --- */

int vfio_map(struct vfio_device *dev, void *at, uint64_t iova, size_t len, bool writable)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .vaddr = (uintptr_t)at, .iova = iova, .size = len,
		.flags = VFIO_DMA_MAP_FLAG_READ | (writable ? VFIO_DMA_MAP_FLAG_WRITE : 0),
	};

	return ioctl(dev->container, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

int vfio_unmap(struct vfio_device *dev, uint64_t iova, size_t len)
{
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap), .iova = iova,
						    .size = len };

	return ioctl(dev->container, VFIO_IOMMU_UNMAP_DMA, &unmap) ? -errno : 0;
}

static int await(struct vfio_device *dev)
{
	struct pollfd done = { .fd = dev->done, .events = POLLIN };
	uint64_t count;

	if (poll(&done, 1, PATIENCE_MS) != 1)
		return -ETIMEDOUT;
	if (read(dev->done, &count, sizeof(count)) < 0 ||
	    !reg_write(dev, REG_ACKNOWLEDGE, INTERRUPT_DMA))
		return -errno;
	return 0;
}

static int dma(struct vfio_device *dev, uint32_t from, uint32_t to, uint32_t direction)
{
	if (!reg_write(dev, REG_SOURCE, from) || !reg_write(dev, REG_TARGET, to) ||
	    !reg_write(dev, REG_COUNT, PIECE) ||
	    !reg_write(dev, REG_COMMAND, CMD_START | CMD_INTERRUPT | direction))
		return -errno;
	return await(dev);
}

/* Memory to memory, by way of the device's buffer. */
static int copy(struct vfio_device *dev, uint64_t from, uint64_t to)
{
	int ret = 0;

	for (size_t at = 0; at < page_size() && !ret; at += PIECE) {
		ret = dma(dev, from + at, BUFFER, 0);
		if (!ret)
			ret = dma(dev, BUFFER, to + at, CMD_TO_MEMORY);
	}
	return ret;
}

int vfio_trespass(struct vfio_device *dev, uint64_t iova)
{
	return dma(dev, BUFFER, iova, CMD_TO_MEMORY);
}

int vfio_read_page(struct vfio_device *dev, uint64_t iova)
{
	return copy(dev, iova, OWN_PAGE);
}

int vfio_write_page(struct vfio_device *dev, uint64_t iova)
{
	return copy(dev, OWN_PAGE, iova);
}
