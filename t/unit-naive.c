// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle against a world of pages. Here a page is an object, a process's page table
 * points to pages, fork shares them and a write copies them, a pin points to what it got.
 * Slow and simple: who sees what is read off the page, never computed. Nothing of it is
 * shared with engine/model.c, so a mistake must be made twice to go unseen.
 */
#include "engine/model.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "t/tap-unit.h"
#include "vm_util.h"

#define CELLS		3
#define ACTORS		4
#define PINS		4
#define STEPS_MOST	24
#define PAGES_MAX	512
#define SEQUENCES	20000

struct page {
	struct value now;
	struct value mark;	/* what its first content left, and writes leave alone */
	bool of_file;		/* nobody's own: the file's, or a zeropage */
	bool zeroed;		/* may as well be a zeropage, as nobody has written since */
};

struct proc {
	char name;
	bool alive;
	struct page *table[CELLS];	/* NULL: not mapped */
	int prot[CELLS];
	bool dontfork[CELLS], wipe[CELLS];
	bool locked[CELLS], on_fault[CELLS];
};

/* What a pin has of one cell. */
struct hold {
	struct page *page;		/* what it got */
	bool exact, frozen;
	/* Not exact: its owner may since have gone on in a copy, and the pin with it. */
	struct page *maybe[STEPS_MOST + 2];
	int nr_maybe;
	bool following;			/* the owner has not lost the page */
	uint64_t seen;			/* generations that were in one of these pages */
};

struct grip {
	bool held, pokes;
	int owner, first, count;
	struct hold hold[CELLS];
};

static struct {
	bool shared, has_file, zeropage;
	int actors, pages, pins;
	uint16_t gen;
	char writer[GENERATIONS_MAX];
	struct page page[PAGES_MAX];
	struct page *file[CELLS];
	struct proc actor[ACTORS];
	struct grip pin[PINS];
} w;

static struct model m;

/* --- the world --- */

static struct page *new_page(struct value v, bool of_file)
{
	if (w.pages == PAGES_MAX)
		abort();
	w.page[w.pages] = (struct page) { v, v, of_file, false };
	return &w.page[w.pages++];
}

static struct page *copy_of(const struct page *page)
{
	struct page *copy = new_page(page->now, false);

	copy->mark = page->mark;
	return copy;
}

static void world_start(bool shared, bool has_file, bool zeropage)
{
	struct value v = has_file ? (struct value){ WRITER_FILE, 1 } : VALUE_ZERO;

	memset(&w, 0, sizeof(w));
	w.shared = shared;
	w.has_file = has_file;
	w.zeropage = zeropage;
	w.gen = 1;
	w.writer[1] = WRITER_FILE;
	w.actors = 1;
	w.actor[0] = (struct proc) { .name = 'P', .alive = true };
	for (int c = 0; c < CELLS; c++) {
		w.file[c] = w.actor[0].table[c] = new_page(v, true);
		w.actor[0].prot[c] = PROT_READ | PROT_WRITE;
	}
}

static struct value new_value(char writer)
{
	w.writer[++w.gen] = writer;
	return (struct value){ writer, w.gen };
}

/* Has a process other than @a that page, or a pin of another? */
static bool others_have(int a, int c, const struct page *page)
{
	for (int i = 0; i < w.actors; i++)
		if (i != a && w.actor[i].alive && w.actor[i].table[c] == page)
			return true;
	for (int p = 0; p < w.pins; p++) {
		const struct hold *h = &w.pin[p].hold[c];

		if (!w.pin[p].held || w.pin[p].owner == a)
			continue;
		for (int i = 0; i < h->nr_maybe; i++)
			if (h->maybe[i] == page)
				return true;
	}
	return false;
}

/* The owner has a copy now; a pin that promises little may show that or the old page. */
static void pins_follow(int a, int c, struct page *copy)
{
	for (int p = 0; p < w.pins; p++) {
		struct hold *h = &w.pin[p].hold[c];

		if (!w.pin[p].held || w.pin[p].owner != a || !h->following)
			continue;
		if (h->exact)
			abort();	/* the page under an exact pin was copied away */
		h->maybe[h->nr_maybe++] = copy;
	}
}

