// SPDX-License-Identifier: GPL-2.0-only
/* Pins against everything else, in threads: see race.h. */
#define _GNU_SOURCE
#include "engine/race_self.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/cpus.h"
#include "engine/diag.h"
#include "engine/inject.h"
#include "mm_calls.h"
#include "vm_util.h"

/* Of each, before it is over: a thread that never ran has proved nothing. */
#define LEAST		30
#define PINS_LEAST	10	/* a ring of io_uring takes its time */
/* On one CPU the one who pins may always come when the memory is elsewhere, for a while. */
#define REFUSED_MOST	1000
/* The step is refused that often: then nobody pins until it works. */
#define REFUSALS	4

struct race race;

static unsigned int race_seconds;

void race_for(unsigned int seconds)
{
	race_seconds = seconds;
}

void race_wrong(const char *reason, const char *fmt, ...)
{
	char text[256];
	va_list args;

	if (atomic_exchange(&race.failed, true))
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	diag_fail(race.result, reason, "%s", text);
	race.stop = true;
}

bool race_over(void)
{
	return race.stop || now_ns() > race.deadline;
}

void race_judge(uint64_t seen, size_t page, uint64_t least, const char *who, const char *stale)
{
	unsigned long long nr = seen & ~WHO;

	if ((seen & WHO) == BY_CHILD)
		race_wrong("leak", "page %zu: %s sees what a child wrote", page, who);
	else if ((seen & WHO) != BY_OWNER)
		race_wrong(stale, "page %zu: %s sees %#llx, although write %llu was done", page,
			   who, (unsigned long long)seen, (unsigned long long)least);
	else if (nr < least)
		race_wrong(stale, "page %zu: %s sees write %llu, although write %llu was done",
			   page, who, nr, (unsigned long long)least);
}

/* --- a thread that writes, and one that reads --- */

static __thread sigjmp_buf after_fault;
static __thread volatile bool storing;

/* A fault elsewhere is a fault: it happens again, and the process dies of it. */
static void on_fault(int sig)
{
	if (storing)
		siglongjmp(after_fault, 1);
	signal(sig, SIG_DFL);
}

/* False: that was a fault. */
static bool store(size_t page, uint64_t value)
{
	if (sigsetjmp(after_fault, 0)) {
		storing = false;
		return false;
	}
	storing = true;
	if (injected != FAULT_LOST_WRITE)
		*race_word(page) = value;
	storing = false;
	return true;
}

/* Each write finds what the write before it left, or that one was lost. */
static void write_once(size_t page)
{
	uint64_t last = race.committed[page];
	unsigned int closed = race.closed;

	race_judge(*race_word(page), page, last, "the one who writes", "stale-data");
	/* Another write would hide that one was lost. */
	if (race.failed)
		return;
	if (!store(page, BY_OWNER | (last + 1))) {
		race.faults++;
		if (race.against->op != OP_MPROTECT)
			race_wrong("write-refused", "page %zu: a store is a fault", page);
		return;
	}
	race.committed[page] = last + 1;
	race.writes++;
	/* A CPU that goes on using an old translation does that. */
	if (closed % 2 && race.closed == closed)
		race_wrong("write-allowed", "page %zu: a thread writes although mprotect() has "
			   "forbidden it before", page);
}

/* On CPU @nr, all the time; a disk takes many turns of others, who shall not wait for each. */
static void spin_on(size_t nr)
{
	cpus_stay_on_one(nr);
	if (race.mem.kind->props & KIND_DISK)
		setpriority(PRIO_PROCESS, 0, 10);
}

static void *write_on(void *arg)
{
	spin_on(0);
	for (size_t page = 0; !race_over(); page = (page + 1) % race.pages)
		write_once(page);
	return arg;
}

/* On another CPU, if there is one, whose translations stay in use all the time. */
static void *read_on(void *arg)
{
	spin_on(1);
	for (size_t page = 0; !race_over(); page = (page + 1) % race.pages) {
		uint64_t least = race.committed[page];

		race_judge(*race_word(page), page, least, "another thread", "stale-data");
		race.reads++;
	}
	return arg;
}

/* --- a thread that pins --- */

/* What the pin shows is as new as what was committed before. */
static void look(struct pin *p, size_t page)
{
	static uint64_t words[WORDS_MAX];
	uint64_t least = race.committed[page];

	if (p->by->read(p, words))
		race_wrong("setup", "the pin cannot be read: %s", p->why);
	else
		race_judge(words[0], page, least, "the pin", "stale-pin");
}

static struct pin one_page(unsigned int nr)
{
	const struct provider *by = race.test->by;
	struct pin p = { .by = by, .fd = -1 };

	p.flags = PIN_LONGTERM | ((by->props & PIN_RO) && nr % 2 ? PIN_RO : PIN_RW);
	pin_range(&p, &race.mem, nr * 7 % race.pages, 1);
	return p;
}

