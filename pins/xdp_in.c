// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_XDP: packets received into the umem. A program of two thoughts hands what comes over the
 * loopback to the socket, and the kernel writes it into the pinned page.
 *
 * The kernel leaves the first 256 bytes of a buffer alone, so no value of ours can be written
 * whole. But where its owner sees just what the pin has, a packet with the opposite must show
 * up in the owner's memory, or these are two pages; then the page gets back what it had, by
 * another packet.
 */
#define _GNU_SOURCE
#include "pins/xdp.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vm_util.h"

#define HEADROOM	256	/* XDP_PACKET_HEADROOM */
#define PATIENCE_MS	20000
#define GENERIC		2	/* XDP_FLAGS_SKB_MODE: for any device */

struct xdp_in {
	struct xdp xdp;
	int map, link;
	int memory;		/* /proc/self/mem: reading it unshares nothing */
	char *own, *packet;
};

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* return bpf_redirect_map(map, 0, XDP_PASS): to the socket, if there is one in the map. */
static int program_load(int map)
{
	struct bpf_insn code[] = {
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1,
		  .src_reg = BPF_PSEUDO_MAP_FD, .imm = map },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP, .insns = (uintptr_t)code,
		.insn_cnt = ARRAY_SIZE(code), .license = (uintptr_t)"GPL",
		.expected_attach_type = BPF_XDP,
	};

	return bpf(BPF_PROG_LOAD, &attr);
}

