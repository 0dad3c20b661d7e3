// SPDX-License-Identifier: GPL-2.0-only
/* The oracles: what was seen against what must be. See director_self.h. */
#include "engine/director_self.h"

#include <ctype.h>

#include "engine/charge.h"
#include "engine/diag.h"
#include "engine/inject.h"
#include "vm_util.h"

static struct reading read_cell(const uint64_t *words, size_t cell, size_t row)
{
	const struct layout *l = &d.stage->layout;

	return content_judge(l, layout_page(l, cell), words + row * l->words);
}

static bool view_wrong(int actor, size_t cell, struct reading *r)
{
	const struct view *v = &d.stage->view[actor];

	if (v->seen[cell] != SEEN_WORDS || d.model.actor[actor].cell[cell].state == CELL_GONE)
		return false;
	*r = read_cell(v->words, cell, cell);
	return r->kind != CELL_VALUE || !model_allows(&d.model, actor, cell, r->v);
}

/* A page that was copied for a write must have been copied whole. */
static void compare_marks(int actor)
{
	const struct view *v = &d.stage->view[actor];
	char seen[80], must[80];

	for (size_t c = 0; c < d.model.cells; c++) {
		struct value mark = model_mark_of(&d.model, actor, c);
		struct word w;

		if (v->seen[c] != SEEN_WORDS || d.model.actor[actor].cell[c].state == CELL_GONE ||
		    content_mark_is(v->mark[c], layout_page(&d.stage->layout, c), mark))
			continue;
		if (word_decode(v->mark[c], &w))
			value_str(w.v, seen, sizeof(seen));
		else
			snprintf(seen, sizeof(seen), "%#llx", (unsigned long long)v->mark[c]);
		diag_fail(d.result, "lost-rest", "in %c a part of the page that no write touched "
			  "has changed: %s", actor_name(actor), seen);
		diag_line(d.result, "  it must be: %s (cell %zu)",
			  value_str(mark, must, sizeof(must)), c);
		diag_table_page(d.result, actor_name(actor), v->pagemap[c]);
		return;
	}
}

/* Memory beside the region: what a child must not have, and what no write may reach. */
static void compare_witness(int actor)
{
	if (d.stage->view[actor].stray)
		diag_fail(d.result, "leak", "%c has memory from its parent that MADV_DONTFORK "
			  "kept from it", actor_name(actor));
	else if (d.stage->view[actor].witness_changed)
		diag_fail(d.result, "leak", "a page of %c has changed to which nobody wrote: it "
			  "was merged with one that was written", actor_name(actor));
}

static void compare_counts(int actor)
{
	if (d.stage->view[actor].pinned_kib)
		diag_fail(d.result, "counted", "%c has no pins, and its VmPin says %lld kB",
			  actor_name(actor), d.stage->view[actor].pinned_kib);
}

static void compare_unnoticed(int actor)
{
	static const char *const what[] = {
		[UNNOTICED_DIRTY] = "was written or moved since soft-dirty bits were cleared, "
				    "and is not marked",
		[UNNOTICED_WRITE] = "was written or moved, and is still as PAGEMAP_SCAN has "
				    "protected it",
		[UNNOTICED_LOSS] = "is not write-protected any more, and nobody has written to it",
	};
	const struct view *v = &d.stage->view[actor];

	for (size_t c = 0; c < d.model.cells; c++) {
		if (!v->unnoticed[c] || d.model.actor[actor].cell[c].state == CELL_GONE)
			continue;
		diag_fail(d.result, "unnoticed", "a page of %c %s (cell %zu)", actor_name(actor),
			  what[v->unnoticed[c]], c);
		diag_table_page(d.result, actor_name(actor), v->pagemap[c]);
		return;
	}
}

/* What it sees in its memory. */
static bool compare_words(int actor)
{
	struct reading first, r;
	size_t wrong = 0, at = 0;

	for (size_t c = 0; c < d.model.cells; c++) {
		if (!view_wrong(actor, c, &r))
			continue;
		if (!wrong++) {
			first = r;
			at = c;
		}
	}
	if (!wrong)
		return true;
	diag_view(d.result, &d.model, actor, at, &first, wrong);
	diag_table_page(d.result, actor_name(actor), d.stage->view[actor].pagemap[at]);
	return false;
}

static void compare_view(int actor)
{
	if (compare_words(actor))
		compare_marks(actor);
	if (!failed())
		compare_witness(actor);
	if (!failed())
		compare_unnoticed(actor);
	if (!failed())
		compare_counts(actor);
}

struct place {
	int pin;
	size_t cell;
};

