// SPDX-License-Identifier: GPL-2.0-only
/* An actor's life: see actor.h. */
#define _GNU_SOURCE
#include "engine/actor.h"

#include <linux/magic.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "engine/actor_self.h"
#include "engine/inject.h"
#include "vm_util.h"

#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
/* What C libraries register: the structure as it was first. */
#define RSEQ_LEN	32
#endif

struct actor self;

/* Raw, because only clone() makes the director the child's parent. */
static pid_t fork_for_director(bool sibling)
{
	return syscall(SYS_clone, SIGCHLD | (sibling ? CLONE_PARENT : 0), NULL, NULL, NULL, NULL);
}

static void actor_loop(uint32_t done);

/* As signal() does, whose code would have to be faulted in. */
static void default_action(int sig)
{
	static const uint64_t none[4];	/* struct sigaction of the kernel: default, no flags */

	syscall(SYS_rt_sigaction, sig, none, NULL, sizeof(uint64_t));
}

static void be_actor(void)
{
	char name[] = "cow-actor0";

	name[sizeof(name) - 2] += self.index;
	prctl(PR_SET_NAME, name);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	default_action(SIGCHLD);
	pagemap_after_fork();
	if (syscall(SYS_getppid) != self.director)
		_exit(1);	/* it died before the line above took effect */
}

static void actor_begin(int index)
{
	self.index = index;
	self.box = &self.stage->box[index];
	/* Of an earlier test. */
	memset(self.stage->view[index].pagemap, 0, sizeof(self.stage->view[index].pagemap));
	be_actor();
	actor_loop(0);
}

/* Shared mappings of all file systems but those in memory are write-protected to track writes. */
static bool dirty_tracked(const struct mem *m)
{
	struct statfs fs;

	return (m->kind->props & KIND_SHARED) && m->fd >= 0 && !fstatfs(m->fd, &fs) &&
	       fs.f_type != TMPFS_MAGIC && fs.f_type != HUGETLBFS_MAGIC;
}

static int act_create(const struct command *c)
{
	int ret = self.mem.kind->create(&self.mem);

	(void)c;
	self.stage->layout = self.mem.layout;
	self.stage->dirty_tracked = dirty_tracked(&self.mem);
	for (size_t c = 0; c < self.mem.layout.cells; c++)
		self.cell[c].prot = PROT_READ | PROT_WRITE;
	return ret;
}

static int act_settle(const struct command *c)
{
	struct mem *m = &self.mem;
	int ret = 0;

	(void)c;
	if (injected == FAULT_SETUP) {
		errno = ENODEV;
		return mem_fail(m, "injected: %s", strerror(errno));
	}
	if (injected == FAULT_WRONG_KIND && inject_wrong_kind(m))
		return mem_fail(m, "injection failed");
	if (m->kind->settle)
		ret = m->kind->settle(m);
	return ret ? ret : mem_verify(m, m->kind->verify);
}

/* Nothing else has come to lie there yet: what is mapped came by fork. */
static void look_for_stray(void)
{
	const struct layout *l = &self.mem.layout;

	for (size_t c = 0; c < l->cells; c++)
		if ((self.cell[c].is & (OWN_DONTFORK | OWN_GONE)) == OWN_DONTFORK &&
		    !msync(mem_page(&self.mem, layout_page(l, c)), l->page, MS_ASYNC))
			self.stray = true;
	self.stray |= actor_sees_guarded();
}

static void begin_as_child(int index)
{
	actor_forget_pins();
	actor_forget_protection(NULL);
	look_for_stray();
	for (size_t c = 0; c < self.mem.layout.cells; c++) {
		if (self.cell[c].is & OWN_DONTFORK)
			self.cell[c].is = (self.cell[c].is & ~OWN_DONTFORK) | OWN_GONE;
		if (self.cell[c].is & OWN_WIPEONFORK)
			self.cell[c].is &= ~OWN_STORED;
	}
	actor_keep_holes();
	if (injected == FAULT_LOSE)
		inject_lose_memory(&self.mem);
	if (injected == FAULT_CHILD_LOCKED)
		inject_lock(&self.mem);
	if (injected == FAULT_LEAK)	/* fork leaves it to a child to fault in shared memory */
		act_read(&(struct command){ .step.part = PART_ALL });
	actor_begin(index);
}

/* The child goes its own way from here, on the stack of whoever forked. */
static pid_t fork_child(int index)
{
	pid_t pid = fork_for_director(true);

	if (!pid)
		begin_as_child(index);
	return pid < 0 ? -errno : pid;
}

/* A child of a thread is to be its process's: what is pinned is the process's, too. */
static void *fork_in_thread(void *index)
{
	return (void *)(intptr_t)fork_child((intptr_t)index);
}

