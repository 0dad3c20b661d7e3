// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel must refuse and what it may; which steps make no sense (any more). */
#include "engine/director_self.h"

#include <errno.h>
#include <sys/mman.h>

#include "vm_util.h"

bool holds_pin(int actor)
{
	for (int i = 0; i < d.model.pins; i++)
		if (d.model.pin[i].held && d.model.pin[i].owner == actor)
			return true;
	return false;
}

bool attached(int pin)
{
	const struct model_pin *p = &d.model.pin[pin];

	for (size_t c = p->first; c < p->first + p->cells; c++)
		if (!model_pin_attached(&d.model, pin, c))
			return false;
	return true;
}

static bool pinned_within(size_t first, size_t count)
{
	for (int i = 0; i < d.model.pins; i++) {
		const struct model_pin *p = &d.model.pin[i];

		if (p->held && p->first < first + count && first < p->first + p->cells)
			return true;
	}
	return false;
}

bool pinned(void)
{
	return pinned_within(0, d.model.cells);
}

/* What is not there any more cannot be changed; half of it would be. */
static bool has_hole(const struct step *s, int actor)
{
	size_t first, count;

	step_cells(s, &first, &count);
	for (size_t c = first; c < first + count; c++)
		if (d.model.actor[actor].cell[c].state == CELL_GONE)
			return true;
	return false;
}

static bool needs_mapping(const struct step *s)
{
	return s->op == OP_UNMAP || s->op == OP_MPROTECT || s->op == OP_DONTFORK ||
	       s->op == OP_DOFORK || s->op == OP_COLLAPSE || s->op == OP_MIGRATE ||
	       s->op == OP_FORCE || s->op == OP_OPERATION;
}

/* Is cell @c in a pin of @actor, and in its page table? */
static bool is_pinned(int actor, size_t c)
{
	for (int i = 0; i < d.model.pins; i++) {
		const struct model_pin *p = &d.model.pin[i];

		if (p->held && p->owner == actor && c >= p->first && c < p->first + p->cells &&
		    model_pin_attached(&d.model, i, c))
			return true;
	}
	return false;
}

/* Of the step's part, is each page so? */
static bool pins_all(const struct step *s, int actor)
{
	size_t first, count;

	step_cells(s, &first, &count);
	for (size_t c = first; c < first + count; c++)
		if (!is_pinned(actor, c))
			return false;
	return true;
}

/* Or one of them? */
bool pins_part(const struct step *s, int actor)
{
	size_t first, count;

	step_cells(s, &first, &count);
	for (size_t c = first; c < first + count; c++)
		if (is_pinned(actor, c))
			return true;
	return false;
}

static bool may_write(const struct step *s, int actor)
{
	size_t first, count;

	step_cells(s, &first, &count);
	for (size_t c = first; c < first + count; c++)
		if (model_faults(&d.model, actor, c))
			return false;
	return true;
}

/* What a sealed file refuses; and seals that are there are not asked for again. */
static bool against_seal(const struct step *s)
{
	enum effect effect = step_effect(s);

	return d.sealed && s->op == OP_OPERATION &&
	       (effect == EFFECT_FILE_WRITE || effect == EFFECT_PUNCH ||
		effect == EFFECT_FILE_REFILL || effect == EFFECT_SEAL ||
		s->operation->writes_file);
}

/* Where there is a hole already, a file system may leave the pages alone (seen: btrfs). */
static bool punches_hole(const struct step *s)
{
	size_t first, count;

	if (step_effect(s) != EFFECT_PUNCH || !(d.test->kind->props & KIND_DISK))
		return false;
	step_cells(s, &first, &count);
	for (size_t c = first; c < first + count; c++)
		if (value_eq(d.model.file[c], VALUE_ZERO))
			return true;
	return false;
}

/*
 * A large folio of which a page is pinned is not split: where a part of it is to go, its pages stay
 * in the file, with zeroes, which pins of them see. Nothing else can be put there.
 */
static bool cuts_pinned_folio(const struct step *s)
{
	enum effect effect = step_effect(s);
	size_t first, count;

	if (s->part == PART_ALL || !(d.test->kind->props & KIND_RANGE))
		return false;
	if (effect == EFFECT_FILE_REFILL)
		return pinned();
	if (effect != EFFECT_PUNCH && effect != EFFECT_TRUNCATE)
		return false;
	step_cells(s, &first, &count);
	return pinned_within(first, effect == EFFECT_TRUNCATE ? d.model.cells - first : count);
}

/*
 * A hugetlb page of a file is copied whole, whichever part is written or pinned; of the rest the
 * model says that it shows the file, which is as good until the file changes.
 */
