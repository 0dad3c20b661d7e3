// SPDX-License-Identifier: GPL-2.0-only
/* Does content identify itself? Words, layouts, and what a cell's words say together. */
#include "content.h"

#include <stdlib.h>
#include <string.h>

#include "t/tap-unit.h"
#include "vm_util.h"

static const struct value p2 = { 'P', 2 }, c3 = { 'C', 3 };

static bool same_word(const struct word *w, struct value v, size_t page, size_t word)
{
	return value_eq(w->v, v) && w->page == page && w->word == word;
}

/* --- words --- */

static void test_round_trips(void)
{
	static const struct value values[] = {
		{ 'A', 0 }, { 'Z', 65535 }, { WRITER_FILE, 1 }, { WRITER_PIN, 255 }, { 'z', 256 },
	};
	static const size_t pages[] = { 0, 1, 511, 262143, 0xffffff }, words[] = { 0, 1, 511 };

	for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
		int good = 0;

		for (size_t p = 0; p < ARRAY_SIZE(pages); p++) {
			for (size_t w = 0; w < ARRAY_SIZE(words); w++) {
				struct word back;

				good += word_decode(word_encode(values[v], pages[p], words[w]),
						    &back) &&
					same_word(&back, values[v], pages[p], words[w]);
			}
		}
		is_int(good, ARRAY_SIZE(pages) * ARRAY_SIZE(words),
		       "writer %d, generation %d survives encoding at all places",
		       values[v].writer, values[v].gen);
	}
}

static void test_zero(void)
{
	struct word w;

	is_int(word_encode(VALUE_ZERO, 5, 7), 0, "nobody's word is 0, wherever it is");
	ok(word_decode(0, &w) && value_eq(w.v, VALUE_ZERO), "0 decodes as nobody's");
}

/* No flipped bit may leave a word that says the same as before. */
static void test_bit_flips(void)
{
	int silent = 0, noticed = 0, flips = 0, inverted = 0;

	for (size_t page = 0; page < 512; page++) {
		struct word w;

		inverted += word_decode(~word_encode(p2, page, page), &w);
	}
	is_int(inverted, 0, "no word is one when it is inverted");
	for (size_t page = 0; page < 512; page += 73) {
		uint64_t raw = word_encode(p2, page, page);

		for (int bit = 0; bit < 64; bit++) {
			struct word w;
			bool valid = word_decode(raw ^ (1ULL << bit), &w);

			flips++;
			noticed += !valid;
			silent += valid && same_word(&w, p2, page, page);
		}
	}
	is_int(silent, 0, "no flipped bit goes unseen");
	/* Seven check bits: one flip in 128 may pass for another word, not many more. */
	if (!ok(noticed * 100 >= flips * 95, "nearly every flipped bit makes the word alien"))
		note("%d of %d", noticed, flips);
}

/* Patterns that kernels and allocators leave behind must not pass for content. */
static void test_aliens(void)
{
	static const uint64_t patterns[] = {
		1, UINT64_MAX, 0xdeadbeefdeadbeef, 0x5a5a5a5a5a5a5a5a, 0x6b6b6b6b6b6b6b6b,
		0xaaaaaaaaaaaaaaaa, 0xcccccccccccccccc,
	};
	struct word w;

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
		ok(!word_decode(patterns[i], &w), "0x%016" PRIx64 " is nobody's word",
		   patterns[i]);
}

/* The same writer, generation and place, but in another test. */
static void test_salt(void)
{
	struct layout l = layout_of(page_size());
	uint64_t words[l.words];
	struct reading r;
	char str[128];
	struct word w;
	int other = 0;

	for (size_t i = 0; i < l.words; i++)
		words[i] = layout_is_mark(&l, i) ? 0 : word_encode(p2, 5, i);
	for (int test = 1; test <= 100; test++) {
		content_salt(test);
		other += content_judge(&l, 5, words).kind == CELL_ALIEN;
	}
	is_int(other, 100, "a page of one test is no content in a hundred others");
	r = content_judge(&l, 5, words);
	reading_str(&r, str, sizeof(str));
	ok(strstr(str, "what another test left at byte ") && strstr(str, "what P wrote"),
	   "and is told as such: %s", str);
	r.raw = words[200];
	reading_str(&r, str, sizeof(str));
	ok(strstr(str, "which no one of the test wrote"), "what is out of place is not: %s", str);
	ok(word_decode(word_encode(p2, 5, 7), &w) && same_word(&w, p2, 5, 7),
	   "a test knows its own");
	content_salt(0);
	ok(!word_encode(VALUE_ZERO, 5, 7), "zeroes are the same in all");
}

/* --- layouts --- */

static void test_layout(size_t pages, bool whole)
{
	struct layout l = layout_of(pages * page_size());
	size_t last = l.page - sizeof(uint64_t);
	bool rising = true;

	is_int(l.pages, pages, "%zu pages: that many", pages);
	ok(l.cells >= 1 && l.cells <= CELLS_MAX, "%zu pages: no more cells than fit", pages);
	is_int(layout_page(&l, 0), 0, "%zu pages: the first is a cell", pages);
	is_int(layout_page(&l, l.cells - 1), pages - 1, "%zu pages: the last is a cell", pages);
	ok(pages > CELLS_MAX ? l.stride > 1 && l.cells > 256 : l.stride == 1,
	   "%zu pages: a stride only where it must be, and enough cells", pages);
	is_int(l.whole, whole, "%zu pages: %s", pages, whole ? "covered whole" : "sampled");
	is_int(l.words, whole ? l.page / sizeof(uint64_t) : WORDS_SAMPLED, "%zu pages: words",
	       pages);
	for (size_t i = 0; i < l.words; i++)
		rising &= layout_word(&l, i) % sizeof(uint64_t) == 0 &&
			  (!i || layout_word(&l, i) > layout_word(&l, i - 1));
	ok(rising && layout_word(&l, 0) == 0 && layout_word(&l, l.words - 1) == last,
	   "%zu pages: aligned words in order, the page's first and last among them", pages);
}

