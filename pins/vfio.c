// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO type1: memory mapped for a device is pinned long-term by the slow path of GUP, R/O
 * where the device may only read it: the stock kernel's only such pin. Here the device is
 * one of QEMU, which reads the page whenever we want to look, and writes it.
 *
 * A write by the device to what it may only read must be a fault of the IOMMU and change
 * nothing, whatever the process may do with that memory itself.
 *
 * vfio-limit: the same, with RLIMIT_MEMLOCK just high enough; first with one page less. What
 * is pinned is the process's own memory, also where it has not written it yet (before 6.2 that
 * was a zeropage, which is nobody's), so that must be refused.
 */
#define _GNU_SOURCE
#include "gup_helpers.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "pins/capability.h"
#include "pins/vfio.h"
#include "vm_util.h"

static void vfio_free(struct pin *p)
{
	if (!p->priv)
		return;
	vfio_close(p->priv);
	free(p->priv);
	p->priv = NULL;
}

static int map_plainly(struct pin *p)
{
	int ret = vfio_map(p->priv, p->addr, VFIO_MEMORY, p->len, p->flags & PIN_RW);

	errno = -ret;
	return ret ? pin_fail(p, "VFIO_IOMMU_MAP_DMA: %s", strerror(errno)) : 0;
}

static int vfio_pin_by(struct pin *p, int (*map)(struct pin *p))
{
	const char *why = NULL;
	int ret;

	p->priv = malloc(sizeof(struct vfio_device));
	if (!p->priv)
		return pin_fail(p, "out of memory");
	ret = vfio_open(p->priv, &why);
	if (ret) {
		free(p->priv);
		p->priv = NULL;
		errno = -ret;
		return pin_fail(p, "VFIO, %s: %s", why, strerror(errno));
	}
	ret = map(p);
	if (ret)
		vfio_free(p);
	return ret;
}

static int vfio_pin(struct pin *p)
{
	return vfio_pin_by(p, map_plainly);
}

/* --- through the pin --- */

/*
 * QEMU's IOMMU tells the kernel of a forbidden write only if it did not look up the page before,
 * for reading: so one is tried first of all. What it does to the memory, all will see.
 */
static int trespass(struct pin *p)
{
	struct vfio_device *dev = p->priv;
	int ret = p->flags & PIN_RW || dev->trespassed ? 0 : vfio_trespass(dev, VFIO_MEMORY);

	dev->trespassed = true;
	errno = -ret;
	return ret ? pin_fail(p, "a forbidden write by DMA: %s", strerror(errno)) : 0;
}

static int page_read(struct pin *p, size_t cell)
{
	int ret = vfio_read_page(p->priv, VFIO_MEMORY + pin_offset(p, cell));

	errno = -ret;
	return ret ? pin_fail(p, "reading by DMA: %s", strerror(errno)) : 0;
}

static int vfio_read(struct pin *p, uint64_t *words)
{
	const struct layout *l = &p->layout;
	struct vfio_device *dev = p->priv;
	int ret = trespass(p);

	for (size_t c = 0; c < p->cells && !ret; c++) {
		ret = page_read(p, c);
		content_read(l, dev->page, words + c * l->words);
	}
	return ret;
}

/* Has the page changed that the device was to write? */
static int page_refused(struct pin *p, size_t cell, const void *written)
{
	struct vfio_device *dev = p->priv;
	int ret = page_read(p, cell);

	if (ret || !memcmp(dev->page, written, p->layout.page))
		return ret;
	errno = EACCES;
	return pin_fail(p, "the IOMMU lets no write through");
}

static int page_write(struct pin *p, size_t cell, struct value v, char *written)
{
	const struct layout *l = &p->layout;
	struct vfio_device *dev = p->priv;
	int ret = page_read(p, cell);

	if (ret)
		return ret;
	content_write(l, dev->page, layout_page(l, p->first_cell + cell), v);
	memcpy(written, dev->page, l->page);
	ret = vfio_write_page(dev, VFIO_MEMORY + pin_offset(p, cell));
	errno = -ret;
	if (ret)
		return pin_fail(p, "writing by DMA: %s", strerror(errno));
	return p->flags & PIN_RW ? 0 : page_refused(p, cell, written);
}

static int vfio_write(struct pin *p, struct value v)
{
	char *written = malloc(p->layout.page);
	int ret = written ? 0 : pin_fail(p, "out of memory");

	for (size_t c = 0; c < p->cells && !ret; c++)
		ret = page_write(p, c, v, written);
	free(written);
	return ret;
}

/* --- the limit --- */

#define AREA_PAGES	64

static long long locked(void)
{
	return table_number("/proc/self/status", "VmLck:") * (long long)KIB;
}

struct part {
	void *at;
	uint64_t iova;
	size_t len;
};

