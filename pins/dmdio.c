// SPDX-License-Identifier: GPL-2.0-only
/*
 * Direct I/O that is held: O_DIRECT by AIO on a disk that is stopped until we want to know.
 * Short-term pins, as file systems and databases have them all the time, but as long as we
 * like.
 *
 * dmdio: a write to the disk, a R/O pin. What is on the disk when it goes on again is what
 * the pin saw then.
 *
 * dmdio-in: a read from the disk, a R/W pin. Writing through the pin is having the disk go
 * on with that content. Looking through it is not possible; but where what comes in shows
 * in its owner's memory, the pin saw just what its owner saw.
 */
#define _GNU_SOURCE
#include "gup_helpers.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pins/dm.h"
#include "vm_util.h"

struct held {
	struct dm_disk disk;
	aio_context_t context;
	int memory;		/* /proc/self/mem: reading it unshares nothing */
	bool stopped;
	bool done;		/* the I/O has come to its end ... */
	long res;		/* ... with this */
};

static void held_free(struct pin *p)
{
	struct held *h = p->priv;

	if (!h)
		return;
	if (h->stopped)
		dm_disk_go(&h->disk);
	if (h->context)
		syscall(SYS_io_destroy, h->context);	/* waits for what is under way */
	if (h->disk.fd >= 0)
		dm_disk_give(&h->disk);
	if (h->memory >= 0)
		close(h->memory);
	free(h);
	p->priv = NULL;
}

/* A child has the descriptor, but neither the context nor a say in the disk. */
static void held_forget(struct pin *p)
{
	struct held *h = p->priv;

	h->stopped = false;
	h->context = 0;
	held_free(p);
}

static int held_begin(struct pin *p, struct held *h)
{
	struct iocb io = {
		.aio_lio_opcode = p->flags & PIN_RW ? IOCB_CMD_PREAD : IOCB_CMD_PWRITE,
		.aio_fildes = h->disk.fd, .aio_buf = (uintptr_t)p->addr, .aio_nbytes = p->len,
	}, *ios[] = { &io };
	int ret = dm_disk_stop(&h->disk);

	h->stopped = true;	/* or half so: resuming does no harm */
	if (ret) {
		errno = -ret;
		return pin_fail(p, "suspending the disk: %s", strerror(errno));
	}
	if (syscall(SYS_io_submit, h->context, 1, ios) != 1)
		return pin_fail(p, "io_submit: %s", strerror(errno));
	return 0;
}

static int held_pin(struct pin *p)
{
	struct held *h = calloc(1, sizeof(*h));
	int ret;

	if (!h)
		return pin_fail(p, "out of memory");
	h->disk.fd = -1;
	h->memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	p->priv = h;
	ret = dm_disk_take(&h->disk);
	errno = -ret;
	if (ret)
		ret = pin_fail(p, "no disk to be had: %s", strerror(errno));
	else if (syscall(SYS_io_setup, 1, &h->context))
		ret = pin_fail(p, "io_setup: %s", strerror(errno));
	else
		ret = held_begin(p, h);
	if (ret)
		held_free(p);
	return ret;
}

bool dmdio_takes_pins(void)
{
	struct pin p = { .flags = PIN_RO, .len = page_size() };
	long long before = vmstat("nr_foll_pin_acquired"), after = before;

	p.addr = mmap(NULL, p.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p.addr == MAP_FAILED)
		return false;
	*p.addr = 1;	/* no zeropage, which nobody counts */
	if (!held_pin(&p)) {
		after = vmstat("nr_foll_pin_acquired");
		held_free(&p);
	}
	munmap(p.addr, p.len);
	return after > before;
}

/* Have the disk go on, and wait. */
static int held_end(struct pin *p, struct held *h)
{
	struct io_event event;

	if (h->stopped) {
		errno = -dm_disk_go(&h->disk);
		if (errno)
			return pin_fail(p, "resuming the disk: %s", strerror(errno));
		h->stopped = false;
	}
	if (!h->done) {
		if (syscall(SYS_io_getevents, h->context, 1, 1, &event, NULL) != 1)
			return pin_fail(p, "io_getevents: %s", strerror(errno));
		h->res = event.res;
		h->done = true;
	}
	errno = h->res < 0 ? -h->res : EIO;
	if (h->res != (long)p->len)
		return pin_fail(p, "direct I/O moved %ld of %zu bytes", h->res, p->len);
	return 0;
}

/* Each compared page, from or to the place where the disk has its bytes. */
static int platter_read(struct pin *p, const struct held *h, uint64_t *words)
{
	const struct layout *l = &p->layout;
	char *page = malloc(l->page);
	int ret = page ? 0 : pin_fail(p, "out of memory");

	for (size_t c = 0; c < p->cells && !ret; c++) {
		if (pread(h->disk.platter, page, l->page, h->disk.offset + pin_offset(p, c)) !=
		    (ssize_t)l->page)
			ret = pin_fail(p, "read of the disk: %s", strerror(errno));
		else
			content_read(l, page, words + c * l->words);
	}
	free(page);
	return ret;
}

