// SPDX-License-Identifier: GPL-2.0-only
/*
 * A TCP socket that sends from the memory itself, with FOLL_GET references: zerocopy has it by
 * send() with MSG_ZEROCOPY, sendzc by io_uring, where the memory is no registered buffer,
 * splice-tcp through a pipe.
 * The peer takes nothing at first, and ballast that it has no room for goes ahead: so our
 * pages wait in the socket, and what arrives is what they hold when the peer reads at last.
 */
#define _GNU_SOURCE
#include "gup_helpers.h"

#include <liburing.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "pins/net.h"
#include "pins/splice.h"
#include "vm_util.h"

#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY	60
#endif
#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY	0x4000000
#endif

/*
 * TCP makes no packet of more than half of what the peer has announced to have room for; only those
 * that have several pages have them combined.
 */
#define PEER_BUFFER	(32 * KIB)
#define BALLAST		(256 * KIB)	/* many times what fits into it */
#define SEND_BUFFER	(16 * MIB)
#define ROOM		(4 * MIB)
#define RING		8		/* requests; one at a time */
#define PATIENCE	20		/* seconds without a byte */

struct zerocopy {
	int rx, tx;		/* the peer is closed first: that drops what waits in tx */
	char *copy;		/* what has arrived: the pinned range */
	struct io_uring ring;	/* of sendzc */
	bool has_ring;
};

static void zerocopy_free(struct pin *p)
{
	struct zerocopy *z = p->priv;

	if (!z)
		return;
	if (z->rx >= 0)
		close(z->rx);
	if (z->tx >= 0)
		close(z->tx);
	/* Only now, for a ring waits for the memory that its sockets hold. */
	if (z->has_ring)
		io_uring_queue_exit(&z->ring);
	free(z->copy);
	free(z);
	p->priv = NULL;
}

static int set(int fd, int option, int value)
{
	return setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value));
}

/* An accepted socket has the buffer size of the one that listened. */
static bool connect_both(struct zerocopy *z, int listener)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { .tv_sec = PATIENCE };
	socklen_t len = sizeof(at);

	if (set(listener, SO_RCVBUF, PEER_BUFFER) || bind(listener, (void *)&at, len) ||
	    listen(listener, 1) || getsockname(listener, (void *)&at, &len))
		return false;
	z->tx = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (z->tx < 0 || connect(z->tx, (void *)&at, len))
		return false;
	z->rx = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return z->rx >= 0 && !set(z->tx, SO_ZEROCOPY, 1) &&
	       !set(z->tx, SO_SNDBUFFORCE, SEND_BUFFER) &&
	       !setsockopt(z->rx, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

static int sockets_open(struct pin *p, struct zerocopy *z)
{
	int listener, ret = 0;

	errno = -net_enter();
	if (errno)
		return pin_fail(p, "entering our network: %s", strerror(errno));
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || !connect_both(z, listener))
		ret = pin_fail(p, "two sockets: %s", strerror(errno));
	if (listener >= 0)
		close(listener);
	return ret;
}

static int send_all(struct pin *p, int fd, const char *at, size_t len, int flags)
{
	while (len) {
		ssize_t sent = send(fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL | flags);

		if (sent <= 0)
			return pin_fail(p, "send, %zu bytes to go: %s", len, strerror(errno));
		at += sent;
		len -= sent;
	}
	return 0;
}

static int send_zerocopy(struct pin *p, struct zerocopy *z)
{
	return send_all(p, z->tx, p->addr, p->len, MSG_ZEROCOPY);
}

/* How much one request has sent: it also tells when the memory is no longer used, later. */
static int sent_by(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	bool is_notice;
	int ret;

	do {
		ret = io_uring_wait_cqe(ring, &cqe);
		if (ret)
			return ret;
		ret = cqe->res;
		is_notice = cqe->flags & IORING_CQE_F_NOTIF;
		io_uring_cqe_seen(ring, cqe);
	} while (is_notice);
	return ret;
}

