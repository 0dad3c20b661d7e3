// SPDX-License-Identifier: GPL-2.0-only
/* AF_XDP: pages of a umem, sent as packets. See xdp.h. */
#define _GNU_SOURCE
#include "pins/xdp.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "pins/net.h"
#include "vm_util.h"

#define PATIENCE	20	/* seconds for a packet */

uint32_t *ring_index(const struct ring *r, uint64_t offset)
{
	return (uint32_t *)(r->map + offset);
}

static void ring_unmap(struct ring *r)
{
	if (r->map)
		munmap(r->map, r->len);
}

void xdp_free(struct pin *p)
{
	struct xdp *x = p->priv;

	if (!x)
		return;
	ring_unmap(&x->tx);
	ring_unmap(&x->done);
	ring_unmap(&x->rx);
	ring_unmap(&x->fill);
	if (p->fd >= 0)
		close(p->fd);
	if (x->packets >= 0)
		close(x->packets);
	free(x->page);
	free(x);
	p->fd = -1;
	p->priv = NULL;
}

static bool ring_map(struct ring *r, int fd, uint64_t which, size_t entry)
{
	void *map;

	r->len = r->at.desc + XDP_RING * entry;
	map = mmap(NULL, r->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, which);
	r->map = map == MAP_FAILED ? NULL : map;
	return r->map;
}

static bool xdp_set(int fd, int option, const void *value, socklen_t len)
{
	return !setsockopt(fd, SOL_XDP, option, value, len);
}

static bool rings_open(int fd, struct xdp *x)
{
	static const int rings[] = { XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING,
				     XDP_TX_RING, XDP_RX_RING };
	struct xdp_mmap_offsets offsets;
	socklen_t len = sizeof(offsets);
	int entries = XDP_RING;

	for (size_t i = 0; i < ARRAY_SIZE(rings); i++)
		if (!xdp_set(fd, rings[i], &entries, sizeof(entries)))
			return false;
	if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &len))
		return false;
	x->tx.at = offsets.tx;
	x->done.at = offsets.cr;
	x->rx.at = offsets.rx;
	x->fill.at = offsets.fr;
	return ring_map(&x->tx, fd, XDP_PGOFF_TX_RING, sizeof(struct xdp_desc)) &&
	       ring_map(&x->done, fd, XDP_UMEM_PGOFF_COMPLETION_RING, sizeof(uint64_t)) &&
	       ring_map(&x->rx, fd, XDP_PGOFF_RX_RING, sizeof(struct xdp_desc)) &&
	       ring_map(&x->fill, fd, XDP_UMEM_PGOFF_FILL_RING, sizeof(uint64_t));
}

static bool loopback_bind(int fd)
{
	struct sockaddr_xdp at = { .sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY,
				   .sxdp_ifindex = if_nametoindex("lo") };

	return !bind(fd, (void *)&at, sizeof(at));
}

static int packets_open(void)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = if_nametoindex("lo") };
	struct timeval patience = { .tv_sec = PATIENCE };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd >= 0 && !bind(fd, (void *)&at, sizeof(at)) &&
	    !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int xdp_open(struct pin *p, struct xdp *x)
{
	struct xdp_umem_reg umem = { .addr = (uintptr_t)p->addr, .len = p->len,
				     .chunk_size = p->layout.page };

	errno = -net_own();
	if (errno)
		return pin_fail(p, "a network of its own: %s", strerror(errno));
	x->packets = packets_open();
	p->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (x->packets < 0 || p->fd < 0)
		return pin_fail(p, "sockets: %s", strerror(errno));
	if (!xdp_set(p->fd, XDP_UMEM_REG, &umem, sizeof(umem)))
		return pin_fail(p, "the kernel refused the umem: %s", strerror(errno));
	if (!rings_open(p->fd, x) || !loopback_bind(p->fd))
		return pin_fail(p, "AF_XDP on lo: %s", strerror(errno));
	return 0;
}

int xdp_pin_as(struct pin *p, struct xdp *x)
{
	int ret;

	if (!x)
		return pin_fail(p, "out of memory");
	x->packets = -1;
	p->priv = x;
	x->page = malloc(p->layout.page);
	ret = x->page ? xdp_open(p, x) : pin_fail(p, "out of memory");
	if (ret)
		xdp_free(p);
	return ret;
}

static int xdp_pin(struct pin *p)
{
	return xdp_pin_as(p, calloc(1, sizeof(struct xdp)));
}

/* Its beginning is taken for the addresses of an Ethernet frame, and nobody minds. */
static void xdp_send(struct pin *p, struct xdp *x, uint64_t offset)
{
	uint32_t *producer = ring_index(&x->tx, x->tx.at.producer);
	uint32_t *completed = ring_index(&x->done, x->done.at.producer);
	struct xdp_desc *descs = (void *)(x->tx.map + x->tx.at.desc);

	descs[*producer % XDP_RING] = (struct xdp_desc) { .addr = offset, .len = p->layout.page };
	__atomic_store_n(producer, *producer + 1, __ATOMIC_RELEASE);
	sendto(p->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
	/* Whatever is done with by now need not be told again. */
	__atomic_store_n(ring_index(&x->done, x->done.at.consumer),
			 __atomic_load_n(completed, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
}

int xdp_look(struct pin *p, size_t cell)
{
	struct xdp *x = p->priv;
	ssize_t got;

	xdp_send(p, x, pin_offset(p, cell));
	got = recv(x->packets, x->page, p->layout.page, MSG_TRUNC);
	if (got == (ssize_t)p->layout.page)
		return 0;
	return pin_fail(p, "a packet of %zd bytes: %s", got,
			got < 0 ? strerror(errno) : "wrong size");
}

static int xdp_read(struct pin *p, uint64_t *words)
{
	const struct layout *l = &p->layout;
	struct xdp *x = p->priv;
	int ret = 0;

	for (size_t c = 0; c < p->cells && !ret; c++) {
		ret = xdp_look(p, c);
		if (!ret)
			content_read(l, x->page, words + c * l->words);
	}
	return ret;
}

DEFINE_PROVIDER(xdp) = {
	.id = "xdp",
	.title = "AF_XDP umem",
	.rank = 65,
	.props = PIN_RW | PIN_LONGTERM | PIN_NAMED | PIN_COSTS | PIN_NOT_RANDOM,
	.needs = NEED(XDP) | NEED(OWNNET),
	.max_len = 4 * MIB,
	.pin = xdp_pin,
	.read = xdp_read,
	.unpin = xdp_free,
	.forget = xdp_free,
};
