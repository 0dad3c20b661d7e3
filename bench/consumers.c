// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each consumer of pins takes of a page, and what that costs: the providers of pins/, on
 * a few kinds of memory, by the number of pages. First one pin each is looked at: what the
 * kernel's counters say, the page's references and pins (by our module), which GUP functions
 * were called. Then pin and unpin are timed, with all that a consumer has to open and close
 * for it: what a page costs in the end is seen where pages are many.
 *
 * Each trial is in a process of its own.
 */
#define _GNU_SOURCE
#include "bench/consumers.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/gup_calls.h"
#include "bench/sample.h"
#include "engine/globs.h"
#include "engine/provision.h"
#include "engine/settings.h"
#include "engine/stage.h"
#include "engine/start.h"
#include "kinds/kind.h"
#include "kmod/cowpin.h"
#include "vm_util.h"

#define ROWS_MAX	4096
#define ROW_TIME	(50 * NS_PER_MS)	/* a row ends then, if it has samples enough */

static const size_t batches[] = { 1, 64, 512 };

/* What one pin has taken; numbers are changes, of all its pages. */
struct taken {
	bool done, page_known, moved, zero;
	long long acquired;	/* pins taken, as the kernel counts them ... */
	long long held;		/* ... and not released when it was given, */
	long long left;		/* and right after it was released */
	int refs, pins;		/* of the first page, or its folio */
	char calls[160];
};

/* In memory shared with the children. */
static struct row {
	const struct provider *by;
	unsigned int flags;
	const struct kind *kind;
	size_t size, pages;
	char why[WHY_LEN];	/* why there are no numbers */
	struct taken taken;
	size_t samples;
	struct sample pin, unpin;
} *rows;
static size_t nr_rows;

static struct { bool json, look; const char *kinds, *by; } opt = {
	.kinds = "anon,thp.pmd,hugetlb.2M,zeropage,memfd,memfd.shared", .by = "*",
};

static const char *kind_id(const struct row *r, char id[64])
{
	return sample_kind_id(r->kind, r->size, id);
}

/* --- looking --- */

struct look {
	bool known;
	struct cowpin_page page;
	long long acquired, released;
	struct gup_calls calls;
};

/* By a reference of our own, for as long as that takes. */
static bool page_facts(const char *at, struct cowpin_page *page)
{
	struct cowpin_hello hello = { .abi = COWPIN_ABI };
	struct cowpin_pin get = { .addr = (uintptr_t)at, .len = page_size(), .flags = COWPIN_GET };
	struct cowpin_facts facts = { .step = 1, .count = 1, .buf = (uintptr_t)page };
	int fd = open(COWPIN_DEVICE, O_RDWR | O_CLOEXEC);
	bool known = fd >= 0 && !ioctl(fd, COWPIN_IOC_HELLO, &hello) &&
		     !ioctl(fd, COWPIN_IOC_PIN, &get);

	facts.id = get.id;
	known = known && !ioctl(fd, COWPIN_IOC_FACTS, &facts);
	if (fd >= 0)
		close(fd);
	return known;
}

static void count_pins(struct look *l)
{
	l->acquired = vmstat("nr_foll_pin_acquired");
	l->released = table_number("/proc/vmstat", "nr_foll_pin_released");
}

static long long held(const struct look *l, const struct look *before)
{
	return (l->acquired - before->acquired) - (l->released - before->released);
}

static void page_taken(struct taken *s, const struct look *before, const struct look *pinned)
{
	/* Of a page that took the place of another: one mapping, and our look at it. */
	static const struct cowpin_page fresh = { .refcount = 2 };
	const struct cowpin_page *from = &before->page;

	s->page_known = before->known && pinned->known;
	s->moved = s->page_known && before->page.pfn != pinned->page.pfn;
	if (s->moved)
		from = &fresh;
	s->zero = pinned->page.flags & COWPIN_PAGE_ZERO;
	s->refs = pinned->page.refcount - from->refcount;
	s->pins = pinned->page.pincount - from->pincount;
}

static int pin_once(struct row *r, struct pin *p, struct mem *m)
{
	int ret;

	*p = (struct pin) { .by = r->by, .flags = r->flags, .fd = -1 };
	pin_range(p, m, 0, r->pages);
	ret = r->by->pin(p);
	if (ret)
		snprintf(r->why, sizeof(r->why), "%s", p->why[0] ? p->why : strerror(-ret));
	return ret;
}

static void look(struct row *r, struct mem *m)
{
	struct look before = { 0 }, pinned = { 0 }, after = { 0 };
	struct taken *s = &r->taken;
	struct pin p;

	before.known = page_facts(m->base, &before.page);
	count_pins(&before);
	gup_calls_now(&before.calls);
	if (pin_once(r, &p, m))
		return;
	gup_calls_now(&pinned.calls);
	count_pins(&pinned);
	pinned.known = page_facts(m->base, &pinned.page);
	r->by->unpin(&p);
	count_pins(&after);
	s->acquired = pinned.acquired - before.acquired;
	s->held = held(&pinned, &before);
	s->left = held(&after, &before);
	page_taken(s, &before, &pinned);
	gup_calls_str(&before.calls, &pinned.calls, s->calls, sizeof(s->calls));
	s->done = true;
}

