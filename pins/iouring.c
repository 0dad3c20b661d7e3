// SPDX-License-Identifier: GPL-2.0-only
/*
 * io_uring fixed buffers: a R/W long-term pin, read and written by fixed I/O from and
 * to a memfd at any time. One request a run of neighbouring cells.
 *
 * Four ways to come by them: registered as one buffer; as several that meet in the middle
 * of pages, so that these pages are pinned twice; put into the slot of another buffer; and
 * lent to a second ring, whose references outlive the ring that took the pin.
 */
#define _GNU_SOURCE
#include "gup_helpers.h"

#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io_uring_calls.h"
#include "pins/capability.h"
#include "vm_util.h"

#define QUEUE	64
#define SEGMENTS	3
/*
 * Cells that are moved in one go: each page of the file costs a fault. And not all at once, for
 * the kernel must find the place inside a buffer where a request begins.
 */
#define RUN_MAX		192

struct fixed {
	struct io_uring ring;
	struct io_uring_params params;	/* as the kernel filled them in */
	int fd;			/* memfd: the cells that are being moved, a page each */
	char *file;		/* its mapping */
	int segments;
	size_t end[SEGMENTS];	/* of each buffer, as offset in the pinned range */
};

/* What one request moves: cells, or what of them is in one buffer. */
struct piece {
	int segment;
	size_t at, file, len;
};

/* Cells [first, end) are moved; @done bytes of what begins at @cell have been. */
struct cursor {
	size_t first, end, cell, done;
};

static size_t file_len(const struct pin *p)
{
	return (p->cells < RUN_MAX ? p->cells : RUN_MAX) * p->layout.page;
}

static void fixed_free(struct pin *p)
{
	struct fixed *f = p->priv;

	if (!f)
		return;
	munmap(f->file, file_len(p));
	close(f->fd);
	io_uring_queue_exit(&f->ring);
	free(f);
	p->priv = NULL;
}

static void map_fixed_file(struct pin *p, struct fixed *f)
{
	f->file = mmap(NULL, file_len(p), PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
}

static int fixed_file(struct pin *p, struct fixed *f)
{
	f->fd = memfd_create("cowpin-fixed", MFD_CLOEXEC);
	if (f->fd < 0)
		return pin_fail(p, "memfd_create: %s", strerror(errno));
	f->file = MAP_FAILED;
	if (!ftruncate(f->fd, file_len(p)))
		map_fixed_file(p, f);
	if (f->file != MAP_FAILED)
		return 0;
	close(f->fd);
	return pin_fail(p, "memfd for fixed I/O: %s", strerror(errno));
}

static int refused(struct pin *p, int ret)
{
	if (ret >= 0)
		return 0;
	errno = -ret;
	return pin_fail(p, "the kernel refused the fixed buffer: %s", strerror(errno));
}

static int register_one(struct pin *p, struct fixed *f)
{
	struct iovec iov = { .iov_base = p->addr, .iov_len = p->len };

	return refused(p, io_uring_register_buffers(&f->ring, &iov, 1));
}

/* Cut where no page ends: buffers begin at any byte of a folio. */
static int register_segments(struct pin *p, struct fixed *f)
{
	struct iovec iov[SEGMENTS];
	size_t part = p->len / SEGMENTS / 512 * 512, from = 0;

	f->segments = SEGMENTS;
	for (int i = 0; i < SEGMENTS; i++) {
		f->end[i] = i == SEGMENTS - 1 ? p->len : from + part;
		iov[i] = (struct iovec) { p->addr + from, f->end[i] - from };
		from = f->end[i];
	}
	return refused(p, io_uring_register_buffers(&f->ring, iov, SEGMENTS));
}

/* A page of our own has the slot first. */
static int register_update(struct pin *p, struct fixed *f)
{
	void *other = mmap(NULL, p->layout.page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec iov = { .iov_base = other, .iov_len = p->layout.page };
	__u64 tag = 0;
	int ret;

	if (other == MAP_FAILED)
		return pin_fail(p, "out of memory");
	ret = io_uring_register_buffers(&f->ring, &iov, 1);
	iov = (struct iovec) { .iov_base = p->addr, .iov_len = p->len };
	if (!ret)
		ret = io_uring_register_buffers_update_tag(&f->ring, 0, &iov, &tag, 1);
	munmap(other, p->layout.page);
	return refused(p, ret);
}

/* The ring that took the pin is gone before anybody looks through it. */
static int register_clone(struct pin *p, struct fixed *f)
{
	struct iovec iov = { .iov_base = p->addr, .iov_len = p->len };
	struct io_uring first;
	int ret = io_uring_queue_init(1, &first, 0);

	if (ret)
		return refused(p, ret);
	ret = io_uring_register_buffers(&first, &iov, 1);
	if (!ret)
		ret = ring_clone_buffers(first.ring_fd, f->ring.ring_fd);
	io_uring_unregister_buffers(&first);
	io_uring_queue_exit(&first);
	return refused(p, ret);
}

/* What lies behind a buffer is not pinned: no request may reach there. */
static int verify_end(struct pin *p, struct fixed *f)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&f->ring);
	struct io_uring_cqe *cqe;
	int ret;

	io_uring_prep_write_fixed(sqe, f->fd, p->addr + p->len - 1, 2, 0, f->segments - 1);
	ret = io_uring_submit_and_wait(&f->ring, 1);
	if (ret >= 0)
		ret = io_uring_wait_cqe(&f->ring, &cqe);
	if (ret)
		return refused(p, ret);
	ret = cqe->res;
	io_uring_cqe_seen(&f->ring, cqe);
	errno = ESTALE;
	return ret < 0 ? 0 : pin_fail(p, "a request goes beyond the end of the fixed buffer");
}

