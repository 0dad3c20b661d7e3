// SPDX-License-Identifier: GPL-2.0-only
/* The line at the bottom of a terminal: see progress.h. */
#include "engine/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Often enough for the eye. */
#define EVERY	(100 * NS_PER_MS)

static struct {
	bool shown, colours, drawn;
	size_t planned, done;
	uint64_t started, updated;
	char slowest[sizeof(((struct test *)0)->id)];
	unsigned int slowest_ms;
} line;

void progress_start(size_t planned, bool all)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
	/* A serial port is a terminal, too, but who started us there reads TAP. */
	bool terminal = isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") &&
			!getenv("COWPIN_CONTROL");

	line.shown = terminal && !all;
	line.colours = terminal && !(no_color && *no_color);
	line.planned = planned;
	line.started = now_ns();
}

bool progress_shown(void)
{
	return line.shown;
}

void progress_clear(void)
{
	if (line.drawn)
		printf("\r\033[K");
	line.drawn = false;
}

static int columns(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return 80;
	return size.ws_col;
}

static void draw(const struct counts *c)
{
	double seconds = (now_ns() - line.started) / 1e9;
	double rate = seconds > 0 ? line.done / seconds : 0;
	double left = rate > 0 ? (line.planned - line.done) / rate : 0;
	char text[512];

	snprintf(text, sizeof(text), "%zu/%zu  failed %u  todo %u  skipped %u  %.0f/s  "
		 "%d:%02d left  slowest %s (%u ms)", line.done, line.planned, c->failed, c->todo,
		 c->skipped, rate, (int)left / 60, (int)left % 60, line.slowest,
		 line.slowest_ms);
	printf("\r\033[K%.*s", columns() - 1, text);
	fflush(stdout);
	line.drawn = true;
}

void progress_update(const struct counts *c, const struct test *t, const struct result *r)
{
	uint64_t now = now_ns();

	line.done++;
	if (!line.shown)
		return;
	if (r->ms >= line.slowest_ms) {
		line.slowest_ms = r->ms;
		strcpy(line.slowest, t->id);
	}
	if (now < line.updated + EVERY && line.drawn)
		return;
	line.updated = now;
	draw(c);
}

void progress_colour(enum verdict verdict, bool todo)
{
	if (!line.colours)
		return;
	if (verdict == VERDICT_FAIL && !todo)
		printf("\033[31m");
	else if (verdict == VERDICT_PASS && !todo)
		printf("\033[32m");
	else
		printf("\033[33m");
}

void progress_plain(void)
{
	if (line.colours)
		printf("\033[0m");
}
