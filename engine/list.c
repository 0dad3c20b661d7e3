// SPDX-License-Identifier: GPL-2.0-only
/* The plan in print: see list.h. */
#include "engine/list.h"

#include <stdio.h>

#include "engine/exec.h"
#include "engine/select.h"

void list_plain(const struct plan *p, bool verbose)
{
	char title[TITLE_MAX];

	for (size_t i = 0; i < p->nr; i++) {
		const struct test *t = &p->tests[i];

		puts(t->id);
		if (!verbose)
			continue;
		printf("\t%s\n\t", test_title(t, title));
		exec_print(t);
	}
}

void json_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else if ((unsigned char)*text < ' ')
			printf("\\u%04x", *text);
		else
			putchar(*text);
	}
	putchar('"');
}

static void json_field(const char *key, const char *text)
{
	printf(", \"%s\": ", key);
	if (text)
		json_string(text);
	else
		printf("null");
}

static void json_groups(const struct test *t)
{
	const char *comma = "";

	printf(", \"groups\": [");
	for (int g = 0; g < NR_GROUPS; g++) {
		if (!(t->groups & (1u << g)))
			continue;
		printf("%s\"%s\"", comma, group_name(g));
		comma = ", ";
	}
	printf("]");
}

/* What the machine must have; a test is skipped, or failed with --require, without. */
static void json_needs(const struct test *t)
{
	uint64_t needs = test_needs(t);
	const char *comma = "";

	printf(", \"needs\": [");
	for (int n = 0; n < NR_NEEDS; n++) {
		if (!(needs & (1ULL << n)))
			continue;
		printf("%s\"%s\"", comma, need_name(n));
		comma = ", ";
	}
	printf("]");
}

void list_json(const struct plan *p)
{
	char title[TITLE_MAX];

	puts("[");
	for (size_t i = 0; i < p->nr; i++) {
		const struct test *t = &p->tests[i];

		printf("  {\"id\": ");
		json_string(t->id);
		json_field("title", test_title(t, title));
		json_field("scenario", t->scenario->id);
		json_field("provider", t->by ? t->by->id : NULL);
		json_field("kind", t->id + t->kind_at);
		json_field("steps", t->scenario->steps);
		json_groups(t);
		json_needs(t);
		printf("}%s\n", i + 1 < p->nr ? "," : "");
	}
	puts("]");
}
