// SPDX-License-Identifier: GPL-2.0-only
/*
 * Known issues: which files are taken, and which failures an entry covers. Kernel and
 * machine are what uname() of this program says, not what it runs on.
 */
#include "engine/known.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "engine/coverage.h"
#include "engine/plan.h"
#include "t/tap-unit.h"
#include "vm_util.h"

static const char *release = "6.1.0-28-amd64", *machine = "x86_64";

/* Instead of libc's. */
int uname(struct utsname *u)
{
	memset(u, 0, sizeof(*u));
	snprintf(u->release, sizeof(u->release), "%s", release);
	snprintf(u->machine, sizeof(u->machine), "%s", machine);
	return 0;
}

static char why[256];
static char path[] = "/tmp/cowpin-unit-known-XXXXXX";

/* known_load() of a file with @text in it. */
static int load(const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
	why[0] = '\0';
	return known_load(path, why);
}

static const char *reason(const char *id, const char *fails_as)
{
	const struct known_issue *k = known_failure(id, fails_as);

	return k ? k->reason : "none";
}

/* --- files --- */

static void test_format(void)
{
	is_int(load(""), 0, "an empty file");
	is_int(load("# nothing\n\n \t \n   # indented\n"), 0, "comments and empty lines");
	is_int(load("a.one leak * * because it is so\n"), 0, "a line");
	is_str(reason("a.one", "leak"), "because it is so", "the reason is the rest of the line");
	is_int(load("\ta.two \t leak\t*  *\t  why\n"), 0, "tabs, and more than one space");
	is_str(reason("a.two", "leak"), "why", "the reason begins with its first word");
	is_int(load("a.three leak * * why # and more"), 0, "no newline at the end");
	ok(!strncmp(reason("a.three", "leak"), "why", 3) &&
	   !strchr(reason("a.three", "leak"), '#'), "a comment after the reason");
	is_int(load("a.four leak * * one\na.five hang * * two\n"), 0, "two lines");
	is_str(reason("a.four", "leak"), "one", "the first");
	is_str(reason("a.five", "hang"), "two", "the second");
	is_str(reason("a.one", "leak"), "because it is so", "files add up");
}

static const struct {
	const char *text;
	int line;
} refused[] = {
	{ "b.x\n", 1 },
	{ "b.x leak\n", 1 },
	{ "b.x leak *\n", 1 },
	{ "b.x leak * *\n", 1 },
	{ "b.x leak * *   \n", 1 },
	{ "b.x leak * * # no reason\n", 1 },
	{ "# fine\n\nb.x leak\n", 3 },
	{ "b.x leak yesterday * why\n", 1 },
	{ "b.x leak 6.1 * why\n", 1 },
	{ "b.x leak 6-7 * why\n", 1 },
	{ "b.x leak six-6.3 * why\n", 1 },
	{ "b.x leak 6.1-next * why\n", 1 },
	{ "b.x leak x86_64 6.1-6.3 why\n", 1 },
};

static void test_refused(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		char where[32];
		int ret = load(refused[i].text);

		snprintf(where, sizeof(where), "line %d:", refused[i].line);
		if (!ok(ret == -EINVAL && strstr(why, where) && strstr(why, path),
			"refused, with the line: case %zu", i + 1))
			note("%d, \"%s\" for \"%s\"", ret, why, refused[i].text);
	}
	is_str(reason("b.x", "leak"), "none", "nothing of them is left");
	is_int(known_load("/nowhere/known", why), -ENOENT, "a missing file");
	ok(strstr(why, "/nowhere/known"), "is named");
	ok(known_load("/", why) < 0, "a directory is no file of known issues");
}

/* --- matching --- */

static void test_ids(void)
{
	load("c.*.anon leak * * glob\nc.exact leak * * exact\nc.exact leak * * later\n");
	is_str(reason("c.x.anon", "leak"), "glob", "a glob");
	is_str(reason("c.x.y.anon", "leak"), "glob", "over dots, too");
	is_str(reason("c.x.anonymous", "leak"), "none", "of the whole id");
	is_str(reason("x.c.x.anon", "leak"), "none", "from its beginning");
	is_str(reason("c.exact", "leak"), "exact", "the first entry wins");
}

