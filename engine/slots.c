// SPDX-License-Identifier: GPL-2.0-only
/* Where tests run: see slots.h. */
#define _GNU_SOURCE
#include "engine/slots.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/cpus.h"
#include "engine/director.h"
#include "engine/quiet.h"
#include "engine/settings.h"
#include "vm_util.h"

/* The director gives up first, and says more than we could. */
#define GRACE	(5 * NS_PER_S)

static struct slot slots[SLOTS_MAX];
static unsigned int nr_slots;
static const char *tests;	/* what slots run: a test each @stride bytes */
static size_t test_stride;

static const struct test *test_at(size_t index)
{
	return (const struct test *)(tests + index * test_stride);
}

int slots_prepare(unsigned int nr, const struct plan *p)
{
	return slots_prepare_cases(nr, p->tests, sizeof(p->tests[0]));
}

int slots_prepare_cases(unsigned int nr, const struct test *first, size_t stride)
{
	nr_slots = nr;
	tests = (const char *)first;
	test_stride = stride;
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

struct slot *slot_free_of(unsigned int first, unsigned int nr)
{
	for (unsigned int i = first; i < first + nr; i++)
		if (!slots[i].busy)
			return &slots[i];
	return NULL;
}

struct slot *slot_free(void)
{
	return slot_free_of(0, nr_slots);
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
	/*
	 * Those who take part wait for each other anyhow; and a page that another CPU still
	 * has in a batch for the LRU lists cannot be swapped out or reused.
	 */
	cpus_stay_on_one(slot - slots);
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
		director_run(test_at(stage->test), stage, stage->deadline);
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

/* An emulated CPU takes ten seconds to copy such a page, and it is not always alone. */
#define GIB_SECONDS	100

/* Of its time, if kernels are known that hang in the test: elsewhere it takes milliseconds. */
#define HANGS_AFTER(seconds)	(((seconds) + 11) / 12)

bool slot_start(struct slot *slot, size_t index, unsigned int seconds)
{
	if (test_at(index)->scenario->may_hang)
		seconds = HANGS_AFTER(seconds);
	if (test_at(index)->size >= GIB)
		seconds += GIB_SECONDS;
	stage_reset(slot->stage);
	slot->test = index;
	slot->splatted = false;
	slot->started = now_ns();
	slot->deadline = slot->started + seconds * NS_PER_S;
	if (!slot->pid && !spawn_director(slot))
		return false;
	slot->stage->test = index;
	slot->stage->deadline = slot->deadline;
	slot->busy = true;
	box_request(&slot->stage->order);
	return true;
}

/* What there is to wait for: of each busy slot, the end of the test and the director's. */
static int gather(struct pollfd *fds, struct slot **busy, uint64_t *first)
{
	int nr = 0;

	for (unsigned int i = 0; i < slots_nr(); i++) {
		struct slot *slot = slot_at(i);

		if (!slot->busy)
			continue;
		busy[nr] = slot;
		fds[2 * nr] = (struct pollfd) { .fd = slot->ended, .events = POLLIN };
		fds[2 * nr + 1] = (struct pollfd) { .fd = slot->pidfd, .events = POLLIN };
		if (slot->deadline + GRACE < *first)
			*first = slot->deadline + GRACE;
		nr++;
	}
	return nr;
}

void slots_wait(void (*ends)(struct slot *slot, bool dead))
{
	struct pollfd fds[2 * SLOTS_MAX];
	struct slot *busy[SLOTS_MAX];
	uint64_t now = now_ns(), first = UINT64_MAX;
	int nr = gather(fds, busy, &first);

	poll(fds, 2 * nr, first > now ? (first - now) / NS_PER_MS + 1 : 0);
	now = now_ns();
	for (int i = 0; i < nr; i++) {
		bool ended = fds[2 * i].revents & POLLIN;

		if (ended || (fds[2 * i + 1].revents & POLLIN) ||
		    now >= busy[i]->deadline + GRACE)
			ends(busy[i], !ended);
	}
}

int slot_retire(struct slot *slot)
{
	int status;

	kill(slot->pid, SIGKILL);
	status = process_wait(slot->pid);
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