/* The page that @a may write to at @c: copied first if it is not @a's alone. */
static struct page *own_page(int a, int c)
{
	struct page *page = w.actor[a].table[c];

	if (!w.shared && (page->of_file || others_have(a, c, page))) {
		page = copy_of(page);
		w.actor[a].table[c] = page;
		pins_follow(a, c, page);
	}
	page->zeroed = false;
	return page;
}

static bool writable(int a, int c)
{
	return w.actor[a].table[c] && w.actor[a].prot[c] & PROT_WRITE;
}

static struct value world_write(int a, int first, int count, bool force)
{
	struct value v = new_value(w.actor[a].name);

	for (int c = first; c < first + count; c++)
		if (force ? w.actor[a].table[c] != NULL : writable(a, c))
			own_page(a, c)->now = v;
	return v;
}

/* The first content of pages: what was written, and their marks. */
static void world_mark(int a, int first, int count, struct value v)
{
	for (int c = first; c < first + count; c++)
		if (writable(a, c))
			w.actor[a].table[c]->mark = v;
}

/* The kernel writes to the page, whatever its protection, but not what is compared. */
static void world_patch(int a, int c)
{
	if (w.actor[a].table[c])
		own_page(a, c)->mark = MARK_ANY;
}

/* Zeroes are written to all of the page, its mark included. */
static void world_zero(int a, int first, int count)
{
	for (int c = first; c < first + count; c++) {
		if (!w.actor[a].table[c])
			continue;
		own_page(a, c)->now = VALUE_ZERO;
		w.actor[a].table[c]->mark = VALUE_ZERO;
		w.actor[a].table[c]->zeroed = true;
	}
}

/* Pages that are locked, and not only when they come in, are all there to be written. */
static void world_bring_in(int a, int c)
{
	if (w.actor[a].locked[c] && !w.actor[a].on_fault[c] && writable(a, c))
		own_page(a, c);
}

static void world_protect(int a, int first, int count, int prot)
{
	for (int c = first; c < first + count; c++) {
		bool was_writable = w.actor[a].prot[c] & PROT_WRITE;

		w.actor[a].prot[c] = prot;
		if (!was_writable)
			world_bring_in(a, c);
	}
}

static void world_lock(int a, int first, int count, bool on_fault)
{
	for (int c = first; c < first + count; c++) {
		if (!w.actor[a].table[c])
			continue;
		w.actor[a].locked[c] = true;
		w.actor[a].on_fault[c] = on_fault;
		world_bring_in(a, c);
	}
}

static void world_touch(int a, int first, int count)
{
	for (int c = first; c < first + count; c++)
		if (writable(a, c))
			own_page(a, c);
}

static void pins_lose(int a, int c)
{
	for (int p = 0; p < w.pins; p++)
		if (w.pin[p].held && w.pin[p].owner == a)
			w.pin[p].hold[c].following = false;
}

static void world_unmap(int a, int first, int count)
{
	for (int c = first; c < first + count; c++) {
		w.actor[a].table[c] = NULL;
		w.actor[a].locked[c] = w.actor[a].on_fault[c] = false;
		pins_lose(a, c);
	}
}

static void world_discard(int a, int first, int count)
{
	for (int c = first; c < first + count; c++) {
		if (!w.actor[a].table[c])
			continue;
		w.actor[a].table[c] = w.file[c];
		pins_lose(a, c);
	}
}

/* Other pages than before, whatever the protection. */
static struct value world_refill(int a, int first, int count)
{
	struct value v = new_value(w.actor[a].name);

	for (int c = first; c < first + count; c++) {
		if (!w.actor[a].table[c])
			continue;
		w.actor[a].table[c] = new_page(v, false);
		pins_lose(a, c);
	}
	return v;
}

