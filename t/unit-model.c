// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle: what processes and pins must see. First examples, then random sequences of
 * steps against a second model that is written another way: it follows pages. There,
 * every process has pages of its own from fork on, and a pin holds a page; which values
 * may show follows from what was ever in that page. Nothing of it is shared with
 * engine/model.c, so that a mistake must be made twice to go unseen.
 */
#include "engine/model.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "t/tap-unit.h"

#define RW		(PIN_RW | PIN_LONGTERM)
#define RO		(PIN_RO | PIN_LONGTERM)
#define RO_SHORT	(PIN_RO | PIN_SHORT)
#define GET		(PIN_RO | PIN_SHORT | PIN_IS_GET)

static const struct value file1 = { WRITER_FILE, 1 };
static struct model m;

#define is_value(got, want, ...) do {						\
	struct value g_ = (got), w_ = (want);					\
										\
	if (!ok(value_eq(g_, w_), __VA_ARGS__))					\
		note("got %c%d, not %c%d", g_.writer ? g_.writer : '0', g_.gen,	\
		     w_.writer ? w_.writer : '0', w_.gen);			\
} while (0)

/* --- examples --- */

static void test_start(void)
{
	model_start(&m, 4, false, false);
	is_value(model_sees(&m, 0, 3), VALUE_ZERO, "fresh anonymous memory: zeroes");
	model_start(&m, 4, false, true);
	is_value(model_sees(&m, 0, 3), file1, "fresh private file mapping: the file");
	is_int(model_actor(&m, 'P'), 0, "P is the first actor");
	is_int(model_actor(&m, 'C'), -1, "there is no C yet");
}

static void test_fork(void)
{
	struct value v, w;
	int c;

	model_start(&m, 4, false, false);
	v = model_write(&m, 0, 0, 4, false);
	is_value(v, ((struct value){ 'P', 2 }), "the first write is generation 2, P's");
	c = model_fork(&m, 0, 'C');
	is_int(model_actor(&m, 'C'), c, "the child goes by its name");
	is_value(model_sees(&m, c, 2), v, "a child inherits");
	w = model_write(&m, 0, 0, 2, false);
	is_value(model_sees(&m, 0, 1), w, "a parent's write shows to itself");
	is_value(model_sees(&m, 0, 2), v, "where it wrote, only");
	ok(model_allows(&m, c, 1, v) && !model_allows(&m, c, 1, w), "and not to its child");
	w = model_write(&m, c, 3, 1, false);
	ok(model_allows(&m, 0, 3, v) && !model_allows(&m, 0, 3, w), "nor a child's to its parent");
	ok(!model_allows(&m, c, 0, VALUE_ZERO), "what was written is not zeroes any more");
}

static void test_dontfork(void)
{
	int c;

	model_start(&m, 2, false, false);
	model_write(&m, 0, 0, 2, false);
	model_dontfork(&m, 0, 1, 1, true);
	c = model_fork(&m, 0, 'C');
	ok(m.actor[c].cell[1].state == CELL_GONE && m.actor[c].cell[0].state == CELL_OWN,
	   "MADV_DONTFORK: the child lacks that page");
	ok(model_faults(&m, c, 1) && !model_faults(&m, c, 0), "and cannot write there");
}

static void test_protect(void)
{
	struct value v, w;

	model_start(&m, 2, false, false);
	v = model_write(&m, 0, 0, 2, false);
	model_protect(&m, 0, 0, 1, PROT_READ);
	ok(model_faults(&m, 0, 0) && !model_faults(&m, 0, 1), "a store to read-only memory faults");
	w = model_write(&m, 0, 0, 2, false);
	is_value(model_sees(&m, 0, 0), v, "and changes nothing");
	is_value(model_sees(&m, 0, 1), w, "next to it, it does");
	w = model_write(&m, 0, 0, 1, true);
	is_value(model_sees(&m, 0, 0), w, "a write by force arrives");
	model_protect(&m, 0, 0, 1, PROT_READ | PROT_WRITE);
	ok(!model_faults(&m, 0, 0), "writable again");
}