static bool copied_in_part(const struct step *s)
{
	if (step_effect(s) != EFFECT_FILE_WRITE || !(d.test->kind->props & KIND_HUGETLB))
		return false;
	for (int a = 0; a < d.model.actors; a++) {
		size_t own = 0, file = 0;

		for (size_t c = 0; c < d.model.cells && alive(a); c++) {
			own += d.model.actor[a].cell[c].state == CELL_OWN;
			file += d.model.actor[a].cell[c].state == CELL_SHOWS_FILE;
		}
		if (own && file)
			return true;
	}
	return false;
}

/* How many cells of the step's part has @actor locked? */
static size_t locked(const struct step *s, int actor, size_t *of)
{
	size_t first, nr = 0;

	step_cells(s, &first, of);
	for (size_t c = first; c < first + *of; c++)
		nr += d.model.actor[actor].cell[c].lock != LOCK_NONE;
	return nr;
}

/*
 * What is refused where memory is locked is done up to there; and who writes in pieces finds out
 * too late.
 */
static bool against_lock(const struct step *s, int actor)
{
	size_t of, nr;

	if (s->op != OP_OPERATION)
		return false;
	nr = locked(s, actor, &of);
	return nr && (s->operation->only_unlocked ||
		      (s->operation->not_locked &&
		       (nr < of || s->operation->effect == EFFECT_WRITE)));
}

/*
 * What comes in is filled up with what the owner has there: in shared memory that it does not map
 * any more, others would find the rest of the page changed.
 */
static bool comes_in_for_others(const struct step *s)
{
	return s->op == OP_POKE && d.model.shared && model_holds(&d.model, s->pin) &&
	       (provider_of(s->pin)->props & PIN_LATE) && !attached(s->pin);
}

bool senseless(const struct step *s, int actor)
{
	return against_lock(s, actor) || against_seal(s) || punches_hole(s) || copied_in_part(s) ||
	       cuts_pinned_folio(s) || comes_in_for_others(s) ||
	       (needs_mapping(s) && has_hole(s, actor)) ||
	       (s->op == OP_OPERATION && s->operation->spins_on_pinned_thp &&
		(d.test->kind->props & KIND_THP) && pins_part(s, actor)) ||
	       (s->op == OP_OPERATION && s->operation->only_pinned && !pins_all(s, actor)) ||
	       (s->op == OP_OPERATION && s->operation->only_writable && !may_write(s, actor));
}

/* Is there a page that @actor may not access as the pin would? */
static bool forbidden(const struct step *s, int actor)
{
	int prot = s->pin_flags & PIN_RW ? PROT_WRITE : PROT_READ;
	size_t first, count;

	step_cells(s, &first, &count);
	for (size_t c = first; c < first + count; c++) {
		const struct model_cell *cell = &d.model.actor[actor].cell[c];

		if (cell->state == CELL_GONE || !(cell->prot & prot))
			return true;
	}
	return false;
}

/*
 * Can a page of the file itself still be seen or changed by somebody? In random scenarios others
 * may have made a copy of what was pinned for a short time.
 */
static bool file_in_use(void)
{
	for (int a = 0; a < d.model.actors && d.model.shared; a++)
		for (size_t c = 0; c < d.model.cells && alive(a); c++)
			if (d.model.actor[a].cell[c].state != CELL_GONE)
				return true;
	for (int i = 0; i < d.model.pins; i++) {
		const struct model_pin *p = &d.model.pin[i];

		for (size_t c = p->first; c < p->first + p->cells && p->held; c++)
			if (p->of_file[c] && (d.model.shared || (!d.test->random &&
								 p->promise[c] != PROMISE_EXACT)))
				return true;
	}
	return false;
}

const char *must_refuse(const struct step *s, int actor)
{
	if (s->op == OP_POKE && !d.model.pin[s->pin].writable)
		return "a write through a R/O pin";
	if (s->op == OP_OPERATION && s->operation->not_in_use && file_in_use())
		return "the file is mapped or pinned";
	if (s->op == OP_OPERATION && s->operation->not_locked && locked(s, actor, &(size_t){ 0 }))
		return "the memory is locked";
	if (s->op != OP_PIN)
		return NULL;
	if (forbidden(s, actor))
		return "of memory that is not mapped, or not to be accessed so";
	if (d.test->kind->props & KIND_SECRET)
		return "of secret memory";
	if ((s->pin_flags & PIN_RW) && (s->pin_flags & PIN_LONGTERM) && d.stage->dirty_tracked)
		return "of a file mapping that it must write-protect";
	return NULL;
}

/* Pages that are write-protected one by one would lose that in a THP. */
static bool may_be_protected(const struct step *s)
{
	for (const struct step *b = d.test->steps->step; b < s; b++)
		if (b->op == OP_OPERATION && b->operation->write_protects)
			return true;
	return false;
}

