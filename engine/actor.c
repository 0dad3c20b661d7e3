// SPDX-License-Identifier: GPL-2.0-only
/* An actor: see actor.h. */
#define _GNU_SOURCE
#include "engine/actor.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/inject.h"
#include "vm_util.h"

/* All of an actor's state; a forked child begins with a copy of its parent's. */
static struct {
	struct stage *stage;
	struct box *box;
	int index;
	pid_t director;
	struct mem mem;
	bool gone[CELLS_MAX];		/* cells that were unmapped */
	struct pin pin[PINS_MAX];
	bool held[PINS_MAX];
} self;

/* Raw, because only clone() makes the director the child's parent. */
static pid_t fork_for_director(bool sibling)
{
	return syscall(SYS_clone, SIGCHLD | (sibling ? CLONE_PARENT : 0), NULL, NULL, NULL, NULL);
}

static void forget_pins(void)
{
	for (int i = 0; i < PINS_MAX; i++) {
		if (self.held[i] && self.pin[i].by->forget)
			self.pin[i].by->forget(&self.pin[i]);
		self.held[i] = false;
	}
}

static void actor_loop(void);

static void actor_begin(int index)
{
	char name[16];

	self.index = index;
	self.box = &self.stage->box[index];
	snprintf(name, sizeof(name), "cow-actor%d", index);
	prctl(PR_SET_NAME, name);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != self.director)
		_exit(1);	/* it died before the line above took effect */
	actor_loop();
}

static void cells_of(enum part part, size_t *first, size_t *count)
{
	const struct layout *l = &self.mem.layout;
	size_t page, pages;

	part_pages(part, l->pages, &page, &pages);
	*first = (page + l->stride - 1) / l->stride;
	*count = (page + pages + l->stride - 1) / l->stride - *first;
}

static int do_create(const struct command *c)
{
	int ret = self.mem.kind->create(&self.mem);

	(void)c;
	self.stage->layout = self.mem.layout;
	return ret;
}

static int do_settle(const struct command *c)
{
	struct mem *m = &self.mem;
	int ret = 0;

	(void)c;
	if (injected == FAULT_SETUP) {
		errno = ENODEV;
		return mem_fail(m, "injected: %s", strerror(errno));
	}
	if (injected == FAULT_WRONG_KIND && inject_share_memory(m))
		return mem_fail(m, "injection failed");
	if (m->kind->settle)
		ret = m->kind->settle(m);
	return ret ? ret : m->kind->verify(m);
}

static int do_read(const struct command *c)
{
	size_t first, count;

	cells_of(c->step.part, &first, &count);
	for (size_t i = first; i < first + count; i++)
		(void)*(volatile uint64_t *)mem_page(&self.mem, layout_page(&self.mem.layout, i));
	return 0;
}

/* The faults of a process that writes; true if the write shall not go on. */
static bool inject_at_write(void)
{
	switch (injected) {
	case FAULT_HANG:
		for (;;)
			pause();
	case FAULT_DIE:
		signal(SIGBUS, SIG_DFL);
		kill(getpid(), SIGBUS);
		break;
	case FAULT_VANISH:
		_exit(0);
	case FAULT_SPLAT:
		inject_splat();
		break;
	case FAULT_LOST_WRITE:
		return true;
	default:
		break;
	}
	return false;
}

static void write_cell(size_t cell, struct value v)
{
	struct layout l = self.mem.layout;
	size_t page = layout_page(&l, cell);

	if (injected == FAULT_TORN_PAGE)
		l.words /= 2;
	content_write(&l, mem_page(&self.mem, page), page + (injected == FAULT_WRONG_PAGE), v);
}

static int do_write(const struct command *c)
{
	size_t first, count;

	if (c->step.op == OP_WRITE && inject_at_write())
		return 0;
	cells_of(c->step.part, &first, &count);
	for (size_t i = first; i < first + count; i++)
		write_cell(i, c->v);
	return 0;
}

static int do_fork(const struct command *c)
{
	pid_t pid;

	if (injected == FAULT_LEAK && inject_share_memory(&self.mem))
		return mem_fail(&self.mem, "injection failed");
	pid = fork_for_director(true);
	if (pid < 0)
		return mem_fail(&self.mem, "fork: %s", strerror(errno));
	if (!pid) {
		forget_pins();
		actor_begin(c->other);
	}
	self.stage->box[c->other].pid = pid;
	return 0;
}

static int do_unmap(const struct command *c)
{
	(void)c;
	if (munmap(self.mem.base, self.mem.len))
		return mem_fail(&self.mem, "munmap: %s", strerror(errno));
	memset(self.gone, true, sizeof(self.gone));
	return 0;
}

static int do_mprotect(const struct command *c)
{
	if (mprotect(self.mem.base, self.mem.len, c->step.prot))
		return mem_fail(&self.mem, "mprotect: %s", strerror(errno));
	self.mem.prot = c->step.prot;
	return 0;
}

static int do_clearrefs(const struct command *c)
{
	int ret = file_write("/proc/self/clear_refs", "4");

	(void)c;
	if (!ret)
		return 0;
	errno = -ret;
	return mem_fail(&self.mem, "clearing soft-dirty bits: %s", strerror(errno));
}

