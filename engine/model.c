// SPDX-License-Identifier: GPL-2.0-only
/* The oracle: see model.h. */
#include "engine/model.h"

#include <string.h>
#include <sys/mman.h>

void model_start(struct model *m, size_t cells, bool shared, bool has_file)
{
	/* Most of it is never used: what is not touched costs no page. */
	m->actors = 1;
	m->pins = 0;
	m->cells = cells;
	m->shared = shared;
	m->zeropage = !shared && !has_file;
	m->gen = 1;
	m->losses = 0;
	m->writer[1] = WRITER_FILE;
	m->actor[0].name = 'P';
	m->actor[0].alive = true;
	for (size_t c = 0; c < cells; c++) {
		struct model_cell *cell = &m->actor[0].cell[c];

		m->file_mark[c] = has_file ? (struct value){ WRITER_FILE, 1 } : VALUE_ZERO;
		m->file[c] = has_file ? (struct value){ WRITER_FILE, 1 } : VALUE_ZERO;
		*cell = (struct model_cell){ .state = CELL_SHOWS_FILE };
		cell->prot = PROT_READ | PROT_WRITE;
	}
}

int model_actor(const struct model *m, char name)
{
	for (int i = 0; i < m->actors; i++)
		if (m->actor[i].name == name)
			return i;
	return -1;
}

_Static_assert(STEPS_MAX + 2 <= GENERATIONS_MAX, "a bit for every write of a scenario");

/* Does @p cover that cell for a process that sees what @actor does there? */
static bool pin_shows(const struct model *m, const struct model_pin *p, int actor, size_t cell)
{
	if (!p->held || p->detached[cell] || cell < p->first || cell >= p->first + p->cells)
		return false;
	return p->owner == actor || m->shared;
}

static void put(struct model *m, int actor, size_t cell, struct value v)
{
	struct model_cell *c = &m->actor[actor].cell[cell];

	if (m->shared) {
		m->file[cell] = v;
	} else if (c->state == CELL_GONE) {
		return;
	} else {
		/* A copy of what was there, but for what is written. */
		if (c->state == CELL_SHOWS_FILE)
			c->mark = m->file_mark[cell];
		c->state = CELL_OWN;
		c->zeroed = false;
		c->v = v;
	}
	for (int i = 0; i < m->pins; i++)
		if (pin_shows(m, &m->pin[i], actor, cell))
			m->pin[i].later[cell] |= 1ULL << v.gen;
}

/* A new value of @writer. */
static struct value next_value(struct model *m, uint8_t writer)
{
	struct value v = { writer, ++m->gen };

	m->writer[v.gen % GENERATIONS_MAX] = writer;
	return v;
}

bool model_faults(const struct model *m, int actor, size_t cell)
{
	const struct model_cell *c = &m->actor[actor].cell[cell];

	return c->state == CELL_GONE || !(c->prot & PROT_WRITE);
}

struct value model_write(struct model *m, int actor, size_t first, size_t count, bool force)
{
	struct value v = next_value(m, m->actor[actor].name);

	for (size_t c = first; c < first + count; c++)
		if (m->actor[actor].cell[c].state != CELL_GONE &&
		    (force || !model_faults(m, actor, c)))
			put(m, actor, c, v);
	return v;
}

/* What is locked and becomes writable has its pages copied at once, not at the next write. */
void model_protect(struct model *m, int actor, size_t first, size_t count, int prot)
{
	for (size_t c = first; c < first + count; c++) {
		struct model_cell *cell = &m->actor[actor].cell[c];
		bool copied = cell->lock == LOCK_ALL && !(cell->prot & PROT_WRITE);

		cell->prot = prot;
		if (copied)
			model_touch(m, actor, c, 1);
	}
}

void model_lock(struct model *m, int actor, size_t first, size_t count, enum lock lock)
{
	for (size_t c = first; c < first + count; c++)
		m->actor[actor].cell[c].lock = lock;
}

