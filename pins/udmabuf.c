// SPDX-License-Identifier: GPL-2.0-only
/*
 * udmabuf: a dma-buf made of the pages of a memfd, pinned folio by folio without any page
 * table (memfd_pin_folios(), 6.11). Its mapping shows these pages as long as we like.
 */
#define _GNU_SOURCE
#include "gup_helpers.h"

#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vm_util.h"

/* The file behind @addr, opened once more, and where in it @addr is; -errno. */
static int file_behind(const char *addr, uint64_t *offset)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long from, to, pgoff;
	char line[512], path[64];
	int fd = -ENOENT;

	if (!maps)
		return -errno;
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %*s %lx", &from, &to, &pgoff) != 3 ||
		    (uintptr_t)addr < from || (uintptr_t)addr >= to)
			continue;
		*offset = pgoff + ((uintptr_t)addr - from);
		snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", from, to);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
		break;
	}
	fclose(maps);
	return fd;
}

static int make_buffer(struct pin *p, int memfd, uint64_t offset)
{
	struct udmabuf_create create = { .memfd = memfd, .flags = UDMABUF_FLAGS_CLOEXEC,
					 .offset = offset, .size = p->len };
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), ret = 0;

	/* Pages that could go by a smaller file size are not taken. */
	if (device < 0 || fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		ret = pin_fail(p, "udmabuf, sealing: %s", strerror(errno));
	if (!ret)
		p->fd = ioctl(device, UDMABUF_CREATE, &create);
	if (!ret && p->fd < 0)
		ret = pin_fail(p, "UDMABUF_CREATE: %s", strerror(errno));
	if (device >= 0)
		close(device);
	return ret;
}

static void udmabuf_free(struct pin *p)
{
	if (p->priv)
		munmap(p->priv, p->len);
	if (p->fd >= 0)
		close(p->fd);
	p->priv = NULL;
	p->fd = -1;
}

static int udmabuf_pin(struct pin *p)
{
	uint64_t offset = 0;
	int memfd = file_behind(p->addr, &offset), ret;
	void *map;

	if (memfd < 0) {
		errno = -memfd;
		return pin_fail(p, "the file behind the memory: %s", strerror(errno));
	}
	ret = make_buffer(p, memfd, offset);
	close(memfd);
	if (ret)
		return ret;
	map = mmap(NULL, p->len, PROT_READ | PROT_WRITE, MAP_SHARED, p->fd, 0);
	if (map != MAP_FAILED) {
		p->priv = map;
		return 0;
	}
	ret = pin_fail(p, "mapping the dma-buf: %s", strerror(errno));
	udmabuf_free(p);
	return ret;
}

static int udmabuf_read(struct pin *p, uint64_t *words)
{
	const struct layout *l = &p->layout;

	for (size_t c = 0; c < p->cells; c++)
		content_read(l, (char *)p->priv + pin_offset(p, c), words + c * l->words);
	return 0;
}

static int udmabuf_write(struct pin *p, struct value v)
{
	const struct layout *l = &p->layout;

	for (size_t c = 0; c < p->cells; c++)
		content_write(l, (char *)p->priv + pin_offset(p, c),
			      layout_page(l, p->first_cell + c), v);
	return 0;
}

DEFINE_PROVIDER(udmabuf) = {
	.id = "udmabuf",
	.title = "udmabuf",
	.rank = 70,
	.props = PIN_RW | PIN_LONGTERM | PIN_NAMED | PIN_COSTS | PIN_WRITES,
	.needs = NEED(ROOT) | NEED(UDMABUF),
	.max_len = 64 * MIB,	/* what the kernel allows unless told otherwise */
	.pin = udmabuf_pin,
	.read = udmabuf_read,
	.write = udmabuf_write,
	.unpin = udmabuf_free,
	.forget = udmabuf_free,
};
