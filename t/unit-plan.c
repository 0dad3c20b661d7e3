// SPDX-License-Identifier: GPL-2.0-only
/*
 * The plan: ids that scripts and bug reports can rely on, and the choice among them.
 * t/ids.expected has the ids of every x86-64 machine. One that is there must not vanish or
 * change: people have it in their lists of known failures. A new one is added to the list, or it
 * could vanish again without a word.
 */
#include "engine/select.h"

#include <stdlib.h>

#include "t/tap-unit.h"
#include "vm_util.h"

#define ID_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Are all of them different, and made of what ids are made of? */
static void test_ids(const char *what, const char **ids, size_t nr)
{
	size_t twice = 0, bad = 0;

	qsort(ids, nr, sizeof(*ids), by_text);
	for (size_t i = 0; i < nr; i++) {
		if (i && !strcmp(ids[i], ids[i - 1]) && !twice++)
			note("twice: %s", ids[i]);
		if ((!ids[i][0] || ids[i][strspn(ids[i], ID_CHARS)]) && !bad++)
			note("not an id: '%s'", ids[i]);
	}
	ok(nr > 0, "there are %s", what);
	is_int(twice, 0, "ids of %s are unique", what);
	is_int(bad, 0, "ids of %s are of letters, digits, '_', '.' and '-'", what);
	free(ids);
}

static const char **list_of(size_t nr)
{
	const char **list = calloc(nr + 1, sizeof(*list));

	if (!list)
		abort();
	return list;
}

static void test_axes(void)
{
	const struct provider *const *providers;
	const struct kind *const *kinds;
	const struct family *const *families;
	size_t np = providers_all(&providers), nk = kinds_all(&kinds), nf = families_all(&families);
	const char **p = list_of(np), **k = list_of(nk), **s = list_of(4096);
	size_t ns = 0;

	for (size_t i = 0; i < np; i++)
		p[i] = providers[i]->id;
	test_ids("providers", p, np);
	for (size_t i = 0; i < nk; i++)
		k[i] = kinds[i]->id;
	test_ids("kinds", k, nk);
	for (size_t f = 0; f < nf; f++)
		for (const struct scenario *row = families[f]->rows; row->id && ns < 4096; row++)
			s[ns++] = row->id;
	test_ids("scenarios", s, ns);
}

/* Where in the plan; p->nr: nowhere. */
static size_t find_test(const struct plan *p, const char *id)
{
	size_t i = 0;

	while (i < p->nr && strcmp(p->tests[i].id, id))
		i++;
	return i;
}

static bool has_test(const struct plan *p, const char *id)
{
	return find_test(p, id) < p->nr;
}

static void test_plan_ids(void)
{
	struct plan p;
	const char **ids;
	size_t untitled = 0, long_titles = 0;

	plan_build(&p);
	ids = list_of(p.nr);
	for (size_t i = 0; i < p.nr; i++) {
		const struct test *t = &p.tests[i];
		char title[TITLE_MAX];

		ids[i] = t->id;
		test_title(t, title);
		untitled += !title[0] || strchr(title, '%') || strchr(title, '#');
		long_titles += strlen(title) + 1 == sizeof(title) ||
			       strlen(t->id) + 1 == sizeof(t->id);
	}
	test_ids("tests", ids, p.nr);
	is_int(untitled, 0, "each has a title, and in it nothing that TAP would take amiss");
	is_int(long_titles, 0, "no id or title was cut off");
	plan_free(&p);
}

/* Without these, a row is no more than a riddle when it fails. */
static void test_rows(void)
{
	const struct family *const *families;
	size_t nf = families_all(&families), silent = 0;

	for (size_t f = 0; f < nf; f++) {
		for (const struct scenario *s = families[f]->rows; s->id; s++) {
			if (s->title && s->steps && s->why)
				continue;
			silent++;
			note("%s lacks a title, steps or a reason", s->id);
		}
	}
	is_int(silent, 0, "each scenario has title, steps and reason");
}

#ifdef __x86_64__
static const bool listed_arch = true;
#else
static const bool listed_arch;
#endif

/* Of the ids of @f, how many the plan does not have; of those of the plan, how many @f lacks. */
static void compare_ids(FILE *f, int *gone, int *unlisted)
{
	char id[160];
	struct plan p;
	bool *listed;

	plan_build(&p);
	listed = calloc(p.nr + 1, sizeof(*listed));
	while (listed && fgets(id, sizeof(id), f)) {
		size_t at;

		id[strcspn(id, "\n")] = '\0';
		if (!id[0] || id[0] == '#')
			continue;
		at = find_test(&p, id);
		listed[at] = true;
		if (at == p.nr && ++*gone <= 20)
			note("gone: %s", id);
	}
	for (size_t i = 0; i < p.nr; i++)
		if ((!listed || !listed[i]) && ++*unlisted <= 20)
			note("not in the list: %s", p.tests[i].id);
	free(listed);
	plan_free(&p);
}