/* After that step each page is as much its process's own as before. */
static bool shares_nothing(const struct step *b)
{
	return b->op == OP_READ || b->op == OP_PIN || b->op == OP_UNPIN || b->op == OP_POKE ||
	       b->op == OP_FILL || b->op == OP_WRITE ||
	       (b->op == OP_OPERATION && b->operation->refuses_shared[0]);
}

/* And after this one it is that for sure: what it wrote is of base pages, or one THP. */
static bool makes_own(const struct step *b, const struct step *s)
{
	unsigned int props = d.test->kind->props;

	if (b->actor != s->actor || !(b->part == PART_ALL || b->part == s->part))
		return false;
	if (!(props & KIND_BASE) && (props & (KIND_THP | KIND_FIRST)) != (KIND_THP | KIND_FIRST))
		return false;
	return b->op == OP_WRITE || (b->op == OP_FILL && !(props & KIND_SWAPPED));
}

bool may_be_merged(const struct step *s)
{
	for (const struct step *b = d.test->steps->step; b < s; b++)
		if (b->op == OP_OPERATION && (b->operation->needs & NEED(KSM)))
			return true;
	return false;
}

bool must_be_done(const struct step *s, int actor)
{
	const struct step *b = s - 1;

	if (s == d.test->steps->step || pinned() || may_be_merged(s) || !may_write(s, actor))
		return false;
	while (b > d.test->steps->step && shares_nothing(b) && !makes_own(b, s))
		b--;
	return makes_own(b, s);
}

bool may_fail(const struct step *s, int actor, const char *refusal, int error)
{
	if (refusal && s->op == OP_POKE)
		return error == -EACCES;
	if (refusal && s->op == OP_OPERATION && s->operation->not_in_use)
		return error == -EBUSY;
	if (refusal && s->op == OP_OPERATION && error == -EINVAL)
		return true;
	if (refusal && s->op == OP_PIN)
		return error == -EFAULT || error == -EOPNOTSUPP;
	if (d.test->random && (s->op == OP_COLLAPSE || s->op == OP_MIGRATE))
		return true;
	/* From 7.2 on (6.12 did it) what hugetlb mappings have been told they cannot be untold. */
	if (d.test->random && s->op == OP_DOFORK && (d.test->kind->props & KIND_HUGETLB))
		return error == -EINVAL;
	/* Another test migrates or reclaims the very pages: to be tried again, which we do not. */
	if (d.test->random && s->op == OP_PIN)
		return error == -EAGAIN || error == -EBUSY || error == -ENOMEM;
	if (s->op == OP_OPERATION && s->operation->not_in_use)
		return error == -EBUSY && d.test->random && pinned();
	if (s->op == OP_OPERATION)
		return operation_refuses(s->operation->refuses, error) ||
		       (d.test->random && operation_refuses(s->operation->senseless, error)) ||
		       (pinned() && operation_refuses(s->operation->refuses_pinned, error)) ||
		       (operation_refuses(s->operation->refuses_shared, error) &&
			!must_be_done(s, actor));
	/* Refusing is right where pages are pinned; replacing them would be wrong. */
	return s->op == OP_COLLAPSE && ((pinned() && (error == -EAGAIN || error == -EBUSY)) ||
					(may_be_protected(s) && error == -EINVAL));
}

/*
 * Is the memory after this pin what it was before, by the kernel's own rules? Anonymous
 * pages that nobody shares and pages of a shared mapping are pinned as they are, and so is
 * all that is only read for a short time.
 */
bool keeps_kind(const struct step *s)
{
	unsigned int props = d.test->kind->props;

	if (s->op != OP_PIN || !d.populated || (props & (KIND_SWAPPED | KIND_UNEVEN)))
		return false;
	for (const struct step *b = d.test->steps->step; b < s; b++)
		if (b->op != OP_FILL && b->op != OP_READ && b->op != OP_PIN)
			return false;
	/* Before 5.19 no kernel knew for sure that nobody shares them, and copied to be safe. */
	if (props & KIND_FILLED)
		return kernel_at_least(5, 19);
	if (props & KIND_SHARED)
		return true;
	/* An earlier pin may have made the pages the process's own. */
	for (size_t c = 0; c < d.model.cells; c++)
		if (d.model.actor[0].cell[c].state != CELL_SHOWS_FILE)
			return false;
	return !(s->pin_flags & (PIN_RW | PIN_LONGTERM));
}

bool populates(const struct step *s)
{
	/* Of a file a forced write makes a copy: that is not what the title says. */
	if (s->op == OP_FORCE && !(d.test->kind->props & KIND_FILLED))
		return false;
	return !d.populated && (s->op == OP_FILL || s->op == OP_READ || s->op == OP_UFFDCOPY ||
				s->op == OP_FORCE);
}