static void test_lock(void)
{
	int c;

	model_start(&m, 2, false, true);
	model_protect(&m, 0, 0, 2, PROT_READ);
	model_lock(&m, 0, 0, 1, LOCK_ALL);
	model_lock(&m, 0, 1, 1, LOCK_ONFAULT);
	ok(m.actor[0].cell[0].lock && m.actor[0].cell[1].lock, "memory is locked");
	ok(m.actor[0].cell[0].state == CELL_SHOWS_FILE, "and a read-only page is the file's still");
	model_protect(&m, 0, 0, 2, PROT_READ | PROT_WRITE);
	ok(m.actor[0].cell[0].state == CELL_OWN && m.actor[0].cell[1].state == CELL_SHOWS_FILE,
	   "when it becomes writable it is copied at once, but for MLOCK_ONFAULT");
	c = model_fork(&m, 0, 'C');
	ok(!m.actor[c].cell[0].lock && m.actor[0].cell[0].lock, "a child has locked nothing");
	model_unmap(&m, 0, 0, 1);
	ok(!m.actor[0].cell[0].lock && m.actor[0].cell[1].lock, "what is unmapped is not locked");
}

static void test_private_file(void)
{
	struct value v;
	int c;

	model_start(&m, 2, false, true);
	c = model_fork(&m, 0, 'C');
	v = model_write(&m, 0, 0, 1, false);
	is_value(model_sees(&m, 0, 0), v, "private file: P sees what it wrote");
	is_value(model_sees(&m, c, 0), file1, "C sees the file");
	is_value(m.file[0], file1, "the file is as it was");
}

static void test_shared(void)
{
	struct value v;
	int c;

	model_start(&m, 2, true, true);
	c = model_fork(&m, 0, 'C');
	v = model_write(&m, c, 0, 1, false);
	ok(model_allows(&m, 0, 0, v) && !model_allows(&m, 0, 0, file1), "shared: P sees C's write");
	is_value(m.file[0], v, "so does the file");
	model_pin(&m, 0, 0, RO_SHORT, 0, 2);
	v = model_write(&m, c, 0, 2, false);
	ok(model_pin_allows(&m, 0, 1, v) && !model_pin_allows(&m, 0, 1, file1),
	   "shared: any pin sees everybody's writes");
}

static void test_exact_pin(void)
{
	struct value old, v;
	int c;

	model_start(&m, 2, false, true);
	model_pin(&m, 0, 0, RO, 0, 2);
	ok(model_pin_allows(&m, 0, 0, file1) && model_pin_attached(&m, 0, 0),
	   "R/O long-term pin of a file's page: its content, the owner's page");
	v = model_write(&m, 0, 0, 1, false);
	ok(model_pin_allows(&m, 0, 0, v), "it sees the owner's write");
	ok(!model_pin_allows(&m, 0, 0, file1), "and nothing older");
	ok(model_pin_allows(&m, 0, 1, file1), "elsewhere, nothing has changed");
	old = v;
	c = model_fork(&m, 0, 'C');
	v = model_write(&m, c, 0, 2, false);
	ok(!model_pin_allows(&m, 0, 0, v) && model_pin_allows(&m, 0, 0, old),
	   "a child's write is none of its business");
}

static void test_snapshot_pin(void)
{
	struct value before, v, w;
	int c;

	model_start(&m, 2, false, false);
	before = model_write(&m, 0, 0, 2, false);
	v = model_write(&m, 0, 0, 2, false);
	c = model_fork(&m, 0, 'C');
	model_pin(&m, 0, c, GET, 0, 2);
	ok(model_pin_allows(&m, 0, 0, v) && !model_pin_allows(&m, 0, 0, before),
	   "a reference sees what its owner saw then, nothing older");
	ok(!model_pin_attached(&m, 0, 0), "it need not be the owner's page later");
	w = model_write(&m, c, 0, 1, false);
	ok(model_pin_allows(&m, 0, 0, v) && model_pin_allows(&m, 0, 0, w),
	   "its owner's later write may show or not");
	ok(!model_pin_allows(&m, 0, 1, w), "but only where it was written");
	w = model_write(&m, 0, 0, 2, false);
	ok(!model_pin_allows(&m, 0, 0, w) && !model_pin_allows(&m, 0, 1, w),
	   "never another's later write");
	ok(!model_pin_allows(&m, 0, 0, VALUE_ZERO), "never zeroes");
}

