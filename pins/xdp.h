/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AF_XDP: the memory is registered as packet buffers (umem), a R/W long-term pin by the slow
 * path of GUP. To look through it, a page is sent as a packet over a loopback of the pin's own,
 * where a packet socket takes it: the kernel copies it from the pinned page.
 */
#ifndef XDP_H
#define XDP_H

#include <linux/if_xdp.h>

#include "gup_helpers.h"

#define XDP_RING	64	/* entries of each; one is used at a time */

struct ring {
	char *map;
	size_t len;
	struct xdp_ring_offset at;
};

/* The descriptor of the pin is the socket of AF_XDP. Whoever has more begins with this. */
struct xdp {
	int packets;		/* what comes out of the loopback, or goes into it */
	struct ring tx, done, rx, fill;
	char *page;		/* what xdp_look() saw */
};

/* The number that the kernel has at this place of a ring. */
uint32_t *ring_index(const struct ring *r, uint64_t offset);

/* @x, all zero, or NULL if there was no memory for it, becomes p->priv. */
int xdp_pin_as(struct pin *p, struct xdp *x);
void xdp_free(struct pin *p);
/* One page, through the pin. */
int xdp_look(struct pin *p, size_t cell);

#endif
