// SPDX-License-Identifier: GPL-2.0-only
/* The runner: see runner.h. */
#define _GNU_SOURCE
#include "engine/runner.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "engine/control.h"
#include "engine/diag.h"
#include "engine/gate.h"
#include "engine/health.h"
#include "engine/inject.h"
#include "engine/judge.h"
#include "engine/known.h"
#include "engine/leaks.h"
#include "engine/pools.h"
#include "engine/provision.h"
#include "engine/quiet.h"
#include "engine/settings.h"
#include "engine/slots.h"
#include "engine/swap.h"
#include "engine/trace.h"
#include "vm_util.h"

/*
 * After that many tests, or that long, none is begun until none runs: then all must be as
 * it was. Only then are their results printed.
 */
#define BATCH_MAX	512
#define BATCH_TIME	(2 * NS_PER_S)
/* A test takes a few milliseconds. While one does that takes that long, others go on. */
#define TEST_LONG	(200 * NS_PER_MS)
/*
 * What waits for a device only begins with a batch, so that its end is not waited for: a batch
 * has more tests than are done meanwhile.
 */
#define BATCH_BEGINS	(BATCH_MAX / 4)
/* To look for leaks takes long: no more than a fifth of the time goes there. */
#define LEAKS_TIME	(60 * NS_PER_S)
#define LEAKS_SHARE	4
/* More from one batch are as good as that many. */
#define LEAKS_MAX	64

/*
 * Who left something behind is found by having each do it again; some do so only at times. What
 * all of them leave is seen by a few: each takes seconds, in which it might still go.
 */
#define TRIALS		3
#define CULPRITS	8

/* READY: what the test needs is there. DONE: it ended. CLEARED: and left nothing behind. */
enum progress { WAITING, READY, RUNNING, DONE, CLEARED };

/* Some tests of the plan, in its order. */
struct some {
	size_t *tests, nr;
};

static struct {
	const struct plan *plan;
	const struct run_options *options;
	unsigned int running;
	enum progress *progress;
	struct result **results;	/* of tests that are done but not printed yet */
	size_t next;			/* the first test that was not started */
	struct some aside;		/* tests that wait for a device */
	struct some gigantic;		/* tests that take pages of 1 GiB */
	size_t printed, announced;
	size_t before;			/* tests of earlier rounds */
	bool failed;
	bool single_taken;		/* the machine's only gup_test pin */
	bool alone;			/* a test runs that nothing may run beside */
	bool racing;			/* a race runs, which takes several CPUs */
	size_t batch[BATCH_MAX];	/* tests since it was quiet */
	struct trail {
		uint64_t from, to;
		pid_t pids[ACTORS_MAX + 1];
	} trail[BATCH_MAX];		/* when these ran, and as whom */
	unsigned int in_batch;
	uint64_t batch_started;
	bool leaks;			/* the kernel can tell of leaks */
	uint64_t leaks_took;		/* and took that long to do so */
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

static void print_cleared(void)
{
	announce();
	while (run.printed < run.plan->nr && run.progress[run.printed] == CLEARED) {
		size_t i = run.printed;

		tap_result(run.before + i + 1, &run.plan->tests[i], run.results[i]);
		free(run.results[i]);
		run.results[i] = NULL;
		run.printed++;
		announce();
	}
}

static size_t used(const struct result *r)
{
	return offsetof(struct result, diag) + strlen(r->diag) + 1;
}

/* The page tables of what is kept here are copied by each fork(): without empty room. */
static struct result *keep(size_t test, const struct result *r)
{
	struct result *copy = malloc(used(r));

	if (!copy)
		abort();
	return run.results[test] = memcpy(copy, r, used(r));
}

/* The result that is kept, with room for more. */
static struct result *reopen(size_t test)
{
	struct result *kept = run.results[test], *whole = realloc(kept, sizeof(*whole));

