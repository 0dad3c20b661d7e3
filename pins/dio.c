// SPDX-License-Identifier: GPL-2.0-only
/*
 * Direct I/O: an O_DIRECT write from the memory to a file, begun when the pin is taken and
 * waited for when it is read, so that it may be under way while other things happen. A
 * short-term R/O pin: the file gets what was there then or later; from a zeropage, zeroes.
 *
 * By Linux AIO, for io_submit() has pinned the pages when it returns; io_uring may hand the
 * write to a worker, which pins some time later.
 */
#define _GNU_SOURCE
#include "gup_helpers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pins/held.h"
#include "vm_util.h"

struct dio {
	aio_context_t context;
	int fd;			/* with O_DIRECT */
	bool reaped;
	long res;		/* what the write came to */
};

/* Waits for what is under way. */
static void dio_free(struct pin *p)
{
	struct dio *d = p->priv;

	if (!d)
		return;
	if (d->context)
		syscall(SYS_io_destroy, d->context);
	if (d->fd >= 0)
		close(d->fd);
	free(d);
	p->priv = NULL;
}

/* A child has the descriptor, but not the context, which is its parent's mm's. */
static void dio_forget(struct pin *p)
{
	struct dio *d = p->priv;

	d->context = 0;
	dio_free(p);
}

static int dio_open(struct pin *p, struct dio *d)
{
	d->fd = open(SCRATCH_DIR "ext4", O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	/* With its blocks there, the write need not be waited for. */
	if (d->fd < 0 || fallocate(d->fd, 0, 0, p->len))
		return pin_fail(p, "a file with O_DIRECT: %s", strerror(errno));
	if (syscall(SYS_io_setup, 1, &d->context))
		return pin_fail(p, "io_setup: %s", strerror(errno));
	return 0;
}

static int dio_begin(struct pin *p, struct dio *d)
{
	struct iocb write = {
		.aio_lio_opcode = IOCB_CMD_PWRITE, .aio_fildes = d->fd,
		.aio_buf = (uintptr_t)p->addr, .aio_nbytes = p->len,
	}, *writes[] = { &write };

	if (syscall(SYS_io_submit, d->context, 1, writes) != 1)
		return pin_fail(p, "io_submit of a direct write: %s", strerror(errno));
	/* What cannot be pinned has ended already. */
	d->reaped = aio_reap(d->context, false, &d->res);
	if (!d->reaped || d->res >= 0)
		return 0;
	errno = -d->res;
	return pin_fail(p, "a direct write: %s", strerror(errno));
}

static int dio_pin(struct pin *p)
{
	struct dio *d = calloc(1, sizeof(*d));
	int ret;

	if (!d)
		return pin_fail(p, "out of memory");
	p->priv = d;
	ret = dio_open(p, d);
	if (!ret)
		ret = dio_begin(p, d);
	if (ret)
		dio_free(p);
	return ret;
}

static int dio_end(struct pin *p, struct dio *d)
{
	d->reaped = d->reaped || aio_reap(d->context, true, &d->res);
	if (!d->reaped)
		return pin_fail(p, "io_getevents: %s", strerror(errno));
	errno = d->res < 0 ? -d->res : EIO;
	if (d->res != (long)p->len)
		return pin_fail(p, "the direct write moved %ld of %zu bytes", d->res, p->len);
	return 0;
}

static int dio_read(struct pin *p, uint64_t *words)
{
	const struct layout *l = &p->layout;
	struct dio *d = p->priv;
	void *page = NULL;
	int ret = dio_end(p, d);

	if (!ret && posix_memalign(&page, l->page, l->page))
		ret = pin_fail(p, "out of memory");
	for (size_t c = 0; c < p->cells && !ret; c++) {
		if (pread(d->fd, page, l->page, pin_offset(p, c)) != (ssize_t)l->page)
			ret = pin_fail(p, "read of the file: %s", strerror(errno));
		else
			content_read(l, page, words + c * l->words);
	}
	free(page);
	return ret;
}

DEFINE_PROVIDER(dio) = {
	.id = "dio",
	.title = "O_DIRECT",
	.rank = 50,
	.props = PIN_RO | PIN_SHORT | PIN_IS_FAST | PIN_NAMED | PIN_COSTS | PIN_LATE | PIN_STORES,
	.needs = NEED(EXT4),
	.max_len = 16 * MIB,	/* the scratch file system is small */
	.pin = dio_pin,
	.read = dio_read,
	.unpin = dio_free,
	.forget = dio_forget,
};