static void test_short_pins(void)
{
	struct value v;

	model_start(&m, 2, false, true);
	model_write(&m, 0, 1, 1, false);
	model_pin(&m, 0, 0, RO_SHORT, 0, 2);
	v = model_write(&m, 0, 0, 2, false);
	ok(model_pin_allows(&m, 0, 0, file1) && model_pin_allows(&m, 0, 0, v),
	   "short-term R/O pin: a snapshot of a file's page");
	ok(model_pin_attached(&m, 0, 1) && model_pin_allows(&m, 0, 1, v) &&
	   !model_pin_allows(&m, 0, 1, file1), "but exact on anonymous memory");
	model_pin(&m, 1, 0, PIN_RW | PIN_SHORT, 0, 2);
	ok(model_pin_attached(&m, 1, 0) && model_pin_attached(&m, 1, 1), "R/W: exact everywhere");
}

static void test_unmap(void)
{
	struct value v, w;
	int c;

	model_start(&m, 2, false, false);
	v = model_write(&m, 0, 0, 2, false);
	model_pin(&m, 0, 0, RW, 0, 2);
	model_pin(&m, 1, 0, GET, 0, 2);
	c = model_fork(&m, 0, 'C');
	model_unmap(&m, 0, 0, 1);
	ok(m.actor[0].cell[0].state == CELL_GONE && m.actor[0].cell[1].state == CELL_OWN,
	   "unmap takes one page");
	ok(!model_pin_attached(&m, 0, 0) && model_pin_attached(&m, 0, 1),
	   "the pin is detached there, only");
	w = model_write(&m, 0, 0, 2, false);
	ok(model_pin_allows(&m, 0, 0, v) && !model_pin_allows(&m, 0, 0, w),
	   "it keeps the last content");
	ok(model_pin_allows(&m, 1, 0, v) && !model_pin_allows(&m, 1, 0, w), "so does a reference");
	ok(model_pin_allows(&m, 0, 1, w), "elsewhere it follows its owner");
	w = model_write(&m, c, 0, 2, false);
	ok(!model_pin_allows(&m, 0, 0, w) && !model_pin_allows(&m, 1, 0, w),
	   "never what a child writes afterwards");
}

/* What comes in by a pin is in its owner's memory, for as long as that has the page. */
static void test_hidden(void)
{
	int c;

	model_start(&m, 2, false, false);
	model_write(&m, 0, 0, 2, false);
	model_pin(&m, 0, 0, PIN_RW | PIN_SHORT, 0, 2);
	ok(!model_pin_may_hide(&m, 0, 0), "a pin of the owner's page shows there");
	c = model_fork(&m, 0, 'C');
	model_write(&m, 0, 0, 2, false);
	model_write(&m, c, 0, 2, false);
	model_discard(&m, c, 0, 2);
	ok(!model_pin_may_hide(&m, 0, 0), "whatever is written, and what a child gives up");
	model_discard(&m, 0, 0, 1);
	ok(model_pin_may_hide(&m, 0, 0) && !model_pin_may_hide(&m, 0, 1),
	   "not where the owner has given it up");
	model_write(&m, 0, 0, 2, false);
	ok(model_pin_may_hide(&m, 0, 0) && !model_pin_may_hide(&m, 0, 1),
	   "nor when it has another page there");
	model_start(&m, 1, true, true);
	model_pin(&m, 0, 0, PIN_RW | PIN_SHORT, 0, 1);
	ok(!model_pin_may_hide(&m, 0, 0), "shared memory: it shows");
	model_unmap(&m, 0, 0, 1);
	ok(model_pin_may_hide(&m, 0, 0), "not where it is not mapped");
}

