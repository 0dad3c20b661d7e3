// SPDX-License-Identifier: GPL-2.0-only
/* What a gate demands: see gate.h. */
#define _GNU_SOURCE
#include "engine/gate.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "vm_util.h"

#define REQUIRED_MAX	32
#define REASONS_MAX	32

static struct required {
	enum need need;
	size_t size;		/* 0: of any, or has none */
	char name[32];
} required[REQUIRED_MAX];
static int nr_required;
static unsigned int max_skip = UINT_MAX;

static struct reason {
	char code[32];
	unsigned int skips;
} reasons[REASONS_MAX];

/* A kind (and size) of the plan, by the end of the id. */
static struct seen_kind {
	char name[64], code[32];
	unsigned int ran, skipped;
} *kinds;
static size_t nr_kinds;
static unsigned int ran, skipped;

/* --- what is demanded --- */

static int require_one(const char *word, char *why)
{
	struct required *r = &required[nr_required];
	const char *size = strchr(word, '=');
	int need;

	if (nr_required == REQUIRED_MAX)
		return snprintf(why, 256, "more than %d names", REQUIRED_MAX), -EINVAL;
	snprintf(r->name, sizeof(r->name), "%.*s", (int)(size ? size - word : (long)strlen(word)),
		 word);
	need = need_find(r->name);
	if (need < 0)
		return snprintf(why, 256, "'%.60s' is no requirement (%s)", word,
				need_names()), -EINVAL;
	if (size && !(need == NEED_HUGETLB || need == NEED_MTHP))
		return snprintf(why, 256, "'%.60s': %s has no sizes", word, r->name), -EINVAL;
	if (!size && (need == NEED_HUGETLB || need == NEED_MTHP))
		return snprintf(why, 256, "'%.60s': which size? (as %s=2M)", word,
				r->name), -EINVAL;
	r->size = size ? size_parse(size + 1) : 0;
	if (size && !r->size)
		return snprintf(why, 256, "'%.60s': no size (as 64k, 2M, 1G)", word), -EINVAL;
	r->need = need;
	snprintf(r->name, sizeof(r->name), "%.31s", word);
	nr_required++;
	return 0;
}

int gate_require(const char *list, char *why)
{
	char *copy = strdup(list), *at = copy, *word;
	int ret = 0;

	if (!copy)
		return -ENOMEM;
	while (!ret && (word = strsep(&at, ",")))
		ret = require_one(word, why);
	free(copy);
	return ret;
}

void gate_max_skip(unsigned int max)
{
	max_skip = max;
}

uint64_t gate_needs(void)
{
	uint64_t mask = 0;

	for (int i = 0; i < nr_required; i++)
		mask |= 1ULL << required[i].need;
	return mask;
}

int gate_hugetlb(size_t *sizes)
{
	int nr = 0;

	for (int i = 0; i < nr_required && nr < KIND_SIZES_MAX; i++)
		if (required[i].need == NEED_HUGETLB)
			sizes[nr++] = required[i].size;
	return nr;
}

bool gate_requires(enum need need, size_t size)
{
	for (int i = 0; i < nr_required; i++)
		if (required[i].need == need && (!required[i].size || required[i].size == size))
			return true;
	return false;
}

/* --- what there was --- */

static bool run_failed;

void gate_fail(void)
{
	run_failed = true;
}

bool gate_failed(void)
{
	return run_failed;
}

static struct seen_kind *kind_named(const char *name)
{
	for (size_t i = 0; i < nr_kinds; i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	kinds = realloc(kinds, (nr_kinds + 1) * sizeof(*kinds));
	if (!kinds)
		abort();
	kinds[nr_kinds] = (struct seen_kind) { .ran = 0 };
	snprintf(kinds[nr_kinds].name, sizeof(kinds[0].name), "%s", name);
	return &kinds[nr_kinds++];
}

static void count_skip(const char *code)
{
	for (int i = 0; i < REASONS_MAX; i++) {
		if (!reasons[i].skips)
			snprintf(reasons[i].code, sizeof(reasons[i].code), "%s", code);
		if (!strcmp(reasons[i].code, code)) {
			reasons[i].skips++;
			return;
		}
	}
}

void gate_count(const struct test *t, const struct result *r)
{
	struct seen_kind *k = kind_named(t->id + t->kind_at);

	if (r->verdict != VERDICT_SKIP) {
		k->ran++;
		ran++;
		return;
	}
	skipped++;
	k->skipped++;
	snprintf(k->code, sizeof(k->code), "%s", r->reason);
	count_skip(r->reason);
}

static void print_skips(void)
{
	for (int i = 0; i < REASONS_MAX && reasons[i].skips; i++)
		printf("# skipped %u: %s\n", reasons[i].skips, reasons[i].code);
	for (size_t i = 0; i < nr_kinds; i++)
		if (!kinds[i].ran)
			printf("# absent: %s (%s)\n", kinds[i].name, kinds[i].code);
}

static bool demands_met(void)
{
	bool met = true;
	char why[160];

	for (int i = 0; i < nr_required; i++) {
		const struct required *r = &required[i];

		if (needs_unmet(1ULL << r->need, r->size, 1, why, sizeof(why)) < 0)
			continue;
		printf("# required, but absent: %s: %s\n", r->name, why);
		met = false;
	}
	return met;
}

void gate_end(size_t planned)
{
	if (!demands_met())
		gate_fail();
	print_skips();
	if (skipped > max_skip) {
		printf("# too many skips: %u, allowed are %u\n", skipped, max_skip);
		gate_fail();
	}
	if (!ran)
		printf("# nothing was run: all %zu tests were skipped\n", planned);
	free(kinds);
	kinds = NULL;
	nr_kinds = 0;
}