static bool pin_allows(struct value v, void *arg)
{
	const struct place *p = arg;

	return model_pin_allows(&d.model, p->pin, p->cell, v);
}

/* What is stored while its owner writes may be old in one word and new in the next. */
static bool stored_wrong(int pin, size_t row)
{
	const struct layout *l = &d.stage->layout;
	struct place place = { pin, d.model.pin[pin].first + row };

	return !content_each(l, layout_page(l, place.cell),
			     d.stage->pin[pin].words + row * l->words, pin_allows, &place);
}

static bool pin_wrong(int pin, size_t row, struct reading *r)
{
	size_t cell = d.model.pin[pin].first + row;

	*r = read_cell(d.stage->pin[pin].words, cell, row);
	if (d.stage->pin[pin].sight[row] == SIGHT_HIDDEN &&
	    model_pin_may_hide(&d.model, pin, cell))
		return false;
	if (r->kind == CELL_TORN && (provider_of(pin)->props & PIN_STORES))
		return stored_wrong(pin, row);
	return r->kind != CELL_VALUE || !model_pin_allows(&d.model, pin, cell, r->v);
}

/* The page in an attached pin must be the page in its owner's page table. */
static bool frame_wrong(int pin, size_t row)
{
	const struct pin_view *v = &d.stage->pin[pin];
	size_t cell = d.model.pin[pin].first + row;
	uint64_t entry = d.stage->view[d.model.pin[pin].owner].pagemap[cell];

	return v->has_pfns && model_pin_attached(&d.model, pin, cell) &&
	       (entry & PM_PRESENT) && (entry & PM_PFN_MASK) &&
	       (entry & PM_PFN_MASK) != v->pfns[row];
}

static const char *pin_provider(int pin)
{
	return provider_of(pin)->title;
}

/* Both pages, in words: the one in the page table and the one in the pin. */
static void describe_pages(int pin, size_t row)
{
	int owner = d.model.pin[pin].owner;
	struct command c = { .cmd = CMD_FACTS, .other = row, .step.pin = pin };
	struct result saved = *d.result;
	bool known = tell(owner, &c) && !d.stage->box[owner].status;

	*d.result = saved;
	diag_pin_page(d.result, known ? &d.stage->pin[pin].facts : NULL);
	diag_table_page(d.result, actor_name(owner),
			d.stage->view[owner].pagemap[d.model.pin[pin].first + row]);
}

static void fail_frame(int pin, size_t row, size_t differing)
{
	size_t cell = d.model.pin[pin].first + row;
	struct reading r = read_cell(d.stage->pin[pin].words, cell, row);

	diag_pin(d.result, &d.model, pin, &d.test->steps->step[d.pin_step[pin]],
		 pin_provider(pin), cell, &r, differing);
	diag_fail(d.result, "pfn-differs",
		  "the pin of %c holds another page than its page table, with the same content",
		  actor_name(d.model.pin[pin].owner));
}

static void compare_pin(int pin)
{
	const struct model_pin *p = &d.model.pin[pin];
	size_t wrong = 0, frames = 0, at = 0, frame_at = 0;
	struct reading first, r;

	if (d.stage->pin[pin].status) {
		diag_fail(d.result, "pin-unreadable", "pin %d cannot be read: %s", pin + 1,
			  d.stage->pin[pin].why);
		return;
	}
	for (size_t row = 0; row < p->cells; row++) {
		if (pin_wrong(pin, row, &r) && !wrong++) {
			first = r;
			at = row;
		}
		if (frame_wrong(pin, row) && !frames++)
			frame_at = row;
	}
	if (wrong)
		diag_pin(d.result, &d.model, pin, &d.test->steps->step[d.pin_step[pin]],
			 pin_provider(pin), p->first + at, &first, wrong);
	else if (frames)
		fail_frame(pin, frame_at, frames);
	if (wrong || frames)
		describe_pages(pin, wrong ? at : frame_at);
}

/* A long-term pin would keep memory from being unplugged for good: it must take other pages. */
static void compare_zone(int pin)
{
	const struct pin_view *v = &d.stage->pin[pin];

	for (size_t row = 0; row < d.model.pin[pin].cells && !failed(); row++) {
		if (!pfn_is_movable(v->pfns[row]) && injected != FAULT_MOVABLE)
			continue;
		diag_fail(d.result, "movable", "the long-term pin of %c took a page of "
			  "ZONE_MOVABLE", actor_name(d.model.pin[pin].owner));
		describe_pages(pin, row);
	}
}