/* The old page is in no file any more; who mapped it finds the new one there. */
static void world_file_refill(int first, int count, struct value v)
{
	for (int c = first; c < first + count; c++) {
		struct page *old = w.file[c];

		w.file[c] = new_page(v, true);
		for (int a = 0; a < w.actors; a++) {
			if (w.actor[a].table[c] != old)
				continue;
			w.actor[a].table[c] = w.file[c];
			pins_lose(a, c);
		}
	}
}

/* The file from there on, and what was copied from it. */
static void world_truncate(int first)
{
	for (int c = first; c < CELLS; c++) {
		w.file[c] = new_page(VALUE_ZERO, true);
		for (int a = 0; a < w.actors; a++) {
			if (!w.actor[a].table[c])
				continue;
			w.actor[a].table[c] = w.file[c];
			pins_lose(a, c);
		}
	}
}

static struct value world_file_write(int first, int count)
{
	struct value v = new_value(WRITER_FILE);

	for (int c = first; c < first + count; c++)
		w.file[c]->now = v;
	return v;
}

/* Being pinned it was no zeropage, so this is none: but the model need not know as much. */
static struct page *zeroed_like(struct page *page)
{
	struct page *copy = copy_of(page);

	copy->zeroed = page->zeroed;
	return copy;
}

static bool exactly_pinned(int a, int c)
{
	for (int p = 0; p < w.pins; p++)
		if (w.pin[p].held && w.pin[p].owner == a && w.pin[p].hold[c].exact &&
		    w.pin[p].hold[c].page == w.actor[a].table[c])
			return true;
	return false;
}

/* A pinned page stays its owner's alone: the child gets a copy at once. */
static void world_fork(int parent, char name)
{
	struct proc *child = &w.actor[w.actors++];

	*child = w.actor[parent];
	child->name = name;
	for (int c = 0; c < CELLS; c++) {
		child->locked[c] = child->on_fault[c] = false;
		if (child->dontfork[c])
			child->table[c] = NULL;
		else if (child->wipe[c] && child->table[c])
			child->table[c] = w.file[c];
		else if (!w.shared && exactly_pinned(parent, c))
			child->table[c] = zeroed_like(child->table[c]);
	}
}

static void world_exit(int a)
{
	w.actor[a].alive = false;
	for (int p = 0; p < w.pins; p++)
		if (w.pin[p].owner == a)
			w.pin[p].held = false;
}

/* A reference, or a short look at what is the file's, need not be of the owner's page. */
static bool pins_exactly(unsigned int flags, const struct page *page)
{
	if (flags & (PIN_IS_GET | PIN_STORES))
		return false;
	return w.shared || !(page->of_file || page->zeroed) || flags & (PIN_RW | PIN_LONGTERM);
}

static void world_pin(int p, int a, unsigned int flags, int first, int count)
{
	struct grip *g = &w.pin[p];

	*g = (struct grip) { .held = true, .owner = a, .first = first, .count = count,
			     .pokes = flags & PIN_RW };
	w.pins = p >= w.pins ? p + 1 : w.pins;
	for (int c = first; c < first + count; c++) {
		struct hold *h = &g->hold[c];

		h->exact = pins_exactly(flags, w.actor[a].table[c]);
		h->page = h->exact ? own_page(a, c) : w.actor[a].table[c];
		h->frozen = flags & (PIN_STORES | PIN_FREEZES) && w.zeropage && h->page->of_file;
		h->maybe[h->nr_maybe++] = h->page;
		h->following = true;
	}
}

static struct value world_poke(int p)
{
	struct value v = new_value(WRITER_PIN);

	for (int c = w.pin[p].first; c < w.pin[p].first + w.pin[p].count; c++) {
		w.pin[p].hold[c].page->now = v;
		w.pin[p].hold[c].page->zeroed = false;
	}
	return v;
}

/* After each step: what is in the pages that a pin may have. */
static void world_look(void)
{
	for (int p = 0; p < w.pins; p++) {
		for (int c = 0; c < CELLS; c++) {
			struct hold *h = &w.pin[p].hold[c];

			for (int i = 0; i < h->nr_maybe; i++)
				h->seen |= 1ULL << h->maybe[i]->now.gen;
		}
	}
}

