// SPDX-License-Identifier: GPL-2.0-only
/* The runner: see runner.h. */
#define _GNU_SOURCE
#include "engine/runner.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/diag.h"
#include "engine/director.h"
#include "engine/health.h"
#include "engine/pools.h"
#include "engine/provision.h"
#include "engine/settings.h"
#include "vm_util.h"

#define JOBS_MAX	64
/* The director gives up first, and says more than we could. */
#define GRACE		(5 * NS_PER_S)

struct slot {
	struct stage *stage;
	pid_t pid;		/* of its director, 0: none */
	int pidfd;
	int ended;		/* eventfd: the director has come to the end of a test */
	bool busy;
	size_t test;
	uint64_t started, deadline;
	struct splat splat;
	bool splatted;
};

/* READY: what the test needs is there. */
enum progress { WAITING, READY, RUNNING, DONE };

static struct {
	const struct plan *plan;
	const struct run_options *options;
	struct slot slots[JOBS_MAX];
	unsigned int running;
	enum progress *progress;
	struct result **results;	/* of tests that are done but not printed yet */
	size_t next;			/* the first test that was not started */
	size_t printed, announced;
	bool single_taken;		/* the machine's only gup_test pin */
} run;

/* --- printing in plan order --- */

static void announce(void)
{
	if (run.announced > run.printed || run.printed == run.plan->nr ||
	    run.progress[run.printed] <= READY)
		return;
	tap_run(&run.plan->tests[run.printed]);
	run.announced = run.printed + 1;
}

static void print_done(void)
{
	announce();
	while (run.printed < run.plan->nr && run.progress[run.printed] == DONE) {
		size_t i = run.printed;

		tap_result(i + 1, &run.plan->tests[i], run.results[i]);
		free(run.results[i]);
		run.results[i] = NULL;
		run.printed++;
		announce();
	}
}

static void done(size_t test, const struct result *r)
{
	run.results[test] = malloc(sizeof(*r));
	if (!run.results[test])
		abort();
	*run.results[test] = *r;
	run.progress[test] = DONE;
	print_done();
}

/* --- starting --- */

static bool is_single(const struct test *t)
{
	for (int i = 0; i < t->steps->nr; i++) {
		const struct step *s = &t->steps->step[i];
		const struct provider *by = s->by ? s->by : t->by;

		if (s->op == OP_PIN && by->single && by->single())
			return true;
	}
	return false;
}

/* True if the machine lacks what the test needs: then it is done, as a SKIP. */
static bool skip(size_t index)
{
	const struct test *t = &run.plan->tests[index];
	unsigned int pages = test_hugetlb_pages(t);
	struct result r = { .verdict = VERDICT_SKIP, .step = -1 };
	int need = needs_unmet(test_needs(t), t->size, pages, r.text, sizeof(r.text));

	if (need < 0 && !pools_can(t->size, pages)) {
		need = NEED_HUGETLB;
		snprintf(r.text, sizeof(r.text), "of the pool of %zu kB pages, fewer than %u are "
			 "free", t->size / KIB, pages);
	}
	if (need < 0)
		return false;
	snprintf(r.reason, sizeof(r.reason), "%s", need_code(need));
	done(index, &r);
	return true;
}

/*
 * A test stays on one CPU. Those who take part wait for each other anyhow; and a page that
 * another CPU still has in a batch for the LRU lists cannot be swapped out or reused.
 */
static void stay_on_one_cpu(size_t slot)
{
	cpu_set_t allowed, one;
	size_t nr;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return;
	nr = slot % CPU_COUNT(&allowed);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed) || nr--)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

/*
 * In the director's process: run one test after the other. It maps none of the tested
 * memory, so no test leaves traces in it; and after a test that failed it is replaced.
 */
static void direct(struct slot *slot)
{
	struct stage *stage = slot->stage;
	uint64_t one = 1;
	uint32_t order = 0;

	settings_in_child();
	stay_on_one_cpu(slot - run.slots);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == 1)
		_exit(1);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	prctl(PR_SET_NAME, "cow-director");
	for (;;) {
		order = box_wait(&stage->order, order);
		director_run(&run.plan->tests[stage->test], stage, stage->deadline);
		if (write(slot->ended, &one, sizeof(one)) != sizeof(one))
			_exit(1);
	}
}

