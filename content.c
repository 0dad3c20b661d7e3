// SPDX-License-Identifier: GPL-2.0-only
/* Content that identifies itself: see content.h. */
#include "content.h"

#include <ctype.h>
#include <stdio.h>

#include "vm_util.h"

/* Bits of a word, from the top: writer 8, generation 16, page 24, word 9, check 7. */
#define PAGE_MASK24	0xffffffULL
#define WORD_MASK9	0x1ffULL
#define CHECK_MASK7	0x7fULL

/* The word that is the mark of its page; none of those that are sampled. */
#define MARK		257

/* Regions up to this many pages are written and compared whole. */
#define WHOLE_PAGES	2

static size_t largest_divisor(size_t n, size_t max)
{
	for (size_t d = max < n ? max : n; d > 1; d--)
		if (n % d == 0)
			return d;
	return 1;
}

struct layout layout_of(size_t len)
{
	struct layout l = { .page = page_size(), .pages = len / page_size(), .stride = 1 };

	l.cells = l.pages;
	if (l.pages > CELLS_MAX) {
		/* Evenly spread, and the last page is hit: cells - 1 divides pages - 1. */
		size_t gaps = largest_divisor(l.pages - 1, CELLS_MAX - 1);

		l.cells = gaps + 1;
		l.stride = (l.pages - 1) / gaps;
	}
	l.whole = l.pages <= WHOLE_PAGES;
	l.words = l.whole ? l.page / sizeof(uint64_t) : WORDS_SAMPLED;
	return l;
}

size_t layout_word(const struct layout *l, size_t i)
{
	if (l->whole)
		return i * sizeof(uint64_t);
	/*
	 * 0, about 1/3, about 2/3 (not on a power of two), last. Those between are where an entry
	 * of io_uring has its user_data, all that pins/iouring_rings.c sees.
	 */
	if (!i || i == WORDS_SAMPLED - 1)
		return i ? l->page - sizeof(uint64_t) : 0;
	return l->page / 3 * i / 64 * 64 + 32;
}

bool layout_is_mark(const struct layout *l, size_t i)
{
	return l->whole && i == MARK;
}

void layout_cells(const struct layout *l, size_t page, size_t pages, size_t *first, size_t *count)
{
	*first = (page + l->stride - 1) / l->stride;
	*count = (page + pages + l->stride - 1) / l->stride - *first;
}

/* Of the test that runs. */
static uint64_t salt;

static uint64_t scatter(uint64_t top)
{
	top ^= top >> 32;
	return top * 0x9e3779b97f4a7c15ULL;
}

void content_salt(uint64_t of_test)
{
	salt = scatter(of_test);
}

static uint64_t check_of(uint64_t top)
{
	return scatter(top ^ salt) >> 57 & CHECK_MASK7;
}

uint64_t word_encode(struct value v, size_t page, size_t word)
{
	uint64_t top;

	if (!v.writer)
		return 0;
	top = (uint64_t)v.writer << 49 | (uint64_t)v.gen << 33 |
	      (page & PAGE_MASK24) << 9 | (word & WORD_MASK9);
	return top << 7 | check_of(top);
}

/* What a word says of itself, whoever wrote it. */
static struct word word_fields(uint64_t raw)
{
	uint64_t top = raw >> 7;

	return (struct word){
		.v = { top >> 49, top >> 33 },
		.page = (top >> 9) & PAGE_MASK24, .word = top & WORD_MASK9,
	};
}

/* A writer is a letter: no word is one when its bits are inverted. */
bool word_decode(uint64_t raw, struct word *w)
{
	*w = word_fields(raw);
	return !raw || (isalpha(w->v.writer) && (raw & CHECK_MASK7) == check_of(raw >> 7));
}

void content_write(const struct layout *l, void *at, size_t page, struct value v)
{
	for (size_t i = 0; i < l->words; i++) {
		size_t off = layout_word(l, i);
		volatile uint64_t *p = (volatile uint64_t *)((char *)at + off);

		if (!layout_is_mark(l, i))
			*p = word_encode(v, page, off / sizeof(uint64_t));
	}
}

size_t content_run(const struct layout *l, size_t *w, size_t page, struct value v, size_t *offset,
		   uint64_t *out, size_t max)
{
	size_t nr = 0;

	while (*w < l->words && layout_is_mark(l, *w))
		++*w;
	for (; *w < l->words && !layout_is_mark(l, *w) && nr < max; ++*w) {
		size_t off = layout_word(l, *w);

		if (!nr)
			*offset = off;
		if (off != *offset + nr * sizeof(*out))
			break;
		out[nr++] = word_encode(v, page, off / sizeof(*out));
	}
	return nr;
}

void content_mark(const struct layout *l, void *at, size_t page, struct value v)
{
	(void)l;
	((volatile uint64_t *)at)[MARK] = word_encode(v, page, MARK);
}