static void test_poke(void)
{
	struct value v, w, old;
	int c;

	model_start(&m, 2, false, false);
	old = model_write(&m, 0, 0, 2, false);
	model_pin(&m, 0, 0, RW, 0, 1);
	c = model_fork(&m, 0, 'C');
	v = model_poke(&m, 0);
	is_int(v.writer, WRITER_PIN, "a write through a pin has a writer of its own");
	is_value(model_sees(&m, 0, 0), v, "its owner sees it");
	is_value(model_sees(&m, 0, 1), old, "where the pin is, only");
	is_value(model_sees(&m, c, 0), old, "a child does not");
	model_pin(&m, 1, 0, RO, 0, 2);
	model_unmap(&m, 0, 0, 2);
	w = model_poke(&m, 0);
	ok(model_pin_allows(&m, 0, 0, w) && !model_pin_allows(&m, 0, 0, v),
	   "after unmap it shows in the pin");
	ok(model_pin_allows(&m, 1, 0, w) && !model_pin_allows(&m, 1, 0, v),
	   "and in a second pin of the same page");
}

static void test_exit(void)
{
	struct value v;
	int c;

	model_start(&m, 2, false, false);
	v = model_write(&m, 0, 0, 2, false);
	c = model_fork(&m, 0, 'C');
	model_pin(&m, 0, 0, RW, 0, 2);
	model_pin(&m, 1, c, RW, 0, 2);
	model_exit(&m, 0);
	ok(!m.actor[0].alive && m.actor[c].alive, "who exits is gone");
	ok(!m.pin[0].held && m.pin[1].held, "and with it its pins, no others");
	is_value(model_sees(&m, c, 0), v, "a child keeps what it inherited");
	model_unpin(&m, 1);
	ok(!m.pin[1].held, "unpinned");
}

/* --- the second model: pages --- */

#define CELLS		4
#define PAGES_MAX	1024
#define VALUES_MAX	64
#define NOWHERE		-1

struct seen {
	struct value v[VALUES_MAX];
	int nr;
};

static struct {
	bool shared;
	int actors, pages, gen;
	struct value page[PAGES_MAX];		/* what is in it now */
	int file[CELLS];			/* pages */
	struct seen ever;			/* all values there have been */
	struct {
		char name;
		bool alive, dontfork[CELLS];
		int page[CELLS], prot[CELLS];
	} actor[ACTORS_MAX];
	struct {
		bool held, exact[CELLS];
		int owner, first, count, flags;
		int page[CELLS];		/* exact: this one */
		bool may_hold[CELLS][PAGES_MAX];	/* snapshot: one of these */
		struct seen seen[CELLS];
	} pin[PINS_MAX];
} w;

static void add_value(struct seen *s, struct value v)
{
	for (int i = 0; i < s->nr; i++)
		if (value_eq(s->v[i], v))
			return;
	s->v[s->nr++] = v;
}

static bool has_value(const struct seen *s, struct value v)
{
	for (int i = 0; i < s->nr; i++)
		if (value_eq(s->v[i], v))
			return true;
	return false;
}

static int new_page(struct value v)
{
	if (w.pages == PAGES_MAX)
		abort();
	w.page[w.pages] = v;
	return w.pages++;
}

static void world_start(bool shared, bool has_file)
{
	struct value v = has_file ? file1 : VALUE_ZERO;

	memset(&w, 0, sizeof(w));
	w.shared = shared;
	w.gen = 1;
	w.actors = 1;
	w.actor[0].name = 'P';
	w.actor[0].alive = true;
	add_value(&w.ever, v);
	for (int c = 0; c < CELLS; c++) {
		w.file[c] = w.actor[0].page[c] = new_page(v);
		w.actor[0].prot[c] = PROT_READ | PROT_WRITE;
	}
}

