// SPDX-License-Identifier: GPL-2.0-only
/* The director of one test: see director.h. */
#define _GNU_SOURCE
#include "engine/director.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/actor.h"
#include "engine/charge.h"
#include "engine/diag.h"
#include "engine/director_self.h"
#include "engine/inject.h"
#include "engine/race.h"
#include "engine/trace.h"
#include "vm_util.h"

struct director d;

static volatile sig_atomic_t child_ended;

static void on_child(int sig)
{
	(void)sig;
	child_ended = 1;
	doorbell_ring(d.stage);
}

static void reap(void)
{
	int status;
	pid_t pid;

	if (!child_ended)
		return;
	child_ended = 0;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < ACTORS_MAX; i++) {
			if (d.stage->box[i].pid == pid) {
				d.dead[i] = true;
				d.exit_status[i] = status;
			}
		}
	}
}

static void fail_dead(int actor)
{
	int status = d.exit_status[actor];

	if (WIFSIGNALED(status))
		diag_fail(d.result, "actor-died", "%c died of signal %d (%s)", actor_name(actor),
			  WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		diag_fail(d.result, "actor-died", "%c exited with status %d, unasked",
			  actor_name(actor), WEXITSTATUS(status));
}

/* What a process that does not answer is doing, as far as the kernel tells. */
static void fail_hung(int actor)
{
	char path[64], where[64] = "?";
	pid_t pid = d.stage->box[actor].pid;
	struct process_stat st;
	bool there = process_stat(pid, &st);

	snprintf(path, sizeof(path), "/proc/%d/wchan", pid);
	file_read(path, where, sizeof(where));
	diag_fail(d.result, "actor-hung", "%c did not answer in time (state %c, in %s)",
		  actor_name(actor), there ? st.state : '?', where);
}

/*
 * Who has died unasked, or -1. Whoever is waited for, that is why nothing comes: the dead one was
 * to ask him, or to be asked by him and to wake us.
 */
static int lost(int actor)
{
	if (d.dead[actor])
		return actor;
	for (int i = 0; i < d.model.actors; i++)
		if (d.dead[i] && alive(i))
			return i;
	return -1;
}

/* Wait for the reply to the last request. False: somebody is dead, or the actor silent. */
static bool await(int actor)
{
	struct box *box = &d.stage->box[actor];
	int who;

	for (;;) {
		uint32_t bell = __atomic_load_n(&d.stage->doorbell, __ATOMIC_ACQUIRE);

		reap();
		if (box_answered(box, d.asked[actor]))
			return true;
		who = lost(actor);
		if (who >= 0) {
			fail_dead(who);
			return false;
		}
		if (!doorbell_wait(d.stage, bell, d.deadline)) {
			fail_hung(actor);
			return false;
		}
	}
}

bool tell(int actor, const struct command *c)
{
	struct box *box = &d.stage->box[actor];
	unsigned int then = c->then;

	box->command = *c;
	d.asked[actor] = box->request + 1;
	box_request(box);
	if (!await(actor))
		return false;
	if (box->status)
		return true;
	for (int i = 0; i < ACTORS_MAX; i++) {
		if (!(then & 1u << i))
			continue;
		d.asked[i]++;
		if (!await(i))
			return false;
	}
	return true;
}

void fail_status(int actor, const char *reason, const char *what)
{
	const struct box *b = &d.stage->box[actor];

	diag_fail(d.result, reason, "%s: %s", what,
		  b->why[0] ? b->why : strerror(-b->status));
}

/* --- steps --- */

/* An actor that exits is gone only when the kernel says so. */
static bool await_exit(int actor)
{
	model_exit(&d.model, actor);
	while (!d.dead[actor]) {
		uint32_t bell = __atomic_load_n(&d.stage->doorbell, __ATOMIC_ACQUIRE);

		reap();
		if (!d.dead[actor] && !doorbell_wait(d.stage, bell, d.deadline)) {
			fail_hung(actor);
			return false;
		}
	}
	return true;
}

/* With the first step that brings pages in, the kind had to prove what they are. */
static void settled(int actor)
{
	d.populated = true;
	if (d.stage->box[actor].status)
		fail_status(actor, "setup", "the memory is not as the title says");
}

static void fail_step(const struct step *s, int actor)
{
	if (s->op == OP_PIN)
		fail_status(actor, "pin-refused", "the pin was not given");
	else if (s->op == OP_OPERATION && s->operation->not_in_use &&
		 d.stage->box[actor].status == -EBUSY)
		fail_status(actor, "refused", "nobody maps the file or has it pinned, but");
	else
		fail_status(actor, "setup", "the step did not work");
}

/* The actor has done it. */
static void step_done(const struct step *s, int actor, const char *refusal,
		      const struct command *c)
{
	model_after(s, actor, c);
	if (s->op == OP_POKE && pin_ends_written(s->pin))
		model_unpin(&d.model, s->pin);
	if (refusal && s->op == OP_POKE)
		diag_fail(d.result, "not-refused", "the device could write through a R/O pin");
	else if (refusal && s->op == OP_OPERATION)
		diag_fail(d.result, "not-refused", "%s was not refused, although %s",
			  s->operation->id, refusal);
	else if (refusal)
		diag_fail(d.result, "not-refused", "the kernel gave a %s%s pin %s",
			  s->pin_flags & PIN_RW ? "R/W" : "R/O",
			  s->pin_flags & PIN_LONGTERM ? " long-term" : "", refusal);
	if (s->op == OP_OPERATION && s->operation->not_pinned && pins_part(s, actor))
		diag_fail(d.result, "not-refused", "%s was not refused, although a page is pinned",
			  s->operation->id);
	if (s->op == OP_EXIT && !await_exit(actor))
		return;
	if (c->settle)
		settled(actor);
}

/* Each takes the kernel some 75 ms, in which it waits for the page itself. */
#define USE_ENDS	40

static bool should_work(const struct step *s, int actor, const char *refusal)
{
	if (s->op != OP_OPERATION || refusal)
		return false;
	if (s->operation->not_in_use)
		return !(d.test->random && pinned());
	return s->operation->refuses_shared[0] && must_be_done(s, actor);
}

/*
 * Who released a page may not have let go of it yet, as a worker of io_uring: what should not be
 * refused is asked for again.
 */
static bool tell_until_free(const struct step *s, int actor, const struct command *c,
			    const char *refusal)
{
	bool again = should_work(s, actor, refusal);

	for (int tries = 0; ; tries++) {
		if (!tell(actor, c))
			return false;
		if (!again || tries == USE_ENDS || (d.stage->box[actor].status != -EBUSY &&
						    d.stage->box[actor].status != -EAGAIN))
			return true;
	}
}

/* Who is to look when @actor has done the step: all others, and who is made by it. */
static unsigned int lookers(const struct step *s, int actor, const struct command *c)
{
	if (s->op == OP_EXIT)
		return 0;
	return living_but(actor) | (s->op == OP_FORK ? 1u << c->other : 0);
}

static void run_step(const struct step *s)
{
	int actor = model_actor(&d.model, s->actor);
	const char *refusal = must_refuse(s, actor);
	struct command c = {
		.cmd = CMD_STEP, .step = *s, .by = s->by ? s->by : d.test->by,
		.create = d.to_create, .settle = populates(s), .look = true,
		.account = d.test->scenario->accounts,
		.verify = keeps_kind(s), .hurry = refusal || d.test->random,
		/* What looking brings in must not count where costs are counted. */
		.all = d.step == d.test->steps->nr - 1 && !d.test->scenario->accounts &&
		       !populates(s),
	};
	int refused;

	if (d.test->lenient && senseless(s, actor)) {
		trace_left_out("it makes no sense here");
		return;
	}
	note_locked(s);
	if (injected == FAULT_DIRECTOR_DIES && s->op == OP_WRITE)
		kill(getpid(), SIGKILL);
	if ((s->op == OP_UNPIN || s->op == OP_POKE) &&
	    !model_holds(&d.model, s->pin)) {
		trace_left_out("the pin was rightly refused, or has ended");
		return;
	}
	model_before(s, actor, &c);
	c.then = lookers(s, actor, &c);
	if (!tell_until_free(s, actor, &c, refusal) || (c.create && !created()))
		return;
	/* What was rightly refused must have changed nothing: all look. */
	refused = d.stage->box[actor].phase == PHASE_SETTLE ? 0 : d.stage->box[actor].status;
	d.all_looked = !refused && s->op != OP_EXIT;
	if (!refused)
		step_done(s, actor, refusal, &c);
	else if (!may_fail(s, actor, refusal, refused))
		fail_step(s, actor);
	if (!failed()) {
		d.result->tried |= 1u << d.step;
		compare(c.all ? CMD_LOOK_ALL : CMD_LOOK);
	}
	d.looked_at_all = c.all;
	trace_step();
	if (!failed())
		compare_locked(s);
	if (!failed() && s->op == OP_FORK && !d.model.shared)
		compare_fork(s, actor, c.other);
	if (!failed() && s->op == OP_PIN)
		compare_pinned(s->pin);
}

/* --- the end --- */

/* Seconds that an actor has to release its pins at the end. */
#define QUIT_TIME	(5 * NS_PER_S)

/* What actors hold must be free before the next test: have pins released, kill, wait. */
static void finish(void)
{
	struct command c = { .cmd = CMD_QUIT };
	struct result verdict = *d.result;
	unsigned int quit = 0;

	if (d.deadline > now_ns() + QUIT_TIME)
		d.deadline = now_ns() + QUIT_TIME;
	for (int i = 0; i < d.model.actors; i++)
		if (alive(i) && !d.dead[i] && holds_pin(i))
			quit |= 1u << i;
	/* From now on all may die. */
	for (int i = 0; i < d.model.actors; i++)
		model_exit(&d.model, i);
	for (; quit; quit &= quit - 1)
		tell(__builtin_ctz(quit), &c);
	*d.result = verdict;
	for (int i = 0; i < ACTORS_MAX; i++)
		if (d.stage->box[i].pid && !d.dead[i])
			kill(d.stage->box[i].pid, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	charge_end();
}

/* Where it went wrong, and what the steps were, in front of the diagnosis. */
static void head_diag(void)
{
	struct result *r = d.result;
	char rest[sizeof(r->diag)], step[96];

	memcpy(rest, r->diag, sizeof(rest));
	r->diag[0] = '\0';
	r->step = d.step;
	diag_line(r, "  steps: %s", d.test->scenario->steps);
	diag_line(r, "  diverged at %s", step_str(d.test, d.step, step, sizeof(step)));
	snprintf(r->diag + strlen(r->diag), sizeof(r->diag) - strlen(r->diag), "%s", rest);
}

void director_prepare(void)
{
	size_t page = page_size();
	uintptr_t from = ((uintptr_t)&d + page - 1) / page * page;
	uintptr_t to = ((uintptr_t)&d + sizeof(d)) / page * page;
	uint64_t flags;

	signal(SIGCHLD, on_child);
	actor_prepare();
	/* Not for actors: fork() would copy its page tables, a thousand times. */
	madvise((void *)from, to - from, MADV_DONTFORK);
	kpageflags(0, &flags);	/* a descriptor that all of them inherit */
}

void director_run(const struct test *t, struct stage *stage, uint64_t deadline)
{
	memset(&d, 0, offsetof(struct director, model));
	d.test = t;
	d.stage = stage;
	d.result = &stage->result;
	d.deadline = deadline;
	d.step = -1;
	stage->locks = t->steps->locks;
	stage->salt = now_ns() ^ (uint64_t)getpid() << 40;
	content_salt(stage->salt);
	if (t->scenario->rounds) {
		race_run(t, stage, deadline);
		return;
	}
	if (start_test()) {
		for (d.step = 0; d.step < t->steps->nr && !failed(); d.step++) {
			uint64_t began = now_ns();

			stage->step = d.step;
			run_step(&t->steps->step[d.step]);
			stage->took[d.step] = now_ns() - began;
			if (failed())
				break;
		}
		if (!failed()) {
			d.step = t->steps->nr - 1;
			if (!d.looked_at_all)
				compare(CMD_LOOK_ALL);
			if (!failed())
				compare_behind();
		}
	}
	if (failed())
		head_diag();
	else
		d.result->verdict = VERDICT_PASS;
	finish();
}
