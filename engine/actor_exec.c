// SPDX-License-Identifier: GPL-2.0-only
/*
 * An actor that execs: its memory is gone, what it had open and pinned is not. The new program
 * is cow again, which goes on where the old one was, by what that has written down for it.
 */
#define _GNU_SOURCE
#include "engine/actor.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/actor_self.h"
#include "engine/inject.h"

#define PRIV_MAX	1024

/* Written by the old program; its pointers are the new one's after actor_here(). */
struct legacy {
	const void *anchor;
	int stage_fd;
	struct actor self;
	enum fault injected;
	char priv[PINS_MAX][PRIV_MAX];	/* of pins: what providers keep */
};

/* At one address in the old program, at another in the new one, as all that is linked. */
static const char anchor = 'x';

const void *actor_here(const void *there)
{
	return there ? (const char *)there + self.shift : NULL;
}

static int keep_open(int fd, bool keep)
{
	return fd < 0 || !fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC) ? 0 : -errno;
}

/* Pins that cannot be handed over end here, as the director knows. */
static int keep_pins(struct legacy *l)
{
	int ret = 0;

	for (int i = 0; i < PINS_MAX && !ret; i++) {
		struct pin *p = &self.pin[i];

		if (!self.held[i])
			continue;
		if (!p->by->keep) {
			p->by->unpin(p);
			self.held[i] = self.stage->pin[i].held = false;
			continue;
		}
		ret = p->by->keep(p);
		if (p->by->priv_size > PRIV_MAX)
			ret = -EFBIG;
		else if (p->by->priv_size)
			memcpy(l->priv[i], p->priv, p->by->priv_size);
	}
	return ret;
}

static int write_down(struct legacy *l)
{
	int fd = memfd_create("cowpin-legacy", 0), ret = keep_pins(l);

	l->anchor = &anchor;
	l->stage_fd = self.stage->fd;
	l->self = self;
	l->injected = injected;
	if (!ret)
		ret = keep_open(self.stage->fd, true);
	if (!ret)
		ret = keep_open(self.mem.fd, true);
	errno = -ret;
	if (fd < 0 || ret || write(fd, l, sizeof(*l)) != sizeof(*l))
		return mem_fail(&self.mem, "nothing can be handed over: %s", strerror(errno));
	return fd;
}

int act_exec(const struct command *c)
{
	static struct legacy l;
	char fd[16];
	int ret = write_down(&l);

	(void)c;
	if (ret < 0)
		return ret;
	snprintf(fd, sizeof(fd), "%d", ret);
	execl("/proc/self/exe", "cow", "resume", fd, (char *)NULL);
	return mem_fail(&self.mem, "execve: %s", strerror(errno));
}

/* --- the new program --- */

/* Nothing is mapped where the region was; what stands for it may not be accessed. */
static bool begin_without_memory(void)
{
	struct mem *m = &self.mem;

	m->kind = actor_here(m->kind);
	m->witness = NULL;
	m->map_len = m->len;
	m->map = m->base = mmap(NULL, m->len, PROT_NONE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	actor_mark_all(OWN_GONE | OWN_KEPT, true);
	actor_mark_all(OWN_GUARDED, false);
	return m->map != MAP_FAILED;
}

static bool resume_pins(const struct legacy *l)
{
	for (int i = 0; i < PINS_MAX; i++) {
		struct pin *p = &self.pin[i];

		if (!self.held[i])
			continue;
		p->by = actor_here(p->by);
		p->priv = NULL;
		if (p->by->priv_size) {
			p->priv = malloc(p->by->priv_size);
			if (!p->priv)
				return false;
			memcpy(p->priv, l->priv[i], p->by->priv_size);
		}
		if (p->by->resume && p->by->resume(p))
			return false;
	}
	return true;
}

static bool resume(const struct legacy *l, int stage_fd)
{
	ptrdiff_t before = l->self.shift;
	bool ok;

	self = l->self;
	injected = l->injected;
	/* The old program's pointers first; then again those of the director, who has not moved. */
	self.shift = &anchor - (const char *)l->anchor;
	self.stage = mmap(NULL, sizeof(*self.stage), PROT_READ | PROT_WRITE, MAP_SHARED,
			  stage_fd, 0);
	if (self.stage == MAP_FAILED || !begin_without_memory())
		return false;
	self.box = &self.stage->box[self.index];
	content_salt(self.stage->salt);
	ok = !keep_open(stage_fd, false) && !keep_open(self.mem.fd, false) && resume_pins(l);
	self.shift += before;
	return ok;
}

int actor_resume_main(int argc, char **argv)
{
	static struct legacy l;
	int fd = argc == 2 ? atoi(argv[1]) : -1;

	if (fd < 0 || pread(fd, &l, sizeof(l), 0) != sizeof(l))
		return 2;
	close(fd);
	if (!resume(&l, l.stage_fd))
		return 1;
	actor_go_on();
	return 0;
}
