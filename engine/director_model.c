// SPDX-License-Identifier: GPL-2.0-only
/* What a step does to the model. */
#include "engine/director_self.h"

bool pin_ends_written(int pin)
{
	return provider_of(pin)->props & PIN_ONCE;
}

/* Its memory is gone; pins go on that can be handed to another program. */
static void model_exec(int actor)
{
	for (int i = 0; i < d.model.pins; i++)
		if (model_holds(&d.model, i) && d.model.pin[i].owner == actor &&
		    !provider_of(i)->keep)
			model_unpin(&d.model, i);
	model_unmap(&d.model, actor, 0, d.model.cells);
}

void model_before(const struct step *s, int actor, struct command *c)
{
	enum effect effect = step_effect(s);
	size_t first, count;

	step_cells(s, &first, &count);
	if (s->op == OP_WRITE || s->op == OP_FILL)
		c->v = model_write(&d.model, actor, first, count, false);
	else if (s->op == OP_FORCE || s->op == OP_UFFDCOPY)
		c->v = model_write(&d.model, actor, first, count, true);
	else if (s->op == OP_POKE)
		c->v = model_poke(&d.model, s->pin);
	else if (s->op == OP_FORK)
		c->other = model_fork(&d.model, actor, s->other);
	else if (s->op == OP_EXEC)
		model_exec(actor);
	else if (s->op == OP_UNMAP)
		model_unmap(&d.model, actor, first, count);
	else if (effect == EFFECT_WRITE)
		c->v = model_write(&d.model, actor, first, count, false);
	else if (effect == EFFECT_FORCE)
		c->v = model_write(&d.model, actor, first, count, true);
	else if (effect == EFFECT_REFILL || effect == EFFECT_FILE_REFILL)
		c->v = model_value(&d.model, actor);
	else if (effect == EFFECT_FILE_WRITE)
		c->v = model_file_write(&d.model, first, count);
}

/* What an operation has done that was not refused. */
static void model_operation(enum effect effect, int actor, size_t first, size_t count,
			    struct value v)
{
	d.sealed |= effect == EFFECT_SEAL;
	if (effect == EFFECT_ZERO)
		model_zero(&d.model, actor, first, count);
	else if (effect == EFFECT_REFILL)
		model_refill(&d.model, actor, first, count, v);
	else if (effect == EFFECT_FILE_REFILL)
		model_file_refill(&d.model, first, count, v);
	else if (effect == EFFECT_TOUCH)
		model_touch(&d.model, actor, first, count);
	else if (effect == EFFECT_DISCARD)
		model_discard(&d.model, actor, first, count);
	else if (effect == EFFECT_PUNCH)
		model_punch(&d.model, first, count);
	else if (effect == EFFECT_TRUNCATE)
		model_truncate(&d.model, first);
	else if (effect == EFFECT_PATCH)
		model_patch(&d.model, actor, first);
	else if (effect == EFFECT_WIPE)
		model_wipe(&d.model, actor, first, count);
	else if (effect == EFFECT_UNMAP)
		model_unmap(&d.model, actor, first, count);
}

/*
 * What a pin promises besides what was asked for. In random scenarios memory that nobody wrote may
 * be pages of zeroes, which a THP has brought in: those show what is written.
 */
static unsigned int promises(const struct provider *by)
{
	unsigned int all = PIN_IS_GET | PIN_STORES | PIN_FREEZES;

	return by->props & (d.test->random ? all & ~PIN_FREEZES : all);
}

void model_after(const struct step *s, int actor, const struct command *c)
{
	size_t first, count;

	step_cells(s, &first, &count);
	if (s->op == OP_PIN) {
		d.pin_step[s->pin] = d.step;
		model_pin(&d.model, s->pin, actor,
			  s->pin_flags | promises(c->by), first, count);
	} else if (s->op == OP_UNPIN) {
		model_unpin(&d.model, s->pin);
	} else if (s->op == OP_FORK) {
		d.model.actor[c->other].alive = true;
	} else if (s->op == OP_MPROTECT) {
		model_protect(&d.model, actor, first, count, s->prot);
	} else if (s->op == OP_DONTFORK || s->op == OP_DOFORK) {
		model_dontfork(&d.model, actor, first, count, s->op == OP_DONTFORK);
	} else if (s->op == OP_OPERATION) {
		model_operation(s->operation->effect, actor, first, count, c->v);
		if (s->operation->locks || s->operation->unlocks)
			model_lock(&d.model, actor, first, count, s->operation->locks);
		if (s->operation->maps_anew)
			model_map_anew(&d.model, actor);
	} else if (s->op == OP_WRITE || s->op == OP_FILL) {
		if (s->op == OP_FILL)
			model_mark(&d.model, actor, first, count, c->v);
		compare_faults(actor, first, count);
	}
}
