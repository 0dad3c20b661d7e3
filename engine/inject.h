/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Negative controls: --inject makes a thing go wrong for real, so that a test of ours
 * can require that the oracle notices. Never active unless asked for.
 */
#ifndef INJECT_H
#define INJECT_H

#include <stdbool.h>
#include <sys/types.h>

#include "gup_helpers.h"

enum fault {
	FAULT_NONE,
	FAULT_STALE_PIN,	/* after pinning, the owner's pages are replaced by copies */
	FAULT_LEAK,		/* before fork, private memory becomes shared */
	FAULT_PRIVATE,		/* before a race, shared memory of a file becomes private */
	FAULT_WRONG_PAGE,	/* a write leaves the next page's content */
	FAULT_OTHER_TEST,	/* a write leaves what it would leave in another test */
	FAULT_TORN_PAGE,	/* a write covers half of the words */
	FAULT_LOST_WRITE,	/* a write does not happen */
	FAULT_HANG,		/* an actor does not answer a write */
	FAULT_OTHER_DIES,	/* the first actor is killed while another one writes */
	FAULT_DIE_LATE,		/* an actor dies when it has answered, and was to ask the next */
	FAULT_DIE,		/* an actor dies of SIGBUS at a write */
	FAULT_VANISH,		/* an actor exits at a write */
	FAULT_DIRECTOR_DIES,
	FAULT_SETUP,		/* bringing memory into its state fails */
	FAULT_WRONG_KIND,	/* the memory is not what the title says */
	FAULT_NO_MPROTECT,	/* a protection change does not happen */
	FAULT_NO_UNMAP,		/* a page stays where it was */
	FAULT_KEEP,		/* unmapped memory is not given back */
	FAULT_SEAL,		/* memory turns read-only before a write */
	FAULT_LOSE,		/* a child begins without what its parent wrote */
	FAULT_WRITE_THROUGH,	/* a private write reaches the file */
	FAULT_PRETEND,		/* a refused pin is taken for given, an operation for done */
	FAULT_WRITABLE,		/* a R/O pin is a R/W one */
	FAULT_THAW,		/* a pin that is to show zeroes is of a page that is written */
	FAULT_POPULATE,		/* a pin populates pages that it need not */
	FAULT_CHARGE,		/* a pin costs memory elsewhere */
	FAULT_SPLAT,		/* a warning appears in the kernel log */
	FAULT_LATE_SPLAT,	/* one of nobody appears there when no test runs, */
	FAULT_EXIT_SPLAT,	/* one of a process whose test is over */
	FAULT_AGAIN_SPLAT,	/* one when a test runs once more, for what is left behind */
	FAULT_LOST_REST,	/* a write changes what it does not write */
	FAULT_STRAY,		/* MADV_DONTFORK does nothing */
	FAULT_UNNOTICED,	/* soft-dirty bits vanish after a write, protection does not */
	FAULT_UNPROTECTED,	/* what PAGEMAP_SCAN shall write-protect is not */
	FAULT_UNLOCKED,		/* mlock() does nothing */
	FAULT_CHILD_LOCKED,	/* a child begins with locked memory */
	FAULT_LOCK_COUNT,	/* locked memory is counted twice */
	FAULT_EVICT,		/* what is locked goes to swap */
	FAULT_HOLD,		/* somebody else has what is to go to swap */
	FAULT_MISSERVED,	/* a userfault is answered with something else */
	FAULT_UNASKED,		/* a userfault is not counted */
	FAULT_SHARED_PIN,	/* a page in a pin is known not to be exclusive */
	FAULT_WRONG_PIN,	/* at the last look, a pin shows what nobody wrote */
	FAULT_MOVABLE,		/* every page is taken for one of ZONE_MOVABLE */
	FAULT_SPLIT,		/* pinning splits the mapping of a large folio */
	FAULT_UNCOUNTED,	/* what is pinned does not count as such */
	FAULT_COUNTED,		/* who releases a pin has another one that nobody knows of */
	FAULT_LEAVE_PIN,	/* a test leaves a pin behind, */
	FAULT_LEAVE_FD,		/* a descriptor, */
	FAULT_LEAVE_PROCESS,	/* a process, */
	FAULT_LEAVE_SETTING,	/* a system setting other than it was, */
	FAULT_LEAVE_FD_ONCE,	/* not again when the tests are run again */
	FAULT_LEAVE_PROCESS_ONCE,
	FAULT_LEAVE_POOL,	/* the hugetlb pool larger, a page of it in use, one reserved, */
	FAULT_LEAVE_SWAP,	/* one swap area fewer, or more, */
	FAULT_LEAVE_PAGE,	/* a page that nobody has, */
	FAULT_FORGOTTEN,	/* pages that gave way to others count as forgotten, */
	FAULT_LEAVE_THP,	/* some of those of transparent huge pages, */
	FAULT_TAINT,		/* a mark of the kernel on itself; stays until the next boot */
	NR_FAULTS
};

extern enum fault injected;

/* Sets `injected` by name; false if there is no such fault. */
bool inject_select(const char *name);
const char *fault_name(enum fault f);
const char *fault_about(enum fault f);

/* The faults that need doing rather than not doing. 0 or -errno. */
int inject_replace_pages(struct mem *m, const struct pin *p);
int inject_share_memory(struct mem *m);
int inject_private_memory(struct mem *m);
/* Anonymous memory of another sort: private for shared, and the other way round. */
int inject_wrong_kind(struct mem *m);
int inject_lose_memory(struct mem *m);
void inject_write_through(const struct mem *m);
void inject_lock(struct mem *m);
void inject_evict(struct mem *m);
/* In an actor, before the same: its first page is pinned from then on. */
void inject_hold(const struct mem *m);
/* Move @len bytes at @at out of sight: nothing is there any more, and they are not free. */
int inject_keep(void *at, size_t len);
/* Before a pin is taken: break COW, which such a pin must not. */
void inject_thaw(const struct pin *p);
/* At a pin that was given: FAULT_POPULATE, FAULT_CHARGE. */
void inject_cost(struct mem *m);
void inject_split(struct mem *m);
void inject_splat(pid_t pid);
/* In the runner, when no test runs: FAULT_*_SPLAT. @pid: a process of a test, 0: there is none. */
void inject_late_splat(pid_t pid);
/* In the actor, at a write, and in the runner, at the end of a test: FAULT_LEAVE_*. */
void inject_leave_by_actor(void);
void inject_leave(void);
/* The process pins a page of its own, and keeps it. */
void inject_pin(void);

#endif
