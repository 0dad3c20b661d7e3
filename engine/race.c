// SPDX-License-Identifier: GPL-2.0-only
/* Pins against everything else, in threads: see race.h. */
#define _GNU_SOURCE
#include "engine/race.h"

#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/environ.h"
#include "engine/inject.h"
#include "engine/options.h"
#include "engine/provision.h"
#include "engine/quiet.h"
#include "engine/settings.h"
#include "engine/start.h"
#include "kinds/kind.h"
#include "ops/operation.h"
#include "vm_util.h"

#define PAGES_MAX	512
/* A word: who wrote it, and the how manieth write that was. */
#define BY_OWNER	(0x50ULL << 56)
#define BY_CHILD	(0x43ULL << 56)
#define WHO		(0xffULL << 56)

static const char usage[] =
"usage: cow race [OPTION]... [NAME]\n"
"Pins taken and released in one thread, writes in another, and in a third what NAME says.\n"
"\n"
"  -l, --list           the names\n"
"  -t, --time S         seconds for each (default 5)\n"
"  -b, --by PROVIDER    who pins (default: gup-fast, else iouring)\n"
"      --inject stale-pin   the pinned page is given up, to see that it is noticed\n"
"  -h, --help           this text\n";

/* What the threads of one race share. */
static struct {
	struct mem mem;
	size_t pages;
	const struct provider *by;
	uint64_t deadline;
	atomic_bool stop;
	/* By page: the latest write that is certainly done. */
	_Atomic uint64_t committed[PAGES_MAX];
	pthread_mutex_t writing;	/* held while a page may not be written */
	atomic_ulong writes, pins, refused, rounds;
	char why[256];			/* of the first thing that went wrong */
	atomic_bool failed;
} race;

__attribute__((format(printf, 1, 2)))
static void wrong(const char *fmt, ...)
{
	va_list args;

	if (atomic_exchange(&race.failed, true))
		return;
	va_start(args, fmt);
	vsnprintf(race.why, sizeof(race.why), fmt, args);
	va_end(args);
	race.stop = true;
}

static bool over(void)
{
	return race.stop || now_ns() > race.deadline;
}

static volatile uint64_t *word(size_t page)
{
	return (volatile uint64_t *)(race.mem.base + page * page_size());
}

/* --- the three threads --- */

/* Each write finds what the write before it left, or that one was lost. */
static void *write_on(void *arg)
{
	for (size_t page = 0; !over(); page = (page + 1) % race.pages) {
		uint64_t last = race.committed[page], seen;

		pthread_mutex_lock(&race.writing);
		seen = *word(page);
		if (seen != (BY_OWNER | last))
			wrong("page %zu: write %llu is lost, there is %#llx", page,
			      (unsigned long long)last, (unsigned long long)seen);
		*word(page) = BY_OWNER | (last + 1);
		pthread_mutex_unlock(&race.writing);
		race.committed[page] = last + 1;
		race.writes++;
	}
	return arg;
}

/* What the pin shows was written by its owner, and is as new as what was committed before. */
static void look(struct pin *p, size_t page)
{
	static uint64_t words[WORDS_MAX];
	uint64_t before = race.committed[page], seen;

	if (p->by->read(p, words)) {
		wrong("the pin cannot be read: %s", p->why);
		return;
	}
	seen = words[0];
	if ((seen & WHO) != BY_OWNER)
		wrong("page %zu: the pin shows another's data, %#llx", page,
		      (unsigned long long)seen);
	else if ((seen & ~WHO) < before)
		wrong("page %zu: the pin shows write %llu, although write %llu was done", page,
		      (unsigned long long)(seen & ~WHO), (unsigned long long)before);
}

static void pin_once(unsigned int nr)
{
	size_t page = nr * 7 % race.pages;
	struct pin p = { .by = race.by, .fd = -1 };

	p.flags = (race.by->props & PIN_RO) && nr % 2 ? PIN_RO : PIN_RW;
	p.flags |= (race.by->props & PIN_LONGTERM) ? PIN_LONGTERM : PIN_SHORT;
	pin_range(&p, &race.mem, page, 1);
	if (p.by->pin(&p)) {
		race.refused++;
		return;
	}
	race.pins++;
	if (injected == FAULT_STALE_PIN)
		madvise(p.addr, page_size(), MADV_DONTNEED);
	for (int i = 0; i < 4; i++)
		look(&p, page);
	p.by->unpin(&p);
}

static void *pin_on(void *arg)
{
	for (unsigned int nr = 0; !over(); nr++)
		pin_once(nr);
	return arg;
}

/* --- what races with them --- */

static void do_operation(const char *verb)
{
	const struct operation *o = operation_find(verb, strlen(verb));

	o->run(&race.mem, 0, race.pages, VALUE_ZERO);
}