void model_map_anew(struct model *m, int actor)
{
	for (size_t c = 0; c < m->cells; c++)
		m->actor[actor].cell[c].dontfork = m->actor[actor].cell[c].wipe = false;
}

void model_dontfork(struct model *m, int actor, size_t first, size_t count, bool dont)
{
	for (size_t c = first; c < first + count; c++)
		m->actor[actor].cell[c].dontfork = dont;
}

struct value model_sees(const struct model *m, int actor, size_t cell)
{
	const struct model_cell *c = &m->actor[actor].cell[cell];

	return m->shared || c->state == CELL_SHOWS_FILE ? m->file[cell] : c->v;
}

/*
 * The owner loses the page: the pin keeps what it had, and nothing newer may show. A page
 * of shared memory is still the file's: others go on writing to it.
 */
static void detach(struct model *m, int actor, size_t cell)
{
	if (m->shared)
		return;
	for (int i = 0; i < m->pins; i++) {
		struct model_pin *p = &m->pin[i];

		if (!p->held || p->owner != actor || p->detached[cell] ||
		    cell < p->first || cell >= p->first + p->cells)
			continue;
		if (p->promise[cell] == PROMISE_EXACT)
			p->at[cell] = model_sees(m, actor, cell);
		p->detached[cell] = m->losses;
	}
}

void model_unmap(struct model *m, int actor, size_t first, size_t count)
{
	m->losses++;
	for (size_t c = first; c < first + count; c++) {
		detach(m, actor, c);
		m->actor[actor].cell[c].state = CELL_GONE;
		m->actor[actor].cell[c].lock = LOCK_NONE;
	}
}

void model_mark(struct model *m, int actor, size_t first, size_t count, struct value v)
{
	for (size_t c = first; c < first + count; c++) {
		if (model_faults(m, actor, c))
			continue;
		if (m->shared)
			m->file_mark[c] = v;
		else
			m->actor[actor].cell[c].mark = v;
	}
}

struct value model_mark_of(const struct model *m, int actor, size_t cell)
{
	const struct model_cell *c = &m->actor[actor].cell[cell];

	return m->shared || c->state == CELL_SHOWS_FILE ? m->file_mark[cell] : c->mark;
}

void model_touch(struct model *m, int actor, size_t first, size_t count)
{
	for (size_t c = first; c < first + count && !m->shared; c++)
		if (!model_faults(m, actor, c))
			put(m, actor, c, model_sees(m, actor, c));
}

/* Private pages are given up; what is there instead is @now. */
static void replace(struct model *m, int actor, size_t first, size_t count, struct model_cell now)
{
	m->losses++;
	for (size_t c = first; c < first + count && !m->shared; c++) {
		struct model_cell *cell = &m->actor[actor].cell[c];

		if (cell->state == CELL_GONE)
			continue;
		detach(m, actor, c);
		cell->state = now.state;
		cell->zeroed = false;
		if (now.state == CELL_OWN)
			cell->v = cell->mark = now.v;
	}
}

void model_discard(struct model *m, int actor, size_t first, size_t count)
{
	replace(m, actor, first, count, (struct model_cell){ .state = CELL_SHOWS_FILE });
}

struct value model_value(struct model *m, int actor)
{
	return next_value(m, m->actor[actor].name);
}

/* No pin has the new page: none shows what is in it. */
void model_refill(struct model *m, int actor, size_t first, size_t count, struct value v)
{
	replace(m, actor, first, count, (struct model_cell){ .state = CELL_OWN, .v = v });
}

void model_zero(struct model *m, int actor, size_t first, size_t count)
{
	for (size_t c = first; c < first + count && !m->shared; c++) {
		if (m->actor[actor].cell[c].state == CELL_GONE)
			continue;
		put(m, actor, c, VALUE_ZERO);
		m->actor[actor].cell[c].mark = VALUE_ZERO;
		m->actor[actor].cell[c].zeroed = true;
	}
}

