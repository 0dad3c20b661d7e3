// SPDX-License-Identifier: GPL-2.0-only
/* GUP by our own module, /dev/cowpin. */
#include "gup_backend.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kmod/cowpin.h"

static bool knows_exclusive;	/* the kernel does, since 5.19 */

static bool module_present(void)
{
	return !access(COWPIN_DEVICE, R_OK | W_OK);
}

int gup_module_open(struct pin *p)
{
	struct cowpin_hello hello = { .abi = COWPIN_ABI };
	int fd = open(COWPIN_DEVICE, O_RDWR | O_CLOEXEC), err;

	if (fd < 0)
		return pin_fail(p, "open " COWPIN_DEVICE ": %s", strerror(errno));
	if (!ioctl(fd, COWPIN_IOC_HELLO, &hello)) {
		knows_exclusive = hello.features & COWPIN_HAS_EXCLUSIVE;
		return fd;
	}
	err = pin_fail(p, "the loaded module speaks ABI %u, we speak %u: %s", hello.abi,
		       COWPIN_ABI, strerror(errno));
	close(fd);
	return err;
}

unsigned int gup_module_flags(const struct pin *p)
{
	return (p->flags & PIN_RW ? COWPIN_WRITE : 0) |
	       (p->flags & PIN_LONGTERM ? COWPIN_LONGTERM : 0) |
	       (p->by->props & PIN_IS_FAST ? COWPIN_FAST : 0);
}

static int module_pin(struct pin *p)
{
	struct cowpin_pin arg = {
		.addr = (uintptr_t)p->addr,
		.len = p->len,
		.flags = gup_module_flags(p),
	};
	int err;

	p->fd = gup_module_open(p);
	if (p->fd < 0)
		return p->fd;
	if (!ioctl(p->fd, COWPIN_IOC_PIN, &arg)) {
		p->id = arg.id;
		return 0;
	}
	err = pin_fail(p, "the kernel refused the pin: %s", strerror(errno));
	close(p->fd);
	return err;
}

/* One strided transfer: @chunk bytes at @offset of every cell. */
static int module_io(struct pin *p, unsigned long cmd, size_t offset, size_t chunk, void *buf)
{
	struct cowpin_io io = {
		.id = p->id,
		.chunk = chunk,
		.offset = pin_offset(p, 0) + offset,
		.stride = p->cells > 1 ? p->layout.stride * p->layout.page : 0,
		.count = p->cells,
		.buf = (uintptr_t)buf,
	};

	if (ioctl(p->fd, cmd, &io))
		return pin_fail(p, "%s through the pin: %s",
				cmd == COWPIN_IOC_READ ? "read" : "write", strerror(errno));
	return 0;
}

static int module_read(struct pin *p, uint64_t *words)
{
	const struct layout *l = &p->layout;
	static uint64_t column[CELLS_MAX];
	int ret = 0;

	if (l->whole)
		return module_io(p, COWPIN_IOC_READ, 0, l->page, words);
	for (size_t w = 0; w < l->words && !ret; w++) {
		ret = module_io(p, COWPIN_IOC_READ, layout_word(l, w), sizeof(*words), column);
		for (size_t c = 0; c < p->cells; c++)
			words[c * l->words + w] = column[c];
	}
	return ret;
}

static int module_write(struct pin *p, struct value v)
{
	const struct layout *l = &p->layout;
	static uint64_t column[CELLS_MAX];
	int ret = 0;

	for (size_t w = 0; w < l->words && !ret; w++) {
		size_t off = layout_word(l, w);

		if (layout_is_mark(l, w))
			continue;
		for (size_t c = 0; c < p->cells; c++)
			column[c] = word_encode(v, layout_page(l, p->first_cell + c),
						off / sizeof(uint64_t));
		ret = module_io(p, COWPIN_IOC_WRITE, off, sizeof(*column), column);
	}
	return ret;
}

static int module_ask(struct pin *p, size_t cell, size_t count, struct cowpin_page *pages)
{
	struct cowpin_facts arg = {
		.id = p->id,
		.first = pin_offset(p, cell) / p->layout.page,
		.step = p->layout.stride,
		.count = count,
		.buf = (uintptr_t)pages,
	};

	if (ioctl(p->fd, COWPIN_IOC_FACTS, &arg))
		return pin_fail(p, "facts of the pin: %s", strerror(errno));
	return 0;
}

static int module_facts(struct pin *p, size_t cell, struct page_facts *f)
{
	struct cowpin_page page;
	int ret = module_ask(p, cell, 1, &page);

	if (ret)
		return ret;
	*f = (struct page_facts) {
		.pfn = page.pfn, .order = page.order, .index = page.index,
		.anon = !!(page.flags & COWPIN_PAGE_ANON),
		.exclusive = !!(page.flags & COWPIN_PAGE_EXCLUSIVE),
		.zero = !!(page.flags & COWPIN_PAGE_ZERO),
		.ksm = !!(page.flags & COWPIN_PAGE_KSM),
		.hugetlb = !!(page.flags & COWPIN_PAGE_HUGETLB),
		.refcount = page.refcount, .mapcount = page.mapcount,
		.pincount = page.pincount,
	};
	return 0;
}

static bool is_shared(const struct cowpin_page *page)
{
	return knows_exclusive && (page->flags & COWPIN_PAGE_ANON) &&
	       !(page->flags & (COWPIN_PAGE_EXCLUSIVE | COWPIN_PAGE_KSM));
}

static int module_pfns(struct pin *p, uint64_t *pfns, uint8_t *shared)
{
	static struct cowpin_page pages[CELLS_MAX];
	int ret = module_ask(p, 0, p->cells, pages);

	for (size_t c = 0; c < p->cells && !ret; c++) {
		pfns[c] = pages[c].pfn;
		shared[c] = is_shared(&pages[c]);
	}
	return ret;
}

static void module_unpin(struct pin *p)
{
	close(p->fd);
	p->fd = -1;
}

static int module_loop(struct pin *p, struct pin_loop *l)
{
	struct cowpin_loop arg = {
		.addr = (uintptr_t)p->addr,
		.len = p->len,
		.flags = gup_module_flags(p),
		.ms = l->ms,
		.rounds = l->rounds,
	};
	int fd = gup_module_open(p), ret = 0;

	if (fd < 0)
		return fd;
	if (l->references)
		arg.flags = (arg.flags & ~COWPIN_LONGTERM) | COWPIN_GET;
	if (ioctl(fd, COWPIN_IOC_LOOP, &arg))
		ret = pin_fail(p, "pins in a loop: %s", strerror(errno));
	close(fd);
	l->rounds = arg.rounds;
	l->refused = arg.refused;
	l->shared = arg.shared;
	l->replaced = arg.replaced;
	return ret;
}

const struct gup_backend gup_by_module = {
	.present = module_present,
	.pin = module_pin,
	.read = module_read,
	.write = module_write,
	.facts = module_facts,
	.pfns = module_pfns,
	.unpin = module_unpin,
	.loop = module_loop,
};