	if (!whole)
		abort();
	return run.results[test] = whole;
}

/* A test that did not run can have left nothing behind. */
static void done_without(size_t test, const struct result *r)
{
	keep(test, r);
	run.progress[test] = CLEARED;
	control_done(&run.plan->tests[test], r);
	print_cleared();
}

/* --- starting --- */

static bool pins_by(const struct test *t, bool (*such)(const struct provider *by))
{
	for (int i = 0; i < t->steps->nr; i++) {
		const struct step *s = &t->steps->step[i];

		if (s->op == OP_PIN && such(s->by ? s->by : t->by))
			return true;
	}
	return false;
}

static bool single(const struct provider *by)
{
	return by->single && by->single();
}

static bool is_single(const struct test *t)
{
	return pins_by(t, single);
}

static bool waits_for_device(const struct provider *by)
{
	return by->props & PIN_WAITS;
}

static bool takes_device(const struct test *t)
{
	return pins_by(t, waits_for_device);
}

/* Runs beside as many tests as there are CPUs for, in a slot of its own. */
static bool is_aside(const struct test *t)
{
	return run.aside.nr && takes_device(t);
}

static int unmet(const struct test *t, struct result *r)
{
	unsigned int pages = test_hugetlb_pages(t);
	int need = needs_unmet(test_needs(t), t->size, pages, r->text, sizeof(r->text));

	if (need < 0 && !pools_can(t, r->text, sizeof(r->text)))
		return NEED_HUGETLB;
	return need;
}

/* True if the machine lacks what the test needs: then it is done, as a SKIP. */
static bool skip(size_t index)
{
	const struct test *t = &run.plan->tests[index];
	struct result r = { .verdict = VERDICT_SKIP, .step = -1 };
	int need = unmet(t, &r);

	if (need < 0)
		return false;
	snprintf(r.reason, sizeof(r.reason), "%s", need_code(need));
	if (gate_requires(need, t->size)) {
		r.verdict = VERDICT_FAIL;
		run.failed = true;
	}
	done_without(index, &r);
	return true;
}

/* The machine has one place to swap to at a time: which one is changed while nothing runs. */
static bool take_swap(const struct test *t)
{
	uint64_t needs = test_needs(t);
	bool disk = needs & NEED(SWAPDISK);
	int ret;

	if (!(needs & NEED(SWAP)) || disk == swap_uses_disk())
		return true;
	if (run.running)
		return false;
	ret = swap_use_disk(disk);
	if (ret)
		tap_note("cannot swap to %s: %s", disk ? "a disk" : "the usual area",
			 strerror(-ret));
	return true;
}

static bool take_resources(const struct test *t)
{
	bool single = is_single(t), races = t->scenario->rounds;

	if ((single && run.single_taken) || (races && run.racing) || run.alone ||
	    (t->steps->alone && run.running) || !take_swap(t))
		return false;
	if (!pools_take(t))
		return false;
	run.single_taken |= single;
	run.alone = t->steps->alone;
	run.racing |= races;
	return true;
}

static void give_resources(const struct test *t)
{
	pools_give(t);
	if (is_single(t))
		run.single_taken = false;
	run.alone = false;
	if (t->scenario->rounds)
		run.racing = false;
}

static void start(struct slot *slot, size_t index)
{
	struct result r = { .step = -1 };

	run.progress[index] = RUNNING;
	announce();
	control_run(&run.plan->tests[index]);
	if (slot_start(slot, index, run.options->timeout)) {
		run.running++;
		return;
	}
	diag_fail(&r, "setup", "fork: %s", strerror(errno));
	give_resources(&run.plan->tests[index]);
	done_without(index, &r);
}

static bool long_one_runs(void)
{
	for (unsigned int i = 0; i < slots_nr(); i++)
		if (slot_at(i)->busy && now_ns() > slot_at(i)->started + TEST_LONG)
			return true;
	return false;
}

static bool batch_full(void)
{
	uint64_t time = run.leaks ? LEAKS_TIME : BATCH_TIME;

	if (time < LEAKS_SHARE * run.leaks_took)
		time = LEAKS_SHARE * run.leaks_took;
	return run.in_batch + run.running >= BATCH_MAX ||
	       (run.in_batch && now_ns() > run.batch_started + time && !long_one_runs());
}

static bool stopping(void)
{
	return run.options->until_fail && run.failed;
}

/* If it is still to be done and can be. */
static void start_in(struct slot *slot, size_t i)
{
	if (run.progress[i] > READY || (run.progress[i] == WAITING && skip(i)))
		return;
	run.progress[i] = READY;
	if (take_resources(&run.plan->tests[i]))
		start(slot, i);
}

static struct slot *slot_of_cpus(void)
{
	return slot_free_of(0, run.options->jobs);
}

static struct slot *slot_aside(void)
{
	return slot_free_of(run.options->jobs, slots_nr() - run.options->jobs);
}

/*
 * Fill free slots. A test whose resources are taken lets later ones go first. A page of 1 GiB takes
 * a CPU for seconds, and there are few: whoever needs one goes before all others, which are short,
 * and many enough for all other CPUs meanwhile.
 */
static void start_some(void)
{
	while (run.next < run.plan->nr && run.progress[run.next] > READY)
		run.next++;
	for (size_t i = 0; i < run.gigantic.nr && slot_of_cpus(); i++) {
		if (batch_full() || stopping())
			return;
		start_in(slot_of_cpus(), run.gigantic.tests[i]);
	}
	for (size_t i = run.next; i < run.plan->nr && slot_of_cpus(); i++) {
		if (batch_full() || stopping())
			return;
		if (run.progress[i] <= READY && !is_aside(&run.plan->tests[i]))
			start_in(slot_of_cpus(), i);
	}
	for (size_t i = 0; i < run.aside.nr && slot_aside(); i++) {
		if (run.in_batch >= BATCH_BEGINS || batch_full() || stopping())
			return;
		start_in(slot_aside(), run.aside.tests[i]);
	}
}

/* --- ending --- */

static void conclude(struct slot *slot, bool dead)
{
	judge_end(&run.plan->tests[slot->test], slot, dead);
}

static void note_trail(const struct slot *slot)
{
	struct trail *t = &run.trail[run.in_batch];

	t->from = slot->started;
	t->to = now_ns();
	for (int a = 0; a < ACTORS_MAX; a++)
		t->pids[a] = slot->stage->box[a].pid;
	t->pids[ACTORS_MAX] = slot->pid;
}

static void end(struct slot *slot, bool dead)
{
	const struct result *r;

	note_trail(slot);
	conclude(slot, dead);
	run.running--;
	if (run.options->trace)
		trace_print(slot->stage);
	give_resources(&run.plan->tests[slot->test]);
	r = keep(slot->test, &slot->stage->result);
	run.progress[slot->test] = DONE;
	run.failed |= r->verdict == VERDICT_FAIL &&
		      !known_failure(run.plan->tests[slot->test].id, r->reason);
	control_done(&run.plan->tests[slot->test], r);
	if (!run.in_batch)
		run.batch_started = now_ns();
	run.batch[run.in_batch++] = slot->test;
}

/* --- nothing may be left behind --- */

static void blame(size_t test, const char *why)
{
	struct result *r = reopen(test);

	diag_line(r, "  left behind: %s", why);
	if (r->verdict != VERDICT_FAIL)
		diag_fail(r, "kernel", "something was left behind: %.200s", why);
	run.failed = true;
}

/* Has a test, alone and once more, something to leave behind? */
static bool leaves_again(size_t test, char *why, size_t len)
{
	struct slot *slot = slot_free();

	take_swap(&run.plan->tests[test]);
	if (!slot_start(slot, test, run.options->timeout))
		return false;
	while (slot->busy)
		slots_wait(conclude);
	if (slot->splatted)
		blame(test, slot->splat.text);
	return quiet_check(why, len);
}

static bool find_culprits(void)
{
	int found = 0;
	char why[256];

	for (int trial = 0; trial < TRIALS && !found; trial++) {
		for (unsigned int i = 0; i < run.in_batch && found < CULPRITS; i++) {
			if (!leaves_again(run.batch[i], why, sizeof(why)))
				continue;
			blame(run.batch[i], why);
			found++;
			quiet_be_impatient(true);
		}
	}
	quiet_be_impatient(false);
	return found;
}

static bool already_blamed(void)
{
	for (unsigned int i = 0; i < run.in_batch; i++)
		if (!strcmp(run.results[run.batch[i]]->reason, "kernel"))
			return true;
	return false;
}

/* The kernel counts in jiffies, of up to 10 ms. */
#define JIFFY	(10 * NS_PER_MS)

static bool ran_then(const struct trail *t, const struct leak *l)
{
	return !l->born || (l->born + JIFFY >= t->from && l->born <= t->to + JIFFY);
}

static bool ran_as(const struct trail *t, pid_t pid)
{
	for (int i = 0; i < ACTORS_MAX + 1; i++)
		if (pid && t->pids[i] == pid)
			return true;
	return false;
}

/*
 * The test whose process had the object allocated, else all that ran then; not all of the batch
 * if it is not known when that was.
 */
static bool blame_leak(const struct leak *l)
{
	bool found = false;

	for (int pass = 0; pass < 2 && !found; pass++) {
		for (unsigned int i = 0; i < run.in_batch; i++) {
			const struct trail *t = &run.trail[i];

			if (!ran_then(t, l) || (pass ? !l->born : !ran_as(t, l->splat.pid)))
				continue;
			blame(run.batch[i], l->splat.text);
			diag_line(run.results[run.batch[i]], "%s", l->splat.more);
			found = true;
		}
	}
	return found;
}

/* A comment line of each line. */
static void tell(const char *text)
{
	while (*text) {
		int len = strcspn(text, "\n");

		tap_note("%.*s", len, text);
		text += len + (text[len] == '\n');
	}
}

/* What no test of the last ones is to blame for fails the run as a whole. */
static void blame_or_tell(const struct leak *l, const char *head)
{
	if (blame_leak(l))
		return;
	tell(head);
	tell(l->splat.text);
	tell(l->splat.more);
	gate_fail();
}

/*
 * What the kernel complains of after the last test has ended: pages are freed and unpinned by
 * kernel threads, and processes are gone late. It is the test whose process the kernel names.
 */
static void blame_late_splats(void)
{
	struct leak l = { .born = 0 };

	while (health_next(&l.splat))
		blame_or_tell(&l, "the kernel complained while no test ran:");
}

static void blame_leaks(void)
{
	static struct leak leaks[LEAKS_MAX];
	uint64_t began = now_ns();
	int nr = run.leaks ? leaks_find(leaks, LEAKS_MAX) : 0;

	run.leaks_took = now_ns() - began;
	if (nr < 0) {
		tap_note("kmemleak does not look any more: %s", strerror(-nr));
		run.leaks = false;
	}
	for (int i = 0; i < nr; i++)
		blame_or_tell(&leaks[i], "");
}

/*
 * Other programs of the machine come and go, too: what no test does again is told, but no
 * reason to call one of them a failure. What is nobody else's, descriptors and processes of cow,
 * fails the run as a whole. A kernel is tainted only once, and by its own doing.
 */
static void clear_batch(void)
{
	char why[256];
	int left = quiet_check(why, sizeof(why));

	inject_late_splat(run.trail[0].pids[0]);
	if (left & QUIET_TAINTED && !already_blamed())
		blame(run.batch[0], why);
	else if (left & (QUIET_LEFT | QUIET_OURS) && !find_culprits()) {
		tap_note("left behind, but by none of the last %u tests when run again: %s",
			 run.in_batch, why);
		if (left & QUIET_OURS)
			gate_fail();
	}
	blame_leaks();
	blame_late_splats();
	for (unsigned int i = 0; i < run.in_batch; i++)
		run.progress[run.batch[i]] = CLEARED;
	run.in_batch = 0;
	print_cleared();
}

/* --- the run --- */

static void stop(int sig)
{
	slots_kill_all();
	/* The guardian restores the settings as soon as we are gone. */
	signal(sig, SIG_DFL);
	kill(getpid(), sig);
}

/* All that was begun is done: print it, whatever lies before it was not. */
static void print_rest(void)
{
	size_t number = run.before + run.printed;

	for (size_t i = run.printed; i < run.plan->nr; i++) {
		if (run.progress[i] != CLEARED)
			continue;
		tap_run(&run.plan->tests[i]);
		tap_result(++number, &run.plan->tests[i], run.results[i]);
		free(run.results[i]);
	}
	run.before = number;
}

static void run_round(void)
{
	const struct plan *p = run.plan;

	memset(run.progress, 0, p->nr * sizeof(*run.progress));
	run.next = run.printed = run.announced = 0;
	while (run.printed < p->nr && !(stopping() && !run.running && !run.in_batch)) {
		start_some();
		if (run.running)
			slots_wait(end);
		else if (run.in_batch)
			clear_batch();
	}
	print_rest();
}

static bool takes_gigantic(const struct test *t)
{
	return t->size >= GIB && !takes_device(t);
}

/* With a single job nothing runs beside anything. False: out of memory. */
static bool collect(struct some *list, bool (*is_one)(const struct test *t))
{
	const struct plan *p = run.plan;

	list->nr = 0;
	list->tests = calloc(p->nr + 1, sizeof(*list->tests));
	for (size_t i = 0; i < p->nr && list->tests && run.options->jobs > 1; i++)
		if (is_one(&p->tests[i]))
			list->tests[list->nr++] = i;
	return list->tests;
}

static void begin(void)
{
	const struct run_options *o = run.options;

	control_plan(run.plan);
	tap_start(&o->tap, run.plan);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGINT, stop);
	signal(SIGTERM, stop);
	signal(SIGHUP, stop);
	provision(run.plan, o->jobs, 0);
	health_start();
	quiet_start();
	run.leaks = leaks_start();
}

int run_plan(const struct plan *p, const struct run_options *o)
{
	run.plan = p;
	run.options = o;
	run.progress = calloc(p->nr + 1, sizeof(*run.progress));
	run.results = calloc(p->nr + 1, sizeof(*run.results));
	if (!run.progress || !run.results ||
	    !collect(&run.aside, takes_device) || !collect(&run.gigantic, takes_gigantic) ||
	    slots_prepare(o->jobs + !!run.aside.nr, p))
		return -ENOMEM;
	for (unsigned int i = 0; i < slots_nr(); i++)
		slot_at(i)->stage->tracing = o->trace;
	begin();
	for (unsigned int round = 0; round < o->repeat && !stopping(); round++)
		run_round();
	slots_retire_all();
	blame_leaks();
	blame_late_splats();
	tap_end(run.before);
	settings_end();
	inject_late_splat(0);
	blame_late_splats();	/* of what was undone: swapoff, unmounted file systems */
	free(run.progress);
	free(run.results);
	free(run.aside.tests);
	free(run.gigantic.tests);
	return 0;
}