/* False: no process to be had. */
static bool spawn_director(struct slot *slot)
{
	slot->stage->order.request = 0;
	slot->pid = fork();
	if (!slot->pid)
		direct(slot);
	if (slot->pid < 0) {
		slot->pid = 0;
		return false;
	}
	setpgid(slot->pid, slot->pid);
	slot->pidfd = syscall(SYS_pidfd_open, slot->pid, 0);
	return true;
}

/* Nothing of a director's group may live on, holding pins or pages. Its wait status. */
static int retire_director(struct slot *slot)
{
	int status = 0;

	kill(slot->pid, SIGKILL);
	while (waitpid(slot->pid, &status, 0) < 0 && errno == EINTR)
		;
	kill(-slot->pid, SIGKILL);
	while (waitpid(-slot->pid, NULL, 0) > 0 || errno == EINTR)
		;
	close(slot->pidfd);
	slot->pid = 0;
	return status;
}

static struct slot *free_slot(void)
{
	for (unsigned int i = 0; i < run.options->jobs; i++)
		if (!run.slots[i].busy)
			return &run.slots[i];
	return NULL;
}

static bool take_resources(const struct test *t)
{
	bool single = is_single(t);

	if (single && run.single_taken)
		return false;
	if (!pools_take(t->size, test_hugetlb_pages(t)))
		return false;
	run.single_taken |= single;
	return true;
}

static void give_resources(const struct test *t)
{
	pools_give(t->size, test_hugetlb_pages(t));
	if (is_single(t))
		run.single_taken = false;
}

static void start(struct slot *slot, size_t index)
{
	stage_reset(slot->stage);
	slot->test = index;
	slot->splatted = false;
	slot->started = now_ns();
	slot->deadline = slot->started + run.options->timeout * NS_PER_S;
	run.progress[index] = RUNNING;
	announce();
	if (!slot->pid && !spawn_director(slot)) {
		struct result r = { .step = -1 };

		diag_fail(&r, "setup", "fork: %s", strerror(errno));
		give_resources(&run.plan->tests[index]);
		done(index, &r);
		return;
	}
	slot->stage->test = index;
	slot->stage->deadline = slot->deadline;
	slot->busy = true;
	run.running++;
	box_request(&slot->stage->order);
}

/* Fill free slots. A test whose resources are taken lets later ones go first. */
static void start_some(void)
{
	while (run.next < run.plan->nr && run.progress[run.next] > READY)
		run.next++;
	for (size_t i = run.next; i < run.plan->nr && free_slot(); i++) {
		if (run.progress[i] > READY || (run.progress[i] == WAITING && skip(i)))
			continue;
		run.progress[i] = READY;
		if (take_resources(&run.plan->tests[i]))
			start(free_slot(), i);
	}
}

/* --- ending --- */

/* Who did it: the test whose process the kernel names, else all that were running. */
static void attribute(const struct splat *s)
{
	bool named = false;

	for (int pass = 0; pass < 2 && !named; pass++) {
		for (unsigned int i = 0; i < run.options->jobs; i++) {
			struct slot *slot = &run.slots[i];
			bool mine = slot->busy && slot->pid == s->pid;

			for (int a = 0; a < ACTORS_MAX && slot->busy && !mine; a++)
				mine = s->pid && slot->stage->box[a].pid == s->pid;
			if (!slot->busy || slot->splatted || (!mine && !pass))
				continue;
			slot->splat = *s;
			slot->splatted = true;
			named |= mine;
		}
	}
}

static void check_kernel_log(void)
{
	struct splat s;

	while (health_next(&s))
		attribute(&s);
}

static void judge_death(struct slot *slot, int status)
{
	struct result *r = &slot->stage->result;
	char step[96];

	if (r->verdict != VERDICT_NONE)
		return;
	step_str(&run.plan->tests[slot->test], slot->stage->step, step, sizeof(step));
	r->step = slot->stage->step;
	if (now_ns() > slot->deadline)
		diag_fail(r, "timeout", "no verdict after %u s, at %s", run.options->timeout, step);
	else if (WIFSIGNALED(status))
		diag_fail(r, "director-died", "the director died of signal %d (%s) at %s",
			  WTERMSIG(status), strsignal(WTERMSIG(status)), step);
	else
		diag_fail(r, "director-died", "the director exited with status %d at %s",
			  WEXITSTATUS(status), step);
}

