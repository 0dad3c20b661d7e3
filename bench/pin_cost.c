// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a pin costs: pin and unpin of a page, R/O and R/W, short- and long-term, by GUP and
 * GUP-fast, on each kind of memory, private and shared, by the number of pages a call. Above
 * all the price of 6.2: R/O long-term pins of pages of files that are mapped read-only cannot take
 * the fast path, in shared mappings either, for it does not know of what mapping they are.
 *
 * Measured by our module alone, with nothing but two ioctls between two looks at the clock;
 * each row in a process of its own.
 */
#define _GNU_SOURCE
#include "bench/pin_cost.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/consumers.h"
#include "bench/sample.h"
#include "engine/globs.h"
#include "engine/plan.h"
#include "engine/provision.h"
#include "engine/select.h"
#include "engine/settings.h"
#include "engine/stage.h"
#include "engine/start.h"
#include "kinds/kind.h"
#include "kmod/cowpin.h"
#include "vm_util.h"

#define ROW_TIME	(50 * NS_PER_MS)	/* a row ends then, if it has samples enough */

static const struct way {
	const char *name;
	unsigned int flags;
} ways[] = {
	{ "R/O short GUP", 0 },
	{ "R/O short GUP-fast", COWPIN_FAST },
	{ "R/O long GUP", COWPIN_LONGTERM },
	{ "R/O long GUP-fast", COWPIN_LONGTERM | COWPIN_FAST },
	{ "R/W short GUP", COWPIN_WRITE },
	{ "R/W short GUP-fast", COWPIN_WRITE | COWPIN_FAST },
	{ "R/W long GUP", COWPIN_WRITE | COWPIN_LONGTERM },
	{ "R/W long GUP-fast", COWPIN_WRITE | COWPIN_LONGTERM | COWPIN_FAST },
};

static const size_t batches[] = { 1, 8, 64, 512 };

/* Of one row, in memory shared with the child that measures it. */
struct row {
	bool done;
	char why[WHY_LEN];	/* if not done */
	size_t samples;
	struct sample cost;
	unsigned int path;	/* COWPIN_PATH_* */
};

static struct { bool json; const char *kinds; } opt = { .kinds = "*" };

static int device(struct row *row)
{
	struct cowpin_hello hello = { .abi = COWPIN_ABI };
	int fd = open(COWPIN_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd >= 0 && !ioctl(fd, COWPIN_IOC_HELLO, &hello))
		return fd;
	snprintf(row->why, sizeof(row->why), COWPIN_DEVICE ": %s", strerror(errno));
	return -1;
}

static bool pin_once(int fd, struct mem *m, unsigned int flags, size_t pages, uint64_t *ns,
		     unsigned int *path)
{
	struct cowpin_pin pin = {
		.addr = (uintptr_t)m->base, .len = pages * page_size(), .flags = flags,
	};
	struct cowpin_unpin unpin = { 0 };
	uint64_t start = now_ns();

	if (ioctl(fd, COWPIN_IOC_PIN, &pin))
		return false;
	unpin.id = pin.id;
	ioctl(fd, COWPIN_IOC_UNPIN, &unpin);
	*ns = now_ns() - start;
	if (path)
		*path = pin.path;
	return true;
}

static void measure(struct row *row, int fd, struct mem *m, unsigned int flags, size_t pages)
{
	static uint64_t ns[SAMPLES_MAX];
	bool breaks = flags & (COWPIN_WRITE | COWPIN_LONGTERM);
	uint64_t end = now_ns() + ROW_TIME;

	while (!sample_enough(row->samples, end)) {
		sample_renew(m, breaks);
		if (!pin_once(fd, m, flags, pages, &ns[row->samples], NULL)) {
			snprintf(row->why, sizeof(row->why), "%s", strerror(errno));
			return;
		}
		row->samples++;
	}
	row->cost = sample_of(ns, row->samples, pages);
	row->done = true;
	/* Last, for telling the path costs time. */
	sample_renew(m, breaks);
	pin_once(fd, m, flags | COWPIN_TELL_PATH, pages, ns, &row->path);
}

/* In a child: prepare memory, measure, and exit. */
static void measure_kind(struct row *row, const struct kind *k, size_t size, size_t pages,
			 unsigned int flags)
{
	struct mem m = { .kind = k, .size = size, .fd = -1, .want = pages * page_size() };
	int fd = device(row), ret;

	settings_in_child();
	if (fd < 0)
		_exit(0);
	ret = sample_memory(&m, pages);
	if (ret)
		memcpy(row->why, m.why, sizeof(row->why));
	else
		measure(row, fd, &m, flags, pages);
	_exit(0);
}

static const char *path_name(unsigned int path)
{
	return path == COWPIN_PATH_FAST ? "fast" : path == COWPIN_PATH_SLOW ? "slow" : "?";
}

static size_t rows;

/* Between two objects of the list, and before the first. */
static const char *comma(void)
{
	return rows++ ? "," : "[";
}

static void print_row(const char *kind, bool shared, const struct way *w, size_t pages,
		      const struct row *r)
{
	if (opt.json) {
		printf("%s\n{\"kind\":\"%s\",\"shared\":%s,\"way\":\"%s\",\"pages\":%zu,",
		       comma(), kind, shared ? "true" : "false", w->name, pages);
		if (r->done)
			printf("\"ns\":%.1f,\"q1\":%.1f,\"q3\":%.1f,\"samples\":%zu,"
			       "\"path\":\"%s\"}", r->cost.median, r->cost.low, r->cost.high,
			       r->samples, path_name(r->path));
		else
			printf("\"error\":\"%s\"}", r->why);
	} else if (r->done) {
		printf("%-20s %-8s %-20s %5zu %9.0f %9.0f %9.0f  %s\n", kind,
		       shared ? "shared" : "private", w->name, pages, r->cost.median,
		       r->cost.low, r->cost.high, path_name(r->path));
	} else {
		printf("%-20s %-8s %-20s %5zu  %s\n", kind, shared ? "shared" : "private", w->name,
		       pages, r->why);
	}
	fflush(stdout);
}