/* It was given, and what race.closed was before it was asked for. */
static void judge_given(const struct pin *p, unsigned int closed)
{
	if (p->flags & PIN_RW && closed % 2 && race.closed == closed)
		race_wrong("not-refused", "page %zu: a R/W pin was given although mprotect() has "
			   "forbidden writing before", p->first_page);
}

static void pin_once(unsigned int nr)
{
	const struct provider *by = race.test->by;
	unsigned int closed = race.closed;
	struct pin p = one_page(nr);
	size_t page = p.first_page;

	if (by->pin(&p)) {
		race.refused++;
		return;
	}
	race.pins++;
	judge_given(&p, closed);
	if (injected == FAULT_STALE_PIN)
		madvise(p.addr, page_size(), MADV_DONTNEED);
	for (int i = 0; i < 4; i++)
		look(&p, page);
	by->unpin(&p);
}

/*
 * Without leaving the kernel: the windows of GUP-fast are a few instructions long, and so are
 * met hardly ever by pins that each take some system calls.
 */
static void pin_in_kernel(unsigned int nr)
{
	const struct provider *by = race.test->by;
	struct pin_loop l = { .ms = 2, .rounds = 300,
			      .references = injected == FAULT_SHARED_PIN };
	unsigned int closed = race.closed;
	struct pin p = one_page(nr);
	int ret = by->loop(&p, &l);

	if (ret == -EOPNOTSUPP)
		return;
	if (ret)
		race_wrong("setup", "%s", p.why);
	race.kernel_pins += l.rounds - l.refused;
	race.kernel_refused += l.refused;
	if (l.rounds > l.refused)
		judge_given(&p, closed);
	if (l.replaced)
		race_wrong("pfn-differs", "page %zu: %llu times in %llu another page was there "
			   "while it was pinned", p.first_page, (unsigned long long)l.replaced,
			   (unsigned long long)l.rounds);
	if (l.shared)
		race_wrong("not-exclusive", "page %zu: %llu times in %llu it was pinned, but not "
			   "exclusive", p.first_page, (unsigned long long)l.shared,
			   (unsigned long long)l.rounds);
}

/* What is refused because of pins, as collapsing, must be done at times, too. */
static void *pin_on(void *arg)
{
	for (unsigned int nr = 0; !race_over(); nr++) {
		while (race.refusals > REFUSALS && !race_over())
			sched_yield();
		pin_once(nr);
		if (race.test->by->loop && !race_over())
			pin_in_kernel(nr / 2);
	}
	return arg;
}

/* --- one race, in a process of its own --- */

static int set_up(void)
{
	const struct test *t = race.test;
	bool many = t->kind->props & (KIND_BASE | KIND_DISK);
	struct mem *m = &race.mem;
	int ret;

	*m = (struct mem) { .kind = t->kind, .size = t->size, .fd = -1,
			    .want = many ? 64 * page_size() : 0 };
	ret = m->kind->create(m);
	if (!ret && injected == FAULT_LEAK)
		ret = inject_share_memory(m);
	race.pages = m->layout.pages < RACE_PAGES_MAX ? m->layout.pages : RACE_PAGES_MAX;
	for (size_t i = 0; i < m->layout.pages && !ret; i++)
		*race_word(i) = BY_OWNER;
	if (!ret && m->kind->settle)
		ret = m->kind->settle(m);
	if (!ret && injected != FAULT_LEAK)
		ret = mem_verify(m, m->kind->verify);
	/* The first time takes longest: of a new file all is to be made. */
	if (!ret && m->kind->props & KIND_DISK)
		ret = race_sync();
	if (!ret && injected == FAULT_PRIVATE)
		ret = inject_private_memory(m);
	return ret;
}

static bool enough_pins(void)
{
	return race.pins ? race.pins + race.refused >= PINS_LEAST : race.refused >= REFUSED_MOST;
}

/*
 * A round that flushes translations takes milliseconds on two CPUs of a host's own, and seconds if
 * something else runs there: each flush waits for a CPU that does not run. Then fewer are made.
 */
static bool enough_rounds(void)
{
	return race.rounds >= race.test->scenario->rounds || now_ns() > race.few_from;
}

static bool enough(void)
{
	return race_over() || (!race_seconds && enough_rounds() &&
			  race.worked && (race.beside_worked || !race.beside) &&
			  race.writes >= LEAST && race.reads >= LEAST &&
			  enough_pins());
}

/*
 * Nobody runs any more. mprotect() has all CPUs forget their translations, whatever was put off:
 * who saw old data until then has but seen it late. What is old still was lost: that is told
 * instead of what followed from it, but not instead of a leak.
 */
