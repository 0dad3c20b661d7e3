// SPDX-License-Identifier: GPL-2.0-only
/* Shared memory of a test: mailboxes over futexes. */
#define _GNU_SOURCE
#include "engine/stage.h"

#include <linux/futex.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void await_settled(bool (*settled)(void *arg), void *arg, uint64_t deadline)
{
	int ms = 1;

	while (!settled(arg) && now_ns() < deadline) {
		poll(NULL, 0, ms);
		ms = ms < 64 ? 2 * ms : ms;
	}
}

struct stage *stage_new(void)
{
	int fd = memfd_create("cowpin-stage", MFD_CLOEXEC);
	struct stage *s = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, sizeof(*s)))
		s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (s == MAP_FAILED)
		return NULL;
	s->fd = fd;
	return s;
}

void stage_reset(struct stage *s)
{
	s->step = -1;
	memset(&s->layout, 0, sizeof(s->layout));
	s->result.verdict = VERDICT_NONE;
	s->result.reason[0] = s->result.text[0] = s->result.diag[0] = '\0';
	s->result.step = -1;
	s->result.tried = 0;
	s->result.pin_pfn = s->result.table_pfn = 0;
	for (int i = 0; i < ACTORS_MAX; i++)
		s->box[i] = (struct box){ 0 };
	for (int i = 0; i < PINS_MAX; i++)
		s->pin[i].held = false;
	s->saw_behind = false;
	s->trace[0] = '\0';
}

static long futex(uint32_t *word, int op, uint32_t val, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, op, val, timeout, NULL, 0);
}

uint32_t box_wait(struct box *b, uint32_t last)
{
	uint32_t now;

	while ((now = __atomic_load_n(&b->request, __ATOMIC_ACQUIRE)) == last)
		futex(&b->request, FUTEX_WAIT, last, NULL);
	return now;
}

void doorbell_ring(struct stage *s)
{
	__atomic_add_fetch(&s->doorbell, 1, __ATOMIC_RELEASE);
	futex(&s->doorbell, FUTEX_WAKE, 1, NULL);
}

void box_reply(struct box *b)
{
	__atomic_store_n(&b->reply, b->request, __ATOMIC_RELEASE);
}

void box_request(struct box *b)
{
	__atomic_add_fetch(&b->request, 1, __ATOMIC_RELEASE);
	futex(&b->request, FUTEX_WAKE, 1, NULL);
}

bool doorbell_wait(struct stage *s, uint32_t seen, uint64_t deadline)
{
	while (__atomic_load_n(&s->doorbell, __ATOMIC_ACQUIRE) == seen) {
		uint64_t now = now_ns();
		struct timespec left;

		if (now >= deadline)
			return false;
		left.tv_sec = (deadline - now) / NS_PER_S;
		left.tv_nsec = (deadline - now) % NS_PER_S;
		futex(&s->doorbell, FUTEX_WAIT, seen, &left);
	}
	return true;
}
