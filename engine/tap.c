// SPDX-License-Identifier: GPL-2.0-only
/* What a run prints: see tap.h. */
#include "engine/tap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "engine/environ.h"
#include "engine/exec.h"
#include "engine/gate.h"
#include "engine/known.h"
#include "engine/progress.h"
#include "engine/select.h"

#define KSFT_PASS	0
#define KSFT_FAIL	1
#define KSFT_SKIP	4

static struct tap_options opt;
static struct counts counts;
static size_t done;

/*
 * Out of our hands: of a pipe the reader has it, of a serial port the other side, of a file
 * the disk. The next test may bring the machine down, and what a driver or the page cache
 * still holds would be lost.
 */
static void flush(bool result)
{
	static enum { TERMINAL, DISK, PIPE } kind;	/* as far as it turned out */

	fflush(stdout);
	if (kind == TERMINAL && tcdrain(STDOUT_FILENO))
		kind = DISK;
	if (kind == DISK && result && fdatasync(STDOUT_FILENO))
		kind = PIPE;
}

static void print_excluded(const struct exclusions *e)
{
	for (size_t i = 0; e && i < e->nr; i++)
		printf("# excluded %zu: %s: %s\n", e->list[i].dropped, e->list[i].glob,
		       e->list[i].reason);
}

void tap_start(const struct tap_options *o, const struct plan *p)
{
	opt = *o;
	printf("TAP version 13\n");
	if (!opt.open_end)
		printf("1..%zu\n", opt.planned);
	environ_print(p);
	if (opt.seed)
		printf("# env seed: %u\n", *opt.seed);
	print_excluded(opt.excluded);
	fflush(stdout);
	progress_start(opt.planned, opt.verbose);
}

