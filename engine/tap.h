/* SPDX-License-Identifier: GPL-2.0-only */
/* What a run prints: TAP version 13, or the lines of the kernel's own suite. */
#ifndef TAP_H
#define TAP_H

#include "engine/plan.h"
#include "engine/stage.h"

enum format { FORMAT_TAP, FORMAT_KSELFTEST };

struct exclusions;

struct tap_options {
	enum format format;
	bool verbose;
	bool open_end;		/* how many tests there will be is told at the end */
	size_t planned;
	const unsigned int *seed;		/* of a shuffled plan, else NULL */
	const struct exclusions *excluded;
};

struct counts {
	unsigned int passed, failed, todo, todo_passed, skipped;
};

/* The first lines. */
void tap_start(const struct tap_options *o, const struct plan *p);
/* "# [RUN] title": about to report (or still running) this test. */
void tap_run(const struct test *t);
void tap_result(size_t number, const struct test *t, const struct result *r);
/* A comment line between results. */
__attribute__((format(printf, 1, 2)))
void tap_note(const char *fmt, ...);
/* The last lines; @done tests have a result. */
void tap_end(size_t done);
const struct counts *tap_counts(void);
/* The exit code that goes with what was printed; @strict: an unexpected pass fails. */
int tap_exit_code(bool strict);

#endif
