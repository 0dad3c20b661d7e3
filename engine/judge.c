// SPDX-License-Identifier: GPL-2.0-only
/* Verdicts that the director could not come to: see judge.h. */
#include "engine/judge.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/diag.h"
#include "engine/inject.h"

/* Who did it: the test whose process the kernel names, else all that were running. */
static void attribute(const struct splat *s)
{
	bool named = false;

	for (int pass = 0; pass < 2 && !named; pass++) {
		for (unsigned int i = 0; i < slots_nr(); i++) {
			struct slot *slot = slot_at(i);
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

static void read_log(void)
{
	struct splat s;

	while (health_next(&s))
		attribute(&s);
}

static void judge_death(const struct test *t, struct slot *slot, int status)
{
	struct result *r = &slot->stage->result;
	char step[96];

	if (r->verdict != VERDICT_NONE)
		return;
	step_str(t, slot->stage->step, step, sizeof(step));
	r->step = slot->stage->step;
	if (now_ns() > slot->deadline)
		diag_fail(r, "timeout", "no verdict after %llu s, at %s",
			  (slot->deadline - slot->started) / NS_PER_S, step);
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
	if (slot->splat.more[0])
		diag_line(r, "%s", slot->splat.more);
	if (r->verdict != VERDICT_FAIL)
		diag_fail(r, "kernel", "the kernel complained during the test: %.160s",
			  slot->splat.text);
}

void judge_end(const struct test *t, struct slot *slot, bool dead)
{
	struct result *r = &slot->stage->result;
	uint64_t count;
	int status = 0;

	if (dead)
		status = slot_retire(slot);
	else if (read(slot->ended, &count, sizeof(count)) < 0)
		diag_line(r, "  (eventfd: %s)", strerror(errno));
	inject_leave();
	read_log();
	r->ms = (now_ns() - slot->started) / NS_PER_MS;
	judge_death(t, slot, status);
	judge_kernel(slot);
	if (slot->pid && r->verdict != VERDICT_PASS)
		slot_retire(slot);
	slot->busy = false;
}