/* --- timing --- */

static void measure(struct row *r, struct mem *m)
{
	static uint64_t pin_ns[SAMPLES_MAX], unpin_ns[SAMPLES_MAX];
	uint64_t end = now_ns() + ROW_TIME, start, pinned;
	size_t n = 0;
	struct pin p;

	while (!sample_enough(n, end)) {
		sample_renew(m, r->flags & (PIN_RW | PIN_LONGTERM));
		start = now_ns();
		if (pin_once(r, &p, m))
			return;
		pinned = now_ns();
		r->by->unpin(&p);
		unpin_ns[n] = now_ns() - pinned;
		pin_ns[n++] = pinned - start;
	}
	r->pin = sample_of(pin_ns, n, r->pages);
	r->unpin = sample_of(unpin_ns, n, r->pages);
	r->samples = n;
}

/* In a child: prepare memory, do it, and exit. */
static void row_child(struct row *r, void (*what)(struct row *r, struct mem *m))
{
	struct mem m = { .kind = r->kind, .size = r->size, .fd = -1,
			 .want = r->pages * page_size() };

	settings_in_child();
	if (sample_memory(&m, r->pages))
		memcpy(r->why, m.why, sizeof(r->why));
	else
		what(r, &m);
	_exit(0);
}

static void each_row(void (*what)(struct row *r, struct mem *m))
{
	for (size_t i = 0; i < nr_rows; i++) {
		pid_t pid;

		if (rows[i].why[0])
			continue;
		fflush(stdout);
		pid = fork();
		if (!pid)
			row_child(&rows[i], what);
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
}

/* --- telling --- */

static const char *asked(const struct row *r, char text[16])
{
	snprintf(text, 16, "%s %s", r->flags & PIN_RW ? "R/W" : "R/O",
		 r->flags & PIN_LONGTERM ? "long" : "short");
	return text;
}

static const char *page_word(const struct taken *s)
{
	return !s->page_known ? "unknown" : s->zero ? "zeropage" : s->moved ? "new" : "same";
}

/* Of a kind that does not come in such a size. */
static bool senseless(const struct row *r)
{
	return !strcmp(r->why, SAMPLE_TOO_SMALL);
}

/* Those that make sense, without gaps. */
static void keep_rows(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < nr_rows; i++)
		if (!senseless(&rows[i]))
			rows[kept++] = rows[i];
	nr_rows = kept;
}

static bool failed(const struct row *r)
{
	return !r->taken.done || (!opt.look && !r->samples);
}

static void print_cost(const struct row *r)
{
	if (opt.look)
		printf("%9s %9s %9s %9s ", "-", "-", "-", "-");
	else
		printf("%9.0f %9.0f %9.0f %9.0f ", r->pin.median, r->pin.low, r->pin.high,
		       r->unpin.median);
}

static void print_table(void)
{
	char id[64], way[16];

	printf("%-17s %-9s %-14s %5s %9s %9s %9s %9s %8s %6s %5s %6s %5s %-8s %s\n", "consumer",
	       "pin", "kind", "pages", "ns/page", "q1", "q3", "unpin", "acquired", "held", "left",
	       "refs", "pins", "page", "calls");
	for (const struct row *r = rows; r < rows + nr_rows; r++) {
		const struct taken *s = &r->taken;

		printf("%-17s %-9s %-14s %5zu ", r->by->id, asked(r, way), kind_id(r, id),
		       r->pages);
		if (failed(r)) {
			printf("%s\n", r->why[0] ? r->why : "it died");
			continue;
		}
		print_cost(r);
		printf("%8lld %6lld %5lld ", s->acquired, s->held, s->left);
		if (s->page_known && !s->zero)
			printf("%+6d %+5d", s->refs, s->pins);
		else
			printf("%6s %5s", "-", "-");
		printf(" %-8s %s\n", page_word(s), s->calls);
	}
}

static void print_sample(const char *name, const struct sample *s)
{
	printf(",\"%s\":{\"ns\":%.1f,\"q1\":%.1f,\"q3\":%.1f}", name, s->median, s->low, s->high);
}

static void print_json(void)
{
	char id[64], way[16];

	for (const struct row *r = rows; r < rows + nr_rows; r++) {
		const struct taken *s = &r->taken;

		printf("%s\n{\"consumer\":\"%s\",\"pin\":\"%s\",\"kind\":\"%s\",\"pages\":%zu",
		       r == rows ? "[" : ",", r->by->id, asked(r, way), kind_id(r, id), r->pages);
		if (failed(r)) {
			printf(",\"error\":\"%s\"}", r->why[0] ? r->why : "it died");
			continue;
		}
		if (!opt.look) {
			print_sample("take", &r->pin);
			print_sample("release", &r->unpin);
			printf(",\"samples\":%zu", r->samples);
		}
		printf(",\"acquired\":%lld,\"held\":%lld,\"left\":%lld", s->acquired, s->held,
		       s->left);
		if (s->page_known && !s->zero)
			printf(",\"refs\":%d,\"pins\":%d", s->refs, s->pins);
		printf(",\"page\":\"%s\",\"calls\":\"%s\"}", page_word(s), s->calls);
	}
	puts(nr_rows ? "\n]" : "[]");
}

