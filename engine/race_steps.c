// SPDX-License-Identifier: GPL-2.0-only
/* What races with pins: each there and back, 0 or -errno. See race_self.h. */
#define _GNU_SOURCE
#include "engine/race_self.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/inject.h"
#include "kinds/kind.h"
#include "mm_calls.h"
#include "vm_util.h"

/*
 * What it got at fork is the child's own: it stays as it is while its parent goes on writing,
 * also by a CPU that could write to the page a moment ago. Then the child writes all of it;
 * none of that may be seen by its parent, or in a pin.
 */
static void be_child(void)
{
	static uint64_t at_fork[RACE_PAGES_MAX];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; i < race.pages; i++)
		at_fork[i] = *race_word(i);
	for (int look = 0; look < 20; look++)
		for (size_t i = 0; i < race.pages; i++)
			if (*race_word(i) != at_fork[i])
				_exit(1);
	for (size_t i = 0; i < race.pages; i++)
		*race_word(i) = BY_CHILD | i;
	_exit(0);
}

static int there_and_back_fork(void)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		be_child();
	if (pid < 0)
		return mem_fail(&race.mem, "fork: %s", strerror(errno));
	status = process_wait(pid);
	if (WIFSIGNALED(status))
		race_wrong("actor-died", "a child died of signal %d (%s)", WTERMSIG(status),
		      strsignal(WTERMSIG(status)));
	else if (status)
		race_wrong("leak", "a child saw its memory change after fork()");
	return 0;
}

/* Until the one who writes has tried since, and the one who pins has had a chance. */
static void await_attempts(void)
{
	unsigned long from = race.writes + race.faults;

	while (race.writes + race.faults < from + 2 && !race_over())
		sched_yield();
}

static int protect(int prot)
{
	if (injected == FAULT_NO_MPROTECT || !mprotect(race.mem.base, race.mem.len, prot))
		return 0;
	return mem_fail(&race.mem, "mprotect: %s", strerror(errno));
}

static int there_and_back_mprotect(void)
{
	int ret = protect(PROT_READ);

	if (ret)
		return ret;
	race.closed++;
	await_attempts();
	race.closed++;
	ret = protect(PROT_READ | PROT_WRITE);
	await_attempts();
	return ret;
}

static int advise(int advice, const char *name)
{
	if (madvise(race.mem.base, race.mem.len, advice))
		return mem_fail(&race.mem, "%s: %s", name, strerror(errno));
	return 0;
}

static int there_and_back_clearrefs(void)
{
	int ret = file_write("/proc/self/clear_refs", "4");

	errno = -ret;
	return ret ? mem_fail(&race.mem, "soft-dirty bits: %s", strerror(errno)) : 0;
}

/* A THP is taken apart and put together again. */
static int there_and_back_collapse(void)
{
	mprotect(race.mem.base, page_size(), PROT_READ | PROT_WRITE | PROT_EXEC);
	mprotect(race.mem.base, page_size(), PROT_READ | PROT_WRITE);
	return advise(MADV_COLLAPSE, "MADV_COLLAPSE");
}

static int there_and_back_operation(struct mem *m, const struct operation *o)
{
	int ret = 0;

	/* What "sync" does is done after each step, and judged by what is written meanwhile. */
	if (strcmp(o->id, "sync"))
		ret = o->run(m, 0, m->layout.pages, VALUE_ZERO);
	if (m->witness) {
		munmap((void *)m->witness, m->witness_len);
		m->witness = NULL;
		advise(MADV_UNMERGEABLE, "MADV_UNMERGEABLE");
	}
	if (!strcmp(o->id, "split"))
		advise(MADV_COLLAPSE, "MADV_COLLAPSE");
	return ret;
}

static int once(void)
{
	switch (race.against->op) {
	case OP_FORK:
		return there_and_back_fork();
	case OP_MPROTECT:
		return there_and_back_mprotect();
	case OP_CLEARREFS:
		return there_and_back_clearrefs();
	case OP_COLLAPSE:
		return there_and_back_collapse();
	case OP_OPERATION:
		return there_and_back_operation(&race.mem, race.against->operation);
	default:
		errno = ENOSYS;
		return mem_fail(&race.mem, "the step is none that can race");
	}
}

int race_there_and_back(void)
{
	int ret = once();

	return ret || !(race.mem.kind->props & KIND_DISK) ? ret : race_sync();
}

/* What refuses it is its own: the other step has race.mem.why for that. */
void *race_beside(void *arg)
{
	struct mem mine = race.mem;

	while (!race_over()) {
		if (there_and_back_operation(&mine, race.beside->operation))
			sched_yield();
		else
			race.beside_worked++;
	}
	memcpy(race.beside_why, mine.why, sizeof(mine.why));
	return arg;
}