static int do_pin(const struct command *c)
{
	int i = c->step.pin, ret;
	struct pin *p = &self.pin[i];
	size_t first, pages;

	part_pages(c->step.part, self.mem.layout.pages, &first, &pages);
	*p = (struct pin) { .by = c->by, .flags = c->step.pin_flags, .fd = -1 };
	pin_range(p, &self.mem, first, pages);
	ret = p->by->pin(p);
	if (ret) {
		memcpy(self.mem.why, p->why, sizeof(self.mem.why));
		return ret;
	}
	self.held[i] = true;
	if (injected == FAULT_STALE_PIN && inject_replace_pages(&self.mem, p))
		return mem_fail(&self.mem, "injection failed");
	return 0;
}

static int do_unpin(const struct command *c)
{
	struct pin *p = &self.pin[c->step.pin];

	p->by->unpin(p);
	self.held[c->step.pin] = false;
	self.stage->pin[c->step.pin].held = false;
	return 0;
}

static int do_poke(const struct command *c)
{
	struct pin *p = &self.pin[c->step.pin];
	int ret = p->by->write(p, c->v);

	memcpy(self.mem.why, p->why, sizeof(self.mem.why));
	return ret;
}

/*
 * What memory holds. A page that is not present is not touched unless @all: looking
 * must not swap in, fault or populate anything, or the next step would run on another
 * state than the scenario says.
 */
static void look_at_memory(bool all)
{
	const struct layout *l = &self.mem.layout;
	struct view *v = &self.stage->view[self.index];

	if (pagemap_read(self.mem.base, l->cells, l->stride, v->pagemap))
		memset(v->pagemap, 0, l->cells * sizeof(*v->pagemap));
	for (size_t c = 0; c < l->cells; c++) {
		bool look = !self.gone[c] && (self.mem.prot & PROT_READ) &&
			    (all || (v->pagemap[c] & PM_PRESENT));

		v->seen[c] = look ? SEEN_WORDS : SEEN_NOT;
		if (look)
			content_read(l, mem_page(&self.mem, layout_page(l, c)),
				     v->words + c * l->words);
	}
}

static void look_through_pin(int i)
{
	struct pin_view *v = &self.stage->pin[i];
	struct pin *p = &self.pin[i];

	v->status = p->by->read(p, v->words);
	memcpy(v->why, p->why, sizeof(v->why));
	v->has_pfns = p->by->pfns && !p->by->pfns(p, v->pfns);
	v->held = true;
}

static int do_look(const struct command *c)
{
	look_at_memory(c->cmd == CMD_LOOK_ALL);
	for (int i = 0; i < PINS_MAX; i++)
		if (self.held[i])
			look_through_pin(i);
	return 0;
}

static int do_facts(const struct command *c)
{
	struct pin *p = &self.pin[c->step.pin];

	if (!p->by->facts)
		return -EOPNOTSUPP;
	return p->by->facts(p, c->other, &self.stage->pin[c->step.pin].facts);
}

/* Pins are released by us, not by the exit: some consumers take their time there. */
static int do_exit(const struct command *c)
{
	(void)c;
	for (int i = 0; i < PINS_MAX; i++)
		if (self.held[i])
			self.pin[i].by->unpin(&self.pin[i]);
	box_reply(self.stage, self.box);
	_exit(0);
}

static int (*const do_step[NR_OPS])(const struct command *c) = {
	[OP_FILL] = do_write,
	[OP_READ] = do_read,
	[OP_WRITE] = do_write,
	[OP_FORK] = do_fork,
	[OP_EXIT] = do_exit,
	[OP_UNMAP] = do_unmap,
	[OP_MPROTECT] = do_mprotect,
	[OP_CLEARREFS] = do_clearrefs,
	[OP_PIN] = do_pin,
	[OP_UNPIN] = do_unpin,
	[OP_POKE] = do_poke,
};

static int obey(const struct command *c)
{
	switch (c->cmd) {
	case CMD_CREATE:
		return do_create(c);
	case CMD_SETTLE:
		return do_settle(c);
	case CMD_STEP:
		return do_step[c->step.op](c);
	case CMD_FACTS:
		return do_facts(c);
	case CMD_QUIT:
		return do_exit(c);
	default:
		return do_look(c);
	}
}

static void actor_loop(void)
{
	uint32_t done = 0;

	for (;;) {
		struct command c;
		int ret;

		done = box_wait(self.box, done);
		c = self.box->command;
		self.mem.why[0] = '\0';
		ret = obey(&c);
		if (!ret && c.look)
			do_look(&c);
		self.box->status = ret;
		memcpy(self.box->why, self.mem.why, sizeof(self.box->why));
		box_reply(self.stage, self.box);
	}
}

pid_t actor_spawn(struct stage *stage, int index, const struct kind *kind, size_t size)
{
	pid_t director = getpid(), pid = fork_for_director(false);

	if (pid) {
		stage->box[index].pid = pid;
		return pid < 0 ? -errno : pid;
	}
	self.stage = stage;
	self.director = director;
	self.mem = (struct mem) { .kind = kind, .size = size, .fd = -1 };
	actor_begin(index);
	return 0;
}