static bool world_pin_allows(const struct hold *h, struct value v)
{
	if (h->exact)
		return value_eq(v, h->page->now);
	if (h->frozen)
		return value_eq(v, VALUE_ZERO);
	return h->seen >> v.gen & 1;
}

/* --- the same steps for both --- */

static char history[2048];

__attribute__((format(printf, 1, 2)))
static void told(const char *fmt, ...)
{
	size_t used = strlen(history);
	va_list args;

	va_start(args, fmt);
	vsnprintf(history + used, sizeof(history) - used, fmt, args);
	va_end(args);
}

static uint64_t rnd_state;

/* The same numbers with every libc. */
static int rnd(int below)
{
	rnd_state = rnd_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (rnd_state >> 33) % below;
}

static int some_actor(void)
{
	int a = rnd(w.actors);

	while (!w.actor[a].alive)
		a = (a + 1) % w.actors;
	return a;
}

/* A step on cells [first, first + count) of actor @a. */
struct span {
	int a, first, count;
};

static void tell_span(const char *verb, struct span s)
{
	told("%s %c %d+%d; ", verb, w.actor[s.a].name, s.first, s.count);
}

/* Both must call a new value the same. */
static void check_value(struct value of_world, struct value of_model)
{
	if (!value_eq(of_world, of_model))
		abort();
}

static void step_write(struct span s)
{
	tell_span("write", s);
	check_value(world_write(s.a, s.first, s.count, false),
		    model_write(&m, s.a, s.first, s.count, false));
}

static void step_fill(struct span s)
{
	struct value v = model_write(&m, s.a, s.first, s.count, false);

	tell_span("fill", s);
	check_value(world_write(s.a, s.first, s.count, false), v);
	world_mark(s.a, s.first, s.count, v);
	model_mark(&m, s.a, s.first, s.count, v);
}

static void step_force(struct span s)
{
	tell_span("force", s);
	check_value(world_write(s.a, s.first, s.count, true),
		    model_write(&m, s.a, s.first, s.count, true));
}

static void step_touch(struct span s)
{
	tell_span("touch", s);
	world_touch(s.a, s.first, s.count);
	model_touch(&m, s.a, s.first, s.count);
}

static void step_patch(struct span s)
{
	if (w.shared)
		return;
	s.count = 1;
	tell_span("patch", s);
	world_patch(s.a, s.first);
	model_patch(&m, s.a, s.first);
}

static void step_unmap(struct span s)
{
	tell_span("unmap", s);
	world_unmap(s.a, s.first, s.count);
	model_unmap(&m, s.a, s.first, s.count);
}

static void step_discard(struct span s)
{
	tell_span("discard", s);
	world_discard(s.a, s.first, s.count);
	model_discard(&m, s.a, s.first, s.count);
}

static void step_refill(struct span s)
{
	struct value v;

	if (w.shared)
		return;
	tell_span("refill", s);
	v = model_value(&m, s.a);
	check_value(world_refill(s.a, s.first, s.count), v);
	model_refill(&m, s.a, s.first, s.count, v);
}

static void step_zero(struct span s)
{
	if (w.shared)
		return;
	tell_span("zero", s);
	world_zero(s.a, s.first, s.count);
	model_zero(&m, s.a, s.first, s.count);
}

static void step_punch(struct span s)
{
	if (!w.has_file)
		return;
	tell_span("punch", s);
	world_file_refill(s.first, s.count, VALUE_ZERO);
	model_punch(&m, s.first, s.count);
}

static void step_file_refill(struct span s)
{
	struct value v;

	if (!w.has_file)
		return;
	tell_span("refillfile", s);
	v = model_value(&m, s.a);
	check_value(new_value(w.actor[s.a].name), v);
	world_file_refill(s.first, s.count, v);
	model_file_refill(&m, s.first, s.count, v);
}

