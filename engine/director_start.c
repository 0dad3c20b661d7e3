// SPDX-License-Identifier: GPL-2.0-only
/* How a test begins: its first process, and its memory. */
#include "engine/director_self.h"

#include <errno.h>
#include <string.h>

#include "engine/actor.h"
#include "engine/charge.h"
#include "engine/diag.h"

static void begin_model(size_t cells)
{
	unsigned int props = d.test->kind->props;

	model_start(&d.model, cells, props & KIND_SHARED, props & KIND_FILE);
	/* hugetlb has no zeropage: what nobody wrote is a page of its own. */
	d.model.zeropage &= !(props & KIND_HUGETLB);
}

/* Where the layout of this memory is kept, or is to be. NULL: there is no room. */
static struct known_layout *known_layout(void)
{
	for (size_t i = 0; i < KNOWN_LAYOUTS; i++) {
		struct known_layout *k = &d.known[i];

		if (!k->kind || (k->kind == d.test->kind && k->size == d.test->size))
			return k;
	}
	return NULL;
}

/*
 * Each command costs. If the first step brings the memory in, and it is known how memory of this
 * kind is sampled, it can be made with that step. What it costs must be known before.
 */
static bool create_with_step(void)
{
	const struct known_layout *known = known_layout();
	const struct step *s = &d.test->steps->step[0];

	if (!known || !known->kind || d.test->scenario->accounts || d.test->steps->own_group ||
	    (s->op != OP_FILL && s->op != OP_READ))
		return false;
	d.stage->layout = known->layout;
	begin_model(known->layout.cells);
	return !(d.test->lenient && senseless(s, 0));
}

static bool same_layout(const struct layout *a, const struct layout *b)
{
	return a->page == b->page && a->pages == b->pages && a->cells == b->cells &&
	       a->stride == b->stride && a->words == b->words && a->whole == b->whole;
}

bool created(void)
{
	struct known_layout *known = known_layout();
	const struct layout *layout = &d.stage->layout;

	d.to_create = false;
	if (d.stage->box[0].status && d.stage->box[0].phase == PHASE_CREATE) {
		fail_status(0, "setup", "no such memory to be had");
	} else if (!known) {
		return true;
	} else if (!known->kind) {
		*known = (struct known_layout){ d.test->kind, d.test->size, *layout };
	} else if (!same_layout(&known->layout, layout)) {
		diag_fail(d.result, "setup", "the memory has %zu cells, and had %zu before",
			  layout->cells, known->layout.cells);
	}
	if (failed())
		d.step = -1;
	return !failed();
}

bool start_test(void)
{
	struct command c = { .cmd = CMD_CREATE };
	pid_t pid;

	begin_model(1);
	pid = actor_spawn(d.stage, 0, d.test->kind, d.test->size);
	if (pid < 0) {
		diag_fail(d.result, "setup", "fork: %s", strerror(-pid));
		return false;
	}
	if ((d.test->scenario->accounts || d.test->steps->own_group) && charge_begin(pid)) {
		diag_fail(d.result, "setup", "no memory cgroup to be had: %s", strerror(errno));
		return false;
	}
	d.to_create = create_with_step();
	if (d.to_create)
		return true;
	if (!tell(0, &c) || !created())
		return false;
	d.charged_before = charge_bytes();
	begin_model(d.stage->layout.cells);
	return true;
}
