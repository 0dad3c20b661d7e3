// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsplice() into pipes: FOLL_GET references, held as long as the pipes hold them. To look
 * at them more than once, tee() lends the references to another pipe, which we drain.
 *
 * vmsplice-tee: the references are those that tee() took, by way of the page's own count; the
 * pipe that got them from GUP is gone.
 */
#define _GNU_SOURCE
#include "gup_helpers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vm_util.h"

/* Pages that one pipe takes: more than the default, no more than everybody may have. */
#define PIPE_PAGES	256
#define PIPES_MAX	(CELLS_MAX / PIPE_PAGES)
/* Pages looked at in one go: a buffer for all of them would cost a fault for each. */
#define CHUNK_PAGES	16

struct pipes {
	int held[PIPES_MAX][2];
	int lent[2];
	char *chunk;		/* CHUNK_PAGES pages, as they come out of a pipe */
};

static size_t pipes_needed(const struct pin *p)
{
	return (p->cells + PIPE_PAGES - 1) / PIPE_PAGES;
}

static size_t pages_in_pipe(const struct pin *p, size_t pipe)
{
	size_t left = p->cells - pipe * PIPE_PAGES;

	return left < PIPE_PAGES ? left : PIPE_PAGES;
}

static void pipe_close(int fds[2])
{
	if (fds[0] >= 0)
		close(fds[0]);
	if (fds[1] >= 0)
		close(fds[1]);
}

static void pipes_free(struct pin *p)
{
	struct pipes *s = p->priv;

	if (!s)
		return;
	for (int i = 0; i < PIPES_MAX; i++)
		pipe_close(s->held[i]);
	pipe_close(s->lent);
	free(s->chunk);
	free(s);
	p->priv = NULL;
}

/* Never blocks, so that a transfer that falls short shows. */
static int pipe_open(struct pin *p, int fds[2], size_t pages)
{
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return pin_fail(p, "pipe2: %s", strerror(errno));
	if (fcntl(fds[1], F_SETPIPE_SZ, pages * p->layout.page) < 0)
		return pin_fail(p, "a pipe of %zu pages: %s", pages, strerror(errno));
	return 0;
}

static int splice_range(struct pin *p, int fd, char *at, size_t len)
{
	while (len) {
		struct iovec iov = { .iov_base = at, .iov_len = len };
		ssize_t got = vmsplice(fd, &iov, 1, 0);

		if (got <= 0)
			return pin_fail(p, "vmsplice, %zu bytes to go: %s", len, strerror(errno));
		at += got;
		len -= got;
	}
	return 0;
}

/* Cells [first, first + count) into one pipe; neighbours in one go. */
static int splice_cells(struct pin *p, int fd, size_t first, size_t count)
{
	size_t page = p->layout.page;
	int ret = 0;

	if (p->layout.stride == 1)
		return splice_range(p, fd, p->addr + pin_offset(p, first), count * page);
	for (size_t c = first; c < first + count && !ret; c++)
		ret = splice_range(p, fd, p->addr + pin_offset(p, c), page);
	return ret;
}

static int pipes_open(struct pin *p, struct pipes *s)
{
	int ret = pipe_open(p, s->lent, PIPE_PAGES);

	for (size_t i = 0; i < pipes_needed(p) && !ret; i++)
		ret = pipe_open(p, s->held[i], pages_in_pipe(p, i));
	return ret;
}

static int vmsplice_pin(struct pin *p)
{
	struct pipes *s = malloc(sizeof(*s));
	int ret;

	if (!s)
		return pin_fail(p, "out of memory");
	memset(s, 0xff, sizeof(*s));
	s->chunk = malloc(CHUNK_PAGES * p->layout.page);
	p->priv = s;
	ret = s->chunk ? pipes_open(p, s) : pin_fail(p, "out of memory");
	for (size_t i = 0; i < pipes_needed(p) && !ret; i++)
		ret = splice_cells(p, s->held[i][1], i * PIPE_PAGES, pages_in_pipe(p, i));
	if (ret)
		pipes_free(p);
	return ret;
}