/* --- the rows --- */

static void add_row(const struct row *r)
{
	if (nr_rows < ROWS_MAX)
		rows[nr_rows++] = *r;
}

static void add_batches(struct row *r)
{
	size_t most = r->by->props & PIN_SLOW ? 0 : r->by->max_len;

	for (size_t b = 0; b < ARRAY_SIZE(batches); b++) {
		r->pages = batches[b];
		if (!most || r->pages * page_size() <= most)
			add_row(r);
	}
}

static void add_ways(struct row *r)
{
	static const unsigned int access[] = { PIN_RO, PIN_RW };
	static const unsigned int term[] = { PIN_SHORT, PIN_LONGTERM };

	for (size_t a = 0; a < ARRAY_SIZE(access); a++)
		for (size_t t = 0; t < ARRAY_SIZE(term); t++) {
			r->flags = access[a] | term[t];
			/* A reference is neither. */
			if ((r->by->props & r->flags) == r->flags)
				add_batches(r);
		}
}

static void add_kinds(struct row *r)
{
	const struct kind *const *kinds;
	size_t nr = kinds_all(&kinds);
	char why[160], id[64];

	for (size_t i = 0; i < nr; i++) {
		size_t sizes[KIND_SIZES_MAX] = { 0 };
		int sized = kinds[i]->sizes ? kinds[i]->sizes(sizes) : 1;

		r->kind = kinds[i];
		for (int s = 0; s < sized; s++) {
			r->size = sizes[s];
			if (globs_match(opt.kinds, kind_id(r, id)) &&
			    needs_unmet(kinds[i]->needs, sizes[s], 1, why, sizeof(why)) < 0)
				add_ways(r);
		}
	}
}

static void add_rows(void)
{
	const struct provider *const *list;
	size_t nr = providers_all(&list);
	char why[160];

	for (size_t i = 0; i < nr; i++) {
		struct row r = { .by = list[i] };

		if (!globs_match(opt.by, r.by->id))
			continue;
		/* Pin or reference: that is what one wants to see. */
		if (needs_unmet(r.by->needs & ~NEED(DIOPIN), 0, 0, why, sizeof(why)) < 0)
			add_kinds(&r);
		else
			fprintf(stderr, "cow bench: not %s: %s\n", r.by->id, why);
	}
}

static uint64_t all_needs(void)
{
	const struct provider *const *list;
	size_t nr = providers_all(&list);
	uint64_t needs = NEED(THP) | NEED(MODULE);

	for (size_t i = 0; i < nr; i++)
		if (globs_match(opt.by, list[i]->id))
			needs |= list[i]->needs;
	return needs;
}

static const char help[] =
	"usage: cow bench consumers [--json] [--look] [--by GLOBS] [--kinds GLOBS]\n"
	"What each consumer of pins takes, and the cost in ns a page: median and quartiles of\n"
	"taking it, median of releasing it, opening and closing included. --look: no timing.\n"
	"  acquired, held, left  pins by the kernel's counters: taken; not released by then; nor\n"
	"                        right after the release\n"
	"  refs, pins            how many more the first page, or its folio, has; a pin of a base\n"
	"                        page is 1024 references\n"
	"  page                  the one that was there, a new one, or the zeropage\n"
	"  calls                 of the kernel's functions; __get_user_pages is what runs where\n"
	"                        the fast path does not do\n"
	"Needs root; the module, for references and pins.";

static int usage(const char *wrong)
{
	if (wrong)
		fprintf(stderr, "cow bench consumers: %s (see --help)\n", wrong);
	else
		puts(help);
	return wrong ? 2 : 0;
}

static void run(void)
{
	struct plan nothing = { 0 };

	provision(&nothing, 1, all_needs());
	add_rows();
	gup_calls_open();
	each_row(look);
	gup_calls_close();
	keep_rows();
	if (!opt.look)
		each_row(measure);
	if (opt.json)
		print_json();
	else
		print_table();
	settings_end();
}

int consumers_main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' }, { "look", no_argument, NULL, 'l' },
		{ "kinds", required_argument, NULL, 'k' }, { "by", required_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'j': opt.json = true; break;
		case 'l': opt.look = true; break;
		case 'k': opt.kinds = optarg; break;
		case 'b': opt.by = optarg; break;
		case 'h': return usage(NULL);
		default: return usage("unknown option, or its argument is missing");
		}
	}
	if (optind < argc)
		return usage("it takes no arguments");
	if (geteuid())
		return usage("needs root");
	rows = mmap(NULL, ROWS_MAX * sizeof(*rows), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (rows == MAP_FAILED)
		return usage("out of memory");
	start_limits();
	start_alone();
	run();
	return 0;
}