/*
 * A page that two processes may share can be copied away from the pin by either's write.
 * FOLL_PIN must not take one; FOLL_GET may.
 */
void compare_pinned(int pin)
{
	const struct model_pin *p = &d.model.pin[pin];
	const struct pin_view *v = &d.stage->pin[pin];
	const struct step *s = &d.test->steps->step[d.pin_step[pin]];
	const struct provider *by = provider_of(pin);

	if (!p->held)
		return;
	if (v->changed)
		diag_fail(d.result, "kind-changed", "after the pin the memory is not what the "
			  "title says any more: %.180s", v->why);
	if (v->missing > 0)
		diag_fail(d.result, "uncounted", "VmPin of %c lacks %lld of the bytes that are "
			  "pinned", actor_name(p->owner), v->missing);
	if (v->has_pfns && (s->pin_flags & PIN_LONGTERM))
		compare_zone(pin);
	for (size_t row = 0; row < p->cells && !failed(); row++) {
		if (!v->has_pfns || !v->shared[row] || (by->props & PIN_IS_GET) || d.model.shared)
			continue;
		diag_fail(d.result, "not-exclusive", "the pin of %c took an anonymous page that "
			  "is not exclusive", actor_name(p->owner));
		describe_pages(pin, row);
	}
}

/* Charges are made in batches: only amounts beyond doubt are judged. */
#define CHARGE_SLACK	(256 * page_size())

/*
 * P pays for the pages that are its own and in memory, and no others. Pages it never wrote are
 * a zeropage's, unless a pin had to have them populated.
 */
static void compare_costs(void)
{
	long long cost = 0, charged = charge_bytes() - d.charged_before;

	for (size_t c = 0; c < d.model.cells; c++)
		if (d.model.actor[0].cell[c].state == CELL_OWN &&
		    !(d.stage->view[0].pagemap[c] & PM_SWAP))
			cost += page_size();
	if (d.stage->view[0].anon_bytes != cost)
		diag_fail(d.result, "rss", "P has %lld bytes of anonymous memory there, not %lld",
			  d.stage->view[0].anon_bytes, cost);
	else if (charged < cost - (long long)CHARGE_SLACK ||
		 charged > cost + (long long)CHARGE_SLACK)
		diag_fail(d.result, "charge", "%lld bytes more are charged to P's cgroup, not %lld",
			  charged, cost);
}

bool all_look(enum cmd cmd)
{
	struct command c = { .cmd = cmd, .account = d.test->scenario->accounts };
	unsigned int all = living_but(-1);

	if (!all)
		return true;
	c.then = all & (all - 1);
	return tell(__builtin_ctz(all), &c);
}

static bool is_late(int pin)
{
	return d.model.pin[pin].held && (provider_of(pin)->props & PIN_LATE);
}

/* False: what has come in is left in memory that somebody may see. */
static bool is_gone(int pin)
{
	for (size_t row = 0; row < d.model.pin[pin].cells; row++)
		if (d.stage->pin[pin].sight[row] == SIGHT_LEFT)
			return false;
	return true;
}

static void look_late(int pin)
{
	struct command c = { .cmd = CMD_LOOK_LATE, .step.pin = pin };

	if (tell(d.model.pin[pin].owner, &c))
		compare_pin(pin);
}

/*
 * Pins that end when they are read: one after the other, when all else was looked at. What comes
 * in by those that are to be written into is in a page that others may look at meanwhile: so
 * these are last. Nobody but their owners may have it. In shared memory, where others still have
 * the page that an owner lost, nothing comes in. Where the first of them has left something, which
 * no one can write over (a private hugetlb page with PROT_NONE), no other pin of the page tells.
 */
static void compare_late(void)
{
	bool came_in = false, gone = true;

	for (int writable = 0; writable < 2; writable++) {
		for (int i = 0; i < d.model.pins && !failed(); i++) {
			if (!is_late(i) || d.model.pin[i].writable != writable ||
			    (writable && ((d.model.shared && !attached(i)) || !gone)))
				continue;
			look_late(i);
			came_in |= writable;
			gone &= is_gone(i);
		}
	}
	if (failed() || !came_in || !gone || !all_look(CMD_LOOK))
		return;
	for (int i = 0; i < d.model.actors && !failed(); i++)
		if (alive(i))
			compare_words(i);
}

