// SPDX-License-Identifier: GPL-2.0-only
/* Direct I/O that somebody holds: see held.h. */
#define _GNU_SOURCE
#include "pins/held.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vm_util.h"

#define BIO_PAGES	256

bool held_dying(pid_t pid)
{
	struct process_stat st;

	return !process_stat(pid, &st) || st.flags & PF_EXITING;
}

bool aio_reap(aio_context_t context, bool wait, long *res)
{
	const struct timespec now = { 0 };
	struct io_event event;
	long ended;

	do
		ended = syscall(SYS_io_getevents, context, wait ? 1 : 0, 1, &event,
				wait ? NULL : &now);
	while (ended < 0 && errno == EINTR);
	if (ended == 1)
		*res = event.res;
	return ended == 1;
}

int held_open(struct pin *p, struct held *h)
{
	h->memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	if (syscall(SYS_io_setup, 1, &h->context))
		return pin_fail(p, "io_setup: %s", strerror(errno));
	return 0;
}

int held_submit(struct pin *p, struct held *h, int fd)
{
	struct iocb io = {
		.aio_lio_opcode = p->flags & PIN_RW ? IOCB_CMD_PREAD : IOCB_CMD_PWRITE,
		.aio_fildes = fd, .aio_buf = (uintptr_t)p->addr, .aio_nbytes = p->len,
		.aio_offset = h->where,
	}, *ios[] = { &io };

	if (syscall(SYS_io_submit, h->context, 1, ios) != 1)
		return pin_fail(p, "io_submit: %s", strerror(errno));
	/* What cannot be pinned has ended already, and nobody will ever hold it. */
	h->done = aio_reap(h->context, false, &h->res);
	if (!h->done)
		return 0;
	errno = h->res < 0 ? -h->res : EIO;
	pin_fail(p, "direct I/O: %s", strerror(errno));
	/* Of what one bio cannot hold, a disk says so of pages that cannot be pinned (fops.c). */
	return errno == EIO && p->len > BIO_PAGES * p->layout.page ? -EFAULT : -errno;
}

void held_close(struct held *h)
{
	if (h->context)
		syscall(SYS_io_destroy, h->context);	/* waits for what is under way */
	if (h->memory >= 0)
		close(h->memory);
	h->context = 0;
	h->memory = -1;
}

bool held_takes_pins(int (*pin)(struct pin *p), void (*unpin)(struct pin *p))
{
	struct pin p = { .flags = PIN_RO, .len = page_size() };
	long long before = vmstat("nr_foll_pin_acquired"), after = before;

	p.addr = mmap(NULL, p.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p.addr == MAP_FAILED)
		return false;
	*p.addr = 1;	/* no zeropage, which nobody counts */
	if (!pin(&p)) {
		after = vmstat("nr_foll_pin_acquired");
		unpin(&p);
	}
	munmap(p.addr, p.len);
	return after > before;
}

/* Have it go on, and wait. */
static int held_end(struct pin *p, struct held *h)
{
	int ret = h->done ? 0 : h->go(p);

	if (ret)
		return ret;
	h->done = h->done || aio_reap(h->context, true, &h->res);
	if (!h->done)
		return pin_fail(p, "io_getevents: %s", strerror(errno));
	errno = h->res < 0 ? -h->res : EIO;
	if (h->res != (long)p->len)
		return pin_fail(p, "direct I/O moved %ld of %zu bytes", h->res, p->len);
	return 0;
}

/* Compared pages, from or to the place where its bytes are. */
static int platter_cell(struct pin *p, const struct held *h, size_t cell, char *page,
			uint64_t *words)
{
	const struct layout *l = &p->layout;

	if (pread(h->platter, page, l->page, h->offset + pin_offset(p, cell)) !=
	    (ssize_t)l->page)
		return pin_fail(p, "reading what was moved: %s", strerror(errno));
	content_read(l, page, words);
	return 0;
}

static int platter_read(struct pin *p, const struct held *h, uint64_t *words)
{
	const struct layout *l = &p->layout;
	char *page = malloc(l->page);
	int ret = page ? 0 : pin_fail(p, "out of memory");

	for (size_t c = 0; c < p->cells && !ret; c++)
		ret = platter_cell(p, h, c, page, words + c * l->words);
	free(page);
	return ret;
}