static int program_attach(struct pin *p, struct xdp_in *x)
{
	union bpf_attr map = { .map_type = BPF_MAP_TYPE_XSKMAP, .key_size = 4, .value_size = 4,
			       .max_entries = 1 };
	union bpf_attr link = { .link_create = { .attach_type = BPF_XDP, .flags = GENERIC,
						 .target_ifindex = if_nametoindex("lo") } };
	int program;

	x->map = bpf(BPF_MAP_CREATE, &map);
	program = x->map < 0 ? -1 : program_load(x->map);
	if (program < 0)
		return pin_fail(p, "an XDP program: %s", strerror(errno));
	link.link_create.prog_fd = program;
	x->link = bpf(BPF_LINK_CREATE, &link);
	close(program);
	return x->link < 0 ? pin_fail(p, "an XDP program on lo: %s", strerror(errno)) : 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void xdp_in_free(struct pin *p)
{
	struct xdp_in *x = p->priv;

	if (!x)
		return;
	close_fd(x->link);
	close_fd(x->map);
	close_fd(x->memory);
	free(x->own);
	free(x->packet);
	xdp_free(p);
}

static int xdp_in_pin(struct pin *p)
{
	struct xdp_in *x = calloc(1, sizeof(*x));
	int ret = xdp_pin_as(p, (struct xdp *)x);

	if (ret)
		return ret;
	x->map = x->link = -1;
	x->memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	x->own = malloc(p->layout.page);
	x->packet = malloc(p->layout.page);
	ret = x->own && x->packet ? program_attach(p, x) : pin_fail(p, "out of memory");
	if (ret)
		xdp_in_free(p);
	return ret;
}

/* --- a packet comes in --- */

/* Only while one is to come in: what is sent for a look passes by. */
static int listen_for(struct xdp_in *x, int socket)
{
	uint32_t key = 0;
	union bpf_attr attr = { .map_fd = x->map, .key = (uintptr_t)&key };

	if (socket < 0)
		return bpf(BPF_MAP_DELETE_ELEM, &attr);
	attr.value = (uintptr_t)&socket;
	return bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

static void offer_page(struct xdp_in *x, uint64_t offset)
{
	const struct ring *fill = &x->xdp.fill;
	uint32_t *producer = ring_index(fill, fill->at.producer);
	uint64_t *pages = (void *)(fill->map + fill->at.desc);

	pages[*producer % XDP_RING] = offset;
	__atomic_store_n(producer, *producer + 1, __ATOMIC_RELEASE);
}

static int await_packet(struct pin *p, struct xdp_in *x)
{
	const struct ring *rx = &x->xdp.rx;
	uint32_t *producer = ring_index(rx, rx->at.producer);
	uint32_t *consumer = ring_index(rx, rx->at.consumer);
	struct pollfd fd = { .fd = p->fd, .events = POLLIN };

	errno = ETIMEDOUT;
	if (poll(&fd, 1, PATIENCE_MS) != 1 ||
	    __atomic_load_n(producer, __ATOMIC_ACQUIRE) != *consumer + 1)
		return pin_fail(p, "no packet comes in: %s", strerror(errno));
	__atomic_store_n(consumer, *consumer + 1, __ATOMIC_RELEASE);
	return 0;
}

/* What is in x->packet, into the pinned page. */
static int receive(struct pin *p, struct xdp_in *x, size_t cell)
{
	ssize_t len = p->layout.page - HEADROOM;
	int ret;

	if (listen_for(x, p->fd))
		return pin_fail(p, "a socket for the XDP program: %s", strerror(errno));
	offer_page(x, pin_offset(p, cell));
	errno = 0;
	if (send(x->xdp.packets, x->packet + HEADROOM, len, 0) == len)
		ret = await_packet(p, x);
	else
		ret = pin_fail(p, "sending a packet: %s", strerror(errno));
	if (listen_for(x, -1) && !ret)
		ret = pin_fail(p, "the XDP program goes on: %s", strerror(errno));
	return ret;
}

/* --- looking --- */

/* A page of the owner's memory, as it sees it: only if it is there. */
static bool own_page(struct pin *p, struct xdp_in *x, size_t cell)
{
	char *at = p->addr + pin_offset(p, cell);
	size_t len = p->layout.page;

	return (pagemap_entry(at) & PM_PRESENT) &&
	       pread(x->memory, x->own, len, (uintptr_t)at) == (ssize_t)len;
}

/*
 * Content of which there is one page only. What comes from a file, or nowhere, may be in the pin
 * and, after its owner has lost that page, in another one.
 */
static bool unique(const char *page)
{
	struct word w;

	return word_decode(*(const uint64_t *)page, &w) && w.v.writer &&
	       w.v.writer != WRITER_FILE;
}

static void invert(struct xdp_in *x, size_t len)
{
	uint64_t *words = (void *)x->packet;

	for (size_t w = 0; w < len / sizeof(*words); w++)
		words[w] = ~words[w];
}

/* Does what comes in reach the owner? Where that cannot be told: yes. */
static int reaches_owner(struct pin *p, struct xdp_in *x, size_t cell, bool *reaches)
{
	size_t len = p->layout.page;
	const char *before = x->xdp.page;
	int ret;

	*reaches = true;
	if (!unique(before) || !own_page(p, x, cell) || memcmp(x->own, before, len))
		return 0;
	memcpy(x->packet, before, len);
	invert(x, len);
	ret = receive(p, x, cell);
	if (ret)
		return ret;
	*reaches = own_page(p, x, cell) &&
		   !memcmp(x->own + HEADROOM, x->packet + HEADROOM, len - HEADROOM);
	invert(x, len);
	return receive(p, x, cell);
}

static int xdp_in_read(struct pin *p, uint64_t *words)
{
	const struct layout *l = &p->layout;
	struct xdp_in *x = p->priv;
	bool reaches = true;
	int ret = 0;

	for (size_t c = 0; c < p->cells && !ret; c++, words += l->words) {
		ret = xdp_look(p, c);
		if (!ret)
			ret = reaches_owner(p, x, c, &reaches);
		content_read(l, x->xdp.page, words);
		for (size_t w = 0; w < l->words && !reaches; w++)
			words[w] = ~words[w];	/* alien to everybody */
	}
	return ret;
}

/*
 * The kernel changes its code to call another program, while packets of another test go through
 * it: allowed, but emulators do not always get that right, and the guest goes down (Oops: int3).
 */
static bool xdp_in_single(void)
{
	return true;
}

DEFINE_PROVIDER(xdp_in) = {
	.id = "xdp-in",
	.title = "AF_XDP umem, packets received",
	.rank = 66,
	.props = PIN_RW | PIN_LONGTERM | PIN_NAMED | PIN_COSTS | PIN_NOT_RANDOM |
		 PIN_SLOW,
	.needs = NEED(XDP) | NEED(OWNNET),
	.max_len = 64 * KIB,
	.pin = xdp_in_pin,
	.read = xdp_in_read,
	.unpin = xdp_in_free,
	.forget = xdp_in_free,
	.single = xdp_in_single,
};