static int fixed_pin(struct pin *p, int (*take)(struct pin *p, struct fixed *f))
{
	struct fixed *f = calloc(1, sizeof(*f));
	int ret;

	if (!f)
		return pin_fail(p, "out of memory");
	ret = io_uring_queue_init_params(QUEUE, &f->ring, &f->params);
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
	f->segments = 1;
	f->end[0] = p->len;
	ret = take(p, f);
	if (!ret)
		ret = verify_end(p, f);
	if (ret)
		fixed_free(p);
	return ret;
}

/*
 * Who has CAP_IPC_LOCK has no limit, and what he pins need not be counted. Without, it is; but who
 * may not raise his limit (CAP_SYS_RESOURCE) may not have enough of it.
 */
static int counted_pin(struct pin *p, int (*take)(struct pin *p, struct fixed *f))
{
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	struct bounds before;
	bool limited;
	int ret;

	if (!bounds_begin(&before))
		return pin_fail(p, "without CAP_IPC_LOCK: %s", strerror(errno));
	limited = setrlimit(RLIMIT_MEMLOCK, &none);
	ret = fixed_pin(p, take);
	bounds_end(&before);
	p->counted = !ret;
	return ret == -ENOMEM && limited ? fixed_pin(p, take) : ret;
}

static int iouring_pin(struct pin *p)
{
	return counted_pin(p, register_one);
}

static int segments_pin(struct pin *p)
{
	return counted_pin(p, register_segments);
}

static int update_pin(struct pin *p)
{
	return counted_pin(p, register_update);
}

static int clone_pin(struct pin *p)
{
	return counted_pin(p, register_clone);
}

static struct cursor cursor_at(const struct pin *p, size_t cell)
{
	size_t end = cell + RUN_MAX < p->cells ? cell + RUN_MAX : p->cells;

	return (struct cursor) { .first = cell, .end = end, .cell = cell };
}

/* The next piece that one request can move; false: all is moved. */
static bool next_piece(const struct pin *p, const struct fixed *f, struct cursor *c,
		       struct piece *piece)
{
	size_t page = p->layout.page, run;

	if (c->cell == c->end)
		return false;
	/* Neighbours in one request. */
	run = (p->layout.stride == 1 ? c->end - c->cell : 1) * page;
	*piece = (struct piece) {
		.at = pin_offset(p, c->cell) + c->done,
		.file = (c->cell - c->first) * page + c->done,
		.len = run - c->done,
	};
	while (piece->at >= f->end[piece->segment])
		piece->segment++;
	if (piece->at + piece->len > f->end[piece->segment])
		piece->len = f->end[piece->segment] - piece->at;
	c->done += piece->len;
	if (c->done == run) {
		c->cell += run / page;
		c->done = 0;
	}
	return true;
}