/*
 * What it got at fork is the child's own: it stays as it is while its parent goes on writing,
 * also by a CPU that could write to the page a moment ago. Then the child writes all of it;
 * none of that may be seen by its parent, or in a pin.
 */
static void be_child(void)
{
	static uint64_t at_fork[PAGES_MAX];

	for (size_t i = 0; i < race.pages; i++)
		at_fork[i] = *word(i);
	for (int look = 0; look < 20; look++)
		for (size_t i = 0; i < race.pages; i++)
			if (*word(i) != at_fork[i])
				_exit(1);
	for (size_t i = 0; i < race.pages; i++)
		*word(i) = BY_CHILD | i;
	_exit(0);
}

static void do_fork(void)
{
	pid_t pid = fork();
	int status = 0;

	if (!pid)
		be_child();
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		wrong("fork: %s", strerror(errno));
	else if (status)
		wrong("a child saw its memory change after fork (status %#x)", status);
}

static void do_mprotect(void)
{
	pthread_mutex_lock(&race.writing);
	mprotect(race.mem.base, race.mem.len, PROT_READ);
	mprotect(race.mem.base, race.mem.len, PROT_READ | PROT_WRITE);
	pthread_mutex_unlock(&race.writing);
}

static void do_clearrefs(void)
{
	file_write("/proc/self/clear_refs", "4");
}

static void do_pageout(void)
{
	do_operation("pageout");
}

static void do_compact(void)
{
	do_operation("compact");
}

static void do_uffdwp(void)
{
	do_operation("uffdwp");
}

/* A THP is taken apart and put together again. */
static void do_collapse(void)
{
	mprotect(race.mem.base, page_size(), PROT_READ | PROT_WRITE | PROT_EXEC);
	mprotect(race.mem.base, page_size(), PROT_READ | PROT_WRITE);
	madvise(race.mem.base, race.mem.len, 25 /* MADV_COLLAPSE */);
}

static void do_split(void)
{
	do_operation("split");
	madvise(race.mem.base, race.mem.len, 25 /* MADV_COLLAPSE */);
}

/* Pages of the same content are merged; the next write parts them again. */
static void do_ksm(void)
{
	madvise(race.mem.base, race.mem.len, MADV_MERGEABLE);
	poll(NULL, 0, 5);	/* ksmd works by itself */
	madvise(race.mem.base, race.mem.len, MADV_UNMERGEABLE);
}

static const struct race_row {
	const char *name, *about, *kind;
	uint64_t needs;
	void (*disturb)(void);
} races[] = {
	{ "fork", "fork(), the child writes", "anon", 0, do_fork },
	{ "fork-thp", "the same on a PMD-mapped THP", "thp", NEED(THP), do_fork },
	{ "mprotect", "mprotect() to read-only and back", "anon", 0, do_mprotect },
	{ "clearrefs", "soft-dirty bits are cleared", "anon", NEED(SOFTDIRTY), do_clearrefs },
	{ "pageout", "MADV_PAGEOUT into swap", "anon", NEED(SWAP), do_pageout },
	{ "compact", "compaction migrates pages", "anon", NEED(COMPACT), do_compact },
	{ "uffdwp", "userfaultfd write-protects", "anon", NEED(UFFD), do_uffdwp },
	{ "collapse", "a THP is taken apart and collapsed", "thp", NEED(THP) | NEED(COLLAPSE),
	  do_collapse },
	{ "split", "a folio is split and collapsed", "thp",
	  NEED(THP) | NEED(SPLIT) | NEED(COLLAPSE), do_split },
	{ "ksm", "KSM merges and unmerges", "anon", NEED(KSM), do_ksm },
};

/* --- one race, in a process of its own --- */

static int set_up(const struct race_row *r)
{
	struct mem *m = &race.mem;
	bool huge = !strcmp(r->kind, "thp");
	int ret;

	*m = (struct mem) { .kind = kind_find(r->kind), .size = huge ? thp_pmd_size() : 0, .fd = -1,
			    .want = 64 * page_size() };
	ret = m->kind->create(m);
	race.pages = m->len / page_size();
	if (race.pages > PAGES_MAX)
		race.pages = PAGES_MAX;
	for (size_t i = 0; i < race.pages && !ret; i++)
		*word(i) = BY_OWNER;
	pthread_mutex_init(&race.writing, NULL);
	return ret;
}

