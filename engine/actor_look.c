// SPDX-License-Identifier: GPL-2.0-only
/* What an actor reports: its memory, its pins, and what is behind the memory. */
#define _GNU_SOURCE
#include "engine/actor_self.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/inject.h"
#include "vm_util.h"

/*
 * What memory holds. A page that is not present is not touched unless @all: looking
 * must not swap in, fault or populate anything, or the next step would run on another
 * state than the scenario says.
 */
static void look_at_memory(bool all)
{
	const struct layout *l = &self.mem.layout;
	struct view *v = &self.stage->view[self.index];
	uint64_t before[CELLS_MAX];	/* no page of its own: that would be a fault more */

	memcpy(before, v->pagemap, l->cells * sizeof(*before));
	if (pagemap_read(self.mem.base, l->cells, l->stride, v->pagemap))
		memset(v->pagemap, 0, l->cells * sizeof(*v->pagemap));
	gone_note(&self.stage->gone, before, v->pagemap, l->cells);
	for (size_t c = 0; c < l->cells; c++) {
		bool look = actor_may_read(c) && (all || (v->pagemap[c] & PM_PRESENT));

		v->seen[c] = look ? SEEN_WORDS : SEEN_NOT;
		if (!look)
			continue;
		content_read(l, mem_page(&self.mem, layout_page(l, c)), v->words + c * l->words);
		v->mark[c] = content_mark_of(mem_page(&self.mem, layout_page(l, c)));
	}
}

static void look_through_pin(int i, bool all)
{
	struct pin_view *v = &self.stage->pin[i];
	struct pin *p = &self.pin[i];

	v->status = p->by->read(p, v->words);
	if (v->status)
		memcpy(v->why, p->why, sizeof(v->why));
	if (injected == FAULT_WRONG_PIN && all)
		memset(v->words, 0xff, self.mem.layout.words * sizeof(*v->words));
	for (size_t c = 0; c < p->cells; c++)
		v->sight[c] = p->by->sight ? p->by->sight(p, c) : SIGHT_SEEN;
	/* The frames of a pin never change: they are asked for once. */
	if (!v->has_pfns)
		v->has_pfns = p->by->pfns && !p->by->pfns(p, v->pfns, v->shared);
	if (injected == FAULT_SHARED_PIN)
		v->shared[0] = true;
	v->held = true;
}

/* The file by read(2): through no mapping that could change how the tested one behaves. */
static void look_at_file(void)
{
	const struct layout *l = &self.mem.layout;
	char *page = malloc(l->page);
	bool ok = page;

	for (size_t c = 0; c < l->cells && ok; c++) {
		ok = pread(self.mem.fd, page, l->page, mem_offset(&self.mem, layout_page(l, c))) ==
		     (ssize_t)l->page;
		if (ok)
			content_read(l, page, self.stage->behind + c * l->words);
	}
	self.stage->saw_behind = ok;
	free(page);
}

/* A zeropage as everybody sees it: fresh memory of the same kind, only read. */
static void look_at_zeropage(void)
{
	struct mem other = { .kind = self.mem.kind, .size = self.mem.size, .fd = -1 };
	const struct layout *l = &self.mem.layout;

	if (other.kind->create(&other))
		return;
	for (size_t c = 0; c < l->cells; c++)
		content_read(l, mem_page(&other, layout_page(l, c)),
			     self.stage->behind + c * l->words);
	self.stage->saw_behind = true;
	other.kind->destroy(&other);
}

static void look_behind(void)
{
	self.stage->saw_behind = false;
	if (self.mem.kind->props & KIND_FILE)
		look_at_file();
	else if (self.mem.kind->props & KIND_ZERO)
		look_at_zeropage();
}

/* What the region costs; nothing if it is not mapped any more. */
static void account(void)
{
	long long bytes = smaps_bytes(self.mem.base, "Anonymous");

	self.stage->view[self.index].anon_bytes = bytes < 0 ? 0 : bytes;
}

/* io_uring puts a buffer away when the last request that used it is, in a thread of its own. */
#define PATIENCE	NS_PER_S

static bool none_pinned(void *kib)
{
	long long *now = kib;

	*now = table_number("/proc/self/status", "VmPin");
	return *now <= 0;
}

/* VmPin counts what RLIMIT_MEMLOCK is about: who has no pin has none of it. */
static long long pinned_kib(void)
{
	long long kib = 0;

	if (self.let_go)
		await_settled(none_pinned, &kib, now_ns() + PATIENCE);
	self.let_go = false;
	return kib < 0 ? 0 : kib;
}

/*
 * Who saves a process by and by asks which pages were written since the last time: one that
 * is not marked is lost. hugetlb pages and what others write to are not tracked.
 */
static void look_for_unnoticed(void)
{
	unsigned int props = self.mem.kind->props;
	struct view *v = &self.stage->view[self.index];

	for (size_t c = 0; c < self.mem.layout.cells; c++) {
		uint64_t entry = v->pagemap[c];

		v->unnoticed[c] = UNNOTICED_NONE;
		if (!(entry & (PM_PRESENT | PM_SWAP)))
			continue;
		if ((props & KIND_PRIVATE) && !(props & KIND_HUGETLB) &&
		    (self.cell[c].is & OWN_STORED) && !(entry & PM_SOFT_DIRTY))
			v->unnoticed[c] = UNNOTICED_DIRTY;
		else if ((self.cell[c].is & OWN_PROTECTED) && !(entry & PM_UFFD_WP))
			v->unnoticed[c] = UNNOTICED_LOSS;
		else if ((self.cell[c].is & OWN_UNPROTECTED) && (entry & PM_UFFD_WP))
			v->unnoticed[c] = UNNOTICED_WRITE;
	}
}

int act_look_late(const struct command *c)
{
	look_through_pin(c->step.pin, true);
	return 0;
}

bool looks_at_all(const struct command *c)
{
	return c->cmd == CMD_LOOK_ALL || (c->look && c->all);
}

int act_look(const struct command *c)
{
	bool all = looks_at_all(c);

	look_at_memory(all);
	look_for_unnoticed();
	if (self.stage->locks)
		look_at_locks();
	self.stage->view[self.index].stray = self.stray;
	self.stage->view[self.index].pinned_kib = pinned_kib();
	self.stage->view[self.index].witness_changed = self.mem.witness &&
		mem_sum(self.mem.witness, self.mem.witness_len) != self.mem.witness_sum;
	if (c->account)
		account();
	for (int i = 0; i < PINS_MAX; i++)
		if (self.held[i] && !(self.pin[i].by->props & PIN_LATE))
			look_through_pin(i, all);
	if (all && !self.index)
		look_behind();
	return 0;
}