static int platter_write(struct pin *p, const struct held *h, size_t cell, const void *page)
{
	size_t len = p->layout.page;

	if (pwrite(h->disk.platter, page, len, h->disk.offset + pin_offset(p, cell)) ==
	    (ssize_t)len)
		return 0;
	return pin_fail(p, "write to the disk: %s", strerror(errno));
}

static int dmdio_read(struct pin *p, uint64_t *words)
{
	struct held *h = p->priv;
	int ret = held_end(p, h);

	return ret ? ret : platter_read(p, h, words);
}

/* A page of the owner's memory, as it sees it. */
static int own_page(struct pin *p, size_t cell, void *page)
{
	const struct held *h = p->priv;
	size_t len = p->layout.page;

	if (pread(h->memory, page, len, (uintptr_t)p->addr + pin_offset(p, cell)) == (ssize_t)len)
		return 0;
	return pin_fail(p, "memory cannot be looked at: %s", strerror(errno));
}

/* No store where the owner may not store. */
static void own_page_restore(struct pin *p, size_t cell, void *page)
{
	struct iovec from = { page, p->layout.page };
	struct iovec to = { p->addr + pin_offset(p, cell), p->layout.page };

	process_vm_writev(getpid(), &from, 1, &to, 1, 0);
}

/* Between the compared words the page stays as it is; what is unmapped, nobody looks at. */
static int in_write(struct pin *p, struct value v)
{
	const struct layout *l = &p->layout;
	struct held *h = p->priv;
	char *page = calloc(1, l->page);
	int ret = page ? 0 : pin_fail(p, "out of memory");

	if (h->done)
		ret = pin_fail(p, "the direct read has ended");
	for (size_t c = 0; c < p->cells && !ret; c++) {
		own_page(p, c, page);
		content_write(l, page, layout_page(l, p->first_cell + c), v);
		ret = platter_write(p, h, c, page);
	}
	free(page);
	return ret ? ret : held_end(p, h);
}

/* What its owner sees, and for the disk, the opposite of it. */
static int in_prepare(struct pin *p, const struct held *h, char *pages, uint64_t *page)
{
	size_t len = p->layout.page;
	int ret = 0;

	for (size_t c = 0; c < p->cells && !ret; c++) {
		ret = own_page(p, c, pages + c * len);
		memcpy(page, pages + c * len, len);
		for (size_t w = 0; w < len / sizeof(*page); w++)
			page[w] = ~page[w];
		if (!ret)
			ret = platter_write(p, h, c, page);
	}
	return ret;
}

/* Where the opposite has come in, the page in the pin is its owner's, who gets it back. */
static int in_look(struct pin *p, size_t cell, char *before, uint64_t *page, uint64_t *words)
{
	const struct layout *l = &p->layout;
	int ret = own_page(p, cell, page);
	bool same = true;

	for (size_t w = 0; w < l->page / sizeof(*page); w++)
		same &= page[w] == ~((uint64_t *)before)[w];
	content_read(l, before, words);
	for (size_t w = 0; w < l->words && !same; w++)
		words[w] = ~words[w];	/* alien to everybody */
	if (!ret && same)
		own_page_restore(p, cell, before);
	return ret;
}

static int in_read(struct pin *p, uint64_t *words)
{
	const struct layout *l = &p->layout;
	struct held *h = p->priv;
	char *pages = malloc(p->cells * l->page);
	uint64_t *page = malloc(l->page);
	int ret = pages && page ? 0 : pin_fail(p, "out of memory");

	if (h->done && !ret) {
		/* What it has written is still on the disk. */
		ret = platter_read(p, h, words);
		goto out;
	}
	if (!ret)
		ret = in_prepare(p, h, pages, page);
	if (!ret)
		ret = held_end(p, h);
	for (size_t c = 0; c < p->cells && !ret; c++)
		ret = in_look(p, c, pages + c * l->page, page, words + c * l->words);
out:
	free(pages);
	free(page);
	return ret;
}

DEFINE_PROVIDER(dmdio) = {
	.id = "dmdio",
	.title = "held O_DIRECT write",
	.rank = 51,
	.props = PIN_RO | PIN_SHORT | PIN_IS_FAST | PIN_NAMED | PIN_COSTS | PIN_LATE,
	.needs = NEED(DM) | NEED(DIOPIN),
	.max_len = DM_DISK_SIZE,
	.pin = held_pin,
	.read = dmdio_read,
	.unpin = held_free,
	.forget = held_forget,
};

DEFINE_PROVIDER(dmdio_in) = {
	.id = "dmdio-in",
	.title = "held O_DIRECT read",
	.rank = 52,
	.props = PIN_RW | PIN_SHORT | PIN_IS_FAST | PIN_NAMED | PIN_COSTS | PIN_LATE | PIN_WRITES,
	.needs = NEED(DM),
	.max_len = DM_DISK_SIZE,
	.pin = held_pin,
	.read = in_read,
	.write = in_write,
	.unpin = held_free,
	.forget = held_forget,
};
