// SPDX-License-Identifier: GPL-2.0-only
/* The oracle of locked memory: see director_self.h. */
#include "engine/director_self.h"

#include "engine/diag.h"
#include "vm_util.h"

static bool was_there[ACTORS_MAX][CELLS_MAX];

static bool is_there(int actor, size_t cell)
{
	return d.stage->view[actor].pagemap[cell] & PM_PRESENT;
}

static bool is_locked(int actor, size_t cell)
{
	return alive(actor) && d.model.actor[actor].cell[cell].lock != LOCK_NONE;
}

static bool reclaims(const struct step *s)
{
	return d.stage->locks && s->op == OP_OPERATION && s->operation->reclaims;
}

void note_locked(const struct step *s)
{
	for (int a = 0; a < d.model.actors && reclaims(s); a++)
		for (size_t c = 0; c < d.model.cells; c++)
			was_there[a][c] = is_locked(a, c) && is_there(a, c);
}

static bool find_reclaimed(struct spot *at)
{
	for (at->actor = 0; at->actor < d.model.actors; at->actor++)
		for (at->cell = 0; at->cell < d.model.cells && alive(at->actor); at->cell++)
			if (was_there[at->actor][at->cell] && !is_there(at->actor, at->cell))
				return true;
	return false;
}

/* Whoever locks memory must not wait for it: for real time, or for secrets to be kept from swap. */
static void compare_there(void)
{
	struct spot at = { 0 };

	if (!found_still(find_reclaimed, &at))
		return;
	diag_fail(d.result, "reclaimed", "%c has locked a page, and it is not in memory any more",
		  actor_name(at.actor));
	diag_table_page(d.result, actor_name(at.actor),
			d.stage->view[at.actor].pagemap[at.cell]);
}

/* Locks that nobody asked for keep memory from being reclaimed; lost ones keep none there. */
static void compare_maps(int actor)
{
	const struct view *v = &d.stage->view[actor];

	for (size_t c = 0; c < d.model.cells; c++) {
		if (d.model.actor[actor].cell[c].state == CELL_GONE ||
		    v->locked[c] == is_locked(actor, c))
			continue;
		diag_fail(d.result, "locked", "the memory of %c is %s (cell %zu)",
			  actor_name(actor), v->locked[c] ? "locked, and it has not locked it" :
			  "not locked any more, and it has not unlocked it", c);
		return;
	}
}

/* What is counted wrong adds up, until mlock() is refused. VFIO counts its pins there, too. */
static void compare_count(int actor)
{
	const struct view *v = &d.stage->view[actor];

	if (!holds_pin(actor) && v->locked_kib != v->locked_maps_kib)
		diag_fail(d.result, "counted", "%c has %lld kB of locked memory, and its VmLck "
			  "says %lld kB", actor_name(actor), v->locked_maps_kib, v->locked_kib);
}

void compare_locked(const struct step *s)
{
	if (!d.stage->locks)
		return;
	for (int a = 0; a < d.model.actors && !failed(); a++) {
		if (!alive(a))
			continue;
		compare_maps(a);
		if (!failed())
			compare_count(a);
	}
	if (!failed() && reclaims(s))
		compare_there();
}
