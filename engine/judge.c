// SPDX-License-Identifier: GPL-2.0-only
/* Verdicts that the director could not come to: see judge.h. */
#include "engine/judge.h"

#include <string.h>
#include <sys/wait.h>

#include "engine/diag.h"

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

void judge_read_log(void)
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

void judge_end(const struct test *t, struct slot *slot, int status)
{
	judge_death(t, slot, status);
	judge_kernel(slot);
}