static void test_codes(void)
{
	load("d.one leak * * leak\nd.two * * * any\nd.three stale-* * * stale\n"
	     "d.four leak * * one\nd.four torn-page * * other\n");
	is_str(reason("d.one", "leak"), "leak", "the failure that is known");
	is_str(reason("d.one", "torn-page"), "none", "another failure is none that is known");
	is_str(reason("d.one", "leaky"), "none", "nor one that begins the same");
	is_str(reason("d.two", "torn-page"), "any", "* for any");
	is_str(reason("d.three", "stale-pin"), "stale", "a glob");
	is_str(reason("d.four", "torn-page"), "other", "an entry for each way to fail");
	ok(known_to_fail("d.one") != NULL, "what is known to fail, whatever way");
	ok(known_to_fail("d.none") == NULL, "what is not");
}

static const struct {
	const char *range, *release;
	bool in;
} ranges[] = {
	{ "*", "6.1.0", true },
	{ "6.1-6.3", "6.0.19", false },
	{ "6.1-6.3", "6.1.0-28-amd64", true },	/* both ends are in it */
	{ "6.1-6.3", "6.2.0", true },
	{ "6.1-6.3", "6.3.13", true },
	{ "6.1-6.3", "6.4.0", false },
	{ "6.1-6.3", "6.12.117", false },	/* numbers, not text */
	{ "6.2-6.12", "6.3.0", true },
	{ "6.2-6.12", "6.13.0-rc1", false },
	{ "5.10-6.1", "5.9.0", false },
	{ "5.10-6.1", "6.0.0", true },
	{ "5.10-6.1", "5.15.0-91-generic", true },
	{ "-6.1", "4.19.0", true },
	{ "-6.1", "6.2.0", false },
	{ "6.2-", "6.1.9", false },
	{ "6.2-", "7.0.0-rc3+", true },
	{ "6.12-6.12", "6.12.9", true },
};

static void test_kernels(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		char text[64], id[16];

		snprintf(id, sizeof(id), "e.%zu", i);
		snprintf(text, sizeof(text), "%s leak %s * why\n", id, ranges[i].range);
		is_int(load(text), 0, "kernels %s are a range", ranges[i].range);
		release = ranges[i].release;
		is_str(reason(id, "leak"), ranges[i].in ? "why" : "none", "%s: %s", release,
		       ranges[i].in ? "in it" : "not in it");
	}
	release = "6.1.0-28-amd64";
}

static void test_arch(void)
{
	load("f.one leak * aarch64 arm\nf.two leak * * any\n");
	is_str(reason("f.one", "leak"), "none", "another architecture");
	ok(known_to_fail("f.one") == NULL, "is none that must fail here");
	machine = "aarch64";
	is_str(reason("f.one", "leak"), "arm", "this architecture");
	is_str(reason("f.two", "leak"), "any", "any architecture");
	machine = "x86_64";
}

/* --- the program's own --- */

/* An id of the plan that an entry is for, NULL: none. */
static const char *first_covered(const struct plan *p, const char *glob)
{
	for (size_t i = 0; i < p->nr; i++)
		if (!fnmatch(glob, p->tests[i].id, 0))
			return p->tests[i].id;
	return NULL;
}

/* An entry that covers nothing has a typing error, or the tests it was for are gone. */
static void test_own(const char *what, const struct known_issue *list)
{
	int bad = 0, unused = 0;
	struct plan p;

	plan_build(&p);
	for (; list->ids; list++) {
		bad += !list->fails_as || !list->reason || !*list->reason ||
		       !!strchr(list->reason, '#') || !!strchr(list->reason, '\n');
		if (!first_covered(&p, list->ids) && !unused++)
			note("no test is covered by %s", list->ids);
	}
	is_int(bad, 0, "%s: each has a code, and a reason that TAP can carry", what);
	is_int(unused, 0, "%s: each covers a test", what);
	plan_free(&p);
}

static void test_own_match(void)
{
	const struct known_issue *k = known_issues;
	int missed = 0, surprising = 0;
	struct plan p;

	plan_build(&p);
	for (; k->ids; k++) {
		const char *id = first_covered(&p, k->ids);

		if (!id || k->kernels || k->arch)
			continue;
		missed += !known_failure(id, k->fails_as);
		surprising += !k->sometimes && !known_to_fail(id);
	}
	is_int(missed, 0, "known issues of the program are found");
	is_int(surprising, 0, "and expected, but for those that show only at times");
	for (k = fixed_bugs, missed = 0; k->ids; k++)
		missed += first_covered(&p, k->ids) && !k->kernels && !k->arch &&
			  !known_fix(first_covered(&p, k->ids), k->fails_as);
	is_int(missed, 0, "fixed bugs give a hint");
	ok(!known_fix("nope", "leak") && !known_failure("nope", "leak"), "others do not");
	plan_free(&p);
}

