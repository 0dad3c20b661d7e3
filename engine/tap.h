/* SPDX-License-Identifier: GPL-2.0-only */
/* What a run prints: TAP version 13, or the lines of the kernel's own suite. */
#ifndef TAP_H
#define TAP_H

#include "engine/plan.h"
#include "engine/stage.h"

enum format { FORMAT_TAP, FORMAT_KSELFTEST };

struct counts {
	unsigned int passed, failed, todo, todo_passed, skipped;
};

/* Choose the format; before anything is printed. */
void tap_start(enum format format, size_t plan, bool verbose);
/* "# [RUN] title": about to report (or still running) this test. */
void tap_run(const struct test *t);
void tap_result(size_t number, const struct test *t, const struct result *r);
/* The last lines. */
void tap_end(void);
const struct counts *tap_counts(void);
/* The exit code that goes with what was printed; @strict: an unexpected pass fails. */
int tap_exit_code(bool strict);

#endif
