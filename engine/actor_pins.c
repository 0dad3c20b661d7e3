// SPDX-License-Identifier: GPL-2.0-only
/* The pins of an actor. */
#include "engine/actor_self.h"

#include <string.h>

#include "engine/inject.h"
#include "vm_util.h"

static bool holds_any(void)
{
	for (int i = 0; i < PINS_MAX; i++)
		if (self.held[i])
			return true;
	return false;
}

void actor_forget_pins(void)
{
	self.let_go = holds_any();
	for (int i = 0; i < PINS_MAX; i++) {
		if (self.held[i] && self.pin[i].by->forget)
			self.pin[i].by->forget(&self.pin[i]);
		self.held[i] = false;
	}
}

void actor_release_pins(void)
{
	for (int i = 0; i < PINS_MAX; i++)
		if (self.held[i])
			self.pin[i].by->unpin(&self.pin[i]);
}

void actor_shift_pins(ptrdiff_t by)
{
	for (int i = 0; i < PINS_MAX && by; i++)
		if (self.held[i])
			self.pin[i].now += by;
}

static int with_why(const struct pin *p, int ret)
{
	if (ret)
		memcpy(self.mem.why, p->why, sizeof(self.mem.why));
	return ret;
}

/* What reclaim has taken meanwhile tells nothing of the pin, which may be of another part. */
static bool all_present(void)
{
	const struct layout *l = &self.mem.layout;
	uint64_t map[l->cells];

	if (pagemap_read(self.mem.base, l->cells, l->stride, map))
		return false;
	for (size_t c = 0; c < l->cells; c++)
		if (!(map[c] & PM_PRESENT))
			return false;
	return true;
}

/* Pinning must not change what the test is about: a PMD mapping, the size of a folio. */
static void verify_again(const struct command *c)
{
	struct pin_view *v = &self.stage->pin[c->step.pin];

	if (injected == FAULT_SPLIT)
		inject_split(&self.mem);
	v->changed = c->verify && injected != FAULT_THAW &&
		     mem_verify(&self.mem, self.mem.kind->verify) && all_present();
	if (v->changed)
		memcpy(v->why, self.mem.why, sizeof(v->why));
	self.mem.why[0] = '\0';
}

/*
 * RLIMIT_MEMLOCK limits what counts as pinned. That can be more than what one asked for, for whole
 * folios count, and what is put away late counts still; but not less.
 */
static long long missing_in_count(void)
{
	long long bytes = 0;

	for (int i = 0; i < PINS_MAX; i++)
		if (self.held[i] && self.pin[i].counted)
			bytes += self.pin[i].len;
	if (!bytes)
		return 0;
	if (injected != FAULT_UNCOUNTED)
		bytes -= table_number("/proc/self/status", "VmPin") * (long long)KIB;
	return bytes;
}

int act_pin(const struct command *c)
{
	struct pin *p = &self.pin[c->step.pin];
	size_t first, pages;
	int ret;

	part_pages(c->step.part, self.mem.layout.pages, &first, &pages);
	*p = (struct pin) { .by = c->by, .flags = c->step.pin_flags, .fd = -1 };
	if (injected == FAULT_WRITABLE && p->flags & PIN_RO)
		p->flags ^= PIN_RO | PIN_RW;
	pin_range(p, &self.mem, first, pages);
	if (injected == FAULT_THAW)
		inject_thaw(p);
	ret = p->by->pin(p);
	if (ret && injected == FAULT_PRETEND)
		return 0;
	if (ret)
		return with_why(p, ret);
	inject_cost(&self.mem);
	self.held[c->step.pin] = true;
	self.stage->pin[c->step.pin].has_pfns = false;
	self.stage->pin[c->step.pin].missing = missing_in_count();
	verify_again(c);
	if (injected == FAULT_STALE_PIN && inject_replace_pages(&self.mem, p))
		return mem_fail(&self.mem, "injection failed");
	return 0;
}

int act_unpin(const struct command *c)
{
	struct pin *p = &self.pin[c->step.pin];

	p->by->unpin(p);
	self.held[c->step.pin] = false;
	self.stage->pin[c->step.pin].held = false;
	self.let_go = !holds_any();
	if (injected == FAULT_COUNTED)
		inject_pin();
	return 0;
}

int act_poke(const struct command *c)
{
	struct pin *p = &self.pin[c->step.pin];

	return with_why(p, p->by->write(p, c->v));
}

int act_facts(const struct command *c)
{
	struct pin *p = &self.pin[c->step.pin];

	if (!p->by->facts)
		return -EOPNOTSUPP;
	return p->by->facts(p, c->other, &self.stage->pin[c->step.pin].facts);
}