static bool kind_there(const struct plan *p, const char *glob)
{
	for (size_t i = 0; i < p->nr; i++)
		if (!fnmatch(glob, p->tests[i].id + p->tests[i].kind_at, 0))
			return true;
	return false;
}

static bool verb_there(const char *name)
{
	for (unsigned int v = 0; v < verbs_nr(); v++) {
		const struct provider *by = verb_provider(v);

		if (!strcmp(by ? by->id : verb_name(v), name))
			return true;
	}
	return false;
}

/* Finding 9 has its own kernels, kinds and verb. */
static bool freed_is_known(const char *kind, const char *steps)
{
	return known_random("stress.gup.x", kind, steps, "stale-data");
}

static void test_own_kernels(void)
{
	static const char steps[] = "fill P; swapout P; read P; fork P C; takeback P; reclaim C";
	const char *before = release;

	release = "6.12.118+deb13-cloud-amd64";
	ok(freed_is_known("anon", steps) && freed_is_known("thp-swapped.pmd", steps),
	   "6.12: what MADV_FREE drops is known");
	ok(!freed_is_known("anon", "fill P; swapout P") && !freed_is_known("memfd", steps),
	   "6.12: not without it, nor of a file");
	release = "7.3.4+deb14-cloud-amd64";
	ok(!freed_is_known("anon", steps), "7.3: it is not known any more");
	release = before;
}

static void test_own_random(void)
{
	int bad = 0, missed = 0;
	struct plan p;

	plan_build(&p);
	for (const struct known_issue *k = known_random_issues; k->ids; k++) {
		char steps[64];

		bad += !k->reason || !kind_there(&p, k->ids) || !verb_there(k->step) ||
		       (k->also && !verb_there(k->also));
		snprintf(steps, sizeof(steps), "fill P; %s P; %s P", k->step,
			 k->also ? k->also : k->step);
		missed += !k->kernels && !strchr(k->ids, '*') &&
			  !known_random("stress.x", k->ids, steps, k->fails_as);
	}
	is_int(bad, 0, "known issues of random scenarios: each of a kind and with a verb there is");
	is_int(missed, 0, "and found");
	ok(known_random("stress.x", "anon", "fill P; ksminto P; pin P; uffdfork P", "setup") &&
	   !known_random("stress.x", "anon", "fill P; uffdfork P", "setup") &&
	   !known_random("stress.x", "anon", "fill P; ksminto P", "setup"),
	   "... and with both verbs where there are two");
	ok(!known_random("stress.gup.anon.shared", "anon.shared", "read P; write P", "stale-data"),
	   "but not without that verb");
	plan_free(&p);
}

/* --- hints, by the results that are kept in t/full/expected --- */

/* Does a failure of @t as @fails_as say on this kernel that a later one has fixed it? */
static bool hinted(const struct test *t, const char *fails_as)
{
	const char *fixed = t->scenario->fixed;

	return (fixed && known_unfixed(fixed)) || known_fix(t->id, fails_as);
}

/* Of "leak|stale-pin", one as the other: is there a hint, as it should be? A pass has none. */
static bool each_hinted(const struct test *t, const char *reasons, bool should)
{
	char buf[64], *rest = buf, *reason;

	snprintf(buf, sizeof(buf), "%s", reasons);
	while ((reason = strsep(&rest, "|")))
		if (strcmp(reason, "ok") && hinted(t, reason) != should)
			return false;
	return true;
}

static int by_id(const void *id, const void *test)
{
	return strcmp(id, ((const struct test *)test)->id);
}

static int by_test(const void *a, const void *b)
{
	return by_id(((const struct test *)a)->id, b);
}

/* What is stored of kernel @of; "" if there is nothing. */
static const char *expected(const char *of)
{
	static char text[2][1 << 20];
	static int turn;
	char *buf = text[turn++ % 2], file[64];
	FILE *f;

	snprintf(file, sizeof(file), "t/full/expected/%s", of);
	f = fopen(file, "r");
	buf[f ? fread(buf, 1, sizeof(text[0]) - 1, f) : 0] = '\0';
	if (f)
		fclose(f);
	return buf;
}

static bool fails_in(const char *results, const char *id)
{
	char line[160];

	snprintf(line, sizeof(line), "\n%s fail ", id);
	return strstr(results, line);
}

/*
 * Of what failed on kernel @of and does not on @passes (NULL: whatever does): how many have no
 * hint on @on, or, if they pass there, have one? -1: there is no such failure.
 */
