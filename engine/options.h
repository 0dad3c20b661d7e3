/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line of cow. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "engine/runner.h"

struct options {
	bool list, json, restore, strict, shuffle, seeded, until_fail;
	char *globs;		/* of all --run, joined; NULL: none */
	const char *groups;	/* names of groups, comma-separated; NULL: none was given */
	const char *exclude;	/* file */
	unsigned int seed;
	unsigned int timeout;	/* seconds, as given */
	double timeout_mul;
	struct run_options run;
};
extern struct options opt;

/* Fills in `opt`; exits with a line and code 2 if something is wrong. */
void options_parse(int argc, char **argv);

/* A whole number from @min to @max; exits if @text is none. */
unsigned int option_number(const char *option, const char *text, unsigned int min,
			   unsigned int max);
/* --inject FAULT, or --inject help. */
void option_inject(const char *text);
void option_known_issues(const char *path);

/* One line on stderr, and exit code 2. */
__attribute__((format(printf, 1, 2), noreturn))
void refuse(const char *fmt, ...);

#endif
