// SPDX-License-Identifier: GPL-2.0-only
/* What everybody sees after each step: see trace.h. */
#include "engine/trace.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "engine/diag.h"
#include "engine/director_self.h"
#include "engine/tap.h"
#include "vm_util.h"

__attribute__((format(printf, 1, 2)))
static void note(const char *fmt, ...)
{
	char *text = d.stage->trace;
	size_t used = strlen(text);
	va_list args;

	va_start(args, fmt);
	vsnprintf(text + used, sizeof(d.stage->trace) - used, fmt, args);
	va_end(args);
}

static struct reading reading_of(const uint64_t *words, size_t cell, size_t row)
{
	const struct layout *l = &d.stage->layout;

	return content_judge(l, layout_page(l, cell), words + row * l->words);
}

static bool same(const struct reading *a, const struct reading *b)
{
	return a->kind == b->kind && value_eq(a->v, b->v);
}

/* Runs of cells that show the same: "cells 0-511 P's write 3". */
static void note_run(size_t from, size_t to, size_t cells, const struct reading *r)
{
	char text[192];

	reading_str(r, text, sizeof(text));
	if (cells == 1)
		note(" %s", text);
	else
		note(" [%zu-%zu] %s", from, to, text);
}

static void note_words(const uint64_t *words, const uint8_t *seen, size_t first, size_t cells)
{
	struct reading r, run = { 0 };
	size_t from = cells;

	for (size_t row = 0; row <= cells; row++) {
		bool there = row < cells && (!seen || seen[row] == SEEN_WORDS);

		if (there)
			r = reading_of(words, first + row, row);
		if (from < cells && (!there || !same(&r, &run))) {
			note_run(first + from, first + row - 1, cells, &run);
			from = cells;
		}
		if (there && from == cells) {
			from = row;
			run = r;
		}
	}
}

static void note_actor(int i)
{
	const struct view *v = &d.stage->view[i];
	uint64_t entry = v->pagemap[0];

	note("  %c reads", actor_name(i));
	note_words(v->words, v->seen, 0, d.model.cells);
	if (entry & PM_PRESENT)
		note(" (PFN %#llx%s)", (unsigned long long)(entry & PM_PFN_MASK),
		     entry & PM_MMAP_EXCLUSIVE ? ", mapped once" : "");
	else
		note(" (%s)", entry & PM_SWAP ? "swapped out" : "not present");
	note("\n");
}

static void note_pin(int i)
{
	const struct pin_view *v = &d.stage->pin[i];
	const struct model_pin *p = &d.model.pin[i];

	note("  pin %d of %c sees", i + 1, actor_name(p->owner));
	note_words(v->words, NULL, p->first, p->cells);
	if (v->has_pfns)
		note(" (PFN %#llx)", (unsigned long long)v->pfns[0]);
	note("\n");
}

void trace_step(void)
{
	char step[96];

	if (!d.stage->tracing)
		return;
	note("%s\n", step_str(d.test, d.step, step, sizeof(step)));
	for (int i = 0; i < d.model.actors; i++)
		if (alive(i))
			note_actor(i);
	for (int i = 0; i < d.model.pins; i++)
		if (d.model.pin[i].held && d.stage->pin[i].held)
			note_pin(i);
}

void trace_left_out(const char *why)
{
	char step[96];

	if (d.stage->tracing)
		note("%s: left out, %s\n", step_str(d.test, d.step, step, sizeof(step)), why);
}

void trace_print(const struct stage *s)
{
	char *copy = strdup(s->trace), *save = NULL;

	for (char *l = copy ? strtok_r(copy, "\n", &save) : NULL; l;
	     l = strtok_r(NULL, "\n", &save))
		tap_note("%s", l);
	free(copy);
}
