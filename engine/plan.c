// SPDX-License-Identifier: GPL-2.0-only
/* The plan: see plan.h. */
#define _GNU_SOURCE
#include "engine/plan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vm_util.h"

static struct test *add_test(struct plan *p)
{
	if (p->nr == p->room) {
		p->room = p->room ? 2 * p->room : 64;
		p->tests = realloc(p->tests, p->room * sizeof(*p->tests));
		if (!p->tests)
			abort();
	}
	p->tests[p->nr] = (struct test) { 0 };
	return &p->tests[p->nr++];
}

/* What fork() does not copy, page table by page table. All of it is used. NULL: no memory. */
static void *shared_memory(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void begin(struct plan *p, size_t scenarios)
{
	*p = (struct plan) { .scenarios_max = scenarios };
	p->steps = shared_memory(scenarios * sizeof(*p->steps));
	if (!p->steps)
		abort();
}

static const struct scenario_steps *steps_of(struct plan *p, const struct scenario *s)
{
	struct scenario_steps *steps = &p->steps[p->scenarios++];
	struct parse_error err;

	if (steps_parse(s->steps, steps, &err)) {
		fprintf(stderr, "cow: scenario %s, column %d of \"%s\": %s\n", s->id, err.col + 1,
			s->steps, err.what);
		exit(2);
	}
	return steps;
}

static unsigned int kinds_wanted(const struct scenario *s, const struct scenario_steps *steps)
{
	if (s->kinds)
		return s->kinds & ~KIND_WHATEVER;
	return KIND_PRIVATE | (steps->step[0].op == OP_FILL ? KIND_ANON : KIND_NOT_ANON);
}

static bool operations_fit(const struct scenario_steps *steps, const struct kind *k)
{
	for (int i = 0; i < steps->nr; i++)
		if (steps->step[i].operation && !operation_fits(steps->step[i].operation, k->props))
			return false;
	return true;
}

/* Mappings are made and changed page by page: of two hugetlb pages each half may be one. */
static bool parts_fit(const struct scenario_steps *steps, const struct kind *k)
{
	if (!(k->props & KIND_HUGETLB))
		return true;
	return !(k->props & KIND_SEVERAL ? steps->splits_off_page : steps->splits_vma);
}

static bool has_all(unsigned int props, unsigned int wanted)
{
	return (props & wanted) == wanted;
}

static bool kind_fits(const struct scenario *s, const struct scenario_steps *steps,
		      const struct kind *k)
{
	unsigned int want = kinds_wanted(s, steps);

	if (!has_all(k->props, want) || !operations_fit(steps, k))
		return false;
	if (k->props & KIND_SEVERAL && steps->step[0].op == OP_READ)
		return false;
	if (k->props & KIND_SECRET && !(s->kinds & (KIND_SECRET | KIND_WHATEVER)))
		return false;
	if (steps->collapses && (k->props & (KIND_ANON | KIND_THP | KIND_SWAPPED)) !=
				(KIND_ANON | KIND_THP))
		return false;
	return parts_fit(steps, k) && !(steps->forces && k->props & KIND_HUGETLB);
}

static bool providers_can(const struct test *t, size_t len)
{
	for (int i = 0; i < t->steps->nr; i++) {
		const struct step *s = &t->steps->step[i];
		const struct provider *by = s->by ? s->by : t->by;
		size_t first, pages;

		if (s->op != OP_PIN || !by->max_len)
			continue;
		part_pages(s->part, len / page_size(), &first, &pages);
		if (pages * page_size() > by->max_len)
			return false;
	}
	return true;
}

/* What depends on how large the tested region is. */
static bool size_fits(const struct test *t)
{
	size_t region = t->kind->region ? t->kind->region(t->size) : page_size();

	if (!providers_can(t, t->kind->props & KIND_HUGETLB ? t->size : region))
		return false;
	/* A race is many rounds, and a gigabyte takes long to copy. */
	if (t->scenario->rounds && t->size >= GIB)
		return false;
	if (t->steps->collapses && region != thp_largest())
		return false;
	return !t->steps->needs_parts || region >= 2 * page_size();
}

static bool provider_fits(const struct scenario *s, const struct scenario_steps *steps,
			  const struct provider *by)
{
	if (s->accounts && (by->props & PIN_COSTS))
		return false;
	return !(by->props & PIN_NAMED) && (by->props & steps->axis_flags) == steps->axis_flags;
}

/* Ids say "pmd" for the size that differs between machines. */
static const char *size_in_id(const struct test *t, char *buf, size_t len)
{
	if (!t->kind->spell_size)
		return "";
	if (t->kind->props & KIND_THP && t->size == thp_largest())
		return ".pmd";
	buf[0] = '.';
	size_token(t->size, buf + 1, len - 1);
	return buf;
}

/* By copying, not by formats: there are thousands, and each run begins with all of them. */
static void name_test(struct test *t)
{
	const char *scenario = t->scenario->id, *by = t->by ? t->by->id : "", *kind = t->kind->id;
	char *at = t->id, buf[16];
	const char *size = size_in_id(t, buf, sizeof(buf));

	if (strlen(scenario) + strlen(by) + strlen(kind) + strlen(size) + 3 > sizeof(t->id))
		abort();
	at = stpcpy(at, scenario);
	if (t->by)
		at = stpcpy(stpcpy(at, "."), by);
	*at++ = '.';
	t->kind_at = at - t->id;
	stpcpy(stpcpy(at, kind), size);
}

char *test_title(const struct test *t, char *title)
{
	char what[96], size[32] = "";

	if (t->kind->spell_size)
		snprintf(size, sizeof(size), " (%zu kB)", t->size / KIB);
	snprintf(what, sizeof(what), t->scenario->title, t->by ? t->by->title : "");
	if (t->scenario->thp_title && !strcmp(t->kind->id, "thp"))
		snprintf(title, TITLE_MAX, "%s", t->scenario->thp_title);
	else if (t->scenario->bare_title_for && !strcmp(t->scenario->bare_title_for, t->kind->id))
		snprintf(title, TITLE_MAX, "%s", what);
	else
		snprintf(title, TITLE_MAX, "%s ... with %s%s", what, t->kind->title, size);
	return title;
}

/* Has the kernel's suite that scenario on that kind? */
static bool in_kselftest(const struct test *t)
{
	switch (t->scenario->suite) {
	case SUITE_COW:
		if (t->scenario->bare_title_for)
			return !strcmp(t->scenario->bare_title_for, t->kind->id);
		return !(t->kind->props & (KIND_DISK | KIND_EXTRA));
	case SUITE_LONGTERM:
		/* It has io_uring in scenarios of its own. */
		return !(t->kind->props & KIND_EXTRA) &&
		       (!t->by || !(t->by->props & PIN_COSTS));
	case SUITE_MKDIRTY:
		return t->kind->props & KIND_FIRST &&
		       !(t->kind->props & (KIND_HUGETLB | KIND_FILE));
	default:
		return false;
	}
}

static bool operates(const struct scenario_steps *steps)
{
	for (int i = 0; i < steps->nr; i++)
		if (steps->step[i].op == OP_OPERATION)
			return true;
	return false;
}

/*
 * Operations and consumers are many: for the first, one way to pin stands for the others, for
 * the second, a base page and a file for the rest of memory. Races take their time: of those,
 * what needs nothing of the machine but the pin. Slow consumers wait for "full".
 */
static bool quick_enough(const struct test *t)
{
	bool consumes = false;

	/* Where it does hang, that takes longer than a third of all others together. */
	if (t->scenario->may_hang)
		return false;
	if (t->scenario->rounds)
		return t->kind->props & KIND_BASE && t->by->props & PIN_IS_FAST &&
		       !(test_needs(t) & ~t->by->needs);

	for (int i = 0; i < t->steps->nr; i++) {
		const struct step *s = &t->steps->step[i];

		if (s->by && s->by->props & PIN_SLOW)
			return false;
		consumes |= s->by && s->by->props & PIN_NAMED;
	}
	if (t->scenario->suite != SUITE_NONE)
		return true;
	if (operates(t->steps) && t->by && t->by->props & PIN_IS_FAST)
		return false;
	return !consumes || t->kind->props & (KIND_BASE | KIND_FILE);
}

/* @effects: of 1 << EFFECT_*. */
static bool has_effect(const struct scenario_steps *steps, unsigned int effects)
{
	for (int i = 0; i < steps->nr; i++)
		if (effects & 1u << step_effect(&steps->step[i]))
			return true;
	return false;
}

static bool changes_file(const struct scenario_steps *steps)
{
	return has_effect(steps, 1u << EFFECT_FILE_WRITE | 1u << EFFECT_FILE_REFILL |
				 1u << EFFECT_PUNCH | 1u << EFFECT_TRUNCATE);
}

/* Is memory given up, and comes in anew, with no pin that keeps it? */
static bool faults_anew(const struct test *t)
{
	return !t->by && has_effect(t->steps, 1u << EFFECT_DISCARD);
}

static bool stands_for_family(const struct test *t)
{
	unsigned int props = t->kind->props;

	/* Charges are made in batches: of a page or two nobody can tell. */
	if (t->scenario->accounts && props & KIND_ZERO)
		return props & KIND_EXTRA;
	/* What is done to a file of hugetlb pages is other code for almost all that can be done. */
	if (has_all(props, KIND_FILE | KIND_SHARED | KIND_HUGETLB))
		return operates(t->steps);
	/* A fault that brings in a large folio by PTEs is other code than that of a PMD. */
	if (props & KIND_FIRST_FAULT && t->least)
		return faults_anew(t);
	/* What is on a disk is written, filled and cut by other code. */
	return props & KIND_FIRST || (props & KIND_FIRST_DISK && changes_file(t->steps));
}

static unsigned int groups_of(const struct test *t)
{
	bool kselftest = in_kselftest(t), gigantic = t->size >= GIB;

	return (stands_for_family(t) && !gigantic && quick_enough(t)) << GROUP_QUICK |
	       kselftest << GROUP_KSELFTEST |
	       (kselftest || !gigantic) << GROUP_FULL |
	       (!kselftest && gigantic) << GROUP_HUGE;
}

/* What is only possible on memory that stands for no family is "quick" there, once. */
static void see_that_one_is_quick(struct plan *p, size_t first)
{
	for (size_t i = first; i < p->nr; i++)
		if (p->tests[i].groups & 1u << GROUP_QUICK)
			return;
	for (size_t i = first; i < p->nr; i++) {
		if (!(p->tests[i].groups & 1u << GROUP_FULL) || !quick_enough(&p->tests[i]))
			continue;
		p->tests[i].groups |= 1u << GROUP_QUICK;
		return;
	}
}

/*
 * GUP-fast finds no page where there is a swap entry, and goes the way of GUP: in the catalogue,
 * one of them stands for both where that is all that there is to see.
 */
static bool stood_for(const struct test *t)
{
	return !(t->scenario->kinds & KIND_WHATEVER) && t->kind->props & KIND_SWAPCACHE &&
	       t->by && t->by->props & PIN_IS_FAST;
}

static void add_kind(struct plan *p, const struct test *proto, bool kselftest)
{
	size_t sizes[KIND_SIZES_MAX] = { 0 };
	int nr = proto->kind->sizes ? proto->kind->sizes(sizes) : 1;

	for (int i = 0; i < nr; i++) {
		struct test t = *proto;

		t.size = sizes[i];
		t.least = !i;
		if (!size_fits(&t) || in_kselftest(&t) != kselftest)
			continue;
		name_test(&t);
		t.groups = groups_of(&t);
		*add_test(p) = t;
	}
}

static void add_kinds(struct plan *p, struct test *proto, bool kselftest)
{
	const struct kind *const *kinds;
	size_t nr = kinds_all(&kinds);

	for (size_t i = 0; i < nr; i++) {
		proto->kind = kinds[i];
		if (kind_fits(proto->scenario, proto->steps, kinds[i]) && !stood_for(proto))
			add_kind(p, proto, kselftest);
	}
}

static void add_providers(struct plan *p, struct test *proto, bool kselftest)
{
	const struct provider *const *providers;
	size_t nr = providers_all(&providers);

	if (!proto->steps->axis_flags) {
		add_kinds(p, proto, kselftest);
		return;
	}
	for (size_t i = 0; i < nr; i++) {
		proto->by = providers[i];
		if (provider_fits(proto->scenario, proto->steps, proto->by))
			add_kinds(p, proto, kselftest);
	}
}

/* The tests that the kernel's suite has come first, in its order. */
static void add_scenario(struct plan *p, const struct scenario *s)
{
	struct test proto = { .scenario = s, .steps = steps_of(p, s) };
	size_t first = p->nr;

	add_providers(p, &proto, true);
	add_providers(p, &proto, false);
	if (operates(proto.steps))
		see_that_one_is_quick(p, first);
}

void plan_build_one(struct plan *p, const struct scenario *s)
{
	begin(p, 1);
	add_scenario(p, s);
}

bool plan_fits(const struct test *t)
{
	return kind_fits(t->scenario, t->steps, t->kind) && size_fits(t) &&
	       (!t->steps->axis_flags ||
		(t->by && provider_fits(t->scenario, t->steps, t->by)));
}

void plan_build(struct plan *p)
{
	const struct family *const *families;
	size_t nr = families_all(&families), scenarios = 0;

	for (size_t f = 0; f < nr; f++)
		for (const struct scenario *s = families[f]->rows; s->id; s++)
			scenarios++;
	begin(p, scenarios);
	for (size_t f = 0; f < nr; f++)
		for (const struct scenario *s = families[f]->rows; s->id; s++)
			add_scenario(p, s);
}

int plan_settle(struct plan *p)
{
	size_t len = p->nr * sizeof(*p->tests);
	void *to = shared_memory(len);

	if (!to)
		return -ENOMEM;
	memcpy(to, p->tests, len);
	free(p->tests);
	p->tests = to;
	p->settled = true;
	return 0;
}

void plan_free(struct plan *p)
{
	if (p->steps)
		munmap(p->steps, p->scenarios_max * sizeof(*p->steps));
	if (p->settled)
		munmap(p->tests, p->nr * sizeof(*p->tests));
	else
		free(p->tests);
	*p = (struct plan) { 0 };
}

static unsigned int refills(const struct scenario_steps *steps)
{
	unsigned int nr = 0, meanwhile = 0;
	bool pinned = false;

	for (int i = 0; i < steps->nr; i++) {
		const struct operation *o = steps->step[i].operation;

		pinned |= steps->step[i].op == OP_PIN;
		nr += o && (o->effect == EFFECT_REFILL || o->effect == EFFECT_FILE_REFILL ||
			    (pinned && o->effect == EFFECT_DISCARD));
		if (o && o->huge_pages > meanwhile)
			meanwhile = o->huge_pages;
	}
	return nr + meanwhile;
}

unsigned int test_hugetlb_pages(const struct test *t)
{
	if (!(t->kind->props & KIND_HUGETLB))
		return 0;
	/*
	 * The file's page, and a copy for each process; what is put in place of a pinned one, and
	 * what operations take; each as much as the memory is.
	 */
	return (!!(t->kind->props & KIND_FILE) + t->steps->actors + refills(t->steps)) *
	       (t->kind->region(t->size) / t->size);
}

static const uint64_t step_needs[NR_OPS] = {
	[OP_CLEARREFS] = NEED(SOFTDIRTY),
	[OP_FORCE] = NEED(FORCE),
	[OP_UFFDCOPY] = NEED(UFFD),
	[OP_COLLAPSE] = NEED(COLLAPSE),
};

static uint64_t pin_needs(const struct test *t, const struct step *s)
{
	const struct provider *by = s->by ? s->by : t->by;

	return by->needs | (s->pin_flags & PIN_SHORT ? by->needs_more : 0);
}

/* Writing through a pin: what the one who gave it needs for that. */
static uint64_t poke_needs(const struct test *t, const struct step *poke)
{
	for (const struct step *s = t->steps->step; s < poke; s++)
		if (s->op == OP_PIN && s->pin == poke->pin)
			return (s->by ? s->by : t->by)->needs_more;
	return 0;
}

uint64_t test_needs(const struct test *t)
{
	uint64_t needs = t->kind->needs | (t->scenario->accounts ? NEED(MEMCG) : 0);

	for (int i = 0; i < t->steps->nr; i++) {
		const struct step *s = &t->steps->step[i];

		needs |= step_needs[s->op] | (s->operation ? s->operation->needs : 0);
		if (s->op == OP_PIN)
			needs |= pin_needs(t, s);
		if (s->op == OP_POKE)
			needs |= poke_needs(t, s);
	}
	return needs;
}