static void step_truncate(struct span s)
{
	if (!w.has_file)
		return;
	tell_span("truncate by", s);
	world_truncate(s.first);
	model_truncate(&m, s.first);
}

static void step_file_write(struct span s)
{
	if (!w.has_file)
		return;
	tell_span("filewrite", s);
	check_value(world_file_write(s.first, s.count),
		    model_file_write(&m, s.first, s.count));
}

static void step_protect(struct span s)
{
	static const int prots[] = { PROT_READ, PROT_READ | PROT_WRITE, PROT_NONE };
	int prot = prots[rnd(3)];

	tell_span(prot == PROT_NONE ? "none" : prot == PROT_READ ? "r" : "rw", s);
	world_protect(s.a, s.first, s.count, prot);
	model_protect(&m, s.a, s.first, s.count, prot);
}

/* Of what is not mapped nothing can be locked: the kernel refuses all of it then. */
static void step_lock(struct span s)
{
	bool on_fault = rnd(2);

	for (int c = s.first; c < s.first + s.count; c++)
		if (!w.actor[s.a].table[c])
			return;
	tell_span(on_fault ? "mlockonfault" : "mlock", s);
	world_lock(s.a, s.first, s.count, on_fault);
	if (!on_fault)
		model_touch(&m, s.a, s.first, s.count);
	model_lock(&m, s.a, s.first, s.count, on_fault ? LOCK_ONFAULT : LOCK_ALL);
}

static void step_unlock(struct span s)
{
	tell_span("munlock", s);
	for (int c = s.first; c < s.first + s.count; c++)
		w.actor[s.a].locked[c] = w.actor[s.a].on_fault[c] = false;
	model_lock(&m, s.a, s.first, s.count, LOCK_NONE);
}

static void step_dontfork(struct span s)
{
	bool dont = rnd(2);

	tell_span(dont ? "dontfork" : "dofork", s);
	for (int c = s.first; c < s.first + s.count; c++)
		w.actor[s.a].dontfork[c] = dont;
	model_dontfork(&m, s.a, s.first, s.count, dont);
}

static void step_map_anew(struct span s)
{
	told("map anew %c; ", w.actor[s.a].name);
	for (int c = 0; c < CELLS; c++)
		w.actor[s.a].dontfork[c] = w.actor[s.a].wipe[c] = false;
	model_map_anew(&m, s.a);
}

static void step_wipe(struct span s)
{
	if (w.has_file || w.shared)
		return;
	tell_span("wipeonfork", s);
	for (int c = s.first; c < s.first + s.count; c++)
		w.actor[s.a].wipe[c] = true;
	model_wipe(&m, s.a, s.first, s.count);
}

static void step_fork(struct span s)
{
	char name = "PCGA"[w.actors % ACTORS];

	if (w.actors == ACTORS)
		return;
	told("fork %c %c; ", w.actor[s.a].name, name);
	world_fork(s.a, name);
	model_fork(&m, s.a, name);
}

static void step_exit(struct span s)
{
	int alive = 0;

	for (int i = 0; i < w.actors; i++)
		alive += w.actor[i].alive;
	if (alive == 1)
		return;
	told("exit %c; ", w.actor[s.a].name);
	world_exit(s.a);
	model_exit(&m, s.a);
}

/* A pin that the kernel would give: mapped, and with the right to do so. */
static bool may_pin(struct span s, unsigned int flags)
{
	int prot = flags & PIN_RW ? PROT_WRITE : PROT_READ;

	for (int c = s.first; c < s.first + s.count; c++)
		if (!w.actor[s.a].table[c] || !(w.actor[s.a].prot[c] & prot))
			return false;
	return true;
}

