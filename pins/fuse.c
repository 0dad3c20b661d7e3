// SPDX-License-Identifier: GPL-2.0-only
/*
 * FUSE with direct_io, held (held.h) by its server. The pages of a request are pinned until it
 * is answered, and a server may take as long as it likes.
 *
 * fuse: a write, a R/O pin. The server does not read the request before we want to know.
 *
 * fuse-in: a read, a R/W pin. The server has read the request, and answers it, by which the
 * pinned pages are written, when it is told to.
 */
#define _GNU_SOURCE
#include "pins/fuse.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pins/held.h"

struct fuse {
	struct held held;
	int server;
	int file;
};

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void fuse_free(struct pin *p)
{
	struct fuse *f = p->priv;

	if (!f)
		return;
	/* The connection breaks with its server, and what is under way ends in an error. */
	if (f->held.context && f->server >= 0)
		shutdown(f->server, SHUT_RDWR);
	held_close(&f->held);
	close_fd(f->file);
	close_fd(f->server);
	close_fd(f->held.platter);
	free(f);
	p->priv = NULL;
}

static void fuse_forget(struct pin *p)
{
	struct fuse *f = p->priv;

	f->held.context = 0;
	fuse_free(p);
}

static int fuse_go(struct pin *p)
{
	struct fuse *f = p->priv;

	if (send(f->server, "", 1, MSG_NOSIGNAL) == 1)
		return 0;
	return pin_fail(p, "the FUSE server is gone: %s", strerror(errno));
}

/* Of size and with nobody to be told when it is closed: no request but for the I/O. */
static int fuse_open_file(struct fuse *f, int mount)
{
	struct stat st;
	int copy;

	f->file = server_open(mount);
	if (f->file < 0)
		return f->file;
	copy = fstat(f->file, &st) ? -1 : dup(f->file);
	if (copy < 0)
		return -errno;
	close(copy);
	return 0;
}

static int fuse_open(struct pin *p, struct fuse *f)
{
	int mount = -1;

	f->held.platter = memfd_create("cowpin-fuse", MFD_CLOEXEC);
	if (f->held.platter < 0 || ftruncate(f->held.platter, p->len))
		return pin_fail(p, "a memfd: %s", strerror(errno));
	f->server = server_start(p->flags & PIN_RW ? SERVER_FUSE_READ : SERVER_FUSE_WRITE,
				 f->held.platter, &mount);
	errno = f->server < 0 ? -f->server : 0;
	if (errno)
		return pin_fail(p, "a FUSE server: %s", strerror(errno));
	errno = -fuse_open_file(f, mount);
	return errno ? pin_fail(p, "the file of a FUSE server: %s", strerror(errno)) : 0;
}

static int fuse_pin(struct pin *p)
{
	struct fuse *f = calloc(1, sizeof(*f));
	int ret;

	if (!f)
		return pin_fail(p, "out of memory");
	p->priv = f;
	f->server = f->file = f->held.platter = -1;
	f->held.go = fuse_go;
	ret = held_open(p, &f->held);
	if (!ret)
		ret = fuse_open(p, f);
	if (!ret)
		ret = held_submit(p, &f->held, f->file);
	if (ret)
		fuse_free(p);
	return ret;
}

bool fuse_takes_pins(void)
{
	return held_takes_pins(fuse_pin, fuse_free);
}

DEFINE_PROVIDER(fuse) = {
	.id = "fuse",
	.title = "FUSE write",
	.rank = 53,
	.props = PIN_RO | PIN_SHORT | PIN_IS_FAST | PIN_NAMED | PIN_COSTS | PIN_LATE | PIN_FREEZES,
	.needs = NEED(FUSE) | NEED(FUSEPIN),
	.max_len = FUSE_FILE_SIZE,
	.pin = fuse_pin,
	.read = held_read,
	.unpin = fuse_free,
	.forget = fuse_forget,
};

DEFINE_PROVIDER(fuse_in) = {
	.id = "fuse-in",
	.title = "FUSE read",
	.rank = 54,
	.props = PIN_RW | PIN_SHORT | PIN_IS_FAST | PIN_NAMED | PIN_COSTS | PIN_LATE | PIN_WRITES |
		 PIN_ONCE,
	.needs = NEED(FUSE),
	.max_len = FUSE_FILE_SIZE,
	.pin = fuse_pin,
	.read = held_in_read,
	.write = held_in_write,
	.sight = held_in_sight,
	.unpin = fuse_free,
	.forget = fuse_forget,
};