uint64_t content_mark_of(const void *at)
{
	return ((const volatile uint64_t *)at)[MARK];
}

size_t content_mark_offset(void)
{
	return MARK * sizeof(uint64_t);
}

bool content_mark_is(uint64_t raw, size_t page, struct value v)
{
	return value_eq(v, MARK_ANY) || raw == word_encode(v, page, MARK);
}

void content_read(const struct layout *l, const void *at, uint64_t *out)
{
	for (size_t i = 0; i < l->words; i++)
		out[i] = *(const volatile uint64_t *)((const char *)at + layout_word(l, i));
}

static bool is_placed(const struct word *w, size_t page, size_t off)
{
	return w->page == (page & PAGE_MASK24) && w->word == (off / sizeof(uint64_t) & WORD_MASK9);
}

/* One word against the place where it was found and the value of the words before. */
static bool word_judge(struct reading *r, const struct word *w, size_t page, size_t off)
{
	r->at = off;
	if (w->v.writer && !is_placed(w, page, off)) {
		r->kind = CELL_MOVED;
		r->v = w->v;
		r->page = w->page;
	} else if (!value_eq(w->v, r->v)) {
		r->kind = CELL_TORN;
		r->v2 = w->v;
	}
	return r->kind == CELL_VALUE;
}

/* Nearly always they are what the value of the first leaves at their places: asked first. */
static bool all_as_first(const struct layout *l, size_t page, const uint64_t *words,
			 struct value *v)
{
	struct word first;

	if (!word_decode(words[0], &first))
		return false;
	*v = first.v;
	for (size_t i = 0; i < l->words; i++)
		if (words[i] != word_encode(*v, page, layout_word(l, i) / sizeof(uint64_t)) &&
		    !layout_is_mark(l, i))
			return false;
	return true;
}

struct reading content_judge(const struct layout *l, size_t page, const uint64_t *words)
{
	struct reading r = { .kind = CELL_VALUE };

	if (all_as_first(l, page, words, &r.v))
		return r;
	for (size_t i = 0; i < l->words; i++) {
		size_t off = layout_word(l, i);
		struct word w;

		if (layout_is_mark(l, i))
			continue;
		if (!word_decode(words[i], &w)) {
			r.kind = CELL_ALIEN;
			r.raw = words[i];
			r.page = page;
			r.at = off;
			return r;
		}
		if (!i)
			r.v = w.v;
		if (!word_judge(&r, &w, page, off))
			return r;
	}
	return r;
}

bool content_each(const struct layout *l, size_t page, const uint64_t *words,
		  bool (*allowed)(struct value v, void *arg), void *arg)
{
	for (size_t i = 0; i < l->words; i++) {
		struct reading r = { .kind = CELL_VALUE };
		struct word w;

		if (layout_is_mark(l, i))
			continue;
		if (!word_decode(words[i], &w))
			return false;
		r.v = w.v;
		if (!word_judge(&r, &w, page, layout_word(l, i)) || !allowed(w.v, arg))
			return false;
	}
	return true;
}

char *value_str(struct value v, char *buf, size_t len)
{
	if (!v.writer)
		snprintf(buf, len, "zeroes (nobody wrote them)");
	else if (v.writer == WRITER_FILE)
		snprintf(buf, len, "the file's content (generation %u)", v.gen);
	else if (v.writer == WRITER_PIN)
		snprintf(buf, len, "what was written through the pin (generation %u)", v.gen);
	else
		snprintf(buf, len, "what %c wrote (generation %u)", v.writer, v.gen);
	return buf;
}

/* Of a word that nobody of this test wrote: would it be right where another one had written it? */
static bool of_another_test(const struct reading *r, struct value *v)
{
	struct word w = word_fields(r->raw);

	*v = w.v;
	return is_placed(&w, r->page, r->at) && isupper(w.v.writer);
}

static char *alien_str(const struct reading *r, char *buf, size_t len)
{
	struct value v;
	char a[80];

	if (of_another_test(r, &v))
		snprintf(buf, len, "what another test left at byte %zu: %s", r->at,
			 value_str(v, a, sizeof(a)));
	else
		snprintf(buf, len, "0x%016llx at byte %zu, which no one of the test wrote",
			 (unsigned long long)r->raw, r->at);
	return buf;
}

char *reading_str(const struct reading *r, char *buf, size_t len)
{
	char a[80], b[80];

	switch (r->kind) {
	case CELL_VALUE:
		return value_str(r->v, buf, len);
	case CELL_TORN:
		snprintf(buf, len, "a torn page: %s, but at byte %zu %s",
			 value_str(r->v, a, sizeof(a)), r->at, value_str(r->v2, b, sizeof(b)));
		break;
	case CELL_MOVED:
		snprintf(buf, len, "content that belongs to page %zu: %s", r->page,
			 value_str(r->v, a, sizeof(a)));
		break;
	case CELL_ALIEN:
		return alien_str(r, buf, len);
	}
	return buf;
}
