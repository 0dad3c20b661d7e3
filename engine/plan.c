// SPDX-License-Identifier: GPL-2.0-only
/* The plan: see plan.h. */
#define _GNU_SOURCE
#include "engine/plan.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "vm_util.h"

static struct test *add_test(struct plan *p)
{
	if (p->nr % 64 == 0) {
		p->tests = realloc(p->tests, (p->nr + 64) * sizeof(*p->tests));
		if (!p->tests)
			abort();
	}
	p->tests[p->nr] = (struct test) { 0 };
	return &p->tests[p->nr++];
}

static const struct scenario_steps *steps_of(struct plan *p, const struct scenario *s)
{
	struct scenario_steps *steps = malloc(sizeof(*steps));
	struct parse_error err;

	p->steps = realloc(p->steps, (p->scenarios + 1) * sizeof(*p->steps));
	if (!steps || !p->steps)
		abort();
	p->steps[p->scenarios++] = steps;
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
		return s->kinds;
	return KIND_PRIVATE | (steps->step[0].op == OP_FILL ? KIND_ANON : KIND_NOT_ANON);
}

static bool kind_fits(const struct scenario *s, const struct scenario_steps *steps,
		      const struct kind *k)
{
	unsigned int want = kinds_wanted(s, steps);

	if ((k->props & want) != want)
		return false;
	if (steps->splits_vma && (k->props & KIND_HUGETLB))
		return false;
	return !steps->needs_parts || k->region;
}

static bool provider_fits(const struct scenario_steps *steps, const struct provider *by)
{
	return !(by->props & PIN_NAMED) && (by->props & steps->axis_flags) == steps->axis_flags;
}

/* "THP (2048 kB)"; ids say "pmd" for the size that differs between machines. */
static void name_test(struct test *t)
{
	char token[16] = "", what[96], size[32] = "";

	if (t->kind->spell_size) {
		bool pmd = t->kind->props & KIND_THP && t->size == thp_pmd_size();

		snprintf(size, sizeof(size), " (%zu kB)", t->size / KIB);
		if (pmd)
			snprintf(token, sizeof(token), "pmd");
		else
			size_token(t->size, token, sizeof(token));
	}
	snprintf(t->id, sizeof(t->id), "%s%s%s.%s%s%s", t->scenario->id, t->by ? "." : "",
		 t->by ? t->by->id : "", t->kind->id, token[0] ? "." : "", token);
	snprintf(what, sizeof(what), t->scenario->title, t->by ? t->by->title : "");
	snprintf(t->title, sizeof(t->title), "%s ... with %s%s", what, t->kind->title, size);
}

static void add_kind(struct plan *p, const struct test *proto)
{
	size_t sizes[KIND_SIZES_MAX] = { 0 };
	int nr = proto->kind->sizes ? proto->kind->sizes(sizes) : 1;

	for (int i = 0; i < nr; i++) {
		struct test *t = add_test(p);

		*t = *proto;
		t->size = sizes[i];
		name_test(t);
	}
}

static void add_kinds(struct plan *p, struct test *proto)
{
	const struct kind *const *kinds;
	size_t nr = kinds_all(&kinds);

	for (size_t i = 0; i < nr; i++) {
		proto->kind = kinds[i];
		if (kind_fits(proto->scenario, proto->steps, kinds[i]))
			add_kind(p, proto);
	}
}

static void add_scenario(struct plan *p, const struct scenario *s)
{
	struct test proto = { .scenario = s, .steps = steps_of(p, s) };
	const struct provider *const *providers;
	size_t nr = providers_all(&providers);

	if (!proto.steps->axis_flags) {
		add_kinds(p, &proto);
		return;
	}
	for (size_t i = 0; i < nr; i++) {
		proto.by = providers[i];
		if (provider_fits(proto.steps, proto.by))
			add_kinds(p, &proto);
	}
}

void plan_build(struct plan *p)
{
	const struct family *const *families;
	size_t nr = families_all(&families);

	*p = (struct plan) { 0 };
	for (size_t f = 0; f < nr; f++)
		for (const struct scenario *s = families[f]->rows; s->id; s++)
			add_scenario(p, s);
}

void plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->scenarios; i++)
		free(p->steps[i]);
	free(p->steps);
	free(p->tests);
	*p = (struct plan) { 0 };
}

/* Later patterns win; a list that begins with "!" starts from everything. */
static bool selected(const char *id, const char *globs)
{
	bool in = globs[0] == '!';
	char *copy = strdup(globs), *at = copy, *glob;

	if (!copy)
		abort();
	while ((glob = strsep(&at, ","))) {
		bool take = glob[0] != '!';

		if (!fnmatch(take ? glob : glob + 1, id, 0))
			in = take;
	}
	free(copy);
	return in;
}

size_t plan_select(struct plan *p, const char *globs)
{
	size_t kept = 0;

	if (!globs)
		return p->nr;
	for (size_t i = 0; i < p->nr; i++)
		if (selected(p->tests[i].id, globs))
			p->tests[kept++] = p->tests[i];
	p->nr = kept;
	return kept;
}

unsigned int test_hugetlb_pages(const struct test *t)
{
	if (!(t->kind->props & KIND_HUGETLB))
		return 0;
	/* The file's page, and a copy for each process. */
	return !!(t->kind->props & KIND_FILE) + t->steps->actors;
}

unsigned int test_needs(const struct test *t)
{
	unsigned int needs = t->kind->needs;

	for (int i = 0; i < t->steps->nr; i++) {
		const struct step *s = &t->steps->step[i];

		if (s->op == OP_CLEARREFS)
			needs |= NEED(SOFTDIRTY);
		if (s->op == OP_PIN)
			needs |= (s->by ? s->by : t->by)->needs;
	}
	return needs;
}