/* A page of shared memory is the file's no more: no pin on it is attached to anything. */
static void detach_all(struct model *m, size_t cell)
{
	for (int i = 0; i < m->pins; i++) {
		struct model_pin *p = &m->pin[i];

		p->of_file[cell] = false;
		if (!p->held || p->detached[cell] || cell < p->first ||
		    cell >= p->first + p->cells)
			continue;
		if (!m->shared && m->actor[p->owner].cell[cell].state != CELL_SHOWS_FILE)
			continue;
		if (p->promise[cell] == PROMISE_EXACT)
			p->at[cell] = model_sees(m, p->owner, cell);
		p->detached[cell] = m->losses;
	}
}

void model_file_refill(struct model *m, size_t first, size_t count, struct value v)
{
	m->losses++;
	for (size_t c = first; c < first + count; c++) {
		detach_all(m, c);
		m->file[c] = m->file_mark[c] = v;
	}
}

void model_punch(struct model *m, size_t first, size_t count)
{
	model_file_refill(m, first, count, VALUE_ZERO);
}

static void truncate_cell(struct model *m, int actor, size_t cell)
{
	struct model_cell *c = &m->actor[actor].cell[cell];

	if (c->state == CELL_GONE)
		return;
	detach(m, actor, cell);
	c->state = CELL_SHOWS_FILE;
}

void model_truncate(struct model *m, size_t first)
{
	m->losses++;
	for (size_t c = first; c < m->cells; c++) {
		detach_all(m, c);
		for (int a = 0; a < m->actors; a++)
			if (m->actor[a].alive && !m->shared)
				truncate_cell(m, a, c);
		m->file[c] = m->file_mark[c] = VALUE_ZERO;
	}
}

void model_patch(struct model *m, int actor, size_t cell)
{
	struct model_cell *c = &m->actor[actor].cell[cell];

	if (c->state == CELL_GONE)
		return;
	put(m, actor, cell, model_sees(m, actor, cell));
	c->mark = MARK_ANY;
}

void model_wipe(struct model *m, int actor, size_t first, size_t count)
{
	for (size_t c = first; c < first + count; c++)
		m->actor[actor].cell[c].wipe = true;
}

struct value model_file_write(struct model *m, size_t first, size_t count)
{
	struct value v = next_value(m, WRITER_FILE);

	for (size_t c = first; c < first + count; c++) {
		m->file[c] = v;
		for (int i = 0; i < m->pins; i++)
			if (m->pin[i].of_file[c])
				m->pin[i].later[c] |= 1ULL << v.gen;
	}
	return v;
}

int model_fork(struct model *m, int parent, char name)
{
	int child = m->actors++;

	m->actor[child].name = name;
	m->actor[child].alive = true;
	memcpy(m->actor[child].cell, m->actor[parent].cell,
	       m->cells * sizeof(m->actor[child].cell[0]));
	for (size_t c = 0; c < m->cells; c++) {
		m->actor[child].cell[c].lock = LOCK_NONE;
		if (m->actor[child].cell[c].dontfork)
			m->actor[child].cell[c].state = CELL_GONE;
		else if (m->actor[child].cell[c].wipe && m->actor[child].cell[c].state == CELL_OWN)
			m->actor[child].cell[c].state = CELL_SHOWS_FILE;
	}
	return child;
}

/* Pins go with the process that took them. */
void model_exit(struct model *m, int actor)
{
	m->actor[actor].alive = false;
	for (int i = 0; i < m->pins; i++)
		if (m->pin[i].owner == actor)
			m->pin[i].held = false;
}

/* What the kernel promises of a pin on one page of its owner. */
static enum promise promise_of(const struct model *m, unsigned int flags,
			       const struct model_cell *cell)
{
	/* Memory that nobody wrote shows a zeropage, and that is what is stored. */
	if (flags & (PIN_STORES | PIN_FREEZES) && m->zeropage && cell->state == CELL_SHOWS_FILE)
		return PROMISE_FROZEN;
	if (flags & PIN_STORES)
		return PROMISE_SNAPSHOT;
	if (flags & PIN_IS_GET)
		return PROMISE_SNAPSHOT;
	if ((flags & (PIN_RW | PIN_LONGTERM)) || m->shared ||
	    (cell->state == CELL_OWN && !cell->zeroed))
		return PROMISE_EXACT;
	return PROMISE_SNAPSHOT;
}