static pid_t fork_by_thread(int index)
{
	pthread_t thread;
	void *pid;
	int ret = pthread_create(&thread, NULL, fork_in_thread, (void *)(intptr_t)index);

	if (ret)
		return -ret;
	pthread_join(thread, &pid);
	return (intptr_t)pid;
}

static int act_fork(const struct command *c)
{
	pid_t pid;

	if (injected == FAULT_LEAK && inject_share_memory(&self.mem))
		return mem_fail(&self.mem, "injection failed");
	pid = c->step.by_thread ? fork_by_thread(c->other) : fork_child(c->other);
	if (pid < 0) {
		errno = -pid;
		return mem_fail(&self.mem, "fork: %s", strerror(errno));
	}
	self.stage->box[c->other].pid = pid;
	return 0;
}

/* Pins are released by us, not by the exit: some consumers take their time there. */
static int act_exit(const struct command *c)
{
	(void)c;
	actor_release_pins();
	box_reply(self.box);	/* the end itself wakes the director */
	_exit(0);
}

static actor_fn *const act_step[NR_OPS] = {
	[OP_FILL] = act_fill,
	[OP_READ] = act_read,
	[OP_WRITE] = act_write,
	[OP_FORK] = act_fork,
	[OP_EXIT] = act_exit,
	[OP_EXEC] = act_exec,
	[OP_UNMAP] = act_unmap,
	[OP_MPROTECT] = act_mprotect,
	[OP_CLEARREFS] = act_clearrefs,
	[OP_DONTFORK] = act_dontfork,
	[OP_DOFORK] = act_dofork,
	[OP_COLLAPSE] = act_collapse,
	[OP_MIGRATE] = act_migrate,
	[OP_FORCE] = act_force,
	[OP_UFFDCOPY] = act_uffdcopy,
	[OP_PIN] = act_pin,
	[OP_UNPIN] = act_unpin,
	[OP_POKE] = act_poke,
	[OP_OPERATION] = act_operation,
};

static int obey(const struct command *c)
{
	static actor_fn *const act[] = {
		[CMD_LOOK] = act_look,
		[CMD_LOOK_ALL] = act_look,
		[CMD_LOOK_LATE] = act_look_late,
		[CMD_FACTS] = act_facts,
		[CMD_QUIT] = act_exit,
	};
	int ret = 0;

	self.box->phase = PHASE_CREATE;
	if (c->create || c->cmd == CMD_CREATE)
		ret = act_create(c);
	if (ret || c->cmd == CMD_CREATE)
		return ret;
	self.box->phase = PHASE_ITSELF;
	if (c->cmd != CMD_STEP)
		return act[c->cmd](c);
	actor_forget_protection(&c->step);
	return act_step[c->step.op](c);
}

static void read_command(struct command *c)
{
	*c = self.box->command;
	c->by = actor_here(c->by);
	c->step.by = actor_here(c->step.by);
	c->step.operation = actor_here(c->step.operation);
}

/* The next one looks as we did. */
static void pass_on(const struct command *c)
{
	struct box *next = &self.stage->box[__builtin_ctz(c->then)];

	next->command = (struct command){
		.cmd = looks_at_all(c) ? CMD_LOOK_ALL : CMD_LOOK, .account = c->account,
		.then = c->then & (c->then - 1),
	};
	box_request(next);
}

static void answer(const struct command *c, int ret)
{
	if (!ret && c->settle) {
		self.box->phase = PHASE_SETTLE;
		ret = act_settle(c);
	}
	if (!ret && c->look)
		act_look(c);
	self.box->status = ret;
	memcpy(self.box->why, self.mem.why, sizeof(self.box->why));
	box_reply(self.box);
	if (injected == FAULT_DIE_LATE && c->then)
		kill(getpid(), SIGKILL);
	if (!ret && c->then)
		pass_on(c);
	else
		doorbell_ring(self.stage);
}

static void actor_loop(uint32_t done)
{
	for (;;) {
		struct command c;

		done = box_wait(self.box, done);
		read_command(&c);
		self.mem.why[0] = '\0';
		answer(&c, obey(&c));
	}
}

void actor_go_on(void)
{
	uint32_t done = self.box->request;
	struct command c;

	be_actor();
	actor_catch_faults();
	read_command(&c);
	answer(&c, 0);
	actor_loop(done);
}

/*
 * The kernel writes to a thread's area for restartable sequences whenever the thread is
 * scheduled: a page to be copied in each process of each test, of no use to any.
 */
static void leave_rseq(void)
{
#if defined(RSEQ_SIG) && defined(__x86_64__)
	/* There, a thread is called by its thread pointer. */
	char *area = (char *)pthread_self() + __rseq_offset;

	if (__rseq_size)
		syscall(SYS_rseq, area, RSEQ_LEN, RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
#endif
}

void actor_prepare(void)
{
	actor_catch_faults();
	pagemap_keep_in(&self.pagemap);
	leave_rseq();
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
