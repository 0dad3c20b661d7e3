/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The least that a unit test needs: each check is a line of TAP and, where it fails, says
 * where it stands and what was seen. main() ends with "return tap_done();".
 */
#ifndef TAP_UNIT_H
#define TAP_UNIT_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_planned, tap_run, tap_failed;

/* The plan comes first, so that a crash in the middle shows. */
static inline void plan(int tests)
{
	/* A line at a time: a crash must not take any with it. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	tap_planned = tests;
	printf("TAP version 13\n1..%d\n", tests);
}

__attribute__((format(printf, 4, 5)))
static inline bool tap_ok(bool good, const char *file, int line, const char *name, ...)
{
	va_list args;

	tap_run++;
	printf("%sok %d - ", good ? "" : "not ", tap_run);
	va_start(args, name);
	vprintf(name, args);
	va_end(args);
	putchar('\n');
	if (!good) {
		tap_failed++;
		printf("#   failed at %s:%d\n", file, line);
	}
	return good;
}

/* ok(condition, "what is checked", ...) */
#define ok(cond, ...)	tap_ok((cond), __FILE__, __LINE__, __VA_ARGS__)

/* Each argument is evaluated once; the values are printed where they differ. */
#define is_int(got, want, ...) do {						\
	intmax_t got_ = (got), want_ = (want);					\
										\
	if (!ok(got_ == want_, __VA_ARGS__))					\
		printf("#   " #got " is %jd (0x%jx), not %jd (0x%jx)\n",	\
		       got_, (uintmax_t)got_, want_, (uintmax_t)want_);		\
} while (0)

#define is_str(got, want, ...) do {						\
	const char *got_ = (got), *want_ = (want);				\
										\
	if (!ok(!strcmp(got_, want_), __VA_ARGS__))				\
		printf("#   " #got " is \"%s\", not \"%s\"\n", got_, want_);	\
} while (0)

/* More to say on a failure. */
__attribute__((format(printf, 1, 2)))
static inline void note(const char *fmt, ...)
{
	va_list args;

	printf("#   ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

static inline int tap_done(void)
{
	if (tap_run != tap_planned)
		note("%d tests planned, %d run", tap_planned, tap_run);
	return tap_failed || tap_run != tap_planned;
}

#endif
