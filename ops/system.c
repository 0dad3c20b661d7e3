// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel does to pages of its own accord, asked for: reclaim, compaction, splitting. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <string.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "vm_util.h"

static int set(struct mem *m, const char *path, const char *text)
{
	int ret = file_write(path, text);

	if (!ret)
		return 0;
	errno = -ret;
	return mem_fail(m, "writing %s to %s: %s", text, path, strerror(errno));
}

#define SETTING(ident, path, text)						\
static int ident(struct mem *m, size_t page, size_t pages, struct value v)	\
{										\
	(void)page;								\
	(void)pages;								\
	(void)v;								\
	return set(m, path, text);						\
}

SETTING(compact_run, "/proc/sys/vm/compact_memory", "1")
SETTING(dropcaches_run, "/proc/sys/vm/drop_caches", "1")
SETTING(dropslab_run, "/proc/sys/vm/drop_caches", "2")

DEFINE_OPERATION(compact) = {
	.id = "compact", .slow = true,
	.about = "compaction of all memory: pinned pages are not migrated",
	.needs = NEED(COMPACT), .keeps_protection = true, .run = compact_run,
};

DEFINE_OPERATION(dropcaches) = {
	.id = "dropcaches", .slow = true,
	.about = "clean page cache is dropped, not what is mapped or pinned",
	.kinds = KIND_FILE, .needs = NEED(ROOT), .reclaims = true, .run = dropcaches_run,
};

/* As if memory was short. The huge zeropage is given back, too, unless somebody has it. */
DEFINE_OPERATION(dropslab) = {
	.id = "dropslab", .slow = true,
	.about = "what the kernel keeps is dropped, as the huge zeropage if nobody has it",
	.kinds = KIND_ZERO, .needs = NEED(ROOT), .alone = true, .run = dropslab_run,
};

/* What is pinned cannot be split, and stays as it is; the kernel does not say which. */
static int split_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	char text[96];
	char *at = mem_page(m, page);

	(void)v;
	snprintf(text, sizeof(text), "%d,%#lx,%#lx", getpid(), (unsigned long)at,
		 (unsigned long)(at + pages * m->layout.page));
	return set(m, SPLIT_FILE, text);
}

DEFINE_OPERATION(split) = {
	.id = "split", .about = "large folios are split; one with pinned pages must stay whole",
	.kinds = KIND_THP, .needs = NEED(SPLIT), .keeps_protection = true, .run = split_run,
};