static void step_pin(struct span s)
{
	static const struct { unsigned int flags; const char *name; } sorts[] = {
		{ PIN_RO | PIN_LONGTERM, "ro longterm" }, { PIN_RO | PIN_SHORT, "ro short" },
		{ PIN_RW | PIN_LONGTERM, "rw longterm" }, { PIN_RW | PIN_SHORT, "rw short" },
		{ PIN_RO | PIN_SHORT | PIN_IS_GET, "get" },
		{ PIN_RO | PIN_SHORT | PIN_STORES, "stores" },
		{ PIN_RO | PIN_SHORT | PIN_FREEZES, "freezes" },
	};
	int sort = rnd(ARRAY_SIZE(sorts)), p = 0;

	while (p < PINS && w.pin[p].held)
		p++;
	if (p == PINS || !may_pin(s, sorts[sort].flags))
		return;
	told("#%d = pin %s ", p, sorts[sort].name);
	tell_span("of", s);
	world_pin(p, s.a, sorts[sort].flags, s.first, s.count);
	model_pin(&m, p, s.a, sorts[sort].flags, s.first, s.count);
}

static void step_poke(struct span s)
{
	int p = rnd(PINS);

	(void)s;
	if (!w.pin[p].held || !w.pin[p].pokes)
		return;
	told("poke #%d; ", p);
	check_value(world_poke(p), model_poke(&m, p));
}

static void step_unpin(struct span s)
{
	int p = rnd(PINS);

	(void)s;
	if (!w.pin[p].held)
		return;
	told("unpin #%d; ", p);
	w.pin[p].held = false;
	model_unpin(&m, p);
}

static void random_step(void)
{
	static void (*const steps[])(struct span s) = {
		step_write, step_write, step_write, step_fill, step_force, step_touch,
		step_patch, step_unmap, step_discard, step_discard, step_refill, step_zero,
		step_punch, step_punch, step_file_refill,
		step_file_write, step_file_write, step_truncate, step_wipe, step_protect,
		step_map_anew, step_protect, step_lock, step_unlock,
		step_dontfork, step_fork, step_fork, step_exit, step_pin, step_pin, step_pin,
		step_pin, step_poke, step_poke, step_poke, step_unpin,
	};
	struct span s = { .a = some_actor(), .first = rnd(CELLS) };

	s.count = 1 + rnd(CELLS - s.first);
	steps[rnd(ARRAY_SIZE(steps))](s);
	world_look();
}

/* --- the same answers --- */

static bool differ(const char *what, int i, int c, struct value v, bool want)
{
	note("%s %d, cell %d, value %c%d: %s, the model says otherwise; steps:", what, i, c,
	     v.writer ? v.writer : '0', v.gen, want ? "yes" : "no");
	note("%s", history);
	return true;
}

static struct value value_of(unsigned int gen)
{
	return (struct value){ w.writer[gen], gen };
}

static bool actor_differs(int a, int c)
{
	const struct page *page = w.actor[a].table[c];

	if (model_faults(&m, a, c) != !writable(a, c))
		return differ("faults of actor", a, c, VALUE_ZERO, !writable(a, c));
	if ((m.actor[a].cell[c].state == CELL_GONE) != !page)
		return differ("unmapped for actor", a, c, VALUE_ZERO, !page);
	if ((m.actor[a].cell[c].lock != LOCK_NONE) != w.actor[a].locked[c])
		return differ("lock of actor", a, c, VALUE_ZERO, w.actor[a].locked[c]);
	if (!page)
		return false;
	if (!value_eq(model_sees(&m, a, c), page->now))
		return differ("sight of actor", a, c, page->now, true);
	if (!value_eq(model_mark_of(&m, a, c), page->mark))
		return differ("mark for actor", a, c, page->mark, true);
	for (unsigned int gen = 0; gen <= w.gen; gen++) {
		bool want = value_eq(value_of(gen), page->now);

		if (model_allows(&m, a, c, value_of(gen)) != want)
			return differ("actor", a, c, value_of(gen), want);
	}
	return false;
}

/*
 * Does it show nowhere in its owner's memory what comes in through such a pin? Something comes in,
 * for a moment. Of a pin that promises less it may or may not be so.
 */
static bool hides(int p, int c)
{
	struct page *page = w.pin[p].hold[c].page, *there = w.actor[w.pin[p].owner].table[c];
	struct value before = page->now;
	bool shows;

	page->now = (struct value){ 'Q', GENERATIONS_MAX };
	shows = there && value_eq(there->now, page->now);
	page->now = before;
	return !w.pin[p].hold[c].exact || !shows;
}

