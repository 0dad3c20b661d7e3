// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a pin costs: pin and unpin of a page, R/O and R/W, short- and long-term, by GUP and
 * GUP-fast, on each kind of memory, private and shared, by the number of pages a call. Above
 * all the price of 6.2: R/O long-term pins of shared mappings cannot take the fast path.
 *
 * Measured by our module alone, with nothing but two ioctls between two looks at the clock;
 * each row in a process of its own.
 */
#define _GNU_SOURCE
#include "bench/pin_cost.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/consumers.h"
#include "bench/sample.h"
#include "engine/pools.h"
#include "engine/settings.h"
#include "engine/stage.h"
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

static void print_row(const char *kind, bool shared, const struct way *w, size_t pages,
		      const struct row *r)
{
	static bool more;

	if (opt.json) {
		printf("%s\n{\"kind\":\"%s\",\"shared\":%s,\"way\":\"%s\",\"pages\":%zu,",
		       more ? "," : "[", kind, shared ? "true" : "false", w->name, pages);
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
	more = true;
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

static void bench_kind(const struct kind *k, size_t size)
{
	char id[64], token[16];

	snprintf(id, sizeof(id), "%s%s%s", k->id, size ? "." : "",
		 size ? size_token(size, token, sizeof(token)) : "");
	if (fnmatch(opt.kinds, id, 0))
		return;
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
		char why[160];

		for (int s = 0; s < sized; s++)
			if (needs_unmet(kinds[i]->needs, sizes[s], 1, why, sizeof(why)) < 0)
				bench_kind(kinds[i], sizes[s]);
	}
}

static int usage(const char *wrong)
{
	if (wrong)
		fprintf(stderr, "cow bench: %s (usage: cow bench [--json] [--kinds GLOB], "
			"cow bench consumers --help)\n",
			wrong);
	else
		puts("usage: cow bench [--json] [--kinds GLOB]\n"
		     "Cost of pin and unpin in ns a page: median and quartiles; and whether the\n"
		     "fast path served it. Needs root and the module.");
	return wrong ? 2 : 0;
}

int pin_cost_main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' }, { "kinds", required_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	char why[160];
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
	if (needs_unmet(NEED(ROOT), 0, 0, why, sizeof(why)) >= 0 || access(COWPIN_DEVICE, F_OK))
		return usage("needs root and " COWPIN_DEVICE);
	if (!opt.json)
		printf("%-20s %-8s %-20s %5s %9s %9s %9s  %s\n", "kind", "mapping", "pin", "pages",
		       "ns/page", "q1", "q3", "path");
	bench_all();
	if (opt.json)
		puts("\n]");
	settings_end();
	return 0;
}
