// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rings of io_uring in user memory: the pinned page is the array of submission queue entries of
 * a ring (IORING_SETUP_NO_MMAP), which the kernel reads when something is submitted. It is a R/W
 * long-term pin, though nobody writes through it.
 *
 * What the page holds makes no sense as requests, and none is carried out: the ring is restricted
 * to no operation at all. Each entry is refused, and what tells that has its user_data, as
 * the kernel read it: one word of the page in eight. The others are not seen.
 */
#define _GNU_SOURCE
#include "gup_helpers.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vm_util.h"

/* Newer than the headers that we build with. */
#define SETUP_SUBMIT_ALL	(1u << 7)
#define SETUP_NO_MMAP		(1u << 14)

#define ENTRY		sizeof(struct io_uring_sqe)
#define SEEN_AT		offsetof(struct io_uring_sqe, user_data)

#define PATIENCE	10000	/* milliseconds for a ring to go */
#define TRIES		10	/* of a call that waits for a tenth of a second */

struct rings {
	struct io_uring_params params;	/* as the kernel filled them in */
	int file;		/* memfd: the rest of the ring */
	char *map;		/* its mapping */
	int pipe;		/* the ring has the other end, as a file that is registered */
};

static void rings_forget(struct pin *p)
{
	struct rings *r = p->priv;

	if (!r)
		return;
	if (p->fd >= 0)
		close(p->fd);
	if (r->map)
		munmap(r->map, p->layout.page);
	if (r->file >= 0)
		close(r->file);
	if (r->pipe >= 0)
		close(r->pipe);
	free(r);
	p->fd = -1;
	p->priv = NULL;
}

/* The last word of the offsets: no part of the structures of older headers. */
static void set_user_addr(void *offsets, size_t len, const void *at)
{
	uint64_t addr = (uintptr_t)at;

	memcpy((char *)offsets + len - sizeof(addr), &addr, sizeof(addr));
}

