/* SPDX-License-Identifier: GPL-2.0-only */
/* The tested memory of one process: what kinds make, pins pin and actors write. */
#ifndef MEM_H
#define MEM_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>

#include "content.h"

struct kind;

#define WHY_LEN	256

struct mem {
	const struct kind *kind;
	size_t size;		/* on the kind's size axis (folio or huge page), else 0 */
	size_t want;		/* bytes the region should have, 0: as the kind likes it */
	char *base;		/* the tested region ... */
	size_t len;		/* ... in bytes, whole base pages */
	struct layout layout;	/* how the region is sampled */
	int fd;			/* of a file kind, else -1: the region is of its bytes */
	off_t offset;		/* from @offset on, before which it has a hole */
	/* Other memory of the process that an operation has filled and nobody writes to. */
	const void *witness;
	size_t witness_len;
	uint64_t witness_sum;
	int prot;		/* what the owner made of it: PROT_* */
	bool hurry;		/* what does not succeed soon may rightly be refused */
	void *map;		/* all that destroy() has to unmap */
	size_t map_len;
	char why[WHY_LEN];	/* reason of the last failure */
};

static inline void *mem_page(const struct mem *m, size_t page)
{
	return m->base + page * m->layout.page;
}

/* Where page @page of the region is in its file. */
static inline off_t mem_offset(const struct mem *m, size_t page)
{
	return m->offset + page * m->layout.page;
}

/* The same file once more, with other @flags of open(); whoever asks closes it. -1 with errno. */
int mem_open(const struct mem *m, int flags);

/* A number that changes if a byte of [at, at + len) does; @len is a multiple of 8. */
static inline uint64_t mem_sum(const void *at, size_t len)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < len / sizeof(sum); i++)
		sum = sum * 31 + ((const volatile uint64_t *)at)[i];
	return sum;
}

/*
 * A word other than zero in pages [page, page + pages) that the process can read without a fault,
 * as the page is there; or NULL. And: is there such a word at @at? After the page has gone that
 * tells whether this CPU knows.
 */
const char *mem_readable_word(struct mem *m, size_t page, size_t pages);
bool mem_holds_data(const char *at);
/* The word at @at, if that is no fault. */
bool mem_can_be_read(const char *at, uint64_t *word);

/*
 * MADV_COLLAPSE, tried for a while where the kernel says EAGAIN: somebody has a page, be it a pin,
 * be it for a moment. 0, or -errno with m->why.
 */
int mem_collapse(struct mem *m, void *at, size_t len);

/* Note why something failed; yields -errno (-EINVAL if errno is 0). */
#define mem_fail(m, ...) ({						\
	int err_ = errno ? errno : EINVAL;				\
	snprintf((m)->why, sizeof((m)->why), __VA_ARGS__);		\
	-err_;								\
})

/* Note what is not as it must be, where no call has failed; yields -EINVAL. */
#define mem_wrong(m, ...) (snprintf((m)->why, sizeof((m)->why), __VA_ARGS__), -EINVAL)
#endif