void tap_note(const char *fmt, ...)
{
	va_list args;

	progress_clear();
	printf("# ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	flush(false);
}

void tap_run(const struct test *t)
{
	char title[TITLE_MAX];

	if (progress_shown())
		return;
	printf("# [RUN] %s\n", test_title(t, title));
	flush(false);
}

/* The reason if a known issue covers this outcome: its own failure, or a pass. */
static const char *todo(const struct test *t, const struct result *r)
{
	const struct known_issue *k = NULL;

	if (r->verdict == VERDICT_FAIL)
		k = known_failure(t->id, r->reason);
	else if (r->verdict == VERDICT_PASS)
		k = known_to_fail(t->id);
	return k ? k->reason : NULL;
}

static void count(const struct test *t, const struct result *r)
{
	bool pass = r->verdict == VERDICT_PASS;

	if (r->verdict == VERDICT_SKIP)
		counts.skipped++;
	else if (todo(t, r))
		(*(pass ? &counts.todo_passed : &counts.todo))++;
	else
		(*(pass ? &counts.passed : &counts.failed))++;
}

/* Text for a "# " line: one line per line. */
static void print_comment(const char *text)
{
	while (*text) {
		int len = strcspn(text, "\n");

		printf("# %.*s\n", len, text);
		text += len + (text[len] == '\n');
	}
}

/* A quoted YAML scalar. */
static void print_yaml(const char *key, const char *text)
{
	printf("  %s: '", key);
	for (; *text; text++)
		printf(*text == '\'' ? "''" : "%c", *text);
	printf("'\n");
}

static void print_details(const struct test *t, const struct result *r)
{
	printf("  ---\n");
	print_yaml("reason", r->reason);
	print_yaml("message", r->text);
	if (r->step >= 0)
		printf("  step: %d\n", r->step + 1);
	if (r->pin_pfn)
		printf("  pin_pfn: 0x%llx\n", (unsigned long long)r->pin_pfn);
	if (r->table_pfn)
		printf("  table_pfn: 0x%llx\n", (unsigned long long)r->table_pfn);
	print_yaml("steps", t->scenario->steps);
	printf("  ms: %u\n  ...\n", r->ms);
}

/* What a later kernel has fixed, and what it is about. */
static void print_hints(const struct test *t, const struct result *r)
{
	const char *fixed = t->scenario->fixed, *known = known_fix(t->id, r->reason);

	if (fixed && known_unfixed(fixed))
		printf("#   hint: fixed %s%s\n", *fixed == 'a' ? "" : "in ", fixed);
	else if (known)
		printf("#   hint: %s\n", known);
	if (t->scenario->cve)
		printf("#   hint: %s\n", t->scenario->cve);
}

static void print_diagnosis(const struct test *t, const struct result *r)
{
	const char *prefix = getenv("COWPIN_REPEAT");

	printf("# %s: %s\n", r->reason, r->text);
	print_comment(r->diag);
	if (t->scenario->why)
		printf("#   why: %s\n", t->scenario->why);
	/* What is of no catalogue has no id to select it by. */
	printf("#   repeat: ");
	if (t->lenient)
		exec_print(t);
	else
		printf("%s --run '%s'\n", prefix ? prefix : "cow", t->id);
	print_hints(t, r);
}

static void tap_line(size_t number, const struct test *t, const struct result *r)
{
	bool ok = r->verdict != VERDICT_FAIL;

	printf("%s %zu - %s", ok ? "ok" : "not ok", number, t->id);
	if (r->verdict == VERDICT_SKIP)
		printf(" # SKIP %s: %s", r->reason, r->text);
	else if (todo(t, r))
		printf(" # TODO %s", todo(t, r));
	progress_plain();
	printf("\n");
	if (ok && todo(t, r) && r->verdict == VERDICT_PASS)
		printf("# an unexpected pass: this was known to fail here\n");
	if (ok && opt.verbose)
		printf("  ---\n  ms: %u\n  ...\n", r->ms);
	if (ok && opt.verbose && t->scenario->rounds)
		print_comment(r->diag);
	if (ok)
		return;
	print_details(t, r);
	print_diagnosis(t, r);
}

/* Did memory or pin go wrong, or did the test not get that far? */
static bool is_divergence(const struct result *r)
{
	static const char *const other[] = {
		"setup", "pin-refused", "actor-died", "actor-hung", "director-died", "timeout",
		"kernel",
	};

	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (!strcmp(r->reason, other[i]))
			return false;
	return true;
}

static void kselftest_line(size_t number, const struct test *t, const struct result *r)
{
	const struct scenario *s = t->scenario;
	const char *bad = s->ksft_fail && is_divergence(r) ? s->ksft_fail : r->text;

	if (r->verdict == VERDICT_SKIP)
		printf("ok %zu # SKIP %s\n", number, r->text);
	else if (r->verdict == VERDICT_PASS)
		printf("ok %zu %s\n", number, s->ksft_pass ? s->ksft_pass : t->id);
	else if (todo(t, r))
		printf("ok %zu # XFAIL %s\n", number, bad);
	else
		printf("not ok %zu %s\n", number, bad);
	progress_plain();
	if (r->verdict == VERDICT_FAIL)
		print_diagnosis(t, r);
}

/* On a terminal what passed is only counted. */
static bool is_shown(const struct test *t, const struct result *r)
{
	return !progress_shown() || opt.verbose || r->verdict == VERDICT_FAIL || todo(t, r);
}

void tap_result(size_t number, const struct test *t, const struct result *r)
{
	char title[TITLE_MAX];

	count(t, r);
	gate_count(t, r);
	done++;
	if (is_shown(t, r)) {
		progress_clear();
		if (progress_shown())
			printf("# [RUN] %s\n", test_title(t, title));
		progress_colour(r->verdict, todo(t, r));
		if (opt.format == FORMAT_TAP)
			tap_line(number, t, r);
		else
			kselftest_line(number, t, r);
		flush(r->verdict != VERDICT_SKIP);
	}
	progress_update(&counts, t, r);
}

static void print_totals(void)
{
	if (opt.format == FORMAT_KSELFTEST)
		printf("# Totals: pass:%u fail:%u xfail:%u xpass:%u skip:%u error:0\n",
		       counts.passed, counts.failed, counts.todo, counts.todo_passed,
		       counts.skipped);
	else
		printf("# passed %u, failed %u, todo %u, skipped %u of %zu\n",
		       counts.passed + counts.todo_passed, counts.failed, counts.todo,
		       counts.skipped, done);
}

void tap_end(size_t total)
{
	progress_clear();
	if (opt.open_end)
		printf("1..%zu\n", total);
	gate_end(total);
	print_totals();
	flush(true);
}

const struct counts *tap_counts(void)
{
	return &counts;
}

int tap_exit_code(bool strict)
{
	if (counts.failed || (strict && counts.todo_passed) || gate_failed())
		return KSFT_FAIL;
	if (counts.skipped < done)
		return KSFT_PASS;
	/* Nothing was run. */
	return opt.format == FORMAT_KSELFTEST ? KSFT_SKIP : KSFT_FAIL;
}