/* Before a page is written or pinned reliably, a private mapping gets its own. */
static void break_cow(int a, int c)
{
	if (!w.shared && w.actor[a].page[c] == w.file[c])
		w.actor[a].page[c] = new_page(w.page[w.file[c]]);
}

static struct value new_value(char writer)
{
	struct value v = { writer, ++w.gen };

	add_value(&w.ever, v);
	return v;
}

static struct value world_write(int a, int first, int count, bool force)
{
	struct value v = new_value(w.actor[a].name);

	for (int c = first; c < first + count; c++) {
		if (w.actor[a].page[c] == NOWHERE ||
		    (!force && !(w.actor[a].prot[c] & PROT_WRITE)))
			continue;
		break_cow(a, c);
		w.page[w.actor[a].page[c]] = v;
	}
	return v;
}

static void world_fork(int parent, char name)
{
	int child = w.actors++;

	w.actor[child] = w.actor[parent];
	w.actor[child].name = name;
	for (int c = 0; c < CELLS; c++) {
		int page = w.actor[parent].page[c];

		if (w.actor[parent].dontfork[c])
			w.actor[child].page[c] = NOWHERE;
		else if (page != NOWHERE && page != w.file[c])
			w.actor[child].page[c] = new_page(w.page[page]);
	}
}

static void world_exit(int a)
{
	w.actor[a].alive = false;
	for (int p = 0; p < PINS_MAX; p++)
		if (w.pin[p].owner == a)
			w.pin[p].held = false;
}

static void world_pin(int p, int owner, int flags, int first, int count)
{
	memset(&w.pin[p], 0, sizeof(w.pin[p]));
	w.pin[p].held = true;
	w.pin[p].owner = owner;
	w.pin[p].flags = flags;
	w.pin[p].first = first;
	w.pin[p].count = count;
	for (int c = first; c < first + count; c++) {
		bool own = w.actor[owner].page[c] != w.file[c];

		w.pin[p].exact[c] = !(flags & PIN_IS_GET) &&
				    (w.shared || own || (flags & (PIN_RW | PIN_LONGTERM)));
		if (w.pin[p].exact[c])
			break_cow(owner, c);
		w.pin[p].page[c] = w.actor[owner].page[c];
	}
}

static struct value world_poke(int p)
{
	struct value v = new_value(WRITER_PIN);

	for (int c = w.pin[p].first; c < w.pin[p].first + w.pin[p].count; c++)
		w.page[w.pin[p].page[c]] = v;
	return v;
}

/* After each step: which pages a snapshot may have come to hold, and what they show. */
static void world_look(void)
{
	for (int p = 0; p < PINS_MAX; p++) {
		for (int c = 0; c < CELLS && w.pin[p].held; c++) {
			int page = w.actor[w.pin[p].owner].page[c];

			if (page != NOWHERE)
				w.pin[p].may_hold[c][page] = true;
			for (int i = 0; i < w.pages; i++)
				if (w.pin[p].may_hold[c][i])
					add_value(&w.pin[p].seen[c], w.page[i]);
		}
	}
}

static bool world_pin_allows(int p, int c, struct value v)
{
	return w.pin[p].exact[c] ? value_eq(v, w.page[w.pin[p].page[c]])
				 : has_value(&w.pin[p].seen[c], v);
}

static bool world_pin_attached(int p, int c)
{
	return w.pin[p].exact[c] && w.pin[p].page[c] == w.actor[w.pin[p].owner].page[c];
}

/* --- both side by side --- */

static char history[4096];

__attribute__((format(printf, 1, 2)))
static void log_step(const char *fmt, ...)
{
	size_t used = strlen(history);
	va_list args;

	va_start(args, fmt);
	vsnprintf(history + used, sizeof(history) - used, fmt, args);
	va_end(args);
}

static unsigned long rnd_state;