/* Another pipe in the place of one, with what tee() makes of it. */
static int pipe_hand_over(struct pin *p, struct pipes *s, size_t pipe)
{
	size_t pages = pages_in_pipe(p, pipe), len = pages * p->layout.page;
	int next[2], ret = pipe_open(p, next, pages);
	ssize_t got;

	if (ret)
		return ret;
	errno = 0;
	got = tee(s->held[pipe][0], next[1], len, SPLICE_F_NONBLOCK);
	pipe_close(s->held[pipe]);
	memcpy(s->held[pipe], next, sizeof(next));
	return got == (ssize_t)len ? 0 : pin_fail(p, "tee took %zd of %zu bytes", got, len);
}

static int tee_pin(struct pin *p)
{
	int ret = vmsplice_pin(p);

	for (size_t i = 0; i < pipes_needed(p) && !ret; i++)
		ret = pipe_hand_over(p, p->priv, i);
	if (ret)
		pipes_free(p);
	return ret;
}

static int drain(struct pin *p, int fd, char *to, size_t len)
{
	while (len) {
		ssize_t got = read(fd, to, len);

		if (got <= 0)
			return pin_fail(p, "read of the pipe, %zu bytes to go: %s", len,
					strerror(errno));
		to += got;
		len -= got;
	}
	return 0;
}

static int look_into(struct pin *p, struct pipes *s, size_t pipe, uint64_t *words)
{
	const struct layout *l = &p->layout;
	size_t pages = pages_in_pipe(p, pipe), len = pages * l->page;
	ssize_t lent = tee(s->held[pipe][0], s->lent[1], len, SPLICE_F_NONBLOCK);
	int ret = 0;

	if (lent != (ssize_t)len)
		return pin_fail(p, "tee gave %zd of %zu bytes", lent, len);
	for (size_t i = 0; i < pages && !ret; i++) {
		size_t in_chunk = i % CHUNK_PAGES, left = pages - i;

		if (!in_chunk)
			ret = drain(p, s->lent[0], s->chunk,
				    (left < CHUNK_PAGES ? left : CHUNK_PAGES) * l->page);
		if (!ret)
			content_read(l, s->chunk + in_chunk * l->page, words + i * l->words);
	}
	return ret;
}

static int vmsplice_read(struct pin *p, uint64_t *words)
{
	struct pipes *s = p->priv;
	int ret = 0;

	for (size_t i = 0; i < pipes_needed(p) && !ret; i++)
		ret = look_into(p, s, i, words + i * PIPE_PAGES * p->layout.words);
	return ret;
}

static int vmsplice_keep(struct pin *p)
{
	struct pipes *s = p->priv;
	int ret = 0;

	for (size_t i = 0; i < pipes_needed(p); i++)
		ret |= fcntl(s->held[i][0], F_SETFD, 0) | fcntl(s->held[i][1], F_SETFD, 0);
	ret |= fcntl(s->lent[0], F_SETFD, 0) | fcntl(s->lent[1], F_SETFD, 0);
	return ret ? -errno : 0;
}

static int vmsplice_resume(struct pin *p)
{
	struct pipes *s = p->priv;

	s->chunk = malloc(CHUNK_PAGES * p->layout.page);
	return s->chunk ? 0 : -ENOMEM;
}

#define PIPES_COMMON							\
	.props = PIN_RO | PIN_SHORT | PIN_IS_GET | PIN_IS_FAST | PIN_NAMED | PIN_COSTS,	\
	.read = vmsplice_read,						\
	.unpin = pipes_free,						\
	.forget = pipes_free,						\
	.keep = vmsplice_keep,						\
	.resume = vmsplice_resume,					\
	.priv_size = sizeof(struct pipes)

DEFINE_PROVIDER(vmsplice_provider) = {
	.id = "vmsplice",
	.title = "vmsplice",
	.rank = 40,
	.pin = vmsplice_pin,
	PIPES_COMMON,
};

DEFINE_PROVIDER(vmsplice_tee) = {
	.id = "vmsplice-tee",
	.title = "vmsplice and tee",
	.rank = 42,
	.max_len = 4 * MIB,
	.pin = tee_pin,
	PIPES_COMMON,
};