static void test_stable(const char *path)
{
	FILE *f = listed_arch ? fopen(path, "r") : NULL;
	int gone = 0, unlisted = 0;

	if (!listed_arch) {
		for (int i = 0; i < 3; i++)
			ok(true, "ids of %s # SKIP the list is of x86-64", path);
		return;
	}
	ok(f, "%s is there", path);
	if (f) {
		compare_ids(f, &gone, &unlisted);
		fclose(f);
	}
	ok(f && !gone, "all ids of %s exist", path);
	ok(f && !unlisted, "all ids are in %s (new ones are to be added)", path);
}

/* The twelve that it all began with, in their order, are the plan's first. */
static const char *const twelve_by[] = { "gup", "gup-fast" };
static const char *const twelve_kinds[] = {
	"zeropage", "memfd", "tmpfile", "zeropage.huge",
#ifdef __x86_64__
	"memfd.hugetlb.2M", "memfd.hugetlb.1G",
#endif
};

static void test_the_twelve(void)
{
	struct plan p;
	size_t at = 0;
	char id[128];

	plan_build(&p);
	for (size_t b = 0; b < ARRAY_SIZE(twelve_by); b++) {
		for (size_t k = 0; k < ARRAY_SIZE(twelve_kinds); k++, at++) {
			snprintf(id, sizeof(id), "ro-longterm.%s.%s", twelve_by[b],
				 twelve_kinds[k]);
			is_str(at < p.nr ? p.tests[at].id : "nothing", id,
			       "the twelve: %zu", at + 1);
		}
	}
	plan_free(&p);
}

/* --- choosing --- */

#define A	"fork.basic.anon"
#define Z	"cow.basic.zeropage"

/* Which of A and Z does a list of globs take? */
static const struct {
	const char *globs;
	bool a, z;
	const char *idle;	/* the first pattern that takes nothing */
} choices[] = {
	{ A, true, false, "" },
	{ "*", true, true, "" },
	{ "fork.*", true, false, "" },
	{ "*.basic.*", true, true, "" },
	{ "*.anon,*.zeropage", true, true, "" },
	{ "fork.basic.ano?", true, false, "" },
	{ "[cf]o*.basic.*", true, true, "" },
	{ "[!f]*.basic.*", false, true, "" },
	{ "fork.basic", false, false, "fork.basic" },	/* the whole id, not its beginning */
	{ "basic", false, false, "basic" },
	{ "Fork.*", false, false, "Fork.*" },	/* ids are as they are written */
	{ "", false, false, "" },
	{ ",", false, false, "" },
	{ "," A, true, false, "" },
	{ "!" A, false, true, "" },			/* all but that */
	{ "!fork.*", false, true, "" },
	{ "!*", false, false, "" },
	{ "*,!fork.*", false, true, "" },
	{ "fork.*,!*.anon", false, false, "" },
	{ "!fork.*," A, true, true, "" },		/* the later one wins */
	{ "*,!fork.*," A, true, true, "" },
	{ A ",!fork.*", false, false, "" },
	{ "!fork.*,!cow.*", false, false, "" },
	{ "!", true, true, "" },			/* takes away nothing */
	{ "!nope," A, true, true, "" },
	{ A ",fork.nop,nope.*", true, false, "fork.nop" },
	{ "nope.*," A, true, false, "nope.*" },
};

static void test_choices(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		char idle[64];
		struct plan p;
		size_t nr;

		plan_build(&p);
		nr = plan_select(&p, choices[i].globs, idle, sizeof(idle));
		if (!ok(has_test(&p, A) == choices[i].a && has_test(&p, Z) == choices[i].z &&
			nr == p.nr, "chosen by \"%s\"", choices[i].globs))
			note("%d and %d of %zu, %zu", has_test(&p, A), has_test(&p, Z), p.nr, nr);
		is_str(idle, choices[i].idle, "\"%s\": what takes nothing", choices[i].globs);
		plan_free(&p);
	}
}

static void test_choice_order(void)
{
	struct plan all, some;
	size_t at = 0;
	bool order = true;

	plan_build(&all);
	plan_build(&some);
	plan_select(&some, "vmsplice.*,fork.*", NULL, 0);
	for (size_t i = 0; i < some.nr && order; i++) {
		while (at < all.nr && strcmp(all.tests[at].id, some.tests[i].id))
			at++;
		order = at < all.nr;
	}
	ok(order, "what is chosen keeps the order of the plan");
	plan_free(&all);
	plan_free(&some);
}

static const char *const groups[] = {
	"quick", "kselftest", "full",
#ifdef __x86_64__
	"huge",		/* elsewhere there may be no page that large */
#endif
};

