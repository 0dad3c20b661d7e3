/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What can be done to memory besides reading, writing and forking. One file in this folder
 * declares a few operations with DEFINE_OPERATION(); each is a verb of the step language:
 * "VERB ACTOR [PART]".
 */
#ifndef OPERATION_H
#define OPERATION_H

#include "mem.h"
#include "needs.h"

/* What an operation does to the content that its actor sees. */
enum effect {
	EFFECT_NONE,		/* nothing: and a pinned page must stay where it is */
	EFFECT_WRITE,		/* @v is written, as by a store, also if it is refused then */
	EFFECT_FORCE,		/* the same, past the protection */
	EFFECT_ZERO,		/* zeroes are written, past the protection, to all of each page */
	EFFECT_REFILL,		/* private pages are given up, and others are there, with @v */
	EFFECT_TOUCH,		/* private pages become the process's own, content unchanged */
	EFFECT_DISCARD,		/* private pages are given up: what is behind them shows again */
	EFFECT_PUNCH,		/* the file behind it has zeroes there */
	EFFECT_FILE_WRITE,	/* the file behind it gets @v */
	EFFECT_TRUNCATE,	/* it ends there: what was mapped of the rest is gone */
	EFFECT_FILE_REFILL,	/* the file behind it has other pages there, with @v */
	EFFECT_SEAL,		/* nothing; but the file itself can be written to no more */
	EFFECT_WIPE,		/* a child finds zeroes there */
	EFFECT_PATCH,		/* the first page becomes the actor's own, with another mark */
	EFFECT_UNMAP,		/* nothing can be accessed there any more */
};

/* What becomes of the locks of mlock(), which lie on mappings. */
enum lock {
	LOCK_NONE,
	LOCK_ONFAULT,		/* what is in memory stays there, and what comes in later */
	LOCK_ALL,		/* all is brought in, too: writable private pages as by a write */
};

#define REFUSALS_MAX	4

struct operation {
	const char *id;		/* the verb; [a-z]+ */
	const char *about;	/* one line: what it does, and what it must not do to a pin */
	enum effect effect;
	unsigned int kinds;	/* KIND_* that a kind must all have, */
	unsigned int not_kinds;	/* and must none have */
	uint64_t needs;	/* NEED() mask */
	bool writes_file;	/* beside its effect it writes to the file: not if that is sealed */
	bool not_pinned;	/* of a pinned page it must be refused */
	bool not_locked;	/* of locked memory it must be refused (EINVAL) */
	enum lock locks;	/* it locks memory, */
	bool unlocks;		/* or unlocks it; */
	bool only_unlocked;	/* makes sense only where none is locked */
	bool reclaims;		/* it takes pages from page tables, where they are not locked */
	/*
	 * While somebody maps the file's pages shared or has one pinned, it must be refused
	 * (EBUSY), and at no other time.
	 */
	bool not_in_use;
	bool only_pinned;	/* makes sense only where its actor has pinned all pages, */
	bool only_writable;	/* or may write to all of them */
	bool spins_on_pinned_thp;	/* does not come back: docs/findings.md, 7 */
	bool maps_anew;		/* all of it, in a mapping that has no madvise() behind it */
	bool splits;		/* a part becomes a mapping of its own */
	bool alone;		/* it concerns the whole machine: no test runs beside it */
	bool write_protects;	/* PAGEMAP_SCAN's protection, which the next write takes away, */
	bool keeps_protection;	/* or it leaves that to each page that has it */
	bool own_protection;	/* it protects for itself, done or refused, and that ends */
	bool own_group;		/* the test's processes get a memory cgroup of their own */
	unsigned int huge_pages;	/* that it takes of the kind's pool meanwhile */
	bool other_node;	/* it takes pages on the NUMA node of its choice */
	bool slow;		/* a hundred times as slow as others: less often at random */
	/*
	 * Errors (-errno) that are right where some page is pinned; without pins, too. Having
	 * refused, it must have changed nothing.
	 */
	int refuses_pinned[REFUSALS_MAX], refuses[REFUSALS_MAX];
	/*
	 * Errors that are right unless the pages are the process's own for sure, written since it
	 * last forked, and nobody has them pinned: then it must be done.
	 */
	int refuses_shared[REFUSALS_MAX];
	/* Errors of what makes no sense there: right in random scenarios, and nowhere else. */
	int senseless[REFUSALS_MAX];

	/*
	 * In the actor, on pages [page, page + pages) of @m. 0 or -errno with m->why. It may
	 * move the region (m->base). @v: what to write.
	 */
	int (*run)(struct mem *m, size_t page, size_t pages, struct value v);
};

#define DEFINE_OPERATION(name)						\
	static const struct operation name;				\
	static const struct operation *const name##_entry		\
	__attribute__((used, section("cow_operations"))) = &name;	\
	static const struct operation name

/* All operations; returns how many. */
size_t operations_all(const struct operation *const **list);
/* The one with that verb (@len characters of it), or NULL. */
const struct operation *operation_find(const char *verb, size_t len);

/* May it be used on a kind with these properties? */
static inline bool operation_fits(const struct operation *o, unsigned int props)
{
	return (props & o->kinds) == o->kinds && !(props & o->not_kinds);
}

/* True if @error is among @list. */
bool operation_refuses(const int list[REFUSALS_MAX], int error);

/*
 * Write @v to the words of the cells in the range with @put, which gets the offset in the region of
 * @nr words that lie one behind the other, in one page, and these. The first error of @put is
 * returned.
 */
int operation_write_words(struct mem *m, size_t page, size_t pages, struct value v,
			  int (*put)(struct mem *m, size_t offset, const uint64_t *words,
				     size_t nr));

#endif
