// SPDX-License-Identifier: GPL-2.0-only
/* What random scenarios brought to light: see findings.h. */
#define _GNU_SOURCE
#include "engine/findings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "engine/exec.h"
#include "engine/known.h"
#include "engine/shrink.h"
#include "vm_util.h"

#define FINDINGS_MAX	64
#define REPLAYS		5
#define SHRINK_RUNS	400
/* So many may go wrong once: a machine that is busy; more are a kernel that is stuck. */
#define DISTURBED_MOST	5

static struct finding {
	char reason[32];
	struct stress_case least;
	struct stress_case there;	/* the least on the kind on which it was found */
	struct finding *like;		/* it came out the same as this one, and was not printed */
	unsigned int times;
} *findings[FINDINGS_MAX];
static unsigned int nr_findings, nr_new, nr_printed, nr_disturbed;
static bool show_known;
static const struct test *bases;
static size_t nr_bases;

void findings_bases(const struct test *all, size_t nr)
{
	bases = all;
	nr_bases = nr;
}

/* --- is it one that we have? --- */

/* Do the steps of @less come, in this order, among those of @more? */
static bool contains(const struct scenario_steps *more, const struct scenario_steps *less)
{
	int at = 0;

	for (int i = 0; i < more->nr && at < less->nr; i++) {
		const struct step *m = &more->step[i], *l = &less->step[at];

		at += m->op == l->op && m->operation == l->operation && m->actor == l->actor;
	}
	return at == less->nr;
}

static bool is_like(const struct stress_case *c, const struct stress_case *least)
{
	return least->test.kind->props == c->test.kind->props &&
	       contains(&c->steps, &least->steps);
}

static struct finding *same_as(const struct stress_case *c, const char *reason)
{
	for (unsigned int i = 0; i < nr_findings; i++) {
		struct finding *f = findings[i];

		if (!strcmp(f->reason, reason) && (is_like(c, &f->least) || is_like(c, &f->there)))
			return f->like ? f->like : f;
	}
	return NULL;
}

/* --- replay and shrink --- */

struct replay {
	struct stress_case *scratch;
	const char *reason;
	run_fn *run;
	unsigned int tries;		/* of one that fails only at times */
	struct result last;		/* of the last failure */
};

static bool fails_so(const char *text, const struct test *on, void *arg)
{
	struct replay *p = arg;

	for (unsigned int i = 0; i < p->tries; i++) {
		const struct result *r;

		if (!case_make(p->scratch, on, text))
			return false;
		r = p->run(p->scratch);
		if (r->verdict != VERDICT_FAIL || strcmp(r->reason, p->reason))
			continue;
		p->last = *r;
		return true;
	}
	return false;
}

static unsigned int replay(struct replay *p, const char *text, const struct test *on)
{
	unsigned int failed = 0;

	p->tries = 1;
	for (int i = 0; i < REPLAYS; i++)
		failed += fails_so(text, on, p);
	return failed;
}

static struct shrinker shrinker_of(struct replay *p, unsigned int failed)
{
	p->tries = failed == REPLAYS ? 1 : 3;
	return (struct shrinker){ .fails = fails_so, .arg = p, .runs = SHRINK_RUNS };
}

/* The least of @c, of whose replays @failed failed, on the kind on which it was found. */
static void find_least(struct finding *f, struct replay *p, const struct stress_case *c,
		       unsigned int failed)
{
	struct shrinker how = shrinker_of(p, failed);
	const struct test *on = &c->test;
	char text[CASE_TEXT];

	snprintf(text, sizeof(text), "%s", c->text);
	if (failed)
		shrink(&how, text, &on);
	case_make(&f->there, on, text);
	case_make(&f->least, on, text);
}

/* And on a simpler one, if it fails there as surely. */
static void find_simpler(struct finding *f, struct replay *p, unsigned int failed)
{
	struct shrinker how = shrinker_of(p, failed);
	const struct test *on = &f->there.test;
	struct result last = p->last;
	char text[CASE_TEXT];

	how.bases = bases;
	how.nr_bases = nr_bases;
	snprintf(text, sizeof(text), "%s", f->there.text);
	shrink(&how, text, &on);
	if (on == &f->there.test)
		return;
	if (replay(p, text, on) >= (failed == REPLAYS ? failed : 1))
		case_make(&f->least, on, text);
	else
		p->last = last;
}

