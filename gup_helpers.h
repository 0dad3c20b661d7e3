/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Axis 3: who takes the pin and lets us look through it later. One file in pins/
 * declares a provider with DEFINE_PROVIDER(); scenarios find it by its properties.
 */
#ifndef GUP_HELPERS_H
#define GUP_HELPERS_H

#include "mem.h"
#include "needs.h"

/* What a pin step may ask for. */
#define PIN_RO		(1u << 0)
#define PIN_RW		(1u << 1)
#define PIN_LONGTERM	(1u << 2)
#define PIN_SHORT	(1u << 3)
/* What else a provider is. */
#define PIN_IS_GET	(1u << 4)	/* a FOLL_GET reference: no copy at fork, no unshare */
#define PIN_IS_FAST	(1u << 5)	/* tries GUP-fast first */
#define PIN_WRITES	(1u << 6)	/* can write through the pin */
#define PIN_TELLS	(1u << 7)	/* can tell PFNs: facts() */
#define PIN_NAMED	(1u << 8)	/* only used by steps that name it */
#define PIN_LATE	(1u << 10)	/* reading it ends it: only at the end of a test */
#define PIN_STORES	(1u << 11)	/* stores a snapshot: of a zeropage, zeroes for good */
#define PIN_FREEZES	(1u << 16)	/* holds a write: from a zeropage, zeroes are written */
#define PIN_GUARDED	(1u << 12)	/* writing through R/O pins can be tried: refused */
#define PIN_SLOW	(1u << 13)	/* max_len is what one wants to look at, not a limit */
#define PIN_WAITS	(1u << 17)	/* looking takes long, and hardly any of a CPU */
#define PIN_ONCE	(1u << 15)	/* writing through it ends it */
#define PIN_COSTS	(1u << 9)	/* keeps memory of its own while it holds a pin */
/*
 * Its pins are not as good as any, whatever else happens: what comes in to be looked at needs an
 * owner who still has the memory; or the owner's moves take it along. So it is not for random
 * scenarios.
 */
#define PIN_NOT_RANDOM	(1u << 14)

/* What a provider knows of a pinned page; fields are -1, PFN 0, where it cannot tell. */
struct page_facts {
	uint64_t pfn;
	int order, index;
	int anon, exclusive, zero, ksm, hugetlb;
	long refcount, mapcount, pincount;
};

/*
 * What became of a cell of a pin that read() looks at by having something come in: seen; hidden,
 * for that does not show in its owner's memory, and what read() says is nobody's; or, besides
 * being seen, it is still there.
 */
enum sight { SIGHT_SEEN, SIGHT_HIDDEN, SIGHT_LEFT };

struct provider;

/* One pin, owned by the process that took it. */
struct pin {
	const struct provider *by;
	unsigned int flags;	/* PIN_RO or PIN_RW, PIN_LONGTERM or PIN_SHORT */
	struct layout layout;	/* of the region; cells below are its cells */
	char *addr;		/* start of the pinned range, when it was pinned, */
	char *now;		/* and where its owner has moved that since */
	size_t len;
	size_t first_page;	/* of the range, in the region */
	size_t first_cell, cells;
	int fd;
	unsigned int id;
	bool counted;		/* its bytes are in VmPin of its owner, at least */
	void *priv;		/* the provider's own, freed by unpin() and forget() */
	char why[WHY_LEN];
};

/* Pins that come and go within the kernel: at most so long, and what came of it. */
struct pin_loop {
	unsigned int ms;
	bool references;	/* FOLL_GET instead: a negative control */
	uint64_t rounds, refused;	/* in: at most; out: how many, and those without a pin */
	uint64_t shared;	/* pages that were pinned, and anonymous, but not exclusive */
	uint64_t replaced;	/* pages that were pinned, and not in the page table any more */
};

struct provider {
	const char *id;		/* unique, for ids and step text */
	const char *title;	/* for titles: "GUP-fast" */
	unsigned int rank;
	unsigned int props;	/* PIN_* that it can serve and is */
	uint64_t needs;	/* NEED() mask */
	uint64_t needs_more;	/* for short-term pins and writes through a pin */

	/*
	 * In the owner's process. 0 or -errno with p->why; -errno of the kernel's refusal
	 * is passed on as it is. pin() fills p->fd, p->id, p->priv.
	 */
	int (*pin)(struct pin *p);
	/* Compared words of the pin's cells, through the pin; never by the page tables. */
	int (*read)(struct pin *p, uint64_t *words);
	int (*write)(struct pin *p, struct value v);
	/* After read(), of a cell of the pin; NULL: all are seen. */
	enum sight (*sight)(const struct pin *p, size_t cell);
	int (*facts)(struct pin *p, size_t cell, struct page_facts *facts);
	void (*unpin)(struct pin *p);
	/*
	 * Pin the range of @p as its flags say, and unpin it, over and over without leaving the
	 * kernel. 0 or -errno with p->why; -EOPNOTSUPP: it cannot do that here.
	 */
	int (*loop)(struct pin *p, struct pin_loop *l);
	/* In a forked child: drop what it inherited without releasing the parent's pin. */
	void (*forget)(struct pin *p);
	/*
	 * execve() comes, and the process goes on in another program: keep what the pin is made
	 * of open; there, with @priv_size bytes of p->priv copied, put in order what has pointers.
	 * Neither: the pin ends before.
	 */
	int (*keep)(struct pin *p);
	int (*resume)(struct pin *p);
	size_t priv_size;
	/*
	 * PFNs of all cells, 0 where unknown, and which of these pages are anonymous, but not
	 * exclusive to one process (where the kernel knows that). NULL: there is no quick way.
	 */
	int (*pfns)(struct pin *p, uint64_t *pfns, uint8_t *shared);
	/* Bytes that it can pin at most, 0: no limit of its own. */
	size_t max_len;
	/* True if the machine has only one such pin at a time. */
	bool (*single)(void);
};

#define DEFINE_PROVIDER(name)						\
	static const struct provider name;				\
	static const struct provider *const name##_entry		\
	__attribute__((used, section("cow_providers"))) = &name;	\
	static const struct provider name

/* All providers in order of rank; returns how many. */
size_t providers_all(const struct provider *const **list);
const struct provider *provider_find(const char *id);

/* Set up the geometry of @p for pages [first, first + pages) of @m. */
void pin_range(struct pin *p, const struct mem *m, size_t first, size_t pages);
/* Page @cell of the pin (0 = its first cell): byte offset in the pinned range. */
size_t pin_offset(const struct pin *p, size_t cell);

#define pin_fail(p, ...) ({						\
	int err_ = errno ? errno : EINVAL;				\
	snprintf((p)->why, sizeof((p)->why), __VA_ARGS__);		\
	-err_;								\
})

/* --- the two ways to get at GUP from user space (pins/gup_*.c) --- */
bool gup_module_present(void);
bool gup_test_present(void);

#endif
