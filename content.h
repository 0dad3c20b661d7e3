/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Content that identifies itself. Every word the harness writes says who wrote it,
 * in which test, at which step, and where it belongs, so a stale page, a foreign page,
 * a shifted page and a torn page all look different.
 */
#ifndef CONTENT_H
#define CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Who wrote a page and when. @writer is a letter: an actor's name, WRITER_FILE or
 * WRITER_PIN; 0 stands for zeroes that nobody wrote. @gen counts the writes of a test.
 */
struct value {
	uint8_t writer;
	uint16_t gen;
};

#define WRITER_FILE	'F'	/* the content of the backing file */
#define WRITER_PIN	'D'	/* a "device" that writes through a pin */
#define VALUE_ZERO	((struct value){ 0, 0 })

static inline bool value_eq(struct value a, struct value b)
{
	return a.writer == b.writer && a.gen == b.gen;
}

/*
 * Which words of a region are written and compared. The region's pages are sampled:
 * cell i is page i * stride, @cells of them; the first and the last page are cells.
 * Small regions are covered whole; of a page in a larger region WORDS_SAMPLED words
 * count: the first, the last, two between. The cost of a test shall be what the
 * kernel must clear and copy, not what we touch.
 */
#define WORDS_SAMPLED	4
#define CELLS_MAX	1024

struct layout {
	size_t page;		/* bytes of a base page */
	size_t pages;		/* of the region */
	size_t cells;
	size_t stride;		/* in pages */
	size_t words;		/* compared in each cell */
	bool whole;		/* all words of the page, in order */
};

/* The sampling of a region of @len bytes, a multiple of the page size. */
struct layout layout_of(size_t len);

/* The byte offset in its page of compared word @i. */
size_t layout_word(const struct layout *l, size_t i);
/*
 * One word of each page is its mark: set when the page gets its first content, and left alone
 * by every write after that. A page that is copied for a write must have it still, as must all
 * the rest of the page. Is @i that word? Then it is neither written nor compared as the others.
 */
bool layout_is_mark(const struct layout *l, size_t i);
static inline size_t layout_page(const struct layout *l, size_t cell)
{
	return cell * l->stride;
}

/* The cells among pages [page, page + pages): [*first, *first + *count). */
void layout_cells(const struct layout *l, size_t page, size_t pages, size_t *first,
		  size_t *count);

/*
 * From now on words are of the test that @of_test stands for, and those of any other one are
 * nobody's: of the test before, whose pages come back as they were if the kernel forgets to clear
 * or to copy, or of the one that runs beside it, with the same steps. Of this process, and those
 * that it forks.
 */
void content_salt(uint64_t of_test);

/* The word that @v leaves at word index @word (offset / 8) of page @page. */
uint64_t word_encode(struct value v, size_t page, size_t word);

/* What a word says of itself; false if it is neither of this test nor zero. */
struct word {
	struct value v;
	size_t page, word;
};
bool word_decode(uint64_t raw, struct word *w);

/* Write @v into the compared words of page @page at @at. */
void content_write(const struct layout *l, void *at, size_t page, struct value v);
/*
 * The same without a store: what it leaves in words that lie one behind the other, into @out,
 * @max at most; the first of them is compared word @w or comes next. How many, or 0 if there is
 * none; @w goes on behind them. @offset: of the first, in its page.
 */
size_t content_run(const struct layout *l, size_t *w, size_t page, struct value v, size_t *offset,
		   uint64_t *out, size_t max);
/* Set, and get, the mark of page @page at @at. */
void content_mark(const struct layout *l, void *at, size_t page, struct value v);
uint64_t content_mark_of(const void *at);
/* Byte offset of the mark in its page. */
size_t content_mark_offset(void);
/* The value of a mark that may be anything. */
#define MARK_ANY	((struct value){ 0xff, 0 })
/* Is @raw the mark that @v leaves on page @page? */
bool content_mark_is(uint64_t raw, size_t page, struct value v);
/* Copy the compared words of the page at @at to @out. */
void content_read(const struct layout *l, const void *at, uint64_t *out);

/*
 * What the words of one cell say together.
 */
enum verdict_cell {
	CELL_VALUE,		/* all words carry one value, at their own place */
	CELL_TORN,		/* words of different values */
	CELL_MOVED,		/* words that belong to another page or place */
	CELL_ALIEN,		/* words that nobody of us wrote */
};
struct reading {
	enum verdict_cell kind;
	struct value v;		/* of the first word; for CELL_TORN also @v2 */
	struct value v2;
	size_t page;		/* CELL_MOVED: where the content belongs; CELL_ALIEN: where it is */
	uint64_t raw;		/* CELL_ALIEN: the word */
	size_t at;		/* byte offset in the page of the word that decided */
};
struct reading content_judge(const struct layout *l, size_t page, const uint64_t *words);

/* Are all words of a page at their own place, and each of a value that @allowed allows? */
bool content_each(const struct layout *l, size_t page, const uint64_t *words,
		  bool (*allowed)(struct value v, void *arg), void *arg);

/* "zeroes", "P's write 3", ...: a value, and a reading, in words. */
char *value_str(struct value v, char *buf, size_t len);
char *reading_str(const struct reading *r, char *buf, size_t len);

#endif