static int map_within(struct pin *p, const struct part *part, long long limit)
{
	struct rlimit now;

	if (getrlimit(RLIMIT_MEMLOCK, &now))
		return -errno;
	now.rlim_cur = limit;
	return setrlimit(RLIMIT_MEMLOCK, &now) ? -errno :
		vfio_map(p->priv, part->at, part->iova, part->len, p->flags & PIN_RW);
}

/* A limit that is a page short, then one that is just enough. */
static int map_bounded(struct pin *p, const struct part *part)
{
	long long before = locked();
	int ret = map_within(p, part, before + part->len - p->layout.page);

	errno = EPERM;
	if (!ret)
		return pin_fail(p, "the memory was pinned beyond RLIMIT_MEMLOCK by a page");
	errno = -ret;
	if (ret != -ENOMEM)
		return pin_fail(p, "a page too much for RLIMIT_MEMLOCK: %s", strerror(errno));
	errno = EPERM;
	if (locked() != before)
		return pin_fail(p, "a refused pin left %lld bytes locked", locked() - before);
	ret = map_within(p, part, before + part->len);
	errno = -ret;
	if (ret)
		return pin_fail(p, "RLIMIT_MEMLOCK is just enough: %s", strerror(errno));
	errno = EPERM;
	if (locked() != before + (long long)part->len)
		return pin_fail(p, "%lld bytes are locked, not %zu", locked() - before, part->len);
	return 0;
}

static bool is_zeropage(const void *at)
{
	uint64_t flags = 0;

	return !kpageflags(pagemap_entry(at) & PM_PFN_MASK, &flags) && KPF(flags, KPF_ZERO_PAGE);
}

/* Each page is one of its own, and none is locked after its mapping is undone. */
static int area_undo(struct pin *p, const struct part *area, long long before)
{
	long long own = smaps_bytes(area->at, "Anonymous");

	errno = EPERM;
	if (own != (long long)area->len)
		return pin_fail(p, "%lld bytes were populated, not %zu", own, area->len);
	errno = -vfio_unmap(p->priv, area->iova, area->len);
	if (errno)
		return pin_fail(p, "VFIO_IOMMU_UNMAP_DMA: %s", strerror(errno));
	errno = EPERM;
	if (locked() != before)
		return pin_fail(p, "%lld bytes stay locked", locked() - before);
	return 0;
}

/* More pages in the state of those to be pinned: here some are pinned before one is refused. */
static int area_bounded(struct pin *p)
{
	struct part area = { .iova = VFIO_MEMORY, .len = AREA_PAGES * p->layout.page };
	long long before = locked();
	int ret;

	area.at = mmap(NULL, area.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area.at == MAP_FAILED)
		return pin_fail(p, "an area of memory: %s", strerror(errno));
	madvise(area.at, area.len, MADV_NOHUGEPAGE);
	if (!is_zeropage(p->addr))
		memset(area.at, 1, area.len);
	ret = map_bounded(p, &area);
	if (!ret)
		ret = area_undo(p, &area, before);
	munmap(area.at, area.len);
	return ret;
}

static int map_limited(struct pin *p)
{
	const struct part memory = { p->addr, VFIO_MEMORY, p->len };
	struct bounds b;
	int ret;

	if (!bounds_begin(&b))
		return pin_fail(p, "giving up CAP_IPC_LOCK: %s", strerror(errno));
	ret = area_bounded(p);
	if (!ret)
		ret = map_bounded(p, &memory);
	bounds_end(&b);
	return ret;
}

static int limit_pin(struct pin *p)
{
	return vfio_pin_by(p, map_limited);
}

#define VFIO_PROPS	(PIN_RO | PIN_RW | PIN_LONGTERM | PIN_NAMED | PIN_COSTS | PIN_WRITES | \
			 PIN_GUARDED | PIN_SLOW | PIN_WAITS)

DEFINE_PROVIDER(vfio) = {
	.id = "vfio",
	.title = "VFIO",
	.rank = 75,
	.props = VFIO_PROPS,
	.needs = NEED(ROOT) | NEED(VFIO),
	.max_len = VFIO_LEN,
	.pin = vfio_pin,
	.read = vfio_read,
	.write = vfio_write,
	.unpin = vfio_free,
	.forget = vfio_free,
	.single = vfio_pool_scarce,
};

DEFINE_PROVIDER(vfio_limit) = {
	.id = "vfio-limit",
	.title = "VFIO at the limit of locked memory",
	.rank = 76,
	.props = VFIO_PROPS,
	.needs = NEED(ROOT) | NEED(VFIO),
	.max_len = VFIO_LEN,
	.pin = limit_pin,
	.read = vfio_read,
	.write = vfio_write,
	.unpin = vfio_free,
	.forget = vfio_free,
	.single = vfio_pool_scarce,
};