void model_pin(struct model *m, int pin, int owner, unsigned int flags, size_t first,
	       size_t count)
{
	struct model_pin *p = &m->pin[pin];

	while (m->pins <= pin)
		m->pin[m->pins++].held = false;
	p->held = true;
	p->writable = flags & PIN_RW;
	p->owner = owner;
	p->first = first;
	p->cells = count;
	for (size_t c = first; c < first + count; c++) {
		p->promise[c] = promise_of(m, flags, &m->actor[owner].cell[c]);
		p->at[c] = model_sees(m, owner, c);
		p->detached[c] = 0;
		p->later[c] = 0;
		p->of_file[c] = m->actor[owner].cell[c].state == CELL_SHOWS_FILE;
		/* A reliable pin of a private page breaks COW first: it is the owner's now. */
		if (p->promise[c] == PROMISE_EXACT)
			put(m, owner, c, p->at[c]);
	}
}

void model_unpin(struct model *m, int pin)
{
	m->pin[pin].held = false;
}

/*
 * Cell @cell of pin @p is written through it; its owner has lost the page. The pins that
 * lost it with that step have the same page: the owner's, and all of a file's page.
 */
static void poke_detached(struct model *m, const struct model_pin *p, size_t cell, struct value v)
{
	for (int i = 0; i < m->pins; i++) {
		struct model_pin *q = &m->pin[i];

		if (!q->held || (q->owner != p->owner && !m->shared) ||
		    q->detached[cell] != p->detached[cell] ||
		    cell < q->first || cell >= q->first + q->cells)
			continue;
		if (q->promise[cell] == PROMISE_EXACT)
			q->at[cell] = v;
		else
			q->later[cell] |= 1ULL << v.gen;
	}
}

struct value model_poke(struct model *m, int pin)
{
	struct model_pin *p = &m->pin[pin];
	struct value v = next_value(m, WRITER_PIN);

	/* Nobody will see it. */
	if (!p->writable)
		return v;
	for (size_t c = p->first; c < p->first + p->cells; c++) {
		if (p->detached[c])
			poke_detached(m, p, c, v);
		else
			put(m, p->owner, c, v);
	}
	return v;
}

bool model_allows(const struct model *m, int actor, size_t cell, struct value seen)
{
	return value_eq(seen, model_sees(m, actor, cell));
}

bool model_pin_attached(const struct model *m, int pin, size_t cell)
{
	const struct model_pin *p = &m->pin[pin];

	return p->promise[cell] == PROMISE_EXACT && !p->detached[cell] &&
	       m->actor[p->owner].alive && m->actor[p->owner].cell[cell].state != CELL_GONE;
}

bool model_pin_may_hide(const struct model *m, int pin, size_t cell)
{
	return !model_pin_attached(m, pin, cell);
}

struct value model_pin_sees(const struct model *m, int pin, size_t cell)
{
	const struct model_pin *p = &m->pin[pin];

	return p->detached[cell] || p->promise[cell] != PROMISE_EXACT ? p->at[cell]
		: model_sees(m, p->owner, cell);
}

bool model_pin_allows(const struct model *m, int pin, size_t cell, struct value seen)
{
	const struct model_pin *p = &m->pin[pin];

	if (p->promise[cell] == PROMISE_EXACT)
		return value_eq(seen, model_pin_sees(m, pin, cell));
	if (value_eq(seen, p->at[cell]))
		return true;
	return p->promise[cell] == PROMISE_SNAPSHOT && seen.gen < GENERATIONS_MAX &&
	       (p->later[cell] >> seen.gen & 1) && seen.writer == m->writer[seen.gen];
}