/* The same numbers with every libc. */
static int rnd(int below)
{
	rnd_state = rnd_state * 6364136223846793005ul + 1442695040888963407ul;
	return (rnd_state >> 33) % below;
}

static int random_actor(void)
{
	int a = rnd(w.actors);

	while (!w.actor[a].alive)
		a = (a + 1) % w.actors;
	return a;
}

static void step_write(int a, int first, int count, bool force)
{
	log_step("%s %c %d+%d; ", force ? "force" : "write", w.actor[a].name, first, count);
	world_write(a, first, count, force);
	model_write(&m, a, first, count, force);
}

static void step_protect(int a, int first, int count)
{
	static const int prots[] = { PROT_READ, PROT_READ | PROT_WRITE, PROT_NONE };
	int prot = prots[rnd(3)];

	log_step("mprotect %c %d+%d %d; ", w.actor[a].name, first, count, prot);
	for (int c = first; c < first + count; c++)
		w.actor[a].prot[c] = prot;
	model_protect(&m, a, first, count, prot);
}

static void step_dontfork(int a, int first, int count)
{
	bool dont = rnd(2);

	log_step("%s %c %d+%d; ", dont ? "dontfork" : "dofork", w.actor[a].name, first, count);
	for (int c = first; c < first + count; c++)
		w.actor[a].dontfork[c] = dont;
	model_dontfork(&m, a, first, count, dont);
}

static void step_unmap(int a, int first, int count)
{
	log_step("unmap %c %d+%d; ", w.actor[a].name, first, count);
	for (int c = first; c < first + count; c++)
		w.actor[a].page[c] = NOWHERE;
	model_unmap(&m, a, first, count);
}

static void step_fork(int a)
{
	char name = "PCGABEHI"[w.actors % ACTORS_MAX];

	if (w.actors == ACTORS_MAX)
		return;
	log_step("fork %c %c; ", w.actor[a].name, name);
	world_fork(a, name);
	model_fork(&m, a, name);
}

static void step_exit(int a)
{
	int alive = 0;

	for (int i = 0; i < w.actors; i++)
		alive += w.actor[i].alive;
	if (alive == 1)
		return;
	log_step("exit %c; ", w.actor[a].name);
	world_exit(a);
	model_exit(&m, a);
}

/* A pin that the kernel would give: mapped, and with the right to do so. */
static void step_pin(int a, int first, int count)
{
	static const int flags[] = { RO, RW, RO_SHORT, PIN_RW | PIN_SHORT, GET };
	int f = flags[rnd(5)], p = 0;

	while (p < PINS_MAX && w.pin[p].held)
		p++;
	for (int c = first; c < first + count; c++)
		if (w.actor[a].page[c] == NOWHERE ||
		    !(w.actor[a].prot[c] & (f & PIN_RW ? PROT_WRITE : PROT_READ)))
			return;
	if (p == PINS_MAX)
		return;
	log_step("pin %c #%d %#x %d+%d; ", w.actor[a].name, p, f, first, count);
	world_pin(p, a, f, first, count);
	model_pin(&m, p, a, f, first, count);
}

static void step_poke(int p)
{
	if (!w.pin[p].held || !(w.pin[p].flags & PIN_RW))
		return;
	log_step("poke #%d; ", p);
	world_poke(p);
	model_poke(&m, p);
}

static void step_unpin(int p)
{
	if (!w.pin[p].held)
		return;
	log_step("unpin #%d; ", p);
	w.pin[p].held = false;
	model_unpin(&m, p);
}

static void random_step(void)
{
	int a = random_actor(), first = rnd(CELLS), count = 1 + rnd(CELLS - first);

	switch (rnd(20)) {
	case 0 ... 5: step_write(a, first, count, false); break;
	case 6: step_write(a, first, count, true); break;
	case 7: step_protect(a, first, count); break;
	case 8: step_dontfork(a, first, count); break;
	case 9: step_unmap(a, first, count); break;
	case 10 ... 11: step_fork(a); break;
	case 12: step_exit(a); break;
	case 13 ... 15: step_pin(a, first, count); break;
	case 16 ... 18: step_poke(rnd(PINS_MAX)); break;
	case 19: step_unpin(rnd(PINS_MAX)); break;
	}
	world_look();
}