/* --- print --- */

static void print(const struct finding *f, const struct replay *p,
		  const struct stress_case *found, unsigned int failed, const char *todo)
{
	struct utsname u;

	uname(&u);
	printf("not ok %u - %s.%s%s%s\n", ++nr_printed, f->least.test.id, f->reason,
	       todo ? " # TODO " : "", todo ? todo : "");
	printf("  ---\n  reason: '%s'\n  steps: '%s'\n  found_on: '%s'\n  found_as: '%s'\n"
	       "  scenario: %llu\n  replays: %u\n  replays_failed: %u\n  kernel: '%s'\n  ...\n",
	       f->reason, f->least.text, found->test.id + found->test.kind_at, found->text,
	       found->number, REPLAYS, failed, u.release);
	printf("# %s: %s\n%s", f->reason, p->last.text, "");
	for (const char *l = p->last.diag; *l; l += strcspn(l, "\n") + 1)
		printf("# %.*s\n", (int)strcspn(l, "\n"), l);
	if (failed < REPLAYS)
		printf("#   flaky: of %u replays %u failed in the same way\n", REPLAYS, failed);
	printf("#   repeat: ");
	exec_print(&f->least.test);
	fflush(stdout);
}

/*
 * What other scenarios or a slow machine can do to one: it was out of time; or compaction, which
 * found no room for a large folio, had split it. But it never happened when the scenario had the
 * machine for itself: told, and no finding. False: it is one.
 */
static bool was_disturbed(const struct stress_case *c, const char *reason)
{
	static const char *const reasons[] = { "actor-hung", "timeout", "kind-changed" };
	bool may_be = false;

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		may_be |= !strcmp(reason, reasons[i]);
	if (!may_be || nr_disturbed == DISTURBED_MOST)
		return false;
	nr_disturbed++;
	printf("# scenario %llu failed (%s), but in none of %d replays: ", c->number, reason,
	       REPLAYS);
	exec_print(&c->test);
	fflush(stdout);
	return true;
}

void findings_show_known(void)
{
	show_known = true;
}

void findings_add(const struct stress_case *c, const struct result *r,
		  struct stress_case *scratch, run_fn *run)
{
	struct replay p = {
		.scratch = scratch, .reason = r->reason, .run = run, .last = *r,
	};
	struct finding *f = same_as(c, r->reason);
	const struct known_issue *known = NULL;
	unsigned int failed;

	if (f) {
		f->times++;
		return;
	}
	if (nr_findings == FINDINGS_MAX || !(f = calloc(1, sizeof(*f))))
		return;
	failed = replay(&p, c->text, &c->test);
	if (!failed && was_disturbed(c, r->reason)) {
		free(f);
		return;
	}
	find_least(f, &p, c, failed);
	if (failed)
		find_simpler(f, &p, failed);
	snprintf(f->reason, sizeof(f->reason), "%s", r->reason);
	f->times = 1;
	f->like = same_as(&f->least, r->reason);
	findings[nr_findings++] = f;
	if (f->like) {
		f->like->times++;
		return;
	}
	if (!show_known)
		known = known_random(f->least.test.id, f->least.test.id + f->least.test.kind_at,
				     f->least.text, r->reason);
	/* A race that is known does not fail each time. */
	if (known && known->sometimes && failed == REPLAYS)
		known = NULL;
	nr_new += !known;
	print(f, &p, c, failed, known ? known->reason : NULL);
}

unsigned int findings_new(void)
{
	return nr_new;
}

unsigned int findings_printed(void)
{
	return nr_printed;
}

void findings_end(void)
{
	for (unsigned int i = 0; i < nr_findings; i++) {
		struct finding *f = findings[i];

		if (!f->like)
			printf("# seen %u times: %s on %s: %s\n", f->times, f->reason,
			       f->least.test.id + f->least.test.kind_at, f->least.text);
	}
	while (nr_findings)
		free(findings[--nr_findings]);
}
