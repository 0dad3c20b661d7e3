/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory that runner, director and actors of one test share: mailboxes, what was
 * seen, and the result. Nothing of the tested memory is in here, so nothing that
 * happens to an actor can take the verdict with it.
 */
#ifndef STAGE_H
#define STAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/gone.h"
#include "engine/steps.h"
#include "mem.h"
#include "vm_util.h"

enum verdict {
	VERDICT_NONE,		/* the director did not come to one */
	VERDICT_PASS,
	VERDICT_FAIL,
	VERDICT_SKIP,
};

struct result {
	enum verdict verdict;
	char reason[32];	/* code: "stale-pin", "leak", "no-hugetlb" ... */
	char text[256];		/* one line: what happened */
	int step;		/* index of the step at which it happened, -1: none */
	uint32_t tried;		/* steps that were carried out or refused: mask of 1 << index */
	uint64_t pin_pfn, table_pfn;	/* 0: not known */
	unsigned int ms;
	char diag[4096];	/* more lines, each with its newline; last: copies are short */
};

enum cmd {
	CMD_CREATE,
	CMD_STEP,		/* carry out a step of the scenario */
	CMD_LOOK,		/* report what memory and pins hold, without changing it */
	CMD_FACTS,		/* what the provider knows of cell `other` of pin step.pin */
	CMD_QUIT,		/* release all pins and exit */
	CMD_LOOK_ALL,		/* the same, pages that are not present are faulted in */
	CMD_LOOK_LATE,		/* through pin step.pin, which ends by that */
};

struct command {
	enum cmd cmd;
	struct step step;
	const struct provider *by;	/* CMD_STEP pin: resolved */
	struct value v;			/* what to write */
	int other;			/* fork: index of the child */
	bool create;			/* CMD_CREATE comes first */
	bool settle;			/* bring populated memory into the kind's state, prove it */
	bool look;			/* CMD_LOOK follows at once, */
	bool all;			/* or, after the last step, CMD_LOOK_ALL */
	unsigned int then;		/* and then these actors look: a mask */
	bool account;			/* of a look: fill in anon_bytes */
	bool hurry;			/* it may be refused: see struct mem */
	bool verify;			/* pin: afterwards, is the memory still of its kind? */
};

/* What a command may consist of. */
enum phase {
	PHASE_CREATE,
	PHASE_ITSELF,
	PHASE_SETTLE,
};

/*
 * One actor's mailbox. A request is a new number; so is its reply. Each wake-up costs: who is to
 * look after another is asked by that one, and only the last of them tells the director.
 */
struct box {
	uint32_t request;	/* futex */
	uint32_t reply;
	pid_t pid;
	int status;		/* of the last command: 0 or -errno */
	enum phase phase;	/* how far it got */
	char why[WHY_LEN];
	struct command command;
};

#define WORDS_MAX	(CELLS_MAX * WORDS_SAMPLED)

/* What an actor saw in its memory: by cell. */
enum seen { SEEN_NOT, SEEN_WORDS };
/* What who saves a process bit by bit would miss. */
enum unnoticed {
	UNNOTICED_NONE,
	UNNOTICED_DIRTY,	/* written or moved since bits were cleared, not marked */
	UNNOTICED_WRITE,	/* protected by PAGEMAP_SCAN, and is so still after a write, */
	UNNOTICED_LOSS,		/* or is not any more without one */
};
struct view {
	uint8_t seen[CELLS_MAX];
	uint8_t faulted[CELLS_MAX];	/* by the last write: the store was a fault */
	uint64_t pagemap[CELLS_MAX];
	uint64_t mark[CELLS_MAX];	/* of each page, where words were seen */
	bool witness_changed;		/* see struct mem */
	bool stray;			/* has memory that its parent kept from it */
	uint8_t unnoticed[CELLS_MAX];	/* enum unnoticed */
	/* If stage.locks: whose mapping is locked; what VmLck says, and all such mappings make. */
	uint8_t locked[CELLS_MAX];
	long long locked_kib, locked_maps_kib;
	long long pinned_kib;	/* counted as pinned by who has just let go of its pins */
	long long anon_bytes;	/* of anonymous memory in the region; if asked for */
	uint64_t words[WORDS_MAX];
};

/* What it saw through a pin: by cell of the pin. */
struct pin_view {
	bool held;
	int status;		/* of reading it */
	char why[WHY_LEN];
	bool has_pfns;
	uint64_t pfns[CELLS_MAX];
	uint8_t shared[CELLS_MAX];	/* anonymous, but not exclusive */
	uint8_t sight[CELLS_MAX];	/* enum sight */
	long long missing;		/* bytes that VmPin of its owner lacks with this pin */
	bool changed;			/* the memory is not of its kind any more, says why */
	struct page_facts facts;	/* of cell facts_cell, on request */
	uint64_t words[WORDS_MAX];
};

struct stage {
	int fd;			/* the file that it is, for who maps it anew */
	uint32_t doorbell;	/* futex: rung by every reply */
	struct box order;	/* from the runner: run test `test` until `deadline` */
	size_t test;
	uint64_t deadline;
	int step;		/* where the director is, for whoever finds it dead */
	uint64_t took[STEPS_MAX];	/* ns, of each step that was done, and its looks */
	struct layout layout;	/* of the region, set by CMD_CREATE */
	uint64_t salt;		/* of the content of this test: see content_salt() */
	bool locks;		/* the scenario has locked memory: looks are at that, too */
	bool dirty_tracked;	/* likewise: its file system wants to know of every write */
	struct result result;
	struct box box[ACTORS_MAX];
	struct view view[ACTORS_MAX];
	struct pin_view pin[PINS_MAX];
	struct gone gone;
	bool tracing;			/* trace[] is wanted, lines of text */
	char trace[32 * 1024];
	bool saw_behind;		/* behind[] is of the last look */
	uint64_t behind[WORDS_MAX];	/* what is behind the memory: the file, a zeropage */
};

struct stage *stage_new(void);
/* Ready for the next test; cheap: what was seen is not cleared. */
void stage_reset(struct stage *s);

/*
 * Actor's (and director's) side: wait for a request after @last; the parent's death ends
 * the process.
 */
uint32_t box_wait(struct box *b, uint32_t last);
void box_reply(struct box *b);
/* Director's side, and that of who passes on what is to be done. */
void box_request(struct box *b);
/* Has it replied to request number @request? */
static inline bool box_answered(const struct box *b, uint32_t request)
{
	return __atomic_load_n(&b->reply, __ATOMIC_ACQUIRE) == request;
}
/*
 * Wait until the doorbell differs from @seen, at most until the monotonic time
 * @deadline (ns). False if time is up.
 */
bool doorbell_wait(struct stage *s, uint32_t seen, uint64_t deadline);
/* Ring it, from a signal handler, too. */
void doorbell_ring(struct stage *s);

/*
 * Wait until @settled says yes, or @deadline (as now_ns()) has passed: for what the kernel does in
 * its own time without an event that could be waited for. It is asked once at least.
 */
void await_settled(bool (*settled)(void *arg), void *arg, uint64_t deadline);

#endif