static bool a_write_is_lost(void)
{
	mprotect(race.mem.base, race.mem.len, PROT_READ);
	for (size_t i = 0; i < race.pages; i++) {
		uint64_t word = *race_word(i), done = race.committed[i];

		if ((word & WHO) == BY_CHILD || (word & ~WHO) >= done)
			continue;
		if (strcmp(race.result->reason, "leak"))
			race.failed = false;
		race_wrong("lost-write", "page %zu: at the end there is write %llu, although "
			   "write %llu was done", i, (unsigned long long)(word & ~WHO),
			   (unsigned long long)done);
		return true;
	}
	return false;
}

static void judge_the_end(void)
{
	if (a_write_is_lost())
		return;
	for (size_t i = 0; i < race.pages; i++)
		race_judge(*race_word(i), i, race.committed[i], "at the end the owner",
			   "stale-data");
	if (race.failed)
		return;
	if (!race.worked)
		race_wrong("setup", "the step did not work once: %s", race.mem.why);
	else if (race.beside && !race.beside_worked)
		race_wrong("setup", "the step beside it did not work once: %s", race.beside_why);
	else if (!race.pins)
		race_wrong("pin-refused", "no pin was given, of %lu", (unsigned long)race.refused);
	else if (!race_seconds && (race.writes < LEAST || race.reads < LEAST))
		race_wrong("timeout", "only %lu writes and %lu reads in that time",
			   (unsigned long)race.writes, (unsigned long)race.reads);
}

static void run_threads(void)
{
	static void *(*const loops[])(void *) = { write_on, read_on, pin_on, race_beside };
	size_t nr = ARRAY_SIZE(loops) - !race.beside;
	pthread_t threads[ARRAY_SIZE(loops)];

	for (size_t i = 0; i < nr; i++) {
		if (pthread_create(&threads[i], NULL, loops[i], NULL)) {
			race_wrong("setup", "no thread to be had");
			return;
		}
	}
	while (!enough()) {
		if (race_there_and_back()) {
			race.refusals++;
			sched_yield();
		} else {
			race.refusals = 0;
			race.worked++;
		}
		race.rounds++;
	}
	race.stop = true;
	for (size_t i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	judge_the_end();
}

static void in_child(void)
{
	struct sigaction act = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };

	prctl(PR_SET_NAME, "cow-race");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_DFL);
	pagemap_after_fork();
	sigaction(SIGSEGV, &act, NULL);
	cpus_use_all();
	if (set_up())
		race_wrong("setup", "no such memory to be had: %s", race.mem.why);
	else
		run_threads();
	diag_line(race.result, "  %lu rounds, %lu writes, %lu of them faults, %lu reads, %lu pins, "
		  "%lu not given", race.rounds, race.writes + race.faults, race.faults, race.reads,
		  race.pins, race.refused);
	if (race.beside)
		diag_line(race.result, "  %lu times what is beside it", race.beside_worked);
	if (race.kernel_pins + race.kernel_refused)
		diag_line(race.result, "  %lu pins within the kernel, %lu not given",
			  race.kernel_pins, race.kernel_refused);
	_exit(0);
}

/* Its wait status; what does not end in time is killed. */
static int await_end(pid_t pid, uint64_t deadline)
{
	struct pollfd fd = { .fd = syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	uint64_t now = now_ns();

	if (poll(&fd, 1, deadline > now ? (deadline - now) / NS_PER_MS : 0) == 0)
		kill(pid, SIGKILL);
	close(fd.fd);
	return process_wait(pid);
}

/* Time to come to an end and tell of it, before somebody else ends it. */
#define MARGIN	(2 * NS_PER_S)

void race_run(const struct test *t, struct stage *stage, uint64_t deadline)
{
	struct result *r = &stage->result;
	int status;
	pid_t pid;

	race.test = t;
	race.against = &t->steps->step[t->steps->nr - 1];
	race.beside = race.against[-1].op == OP_OPERATION ? &race.against[-1] : NULL;
	race.result = r;
	race.deadline = race_seconds ? now_ns() + race_seconds * NS_PER_S : deadline - MARGIN;
	race.few_from = now_ns() + (race.deadline - now_ns()) / 4;
	diag_line(r, "  steps: %s", t->scenario->steps);
	pid = fork();
	if (!pid)
		in_child();
	status = await_end(pid, deadline);
	if (pid < 0)
		diag_fail(r, "setup", "fork: %s", strerror(errno));
	else if (WIFSIGNALED(status) && now_ns() >= deadline)
		diag_fail(r, "actor-hung", "the race does not end");
	else if (WIFSIGNALED(status))
		diag_fail(r, "actor-died", "the race died of signal %d (%s)", WTERMSIG(status),
			  strsignal(WTERMSIG(status)));
	else if (r->verdict != VERDICT_FAIL)
		r->verdict = VERDICT_PASS;
}