static int wrong_hints(const struct plan *p, const char *of, const char *on, const char *passes)
{
	const char *results = expected(of), *other = passes ? expected(passes) : "";
	int wrong = 0, seen = 0;

	release = on;
	for (const char *line = strchr(results, '\n'); line; line = strchr(line + 1, '\n')) {
		char id[128], code[32];
		const struct test *t;

		if (sscanf(line, "\n%127s fail %31s", id, code) != 2 || fails_in(other, id))
			continue;
		seen++;
		t = bsearch(id, p->tests, p->nr, sizeof(*t), by_id);
		if ((!t || !each_hinted(t, code, !passes)) && wrong++ < 20)
			note("%s, %s on %s", id, code, on);
	}
	release = "6.1.0-28-amd64";
	return seen ? wrong : -1;
}

static void test_hints(void)
{
	static const char *const runs[][2] = {
		{ "5.10", "5.10.0-33-amd64" }, { "6.1", "6.1.0-28-amd64" },
		{ "6.12", "6.12.0-amd64" }, { "newest", "7.3.4+deb14-amd64" },
	};
	struct plan p;

	plan_build(&p);
	qsort(p.tests, p.nr, sizeof(*p.tests), by_test);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
		is_int(wrong_hints(&p, runs[i][0], runs[i][1], NULL), 0,
		       "each failure of %s carries a hint", runs[i][0]);
	for (size_t i = 0; i < 2; i++)
		is_int(wrong_hints(&p, runs[i][0], runs[2][1], "6.12"), 0,
		       "what failed on %s and passes on 6.12 has none there", runs[i][0]);
	plan_free(&p);
}

static void test_fixed(void)
{
	release = "6.1.0-28-amd64";
	ok(known_unfixed("6.2 by 'x'"), "6.1 has not what 6.2 has");
	ok(known_unfixed("after 6.1 by 'x'"), "nor what came after it");
	ok(!known_unfixed("6.1 by 'x'"), "it has what is its own");
	release = "6.2.0";
	ok(!known_unfixed("6.2 by 'x'"), "6.2 has what 6.2 has");
	ok(!known_unfixed("after 6.1 by 'x'"), "and what came after 6.1");
	release = "6.1.0-28-amd64";
}

/* A gate's own list comes first: it may say more of a failure here. */
static void test_precedence(void)
{
	const struct known_issue *k = known_issues;
	struct plan p;
	char text[256];

	if (!k->ids) {
		ok(true, "precedence # SKIP the program has no known issue");
		return;
	}
	plan_build(&p);
	snprintf(text, sizeof(text), "%s %s * * mine\n", first_covered(&p, k->ids), k->fails_as);
	load(text);
	is_str(reason(first_covered(&p, k->ids), k->fails_as), "mine",
	       "a file's entry comes first");
	plan_free(&p);
}

/* Last, for it leaves no room for more. */
static void test_limit(void)
{
	int n = 0;

	while (n < 100000 && !load("g.many leak * * why\n"))
		n++;
	ok(n > 100 && n < 100000, "there is a limit, and what is beyond is refused");
	is_str(reason("g.many", "leak"), "why", "what was taken counts");
}

static bool random_known(const char *kernel, const char *steps)
{
	const char *was = release;
	bool known;

	release = kernel;
	known = known_random("stress.gup.anon.unnoticed", "anon", steps, "unnoticed");
	release = was;
	return known;
}

/* A kernel that forgets is no news; one that should not, or with other steps, is. */
static void test_random(void)
{
	ok(random_known("6.1.0-28-amd64", "fill P; clearrefs P; write P; ksminto P"),
	   "random scenarios: KSM forgets what was written");
	ok(!random_known("7.4.0", "fill P; clearrefs P; write P; ksminto P"),
	   "and does so no more");
	ok(!random_known("6.1.0-28-amd64", "fill P; clearrefs P; write P; remap P"),
	   "nothing else does");
	ok(random_known("5.10.0-46-amd64", "fill P; clearrefs P; write P; swapoff P") &&
	   !random_known("6.1.0-28-amd64", "fill P; clearrefs P; write P; swapoff P"),
	   "swapoff() did");
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		abort();
	close(fd);
	plan(13 + ARRAY_SIZE(refused) + 4 + 5 + 8 + 2 * ARRAY_SIZE(ranges) + 4 + 2 * 2 + 4 + 3 + 3 +
	     6 + 5 + 1 + 2 + 4);
	test_format();
	test_refused();
	test_ids();
	test_codes();
	test_kernels();
	test_arch();
	test_own("known issues", known_issues);
	test_own("fixed bugs", fixed_bugs);
	test_own_match();
	test_own_random();
	test_own_kernels();
	test_hints();
	test_fixed();
	test_precedence();
	test_random();
	test_limit();
	unlink(path);
	return tap_done();
}