/* --- cells --- */

/* A page of content, for content_judge(); words of @l from @v at page @page. */
static void cell(const struct layout *l, uint64_t *words, struct value v, size_t page)
{
	char *at = calloc(1, l->page);

	if (!at)
		abort();
	content_write(l, at, page, v);
	content_read(l, at, words);
	free(at);
}

static void test_judge(size_t pages)
{
	struct layout l = layout_of(pages * page_size());
	uint64_t *words = calloc(l.words, sizeof(*words)), *other = calloc(l.words, sizeof(*words));
	size_t mid = l.words / 2;
	struct reading r;

	cell(&l, words, p2, 3);
	r = content_judge(&l, 3, words);
	ok(r.kind == CELL_VALUE && value_eq(r.v, p2), "%zu pages: what was written is read", pages);

	r = content_judge(&l, 4, words);
	ok(r.kind == CELL_MOVED && value_eq(r.v, p2), "%zu pages: another page's", pages);
	is_int(r.page, 3, "%zu pages: and whose it is", pages);

	cell(&l, other, c3, 3);
	memcpy(words + mid, other + mid, (l.words - mid) * sizeof(*words));
	r = content_judge(&l, 3, words);
	ok(r.kind == CELL_TORN && value_eq(r.v, p2) && value_eq(r.v2, c3), "%zu pages: torn",
	   pages);
	is_int(r.at, layout_word(&l, mid), "%zu pages: torn where", pages);

	cell(&l, words, p2, 3);
	words[l.words - 1] = 0;
	r = content_judge(&l, 3, words);
	ok(r.kind == CELL_TORN && value_eq(r.v2, VALUE_ZERO), "%zu pages: torn by zeroes", pages);

	cell(&l, words, p2, 3);
	words[mid] = words[mid - 1];
	r = content_judge(&l, 3, words);
	ok(r.kind == CELL_MOVED && r.at == layout_word(&l, mid),
	   "%zu pages: a word that was shifted in its page", pages);

	words[mid] = 0xdeadbeefdeadbeef;
	r = content_judge(&l, 3, words);
	ok(r.kind == CELL_ALIEN && r.raw == 0xdeadbeefdeadbeef && r.at == layout_word(&l, mid),
	   "%zu pages: alien", pages);

	memset(words, 0, l.words * sizeof(*words));
	r = content_judge(&l, 3, words);
	ok(r.kind == CELL_VALUE && value_eq(r.v, VALUE_ZERO), "%zu pages: zeroes", pages);
	free(words);
	free(other);
}

static void test_words(void)
{
	struct reading torn = { .kind = CELL_TORN, .v = p2, .v2 = c3, .at = 8 };
	char buf[192], small[8];

	is_str(value_str(p2, buf, sizeof(buf)), "what P wrote (generation 2)", "a value in words");
	ok(strstr(value_str(VALUE_ZERO, buf, sizeof(buf)), "zeroes"), "zeroes in words");
	ok(strstr(value_str((struct value){ WRITER_FILE, 1 }, buf, sizeof(buf)), "file"),
	   "a file in words");
	ok(strstr(value_str((struct value){ WRITER_PIN, 4 }, buf, sizeof(buf)), "through the pin"),
	   "a pin in words");
	is_str(reading_str(&torn, buf, sizeof(buf)),
	       "a torn page: what P wrote (generation 2), "
	       "but at byte 8 what C wrote (generation 3)",
	       "a torn page in words");
	reading_str(&torn, small, sizeof(small));
	ok(strlen(small) < sizeof(small), "a buffer too small is not overrun");
}

/* --- words that lie one behind the other --- */

/* By runs of @max words: the page as content_write() leaves it, and no word twice. */
static void test_runs(size_t pages, size_t max)
{
	struct layout l = layout_of(pages * page_size());
	char *stored = calloc(2, l.page), *run = stored + l.page;
	size_t w = 0, nr, off = 0, all = 0;
	uint64_t words[512];

	content_write(&l, stored, 5, p2);
	while ((nr = content_run(&l, &w, 5, p2, &off, words, max))) {
		memcpy(run + off, words, nr * sizeof(*words));
		all += nr;
	}
	ok(!memcmp(stored, run, l.page), "%zu pages, runs of %zu: as if stored", pages, max);
	is_int(all, l.words - l.whole, "%zu pages, runs of %zu: each word once, but for the mark",
	       pages, max);
	free(stored);
}

int main(void)
{
	plan(5 + 2 + 3 + 7 + 5 + 6 * 8 + 2 * 9 + 6 + 3 * 2);
	test_round_trips();
	test_zero();
	test_bit_flips();
	test_aliens();
	test_salt();
	test_layout(1, true);
	test_layout(2, true);
	test_layout(16, false);
	test_layout(512, false);
	test_layout(1024, false);
	test_layout(262144, false);
	test_judge(1);
	test_judge(512);
	test_words();
	test_runs(1, 1);
	test_runs(1, 512);
	test_runs(512, 128);
	return tap_done();
}