/* Through the pin to the file, or from the file through the pin. */
static void fixed_prep(struct pin *p, struct fixed *f, bool write, const struct piece *piece)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&f->ring);
	char *at = p->addr + piece->at;

	if (write)
		io_uring_prep_read_fixed(sqe, f->fd, at, piece->len, piece->file, piece->segment);
	else
		io_uring_prep_write_fixed(sqe, f->fd, at, piece->len, piece->file,
					  piece->segment);
	io_uring_sqe_set_data(sqe, (void *)(uintptr_t)piece->len);
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

/* Move the cells of @cursor. */
static int fixed_io(struct pin *p, struct cursor cursor, bool write)
{
	struct fixed *f = p->priv;
	bool more = true;
	int ret = 0;

	while (more && !ret) {
		unsigned int queued = 0;
		struct piece piece;
		int sent;

		while (queued < QUEUE && (more = next_piece(p, f, &cursor, &piece))) {
			fixed_prep(p, f, write, &piece);
			queued++;
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
	int ret = 0;

	for (size_t first = 0; first < p->cells && !ret; first += RUN_MAX) {
		struct cursor run = cursor_at(p, first);

		ret = fixed_io(p, run, false);
		for (size_t c = first; c < run.end && !ret; c++)
			content_read(l, f->file + (c - first) * l->page, words + c * l->words);
	}
	return ret;
}

static int iouring_write(struct pin *p, struct value v)
{
	const struct layout *l = &p->layout;
	struct fixed *f = p->priv;
	int ret = 0;

	for (size_t first = 0; first < p->cells && !ret; first += RUN_MAX) {
		struct cursor run = cursor_at(p, first);

		/* Between the compared words the page must stay as it is: fetch it first. */
		ret = fixed_io(p, run, false);
		for (size_t c = first; c < run.end && !ret; c++)
			content_write(l, f->file + (c - first) * l->page,
				      layout_page(l, p->first_cell + c), v);
		if (!ret)
			ret = fixed_io(p, run, true);
	}
	return ret;
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

static int fixed_keep(struct pin *p)
{
	struct fixed *f = p->priv;

	return fcntl(f->fd, F_SETFD, 0) || fcntl(f->ring.ring_fd, F_SETFD, 0) ? -errno : 0;
}

/* The kernel goes on counting requests where the old program was. */
static int fixed_resume(struct pin *p)
{
	struct fixed *f = p->priv;
	int fd = f->ring.ring_fd, ret = io_uring_queue_mmap(fd, &f->params, &f->ring);

	if (ret)
		return ret;
	f->ring.sq.sqe_head = f->ring.sq.sqe_tail = *f->ring.sq.ktail;
	map_fixed_file(p, f);
	return f->file == MAP_FAILED ? -ENOMEM : 0;
}

#define FIXED_OUTLIVES							\
	.forget = fixed_free,						\
	.keep = fixed_keep,						\
	.resume = fixed_resume,						\
	.priv_size = sizeof(struct fixed)

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
	FIXED_OUTLIVES,
};

#define FIXED_COMMON(how, id_)						\
	.id = "iouring-" id_,						\
	.title = "iouring (" id_ ")",					\
	.props = PIN_RW | PIN_LONGTERM | PIN_WRITES | PIN_IS_FAST | PIN_COSTS |	\
		 PIN_NAMED,						\
	.pin = how##_pin,						\
	.read = iouring_read,						\
	.write = iouring_write,						\
	.unpin = iouring_unpin,						\
	FIXED_OUTLIVES

DEFINE_PROVIDER(segments) = {
	FIXED_COMMON(segments, "segments"),
	.rank = 31,
	.needs = NEED(IOURING),
};

DEFINE_PROVIDER(update) = {
	FIXED_COMMON(update, "update"),
	.rank = 32,
	.needs = NEED(IOURING) | NEED(IOUPDATE),
};

DEFINE_PROVIDER(clone_provider) = {
	FIXED_COMMON(clone, "clone"),
	.rank = 33,
	.needs = NEED(IOURING) | NEED(IOCLONE),
};