static int send_by_ring(struct pin *p, struct zerocopy *z)
{
	size_t done = 0;

	errno = -io_uring_queue_init(RING, &z->ring, 0);
	if (errno)
		return pin_fail(p, "a ring: %s", strerror(errno));
	z->has_ring = true;
	while (done < p->len) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&z->ring);
		int sent;

		io_uring_prep_send_zc(sqe, z->tx, p->addr + done, p->len - done,
				      MSG_DONTWAIT | MSG_NOSIGNAL, 0);
		sent = io_uring_submit(&z->ring);
		if (sent == 1)
			sent = sent_by(&z->ring);
		errno = sent < 0 ? -sent : EPIPE;
		if (sent <= 0)
			return pin_fail(p, "send by io_uring, %zu bytes to go: %s",
					p->len - done, strerror(errno));
		done += sent;
	}
	return 0;
}

static int pin_by(struct pin *p, int (*send_it)(struct pin *p, struct zerocopy *z))
{
	struct zerocopy *z = calloc(1, sizeof(*z));
	char *ballast = calloc(1, BALLAST);
	int ret = z && ballast ? 0 : pin_fail(p, "out of memory");

	if (z) {
		z->rx = z->tx = -1;
		p->priv = z;
	}
	if (!ret)
		ret = sockets_open(p, z);
	if (!ret)
		ret = send_all(p, z->tx, ballast, BALLAST, 0);
	if (!ret)
		ret = send_it(p, z);
	free(ballast);
	if (ret)
		zerocopy_free(p);
	return ret;
}

static int zerocopy_pin(struct pin *p)
{
	return pin_by(p, send_zerocopy);
}

static int sendzc_pin(struct pin *p)
{
	return pin_by(p, send_by_ring);
}

static int send_by_pipe(struct pin *p, struct zerocopy *z)
{
	return splice_into(p, z->tx);
}

static int splice_tcp_pin(struct pin *p)
{
	return pin_by(p, send_by_pipe);
}

static int receive(struct pin *p, int fd, char *to, size_t len)
{
	while (len) {
		ssize_t got = recv(fd, to, len, 0);

		if (got <= 0)
			return pin_fail(p, "receive, %zu bytes to go: %s", len,
					strerror(errno));
		to += got;
		len -= got;
	}
	return 0;
}

static int receive_all(struct pin *p, struct zerocopy *z)
{
	char *ballast = malloc(BALLAST);
	int ret = 0;

	z->copy = malloc(p->len);
	if (!z->copy || !ballast)
		ret = pin_fail(p, "out of memory");
	else if (set(z->rx, SO_RCVBUFFORCE, ROOM))
		ret = pin_fail(p, "SO_RCVBUFFORCE: %s", strerror(errno));
	if (!ret)
		ret = receive(p, z->rx, ballast, BALLAST);
	if (!ret)
		ret = receive(p, z->rx, z->copy, p->len);
	free(ballast);
	return ret;
}

static int zerocopy_read(struct pin *p, uint64_t *words)
{
	const struct layout *l = &p->layout;
	struct zerocopy *z = p->priv;
	int ret = z->copy ? 0 : receive_all(p, z);

	for (size_t c = 0; c < p->cells && !ret; c++)
		content_read(l, z->copy + pin_offset(p, c), words + c * l->words);
	return ret;
}

#define QUEUE_COMMON							\
	.props = PIN_RO | PIN_SHORT | PIN_IS_GET | PIN_IS_FAST | PIN_NAMED |	\
		 PIN_COSTS | PIN_LATE,					\
	.max_len = 4 * MIB,						\
	.read = zerocopy_read,						\
	.unpin = zerocopy_free,						\
	.forget = zerocopy_free

DEFINE_PROVIDER(zerocopy) = {
	.id = "zerocopy",
	.title = "MSG_ZEROCOPY",
	.rank = 60,
	.needs = NEED(OWNNET),
	.pin = zerocopy_pin,
	QUEUE_COMMON,
};

DEFINE_PROVIDER(sendzc) = {
	.id = "sendzc",
	.title = "io_uring SEND_ZC",
	.rank = 61,
	.needs = NEED(OWNNET) | NEED(SENDZC),
	.pin = sendzc_pin,
	QUEUE_COMMON,
};

DEFINE_PROVIDER(splice_tcp) = {
	.id = "splice-tcp",
	.title = "splice to TCP",
	.rank = 62,
	.needs = NEED(OWNNET),
	.pin = splice_tcp_pin,
	QUEUE_COMMON,
};