static void run_race(const struct race_row *r)
{
	pthread_t writer, pinner;

	if (set_up(r)) {
		wrong("no such memory to be had: %s", race.mem.why);
		return;
	}
	if (pthread_create(&writer, NULL, write_on, NULL) ||
	    pthread_create(&pinner, NULL, pin_on, NULL)) {
		wrong("no thread to be had");
		return;
	}
	while (!over()) {
		r->disturb();
		race.rounds++;
	}
	pthread_join(pinner, NULL);
	pthread_join(writer, NULL);
	for (size_t i = 0; i < race.pages; i++)
		if (*word(i) != (BY_OWNER | race.committed[i]))
			wrong("page %zu: at the end write %llu is lost", i,
			      (unsigned long long)race.committed[i]);
	if (!race.pins)
		wrong("no pin was given (%s)", race.by->id);
}

static unsigned int printed, failures;

static void in_child(const struct race_row *r, unsigned int seconds)
{
	settings_in_child();
	alarm(seconds + 60);
	race.deadline = now_ns() + seconds * NS_PER_S;
	run_race(r);
	if (race.failed)
		printf("# race: %s\n", race.why);
	printf("# %lu rounds, %lu writes, %lu pins, %lu not given\n", race.rounds, race.writes,
	       race.pins, race.refused);
	fflush(stdout);
	_exit(race.failed);
}

static void report(const struct race_row *r, int status)
{
	bool good = WIFEXITED(status) && !WEXITSTATUS(status);
	char why[256];

	if (WIFSIGNALED(status))
		printf("# race: died of signal %d (%s)\n", WTERMSIG(status),
		       strsignal(WTERMSIG(status)));
	if (quiet_check(why, sizeof(why))) {
		printf("# left behind: %s\n", why);
		good = false;
	}
	failures += !good;
	printf("%sok %u - race.%s.%s\n", good ? "" : "not ", ++printed, r->name, race.by->id);
	fflush(stdout);
}

static void start_race(const struct race_row *r, unsigned int seconds)
{
	char why[160];
	int need = needs_unmet(r->needs | race.by->needs | NEED(ROOT), 0, 0, why, sizeof(why));
	int status = 0;
	pid_t pid;

	printf("# [RUN] pins against: %s\n", r->about);
	if (need >= 0) {
		printf("ok %u - race.%s.%s # SKIP %s: %s\n", ++printed, r->name, race.by->id,
		       need_code(need), why);
		return;
	}
	fflush(stdout);
	pid = fork();
	if (!pid)
		in_child(r, seconds);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		refuse("fork: no process to be had");
	report(r, status);
}

/* --- the program --- */

static void list_races(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(races); i++)
		printf("%-12s %s\n", races[i].name, races[i].about);
	exit(0);
}

static unsigned int parse(int argc, char **argv)
{
	enum { INJECT = 256 };
	static const struct option longs[] = {
		{ "list", no_argument, NULL, 'l' },
		{ "time", required_argument, NULL, 't' },
		{ "by", required_argument, NULL, 'b' },
		{ "inject", required_argument, NULL, INJECT },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	unsigned int seconds = 5;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":lt:b:h", longs, NULL)) != -1) {
		switch (c) {
		case 'l': list_races(); break;
		case 't': seconds = option_number("--time", optarg, 1, 86400); break;
		case 'b':
			race.by = provider_find(optarg);
			if (!race.by || (race.by->props & PIN_LATE))
				refuse("--by: there is no provider '%s' that can be read", optarg);
			break;
		case INJECT: option_inject(optarg); break;
		case 'h': fputs(usage, stdout); exit(0);
		case ':': refuse("%s needs an argument (see cow race --help)", argv[optind - 1]);
		default: refuse("unknown option %s (see cow race --help)", argv[optind - 1]);
		}
	}
	if (optind + 1 < argc)
		refuse("race takes one name (see cow race --list)");
	return seconds;
}

static const struct race_row *race_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(races); i++)
		if (!strcmp(races[i].name, name))
			return &races[i];
	refuse("there is no race '%s' (see cow race --list)", name);
}

int race_main(int argc, char **argv)
{
	unsigned int seconds = parse(argc, argv);
	const struct race_row *only = optind < argc ? race_named(argv[optind]) : NULL;
	struct plan nothing = { 0 };
	char why[160];

	start_limits();
	if (!geteuid())
		start_alone();
	printf("TAP version 13\n1..%zu\n", only ? 1 : ARRAY_SIZE(races));
	environ_print(&nothing);
	provision(&nothing, 1, NEED(SWAP) | NEED(THP) | NEED(MODULE) | NEED(KSM));
	if (!race.by)
		race.by = provider_find("gup-fast");
	if (needs_unmet(race.by->needs, 0, 0, why, sizeof(why)) >= 0)
		race.by = provider_find("iouring");
	quiet_start();
	for (size_t i = 0; i < ARRAY_SIZE(races); i++)
		if (!only || only == &races[i])
			start_race(&races[i], seconds);
	settings_end();
	return failures > 0;
}