static void test_groups(void)
{
	struct plan p;
	size_t homeless = 0, both = 0;

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		plan_build(&p);
		ok(group_find(groups[i], strlen(groups[i])) >= 0 &&
		   !plan_select_groups(&p, groups[i]) && p.nr, "group %s has tests", groups[i]);
		plan_free(&p);
	}
	is_int(group_find("nope", 4), -1, "no such group");
	plan_build(&p);
	for (size_t i = 0; i < p.nr; i++) {
		homeless += !(p.tests[i].groups & (1u << GROUP_FULL | 1u << GROUP_HUGE));
		both += !!(p.tests[i].groups & 1u << GROUP_FULL) &&
			!!(p.tests[i].groups & 1u << GROUP_HUGE);
	}
	is_int(homeless, 0, "each test is in full or huge");
	is_int(both, 0, "and none in both");
	plan_free(&p);
}

/* What stands for the others in "quick": where the others would notice something else, they do. */
static void test_quick(void)
{
	static const struct { const char *id; bool in; } quick[] = {
		{ "operation.truncate.gup.memfd", true },
		{ "operation.truncate.gup.ext4", true },	/* what is cut on a disk */
		{ "operation.truncate.gup.xfs", false },
		{ "fork.not-anon.ext4", false },		/* nothing of the file changes */
		{ "account.ro-longterm.gup.zeropage", false },	/* too small to count */
		{ "account.ro-longterm.gup.zeropage.range", true },
		{ "account.swapout.thp.pmd", true },
		{ "fork.discarded.thp-pte.16k", true },		/* a fault of a large folio */
		{ "fork.discarded.thp-pte.64k", false },
		{ "fork.basic.thp-pte.16k", false },
		{ "ro-longterm.filecollapse.gup.memfd.range", false },	/* may hang */
		/* Files of hugetlb pages: what is done to them, but not each way to pin them. */
		{ "operation.tonode-shared.gup.memfd.hugetlb.shared.2M", true },
		{ "operation.seal-pinned.gup.memfd.hugetlb.shared.2M", true },
		{ "operation.seal-pinned.gup-fast.memfd.hugetlb.shared.2M", false },
		{ "iouring.file-shared.memfd.hugetlb.shared.2M", false },
	};
	struct plan p;

	plan_build(&p);
	for (size_t i = 0; i < ARRAY_SIZE(quick); i++) {
		const struct test *it = NULL;

		for (size_t t = 0; t < p.nr; t++)
			if (!strcmp(p.tests[t].id, quick[i].id))
				it = &p.tests[t];
		ok(it && !!(it->groups & 1u << GROUP_QUICK) == quick[i].in, "%s is %sin quick",
		   quick[i].id, quick[i].in ? "" : "not ");
	}
	plan_free(&p);
}

/* The six tests of the kernel's mkdirty, by the names that they have there. */
static void test_mkdirty(void)
{
	static const struct { const char *id, *title; } theirs[] = {
		{ "mkdirty.force.zeropage", "PTRACE write access" },
		{ "mkdirty.force-empty.thp.pmd", "PTRACE write access to THP" },
		{ "mkdirty.migrate.anon", "Page migration" },
		{ "mkdirty.migrate.thp.pmd", "Page migration of THP" },
		{ "mkdirty.pte-map.thp.pmd", "PTE-mapping a THP" },
		{ "mkdirty.uffd-copy.anon", "UFFDIO_COPY" },
	};
	size_t nr = 0;
	struct plan p;

	plan_build(&p);
	plan_select_groups(&p, "kselftest");
	plan_select(&p, "mkdirty.*", NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(theirs); i++) {
		char title[TITLE_MAX] = "";

		for (size_t t = 0; t < p.nr; t++)
			if (!strcmp(p.tests[t].id, theirs[i].id))
				test_title(&p.tests[t], title);
		is_str(title, theirs[i].title, "%s, as the kernel calls it", theirs[i].id);
		nr++;
	}
	is_int(p.nr, nr, "in kselftest there are no others of mkdirty");
	plan_free(&p);
}

int main(int argc, char **argv)
{
	const char *expected = argc > 1 ? argv[1] : "t/ids.expected";

	plan(9 + 5 + 1 + 3 + ARRAY_SIZE(twelve_by) * ARRAY_SIZE(twelve_kinds) +
	     2 * ARRAY_SIZE(choices) + 1 + ARRAY_SIZE(groups) + 3 + 15 + 6 + 1);
	test_axes();
	test_plan_ids();
	test_rows();
	test_stable(expected);
	test_the_twelve();
	test_choices();
	test_choice_order();
	test_groups();
	test_quick();
	test_mkdirty();
	return tap_done();
}