static void judge_kernel(struct slot *slot)
{
	struct result *r = &slot->stage->result;

	if (!slot->splatted)
		return;
	diag_line(r, "  the kernel log says: %s", slot->splat.text);
	if (r->verdict != VERDICT_FAIL)
		diag_fail(r, "kernel", "the kernel complained during the test: %.160s",
			  slot->splat.text);
}

/* The test is over: its director says so (@dead: false), or is no more. */
static void end(struct slot *slot, bool dead)
{
	struct result *r = &slot->stage->result;
	uint64_t count;
	int status = 0;

	if (dead)
		status = retire_director(slot);
	else if (read(slot->ended, &count, sizeof(count)) < 0)
		diag_line(r, "  (eventfd: %s)", strerror(errno));
	check_kernel_log();
	r->ms = (now_ns() - slot->started) / NS_PER_MS;
	judge_death(slot, status);
	judge_kernel(slot);
	if (slot->pid && r->verdict != VERDICT_PASS)
		retire_director(slot);
	slot->busy = false;
	run.running--;
	give_resources(&run.plan->tests[slot->test]);
	done(slot->test, r);
}

/* What there is to wait for: of each busy slot, the end of the test and the director's. */
static int gather(struct pollfd *fds, struct slot **slots, uint64_t *first)
{
	int nr = 0;

	for (unsigned int i = 0; i < run.options->jobs; i++) {
		struct slot *slot = &run.slots[i];

		if (!slot->busy)
			continue;
		slots[nr] = slot;
		fds[2 * nr] = (struct pollfd) { .fd = slot->ended, .events = POLLIN };
		fds[2 * nr + 1] = (struct pollfd) { .fd = slot->pidfd, .events = POLLIN };
		if (slot->deadline + GRACE < *first)
			*first = slot->deadline + GRACE;
		nr++;
	}
	return nr;
}

/* Wait until a test ends, its director dies, or its time is up. */
static void wait_for_one(void)
{
	struct pollfd fds[2 * JOBS_MAX];
	struct slot *slots[JOBS_MAX];
	uint64_t now = now_ns(), first = UINT64_MAX;
	int nr = gather(fds, slots, &first);

	poll(fds, 2 * nr, first > now ? (first - now) / NS_PER_MS + 1 : 0);
	now = now_ns();
	for (int i = 0; i < nr; i++) {
		bool ended = fds[2 * i].revents & POLLIN;

		if (ended || (fds[2 * i + 1].revents & POLLIN) ||
		    now >= slots[i]->deadline + GRACE)
			end(slots[i], !ended);
	}
}

/* --- the run --- */

static void stop(int sig)
{
	for (unsigned int i = 0; i < run.options->jobs; i++)
		if (run.slots[i].pid)
			kill(-run.slots[i].pid, SIGKILL);
	/* The guardian restores the settings as soon as we are gone. */
	signal(sig, SIG_DFL);
	kill(getpid(), sig);
}

static int prepare_slots(void)
{
	for (unsigned int i = 0; i < run.options->jobs; i++) {
		run.slots[i].stage = stage_new();
		run.slots[i].ended = eventfd(0, EFD_CLOEXEC);
		if (!run.slots[i].stage || run.slots[i].ended < 0)
			return -ENOMEM;
	}
	return 0;
}

/* For whoever reports tests that could not be run any more: their names. */
static void publish_plan(void)
{
	const char *fd = getenv("COWPIN_CONTROL_FD");

	for (size_t i = 0; fd && i < run.plan->nr; i++)
		dprintf(atoi(fd), "plan %s\n", run.plan->tests[i].id);
}

int run_plan(const struct plan *p, const struct run_options *o)
{
	run.plan = p;
	run.options = o;
	run.progress = calloc(p->nr + 1, sizeof(*run.progress));
	run.results = calloc(p->nr + 1, sizeof(*run.results));
	if (!run.progress || !run.results || prepare_slots())
		return -ENOMEM;
	publish_plan();
	tap_start(o->format, p->nr, o->verbose);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGINT, stop);
	signal(SIGTERM, stop);
	signal(SIGHUP, stop);
	provision(p, o->jobs);
	health_start();
	while (run.printed < p->nr) {
		start_some();
		if (run.running)
			wait_for_one();
	}
	for (unsigned int i = 0; i < o->jobs; i++)
		if (run.slots[i].pid)
			retire_director(&run.slots[i]);
	tap_end();
	settings_end();
	free(run.progress);
	free(run.results);
	return 0;
}
