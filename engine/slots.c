// SPDX-License-Identifier: GPL-2.0-only
/* Where tests run: see slots.h. */
#define _GNU_SOURCE
#include "engine/slots.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/director.h"
#include "engine/quiet.h"
#include "engine/settings.h"

static struct slot slots[JOBS_MAX];
static unsigned int nr_slots;
static const struct plan *plan;

int slots_prepare(unsigned int nr, const struct plan *p)
{
	nr_slots = nr;
	plan = p;
	for (unsigned int i = 0; i < nr; i++) {
		slots[i].stage = stage_new();
		slots[i].ended = eventfd(0, EFD_CLOEXEC);
		if (!slots[i].stage || slots[i].ended < 0)
			return -ENOMEM;
	}
	return 0;
}

unsigned int slots_nr(void)
{
	return nr_slots;
}

struct slot *slot_at(unsigned int i)
{
	return &slots[i];
}

struct slot *slot_free(void)
{
	for (unsigned int i = 0; i < nr_slots; i++)
		if (!slots[i].busy)
			return &slots[i];
	return NULL;
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
	stay_on_one_cpu(slot - slots);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == 1)
		_exit(1);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	prctl(PR_SET_NAME, "cow-director");
	director_prepare();
	for (;;) {
		order = box_wait(&stage->order, order);
		director_run(&plan->tests[stage->test], stage, stage->deadline);
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
	quiet_expect_process(slot->pid);
	slot->pidfd = syscall(SYS_pidfd_open, slot->pid, 0);
	quiet_expect_descriptors(1);
	return true;
}

bool slot_start(struct slot *slot, size_t index, uint64_t deadline)
{
	stage_reset(slot->stage);
	slot->test = index;
	slot->splatted = false;
	slot->started = now_ns();
	slot->deadline = deadline;
	if (!slot->pid && !spawn_director(slot))
		return false;
	slot->stage->test = index;
	slot->stage->deadline = deadline;
	slot->busy = true;
	box_request(&slot->stage->order);
	return true;
}

int slot_retire(struct slot *slot)
{
	int status = 0;

	kill(slot->pid, SIGKILL);
	while (waitpid(slot->pid, &status, 0) < 0 && errno == EINTR)
		;
	kill(-slot->pid, SIGKILL);
	while (waitpid(-slot->pid, NULL, 0) > 0 || errno == EINTR)
		;
	close(slot->pidfd);
	quiet_expect_descriptors(-1);
	slot->pid = 0;
	return status;
}

void slots_retire_all(void)
{
	for (unsigned int i = 0; i < nr_slots; i++)
		if (slots[i].pid)
			slot_retire(&slots[i]);
}

void slots_kill_all(void)
{
	for (unsigned int i = 0; i < nr_slots; i++)
		if (slots[i].pid)
			kill(-slots[i].pid, SIGKILL);
}
