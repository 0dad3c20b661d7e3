// SPDX-License-Identifier: GPL-2.0-only
/* The options of programs besides cow itself: see suboptions.h. */
#include "engine/suboptions.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/options.h"

#define OPTIONS_MAX	24
#define FIRST		256	/* what getopt says of the first row; no letter */

static bool takes_argument(const struct suboption *s)
{
	return s->text || s->number || s->take;
}

/* The table as getopt wants it, with --help; @letters has room for three a row. */
static void for_getopt(const struct suboption *table, struct option *longs, char *letters)
{
	int i;

	*letters++ = ':';
	for (i = 0; table[i].name; i++) {
		bool argument = takes_argument(&table[i]);

		longs[i] = (struct option) { table[i].name, argument, NULL, FIRST + i };
		if (!table[i].letter)
			continue;
		*letters++ = table[i].letter;
		if (argument)
			*letters++ = ':';
	}
	longs[i] = (struct option) { "help", no_argument, NULL, 'h' };
	longs[i + 1] = (struct option) { NULL, 0, NULL, 0 };
	*letters++ = 'h';
	*letters = '\0';
}

static const struct suboption *row_of(const struct suboption *table, int c)
{
	if (c >= FIRST)
		return &table[c - FIRST];
	while (table->letter != c)
		table++;
	return table;
}

static void apply(const struct suboption *s)
{
	char name[32];

	snprintf(name, sizeof(name), "--%s", s->name);
	if (s->flag)
		*s->flag = true;
	else if (s->act)
		s->act();
	else if (s->text)
		*s->text = optarg;
	else if (s->number)
		*s->number = option_number(name, optarg, s->min, s->max);
	else
		s->take(optarg);
}

int suboptions_parse(int argc, char **argv, const struct suboption *table, const char *usage)
{
	struct option longs[OPTIONS_MAX];
	char letters[3 * OPTIONS_MAX];
	int c;

	for_getopt(table, longs, letters);
	opterr = 0;
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			exit(0);
		}
		if (c == ':')
			refuse("%s needs an argument (see cow %s --help)", argv[optind - 1],
			       argv[0]);
		if (c == '?')
			refuse("unknown option %s (see cow %s --help)", argv[optind - 1],
			       argv[0]);
		apply(row_of(table, c));
	}
	return optind;
}