static bool pin_differs(int p, int c)
{
	const struct hold *h = &w.pin[p].hold[c];
	bool attached = h->exact && w.actor[w.pin[p].owner].table[c] == h->page;
	/* Nobody ever wrote this, with a generation that somebody had. */
	struct value strange = { 'Q', w.gen };

	if (model_pin_attached(&m, p, c) != attached)
		return differ("attachment of pin", p, c, VALUE_ZERO, attached);
	if (model_pin_may_hide(&m, p, c) != hides(p, c))
		return differ("hiding of pin", p, c, VALUE_ZERO, hides(p, c));
	if (h->exact && !value_eq(model_pin_sees(&m, p, c), h->page->now))
		return differ("sight of exact pin", p, c, h->page->now, true);
	if (model_pin_allows(&m, p, c, strange))
		return differ("pin", p, c, strange, false);
	for (unsigned int gen = 0; gen <= w.gen; gen++) {
		bool want = world_pin_allows(h, value_of(gen));

		if (model_pin_allows(&m, p, c, value_of(gen)) != want)
			return differ(h->exact ? "exact pin" : "pin", p, c, value_of(gen), want);
	}
	return false;
}

static bool file_differs(int c)
{
	return !value_eq(m.file[c], w.file[c]->now) &&
	       differ("file", 0, c, w.file[c]->now, true);
}

static bool worlds_differ(void)
{
	for (int c = 0; c < CELLS; c++)
		if (file_differs(c))
			return true;
	for (int a = 0; a < w.actors; a++)
		for (int c = 0; c < CELLS && w.actor[a].alive; c++)
			if (actor_differs(a, c))
				return true;
	for (int p = 0; p < w.pins; p++) {
		if (w.pin[p].held != model_holds(&m, p))
			return differ("hold of pin", p, 0, VALUE_ZERO, w.pin[p].held);
		for (int c = w.pin[p].first; c < w.pin[p].first + w.pin[p].count; c++)
			if (w.pin[p].held && pin_differs(p, c))
				return true;
	}
	return false;
}

/* What sort of memory. */
static const struct sort {
	const char *name;
	bool shared, has_file, zeropage;
} sorts[] = {
	{ "private zeroes", false, false, true },
	/* As hugetlb has it: what nobody wrote is a page of one's own that is empty. */
	{ "private zeroes without a zeropage", false, false, false },
	{ "private file", false, true, false },
	{ "shared file", true, true, false },
	{ "shared zeroes", true, false, false },
};

static bool sequence_differs(uint64_t seed, const struct sort *sort)
{
	int steps;

	rnd_state = seed;
	rnd(2);
	steps = 4 + rnd(STEPS_MOST - 4);
	history[0] = '\0';
	world_start(sort->shared, sort->has_file, sort->zeropage);
	model_start(&m, CELLS, sort->shared, sort->has_file);
	m.zeropage = sort->zeropage;
	for (int s = 0; s < steps; s++) {
		random_step();
		if (worlds_differ())
			return true;
	}
	return false;
}

static void test_random(uint64_t seed, const struct sort *sort)
{
	bool differs = false;

	for (int i = 0; i < SEQUENCES && !differs; i++) {
		differs = sequence_differs(seed + i, sort);
		if (differs)
			note("COWPIN_SEED=%" PRIu64 " has it in its first sequence", seed + i);
	}
	ok(!differs, "%d random sequences, %s: the model says what the pages hold", SEQUENCES,
	   sort->name);
}

int main(void)
{
	const char *env = getenv("COWPIN_SEED");
	uint64_t seed = env ? strtoull(env, NULL, 0) : 20200529;

	plan(ARRAY_SIZE(sorts));
	for (size_t i = 0; i < ARRAY_SIZE(sorts); i++)
		test_random(seed, &sorts[i]);
	return tap_done();
}