void compare(enum cmd cmd)
{
	if (!d.all_looked && !all_look(cmd))
		return;
	d.all_looked = false;
	if (d.test->scenario->accounts && cmd == CMD_LOOK)
		compare_costs();
	for (int i = 0; i < d.model.actors && !failed(); i++)
		if (alive(i))
			compare_view(i);
	for (int i = 0; i < d.model.pins && !failed(); i++)
		if (d.model.pin[i].held && d.stage->pin[i].held)
			compare_pin(i);
	if (cmd == CMD_LOOK_ALL && !failed())
		compare_late();
}

/*
 * Of what nobody has pinned, fork copies nothing: a page that still counts as pinned costs
 * every child a copy.
 */
static bool find_copied(struct spot *at)
{
	const struct view *p = &d.stage->view[at->actor], *c = &d.stage->view[at->child];

	for (at->cell = 0; at->cell < d.model.cells; at->cell++) {
		uint64_t mine = p->pagemap[at->cell], copy = c->pagemap[at->cell];

		if (d.model.actor[at->child].cell[at->cell].state == CELL_OWN &&
		    (mine & copy & PM_PRESENT) && (mine & PM_PFN_MASK) != (copy & PM_PFN_MASK))
			return true;
	}
	return false;
}

#define LOOKS	4

bool found_still(bool (*find)(struct spot *at), struct spot *at)
{
	for (int look = 0; find(at); look++) {
		if (look == LOOKS)
			return true;
		if (!all_look(CMD_LOOK))
			return false;
	}
	return false;
}

static void compare_sharing(const struct step *fork, int parent, int child)
{
	struct spot at = { .actor = parent, .child = child };

	/* Random scenarios fork at once after a pin is released, when its page may not be yet. */
	if (pinned() || (d.test->random && d.model.pins))
		return;
	/* ksmd works on one page table at a time. */
	if (may_be_merged(fork))
		return;
	if (!found_still(find_copied, &at))
		return;
	diag_fail(d.result, "copied-at-fork", "fork copied a page of %c that nobody has pinned",
		  actor_name(parent));
	diag_table_page(d.result, actor_name(parent), d.stage->view[parent].pagemap[at.cell]);
	diag_table_page(d.result, actor_name(child), d.stage->view[child].pagemap[at.cell]);
}

/*
 * What the parent wrote before must be there in the child at once: fork copies, shares
 * or swaps anonymous pages, but leaves none for the child to fault in as zeroes.
 */
void compare_fork(const struct step *fork, int parent, int child)
{
	const struct view *p = &d.stage->view[parent], *c = &d.stage->view[child];

	for (size_t i = 0; i < d.model.cells; i++) {
		const struct model_cell *cell = &d.model.actor[child].cell[i];

		if (cell->state != CELL_OWN || !isupper(cell->v.writer) ||
		    cell->v.writer == WRITER_FILE ||
		    !(p->pagemap[i] & (PM_PRESENT | PM_SWAP)) ||
		    (c->pagemap[i] & (PM_PRESENT | PM_SWAP)))
			continue;
		diag_fail(d.result, "lost-at-fork",
			  "%c wrote a page before fork, %c has none there", actor_name(parent),
			  actor_name(child));
		diag_table_page(d.result, actor_name(parent), p->pagemap[i]);
		diag_table_page(d.result, actor_name(child), c->pagemap[i]);
		return;
	}
	compare_sharing(fork, parent, child);
}

/* What is behind the memory is as the model says: no private write may get there. */
void compare_behind(void)
{
	struct reading r;

	for (size_t c = 0; c < d.model.cells && d.stage->saw_behind; c++) {
		char see[192];

		r = read_cell(d.stage->behind, c, c);
		if (r.kind == CELL_VALUE && value_eq(r.v, d.model.file[c]))
			continue;
		diag_fail(d.result, "write-through", "what is behind the memory has changed: %s",
			  reading_str(&r, see, sizeof(see)));
		diag_line(d.result, "  %s now reads: %s (cell %zu)",
			  d.test->kind->props & KIND_FILE ? "the file" : "a zeropage", see, c);
		return;
	}
}

/* A store where the protection forbids it is a fault, and only there. */
void compare_faults(int actor, size_t first, size_t count)
{
	const uint8_t *faulted = d.stage->view[actor].faulted;

	for (size_t c = first; c < first + count; c++) {
		bool must = model_faults(&d.model, actor, c);

		if (faulted[c] == must)
			continue;
		if (must)
			diag_fail(d.result, "write-allowed",
				  "%c could write where its mapping is read-only",
				  actor_name(actor));
		else
			diag_fail(d.result, "write-refused",
				  "%c got SIGSEGV where its mapping is writable",
				  actor_name(actor));
		diag_table_page(d.result, actor_name(actor), d.stage->view[actor].pagemap[c]);
		return;
	}
}