static bool differs(const char *what, int i, int c, struct value v, bool want)
{
	note("%s %d, cell %d, value %c%d: %s, the model says otherwise; steps:", what, i, c,
	     v.writer ? v.writer : '0', v.gen, want ? "allowed" : "not allowed");
	note("%s", history);
	return true;
}

static bool actor_differs(int a, int c)
{
	int page = w.actor[a].page[c];

	if (page == NOWHERE)
		return m.actor[a].cell[c].state != CELL_GONE &&
		       differs("unmapped for actor", a, c, VALUE_ZERO, false);
	if (model_faults(&m, a, c) != !(w.actor[a].prot[c] & PROT_WRITE))
		return differs("faults of actor", a, c, VALUE_ZERO, true);
	for (int i = 0; i < w.ever.nr; i++) {
		bool want = value_eq(w.ever.v[i], w.page[page]);

		if (model_allows(&m, a, c, w.ever.v[i]) != want)
			return differs("actor", a, c, w.ever.v[i], want);
	}
	return false;
}

static bool pin_differs(int p, int c)
{
	/* Nobody ever wrote this, with a generation that somebody had. */
	const struct value strange = { 'Q', w.gen };

	if (model_pin_attached(&m, p, c) != world_pin_attached(p, c))
		return differs("attachment of pin", p, c, VALUE_ZERO, world_pin_attached(p, c));
	if (model_pin_allows(&m, p, c, strange))
		return differs("pin", p, c, strange, false);
	for (int i = 0; i < w.ever.nr; i++) {
		struct value v = w.ever.v[i];

		if (model_pin_allows(&m, p, c, v) != world_pin_allows(p, c, v))
			return differs("pin", p, c, v, world_pin_allows(p, c, v));
	}
	return false;
}

static bool models_differ(void)
{
	for (int a = 0; a < w.actors; a++)
		for (int c = 0; c < CELLS && w.actor[a].alive; c++)
			if (actor_differs(a, c))
				return true;
	for (int p = 0; p < PINS_MAX; p++)
		for (int c = w.pin[p].first; c < w.pin[p].first + w.pin[p].count; c++)
			if (w.pin[p].held && pin_differs(p, c))
				return true;
	return false;
}

#define SEQUENCES	500

static void test_random(unsigned long seed, bool shared, bool has_file)
{
	bool same = true;

	for (int i = 0; i < SEQUENCES && same; i++) {
		rnd_state = seed + i;
		history[0] = '\0';
		world_start(shared, has_file);
		model_start(&m, CELLS, shared, has_file);
		for (int s = 0; s < STEPS_MAX && same; s++) {
			random_step();
			same = !models_differ();
		}
		if (!same)
			note("COWPIN_SEED=%lu has it in its first sequence", seed + i);
	}
	ok(same, "%d random sequences, %s %s: two models, one answer (seed %lu)", SEQUENCES,
	   shared ? "shared" : "private", has_file ? "file" : "zeroes", seed);
}

int main(void)
{
	const char *env = getenv("COWPIN_SEED");
	unsigned long seed = env ? strtoul(env, NULL, 0) : 20240229;

	plan(4 + 8 + 2 + 5 + 5 + 3 + 3 + 5 + 6 + 3 + 6 + 6 + 6 + 4 + 4);
	test_start();
	test_fork();
	test_dontfork();
	test_protect();
	test_lock();
	test_private_file();
	test_shared();
	test_exact_pin();
	test_snapshot_pin();
	test_short_pins();
	test_unmap();
	test_hidden();
	test_poke();
	test_exit();
	test_random(seed, false, false);
	test_random(seed, false, true);
	test_random(seed, true, true);
	test_random(seed, true, false);
	return tap_done();
}
