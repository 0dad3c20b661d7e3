/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Axis 1: what happens. A file in this folder declares a family: a table of rows, each
 * a test in the step language. No row knows a kind or says what must be seen.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include <stdbool.h>
#include <stddef.h>

/* Which program of the kernel's suite has the scenario, too. */
enum suite { SUITE_NONE, SUITE_COW, SUITE_LONGTERM, SUITE_MKDIRTY };

#define KIND_WHATEVER	(1u << 31)

/* What many scenarios owe to one change: see .fixed. */
#define FIXED_6_2	"6.2 by 'mm/gup: reliable R/O long-term pinning in COW mappings'"

struct scenario {
	const char *id;		/* unique, stable; [a-z0-9.-] */
	const char *title;	/* as in the kernel's suite; %s: the provider's title */
	const char *steps;	/* the step language */
	const char *why;	/* what breaks if the kernel is wrong */
	/*
	 * KIND_* that a kind must all have. 0: derived from the first step, "fill" runs on
	 * anonymous memory, "read" on memory that is the page cache's or a zeropage.
	 * KIND_WHATEVER: any kind on which the steps make sense.
	 */
	unsigned int kinds;
	/*
	 * Kernel change that made it pass, for the hint of a failure on kernels before that:
	 * "6.2 by 'TITLE'", or "after 6.1 by 'TITLE'" if 6.1 is the last one that is known to fail.
	 */
	const char *fixed;
	const char *cve;
	/* There are kernels that never come back from a step: it has less time, to tell that. */
	bool may_hang;
	/* Check what the owner's memory costs after each step: RSS, and its cgroup's charge. */
	bool accounts;
	/*
	 * A race (engine/race.c): pin and what the last step says, over and over in threads of
	 * their own, while others read and write. That many rounds of the last step, 0: no race.
	 */
	unsigned int rounds;
	enum suite suite;
	/* The id of the kind for which the title does not say "... with KIND". */
	const char *bare_title_for;
	/* What the kernel's suite calls it on a THP, if that is another title. */
	const char *thp_title;
	/* --format kselftest: what the kernel's suite says of a pass and of a failure. */
	const char *ksft_pass, *ksft_fail;
};

struct family {
	const char *name;
	unsigned int rank;		/* place in the plan, ascending */
	const struct scenario *rows;	/* ends with an empty one */
};

#define DEFINE_FAMILY(ident)						\
	static const struct family ident;				\
	static const struct family *const ident##_entry			\
	__attribute__((used, section("cow_families"))) = &ident;	\
	static const struct family ident

/* All families in order of rank; returns how many. */
size_t families_all(const struct family *const **list);

/*
 * What is known to fail, and how, although no released kernel has fixed it: shown as TODO
 * with its reason. A failure of another kind is still a failure. Bugs that a later kernel
 * has fixed do not belong here.
 */
struct known_issue {
	const char *ids;	/* glob */
	const char *fails_as;	/* reason code of the failure that is known; glob */
	const char *kernels;	/* "FROM-TO", as 6.1-6.3, either may be missing; NULL: all */
	const char *arch;	/* as of uname; NULL: all */
	const char *reason;
	bool sometimes;		/* a pass is nothing to report; of a random scenario, a must */
	const char *step;	/* known_random_issues: a word of the steps, */
	const char *also;	/* and another one, or NULL */
};
extern const struct known_issue known_issues[];
/* Of random scenarios: `ids` is a glob of kinds, as "thp.pmd". */
extern const struct known_issue known_random_issues[];

/* Bugs that a later kernel has fixed: failures, whose diagnosis gets @reason as a hint. */
extern const struct known_issue fixed_bugs[];

#endif