static int platter_write(struct pin *p, const struct held *h, size_t cell, const void *page)
{
	size_t len = p->layout.page;

	if (pwrite(h->platter, page, len, h->offset + pin_offset(p, cell)) ==
	    (ssize_t)len)
		return 0;
	return pin_fail(p, "writing what is to come: %s", strerror(errno));
}

int held_look(struct pin *p, uint64_t *words)
{
	return platter_read(p, p->priv, words);
}

int held_read(struct pin *p, uint64_t *words)
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

	if (pread(h->memory, page, len, (uintptr_t)p->now + pin_offset(p, cell)) == (ssize_t)len)
		return 0;
	return pin_fail(p, "memory cannot be looked at: %s", strerror(errno));
}

/* Forced only where the owner may not store. */
static bool own_page_restore(struct pin *p, size_t cell, void *page)
{
	const struct held *h = p->priv;
	ssize_t len = p->layout.page;
	char *at = p->now + pin_offset(p, cell);
	struct iovec from = { page, len };
	struct iovec to = { at, len };

	return process_vm_writev(getpid(), &from, 1, &to, 1, 0) == len ||
	       pwrite(h->memory, page, len, (uintptr_t)at) == len;
}

/* Between the compared words the page stays as it is; what is unmapped, nobody looks at. */
int held_in_fill(struct pin *p, struct value v)
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
	return ret;
}

int held_in_compare(struct pin *p)
{
	const struct layout *l = &p->layout;
	struct held *h = p->priv;
	uint64_t came[l->words], own[l->words];
	char *page = malloc(l->page);
	int ret = page ? 0 : pin_fail(p, "out of memory");

	for (size_t c = 0; c < p->cells && !ret; c++) {
		ret = platter_cell(p, h, c, page, came);
		memset(own, 0, sizeof(own));
		if (!own_page(p, c, page))
			content_read(l, page, own);
		h->apart[c] = memcmp(came, own, sizeof(own));
	}
	free(page);
	return ret;
}

int held_in_write(struct pin *p, struct value v)
{
	int ret = held_in_fill(p, v);

	return ret ? ret : held_end(p, p->priv);
}

/* What its owner sees, and to come in, the opposite of it; where it has nothing, that of zeroes. */
static int in_prepare(struct pin *p, struct held *h, char *pages, uint64_t *page)
{
	size_t len = p->layout.page;
	int ret = 0;

	for (size_t c = 0; c < p->cells && !ret; c++) {
		if (h->apart[c])
			continue;
		h->sight[c] = own_page(p, c, pages + c * len) ? SIGHT_HIDDEN : SIGHT_SEEN;
		for (size_t w = 0; w < len / sizeof(*page); w++)
			page[w] = ~((uint64_t *)(pages + c * len))[w];
		ret = platter_write(p, h, c, page);
	}
	return ret;
}

/* Where the opposite has come in, the page in the pin is its owner's, who gets it back. */
static void in_look(struct pin *p, size_t cell, char *before, uint64_t *page, uint64_t *words)
{
	const struct layout *l = &p->layout;
	struct held *h = p->priv;
	bool same = h->sight[cell] == SIGHT_SEEN && !own_page(p, cell, page);

	for (size_t w = 0; w < l->page / sizeof(*page) && same; w++)
		same = page[w] == ~((uint64_t *)before)[w];
	content_read(l, before, words);
	for (size_t w = 0; w < l->words && !same; w++)
		words[w] = ~words[w];	/* alien to everybody */
	if (!same)
		h->sight[cell] = SIGHT_HIDDEN;
	else if (!own_page_restore(p, cell, before))
		h->sight[cell] = SIGHT_LEFT;
}

int held_in_read(struct pin *p, uint64_t *words)
{
	const struct layout *l = &p->layout;
	struct held *h = p->priv;
	char *pages = calloc(p->cells, l->page);
	uint64_t *page = malloc(l->page);
	int ret = pages && page ? 0 : pin_fail(p, "out of memory");

	if (!ret)
		ret = in_prepare(p, h, pages, page);
	if (!ret)
		ret = held_end(p, h);
	for (size_t c = 0; c < p->cells && !ret; c++) {
		char *before = pages + c * l->page;

		if (h->apart[c])
			ret = platter_cell(p, h, c, before, words + c * l->words);
		else
			in_look(p, c, before, page, words + c * l->words);
	}
	free(pages);
	free(page);
	return ret;
}

enum sight held_in_sight(const struct pin *p, size_t cell)
{
	const struct held *h = p->priv;

	return h->sight[cell];
}
