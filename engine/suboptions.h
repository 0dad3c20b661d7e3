/* SPDX-License-Identifier: GPL-2.0-only */
/* The options of "cow exec", "cow stress" and "cow race": a table each. */
#ifndef SUBOPTIONS_H
#define SUBOPTIONS_H

#include <stdbool.h>

/* One of the pointers is set: it says what the option takes and where that goes. */
struct suboption {
	const char *name;		/* without the dashes; NULL ends a table */
	char letter;			/* 0: it has none */
	bool *flag;
	void (*act)(void);		/* takes nothing, either */
	const char **text;
	unsigned int *number, min, max;
	void (*take)(const char *text);
};

/*
 * What @argv has besides "--help", which prints @usage. Exits with a line and code 2 if
 * something is wrong. Returns the index of the first argument that is no option.
 */
int suboptions_parse(int argc, char **argv, const struct suboption *table, const char *usage);

#endif