static bool rings_map(struct pin *p, struct rings *r)
{
	void *map = MAP_FAILED;

	r->file = memfd_create("cowpin-rings", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (r->file >= 0 && !ftruncate(r->file, p->layout.page))
		map = mmap(NULL, p->layout.page, PROT_READ | PROT_WRITE, MAP_SHARED, r->file, 0);
	r->map = map == MAP_FAILED ? NULL : map;
	return r->map;
}

/* No flag is allowed, nor is any operation: so each is refused before its rest is looked at. */
static bool allow_nothing(int fd)
{
	struct io_uring_restriction none = { .opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED };

	return !syscall(SYS_io_uring_register, fd, IORING_REGISTER_RESTRICTIONS, &none, 1) &&
	       !syscall(SYS_io_uring_register, fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

/* The pipe hangs up when the ring is taken down. */
static bool keep_pipe(int fd, struct rings *r)
{
	int ends[2];
	bool kept;

	if (pipe2(ends, O_CLOEXEC))
		return false;
	r->pipe = ends[0];
	kept = !syscall(SYS_io_uring_register, fd, IORING_REGISTER_FILES, &ends[1], 1);
	close(ends[1]);
	return kept;
}

static int rings_open(struct pin *p, struct rings *r)
{
	struct io_uring_params *params = &r->params;

	if (!rings_map(p, r))
		return pin_fail(p, "memory for the rings: %s", strerror(errno));
	params->flags = SETUP_NO_MMAP | SETUP_SUBMIT_ALL | IORING_SETUP_R_DISABLED;
	set_user_addr(&params->sq_off, sizeof(params->sq_off), p->addr);
	set_user_addr(&params->cq_off, sizeof(params->cq_off), r->map);
	p->fd = syscall(SYS_io_uring_setup, p->layout.page / ENTRY, params);
	if (p->fd < 0)
		return pin_fail(p, "the kernel refused the rings: %s", strerror(errno));
	if (!keep_pipe(p->fd, r) || !allow_nothing(p->fd))
		return pin_fail(p, "the ring cannot be set up: %s", strerror(errno));
	return 0;
}

static int rings_pin(struct pin *p)
{
	struct rings *r = calloc(1, sizeof(*r));
	int ret;

	if (!r)
		return pin_fail(p, "out of memory");
	r->file = r->pipe = -1;
	p->priv = r;
	ret = rings_open(p, r);
	if (ret)
		rings_forget(p);
	return ret;
}

static uint32_t *ring_word(const struct rings *r, uint32_t offset)
{
	return (uint32_t *)(r->map + offset);
}

/* One at a time: some bits of what happens to be an entry link it to the next. */
static int submit(struct pin *p, struct rings *r, uint32_t entry)
{
	uint32_t *tail = ring_word(r, r->params.sq_off.tail);
	uint32_t mask = *ring_word(r, r->params.sq_off.ring_mask);

	ring_word(r, r->params.sq_off.array)[*tail & mask] = entry;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, p->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1)
		return 0;
	return pin_fail(p, "io_uring_enter: %s", strerror(errno));
}

static bool is_refusal(int res)
{
	return res == -EACCES || res == -EINVAL || res == -EOPNOTSUPP;
}

static int look_at_entry(struct pin *p, uint32_t entry, uint64_t *word)
{
	struct rings *r = p->priv;
	struct io_uring_cqe *cqes = (void *)(r->map + r->params.cq_off.cqes), *cqe;
	uint32_t *head = ring_word(r, r->params.cq_off.head);
	uint32_t *tail = ring_word(r, r->params.cq_off.tail);
	int ret = submit(p, r, entry);

	if (ret)
		return ret;
	errno = 0;
	if (__atomic_load_n(tail, __ATOMIC_ACQUIRE) != *head + 1)
		return pin_fail(p, "entry %u was submitted, and nothing came of it", entry);
	cqe = &cqes[*head & *ring_word(r, r->params.cq_off.ring_mask)];
	*word = cqe->user_data;
	if (!is_refusal(cqe->res))
		ret = pin_fail(p, "entry %u was to be refused, and was not: %d", entry, cqe->res);
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return ret;
}

static bool is_seen(const struct layout *l, size_t i)
{
	return layout_word(l, i) % ENTRY == SEEN_AT;
}

/*
 * Words that are not seen are said to be as the first one that is: a page that differs where we
 * look is then told as it is, by these words; one that differs elsewhere only is not noticed.
 */
static void fill_in_rest(const struct layout *l, size_t page, uint64_t *words)
{
	struct word first = { .v = VALUE_ZERO };

	for (size_t i = 0; i < l->words; i++)
		if (is_seen(l, i) && word_decode(words[i], &first))
			break;
	for (size_t i = 0; i < l->words; i++)
		if (!is_seen(l, i))
			words[i] = word_encode(first.v, page, layout_word(l, i) / sizeof(*words));
}

/* It is one page, and so one cell. */
static int rings_read(struct pin *p, uint64_t *words)
{
	const struct layout *l = &p->layout;
	int ret = 0;

	for (size_t i = 0; i < l->words && !ret; i++)
		if (is_seen(l, i))
			ret = look_at_entry(p, layout_word(l, i) / ENTRY, &words[i]);
	if (!ret)
		fill_in_rest(l, layout_page(l, p->first_cell), words);
	return ret;
}

/*
 * The kernel takes the ring down in its own time: first its files, then both of its pages at once.
 * That the other one is not pinned any more is told by its memfd, which cannot be sealed until
 * then. Else a hugetlb page would still be missing in the pool when the next test begins.
 */
static void rings_unpin(struct pin *p)
{
	struct rings *r = p->priv;
	struct pollfd gone = { 0 };
	int tries = TRIES;

	if (!r)
		return;
	close(p->fd);
	p->fd = -1;
	munmap(r->map, p->layout.page);
	r->map = NULL;
	gone.fd = r->pipe;
	poll(&gone, 1, PATIENCE);
	while (fcntl(r->file, F_ADD_SEALS, F_SEAL_WRITE) && errno == EBUSY && tries--)
		;
	rings_forget(p);
}

DEFINE_PROVIDER(iouring_rings) = {
	.id = "iouring-rings",
	.title = "iouring rings",
	.rank = 34,
	.props = PIN_RW | PIN_LONGTERM | PIN_IS_FAST | PIN_COSTS | PIN_NAMED,
	.needs = NEED(IOURING) | NEED(IORINGS),
	.max_len = 4 * KIB,	/* a page, where pages are that small */
	.pin = rings_pin,
	.read = rings_read,
	.unpin = rings_unpin,
	.forget = rings_forget,
};
