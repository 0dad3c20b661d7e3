// SPDX-License-Identifier: GPL-2.0-only
/*
 * io_uring fixed buffers: a R/W long-term pin, read and written by fixed I/O from and
 * to a memfd at any time. One request a run of neighbouring cells.
 */
#define _GNU_SOURCE
#include "gup_helpers.h"

#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUE	64

struct fixed {
	struct io_uring ring;
	int fd;			/* memfd: cell c of the pin at c * page */
	char *file;		/* its mapping */
};

static void fixed_free(struct pin *p)
{
	struct fixed *f = p->priv;

	if (!f)
		return;
	munmap(f->file, p->cells * p->layout.page);
	close(f->fd);
	io_uring_queue_exit(&f->ring);
	free(f);
	p->priv = NULL;
}

static int fixed_file(struct pin *p, struct fixed *f)
{
	size_t len = p->cells * p->layout.page;

	f->fd = memfd_create("cowpin-fixed", MFD_CLOEXEC);
	if (f->fd < 0)
		return pin_fail(p, "memfd_create: %s", strerror(errno));
	f->file = MAP_FAILED;
	if (!ftruncate(f->fd, len))
		f->file = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	if (f->file != MAP_FAILED)
		return 0;
	close(f->fd);
	return pin_fail(p, "memfd for fixed I/O: %s", strerror(errno));
}

static int fixed_register(struct pin *p, struct fixed *f)
{
	struct iovec iov = { .iov_base = p->addr, .iov_len = p->len };
	int ret = io_uring_register_buffers(&f->ring, &iov, 1);

	if (!ret)
		return 0;
	errno = -ret;
	return pin_fail(p, "the kernel refused the fixed buffer: %s", strerror(errno));
}

static int iouring_pin(struct pin *p)
{
	struct fixed *f = calloc(1, sizeof(*f));
	int ret;

	if (!f)
		return pin_fail(p, "out of memory");
	ret = io_uring_queue_init(QUEUE, &f->ring, 0);
	if (ret) {
		free(f);
		errno = -ret;
		return pin_fail(p, "io_uring_queue_init: %s", strerror(errno));
	}
	ret = fixed_file(p, f);
	if (ret) {
		io_uring_queue_exit(&f->ring);
		free(f);
		return ret;
	}
	p->priv = f;
	ret = fixed_register(p, f);
	if (ret)
		fixed_free(p);
	return ret;
}

/* How many cells from @cell on one request can carry. */
static size_t run_length(const struct pin *p, size_t cell)
{
	return p->layout.stride == 1 ? p->cells - cell : 1;
}

static void fixed_prep(struct pin *p, struct fixed *f, bool write, size_t cell)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&f->ring);
	char *at = p->addr + pin_offset(p, cell);
	size_t page = p->layout.page, len = run_length(p, cell) * page;

	/* Through the pin to the file, or from the file through the pin. */
	if (write)
		io_uring_prep_read_fixed(sqe, f->fd, at, len, cell * page, 0);
	else
		io_uring_prep_write_fixed(sqe, f->fd, at, len, cell * page, 0);
	io_uring_sqe_set_data(sqe, (void *)(uintptr_t)len);
}

static int fixed_reap(struct pin *p, struct fixed *f, unsigned int count)
{
	int ret = 0;

	while (count--) {
		struct io_uring_cqe *cqe;
		int err = io_uring_wait_cqe(&f->ring, &cqe);

		if (err) {
			errno = -err;
			return pin_fail(p, "io_uring_wait_cqe: %s", strerror(errno));
		}
		errno = cqe->res < 0 ? -cqe->res : EIO;
		if (cqe->res != (int)(uintptr_t)io_uring_cqe_get_data(cqe))
			ret = pin_fail(p, "fixed I/O moved %d bytes: %s", cqe->res,
				       strerror(errno));
		io_uring_cqe_seen(&f->ring, cqe);
	}
	return ret;
}

static int fixed_io(struct pin *p, bool write)
{
	struct fixed *f = p->priv;
	size_t cell = 0;
	int ret = 0;

	while (cell < p->cells && !ret) {
		unsigned int queued = 0;
		int sent;

		for (; cell < p->cells && queued < QUEUE; queued++) {
			fixed_prep(p, f, write, cell);
			cell += run_length(p, cell);
		}
		sent = io_uring_submit(&f->ring);
		if (sent != (int)queued) {
			errno = sent < 0 ? -sent : EIO;
			return pin_fail(p, "io_uring_submit: %s", strerror(errno));
		}
		ret = fixed_reap(p, f, queued);
	}
	return ret;
}

static int iouring_read(struct pin *p, uint64_t *words)
{
	const struct layout *l = &p->layout;
	struct fixed *f = p->priv;
	int ret = fixed_io(p, false);

	for (size_t c = 0; c < p->cells && !ret; c++)
		content_read(l, f->file + c * l->page, words + c * l->words);
	return ret;
}

static int iouring_write(struct pin *p, struct value v)
{
	const struct layout *l = &p->layout;
	struct fixed *f = p->priv;

	/* Between the compared words the page must stay as it is: fetch it first. */
	int ret = fixed_io(p, false);

	if (ret)
		return ret;
	for (size_t c = 0; c < p->cells; c++)
		content_write(l, f->file + c * l->page, layout_page(l, p->first_cell + c), v);
	return fixed_io(p, true);
}

/*
 * Without this, the kernel drops the pins some time after the ring is closed; a hugetlb
 * page would still be missing in the pool when the next test begins.
 */
static void iouring_unpin(struct pin *p)
{
	struct fixed *f = p->priv;

	if (f)
		io_uring_unregister_buffers(&f->ring);
	fixed_free(p);
}

DEFINE_PROVIDER(iouring) = {
	.id = "iouring",
	.title = "iouring",
	.rank = 30,
	.props = PIN_RW | PIN_LONGTERM | PIN_WRITES | PIN_IS_FAST | PIN_COSTS,
	.needs = NEED(IOURING),
	.pin = iouring_pin,
	.read = iouring_read,
	.write = iouring_write,
	.unpin = iouring_unpin,
	.forget = fixed_free,
};
