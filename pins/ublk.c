// SPDX-License-Identifier: GPL-2.0-only
/*
 * Direct I/O on a disk of ublk, held (held.h) by its server: short-term pins that can be seen
 * through while they are held.
 *
 * ublk: a write to the disk, a R/O pin, looked through at any time.
 *
 * ublk-in: a read from the disk, a R/W pin, written through at any time. It is looked at when
 * it ends, as other reads are.
 */
#define _GNU_SOURCE
#include "pins/ublk.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pins/held.h"

struct ublk {
	struct held held;
	int server;
	int disk;
};

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void ublk_close(struct pin *p, bool wait)
{
	struct ublk *u = p->priv;
	char byte;

	if (!u)
		return;
	/* The server ends the request, and takes the disk down when nobody has it any more. */
	if (wait && u->server >= 0)
		shutdown(u->server, SHUT_WR);
	held_close(&u->held);
	close_fd(u->disk);
	while (wait && u->server >= 0 && recv(u->server, &byte, 1, 0) > 0)
		;
	close_fd(u->server);
	close_fd(u->held.platter);
	free(u);
	p->priv = NULL;
}

static void ublk_free(struct pin *p)
{
	ublk_close(p, true);
}

static void ublk_forget(struct pin *p)
{
	struct ublk *u = p->priv;

	u->held.context = 0;
	ublk_close(p, false);
}

static int tell(struct pin *p, enum ublk_word word)
{
	struct ublk *u = p->priv;
	unsigned char byte = word;

	if (send(u->server, &byte, 1, MSG_NOSIGNAL) != 1 || recv(u->server, &byte, 1, 0) != 1)
		return pin_fail(p, "the ublk server is gone");
	errno = byte;
	return errno ? pin_fail(p, "the ublk server: %s", strerror(errno)) : 0;
}

/* What comes in by a read is what the server puts there last. */
static int ublk_go(struct pin *p)
{
	int ret = p->flags & PIN_RW ? tell(p, UBLK_PUT) : 0;

	return ret ? ret : tell(p, UBLK_GO);
}

static int ublk_open(struct pin *p, struct ublk *u)
{
	int given = -1;

	u->held.platter = memfd_create("cowpin-ublk", MFD_CLOEXEC);
	if (u->held.platter < 0 || ftruncate(u->held.platter, p->len))
		return pin_fail(p, "a memfd: %s", strerror(errno));
	u->server = server_start(SERVER_UBLK, u->held.platter, &given);
	errno = u->server < 0 ? -u->server : 0;
	if (errno)
		return pin_fail(p, "a ublk server: %s", strerror(errno));
	u->disk = server_open(given);
	errno = u->disk < 0 ? -u->disk : 0;
	return errno ? pin_fail(p, "the disk of a ublk server: %s", strerror(errno)) : 0;
}

static int ublk_pin(struct pin *p)
{
	struct ublk *u = calloc(1, sizeof(*u));
	int ret;

	if (!u)
		return pin_fail(p, "out of memory");
	p->priv = u;
	u->server = u->disk = u->held.platter = -1;
	u->held.go = ublk_go;
	u->held.where = UBLK_DISK_SIZE;		/* see disk_make() in ublk_server.c */
	ret = held_open(p, &u->held);
	if (!ret)
		ret = ublk_open(p, u);
	if (!ret)
		ret = held_submit(p, &u->held, u->disk);
	if (ret)
		ublk_free(p);
	return ret;
}

static int ublk_read(struct pin *p, uint64_t *words)
{
	int ret = tell(p, UBLK_LOOK);

	return ret ? ret : held_look(p, words);
}

static int ublk_write(struct pin *p, struct value v)
{
	int ret = held_in_fill(p, v);

	if (!ret)
		ret = tell(p, UBLK_PUT);
	return ret ? ret : held_in_compare(p);
}

DEFINE_PROVIDER(ublk) = {
	.id = "ublk",
	.title = "ublk write",
	.rank = 55,
	.props = PIN_RO | PIN_SHORT | PIN_IS_FAST | PIN_NAMED | PIN_COSTS | PIN_FREEZES,
	.needs = NEED(UBLK),
	.max_len = UBLK_DISK_SIZE,
	.pin = ublk_pin,
	.read = ublk_read,
	.unpin = ublk_free,
	.forget = ublk_forget,
};

DEFINE_PROVIDER(ublk_in) = {
	.id = "ublk-in",
	.title = "ublk read",
	.rank = 56,
	.props = PIN_RW | PIN_SHORT | PIN_IS_FAST | PIN_NAMED | PIN_COSTS | PIN_LATE | PIN_WRITES,
	.needs = NEED(UBLK),
	.max_len = UBLK_DISK_SIZE,
	.pin = ublk_pin,
	.read = held_in_read,
	.sight = held_in_sight,
	.write = ublk_write,
	.unpin = ublk_free,
	.forget = ublk_forget,
};