static void bench_row(const struct kind *k, size_t size, const char *id, size_t pages,
		      const struct way *w)
{
	struct row *row = mmap(NULL, sizeof(*row), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	if (row == MAP_FAILED)
		return;
	fflush(stdout);
	pid = fork();
	if (!pid)
		measure_kind(row, k, size, pages, w->flags);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (strcmp(row->why, SAMPLE_TOO_SMALL))
		print_row(id, k->props & KIND_SHARED, w, pages, row);
	munmap(row, sizeof(*row));
}

/* A kind that this machine has not: one line that says why. */
static void print_absent(const char *kind, bool shared, const char *code, const char *why)
{
	if (opt.json)
		printf("%s\n{\"kind\":\"%s\",\"shared\":%s,\"absent\":\"%s\","
		       "\"why\":\"%s\"}", comma(), kind, shared ? "true" : "false", code,
		       why);
	else
		printf("%-20s %-8s absent: %s: %s\n", kind, shared ? "shared" : "private", code,
		       why);
}

static void bench_kind(const struct kind *k, size_t size)
{
	char id[64], why[160];
	int unmet;

	sample_kind_id(k, size, id);
	if (!globs_match(opt.kinds, id))
		return;
	unmet = needs_unmet(k->needs, size, 1, why, sizeof(why));
	if (unmet >= 0) {
		print_absent(id, k->props & KIND_SHARED, need_code(unmet), why);
		return;
	}
	for (size_t b = 0; b < ARRAY_SIZE(batches); b++)
		for (size_t w = 0; w < ARRAY_SIZE(ways); w++)
			bench_row(k, size, id, batches[b], &ways[w]);
}

static void bench_all(void)
{
	const struct kind *const *kinds;
	size_t nr = kinds_all(&kinds);

	for (size_t i = 0; i < nr; i++) {
		size_t sizes[KIND_SIZES_MAX] = { 0 };
		int sized = kinds[i]->sizes ? kinds[i]->sizes(sizes) : 1;

		for (int s = 0; s < sized; s++)
			bench_kind(kinds[i], sizes[s]);
	}
}

static bool any_chosen(const struct kind *k)
{
	size_t sizes[KIND_SIZES_MAX] = { 0 };
	int sized = k->sizes ? k->sizes(sizes) : 1;
	char id[64];

	for (int s = 0; s < sized; s++)
		if (globs_match(opt.kinds, sample_kind_id(k, sizes[s], id)))
			return true;
	return false;
}

/*
 * What tests on these kinds need, one at a time. No pages of a gigabyte: to copy one takes
 * seconds, and each row does so 15 times. Who has a pool of them may wait for that.
 */
static void provide(void)
{
	uint64_t needs = NEED(MODULE);
	const struct kind *const *kinds;
	size_t nr = kinds_all(&kinds), kept = 0;
	struct plan p;

	for (size_t i = 0; i < nr; i++)
		if (any_chosen(kinds[i]))
			needs |= kinds[i]->needs;
	plan_build(&p);
	plan_select(&p, "fork.basic.*,cow.basic.*", NULL, 0);
	for (size_t i = 0; i < p.nr; i++)
		if (p.tests[i].size < GIB &&
		    globs_match(opt.kinds, p.tests[i].id + p.tests[i].kind_at))
			p.tests[kept++] = p.tests[i];
	p.nr = kept;
	provision(&p, 1, needs);
	plan_free(&p);
}

static int usage(const char *wrong)
{
	if (wrong)
		fprintf(stderr, "cow bench: %s (usage: cow bench [--json] [--kinds GLOBS], "
			"cow bench consumers --help)\n",
			wrong);
	else
		puts("usage: cow bench [--json] [--kinds GLOBS]\n"
		     "Cost of pin and unpin in ns a page: median and quartiles; and whether the\n"
		     "fast path served it. Kinds that this machine has not are named. Needs root\n"
		     "and the module.");
	return wrong ? 2 : 0;
}

static int run(void)
{
	bool able;

	provide();
	able = !access(COWPIN_DEVICE, F_OK);
	if (able && !opt.json)
		printf("%-20s %-8s %-20s %5s %9s %9s %9s  %s\n", "kind", "mapping", "pin",
		       "pages", "ns/page", "q1", "q3", "path");
	if (able)
		bench_all();
	if (able && opt.json)
		puts(rows ? "\n]" : "[]");
	settings_end();
	return able ? 0 : usage("needs " COWPIN_DEVICE);
}

int pin_cost_main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' }, { "kinds", required_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	int c;

	if (argc > 1 && !strcmp(argv[1], "consumers"))
		return consumers_main(argc - 1, argv + 1);
	opterr = 0;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'j': opt.json = true; break;
		case 'k': opt.kinds = optarg; break;
		case 'h': return usage(NULL);
		default: return usage("unknown option, or its argument is missing");
		}
	}
	if (optind < argc)
		return usage("it takes no arguments");
	if (geteuid())
		return usage("needs root");
	start_limits();
	start_alone();
	return run();
}
