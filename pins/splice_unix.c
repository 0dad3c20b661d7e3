// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that went through a pipe into a stream socket of AF_UNIX: FOLL_GET references, which
 * wait in the queue of the peer. It peeks at them as often as it likes.
 */
#define _GNU_SOURCE
#include "pins/splice.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vm_util.h"

#define PIPE_BYTES	(256 * KIB)
#define SEND_BUFFER	(16 * MIB)

/* --- for all kinds of sockets --- */

/* Pages that came into the pipe go on. */
static int pass_on(struct pin *p, int pipe, int socket, size_t len)
{
	while (len) {
		ssize_t got = splice(pipe, NULL, socket, NULL, len, 0);

		if (got <= 0)
			return pin_fail(p, "splice, %zu bytes to go: %s", len, strerror(errno));
		len -= got;
	}
	return 0;
}

int splice_into(struct pin *p, int socket)
{
	int fds[2], ret = 0;

	if (pipe2(fds, O_CLOEXEC))
		return pin_fail(p, "pipe2: %s", strerror(errno));
	if (fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES) < 0)
		ret = pin_fail(p, "a larger pipe: %s", strerror(errno));
	for (size_t done = 0; done < p->len && !ret; ) {
		struct iovec iov = { p->addr + done, p->len - done };
		ssize_t got = vmsplice(fds[1], &iov, 1, SPLICE_F_NONBLOCK);

		if (got <= 0)
			ret = pin_fail(p, "vmsplice: %s", strerror(errno));
		else
			ret = pass_on(p, fds[0], socket, got);
		done += got;
	}
	close(fds[0]);
	close(fds[1]);
	return ret;
}

/* --- AF_UNIX --- */

struct queue {
	int rx, tx;
	char *copy;		/* what the last look saw: the pinned range */
};

static void queue_free(struct pin *p)
{
	struct queue *q = p->priv;

	if (!q)
		return;
	if (q->rx >= 0)
		close(q->rx);
	if (q->tx >= 0)
		close(q->tx);
	free(q->copy);
	free(q);
	p->priv = NULL;
}

static int queue_open(struct pin *p, struct queue *q)
{
	int pair[2], room = SEND_BUFFER;

	q->copy = malloc(p->len);
	if (!q->copy)
		return pin_fail(p, "out of memory");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return pin_fail(p, "socketpair: %s", strerror(errno));
	q->rx = pair[0];
	q->tx = pair[1];
	if (setsockopt(q->tx, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)))
		return pin_fail(p, "SO_SNDBUFFORCE: %s", strerror(errno));
	return 0;
}

static int queue_pin(struct pin *p)
{
	struct queue *q = calloc(1, sizeof(*q));
	int ret;

	if (!q)
		return pin_fail(p, "out of memory");
	q->rx = q->tx = -1;
	p->priv = q;
	ret = queue_open(p, q);
	if (!ret)
		ret = splice_into(p, q->tx);
	if (ret)
		queue_free(p);
	return ret;
}

static int queue_read(struct pin *p, uint64_t *words)
{
	const struct layout *l = &p->layout;
	struct queue *q = p->priv;
	ssize_t got;

	errno = 0;
	got = recv(q->rx, q->copy, p->len, MSG_PEEK | MSG_DONTWAIT);
	if (got != (ssize_t)p->len)
		return pin_fail(p, "peeking shows %zd of %zu bytes", got, p->len);
	for (size_t c = 0; c < p->cells; c++)
		content_read(l, q->copy + pin_offset(p, c), words + c * l->words);
	return 0;
}

DEFINE_PROVIDER(splice_unix) = {
	.id = "splice-unix",
	.title = "splice to AF_UNIX",
	.rank = 41,
	.props = PIN_RO | PIN_SHORT | PIN_IS_GET | PIN_IS_FAST | PIN_NAMED | PIN_COSTS,
	.needs = NEED(ROOT),
	.max_len = 4 * MIB,
	.pin = queue_pin,
	.read = queue_read,
	.unpin = queue_free,
	.forget = queue_free,
};
