// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins against what changes page tables, in threads (engine/race.c): the last step is what is
 * done over and over, there and back, while one thread takes and releases pins, another one
 * writes, and a third one reads. An operation before it is done over and over beside it.
 */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define ANON	.kinds = KIND_PRIVATE | KIND_ANON | KIND_FIRST
#define BASE	ANON | KIND_BASE
#define THP	ANON | KIND_THP
#define DISK	.kinds = KIND_SHARED | KIND_DISK

#define RACE_OF(pin, name, what, nr, step)				\
	.id = "race." name, .title = "%s pins race with " what,		\
	.steps = "fill P; pin P " pin " longterm; " step, .rounds = nr
#define RACE(name, what, nr, step)	RACE_OF("rw", name, what, nr, step)
/* For writing nobody may pin a file's pages for long. */
#define RACE_RO(name, what, nr, step)	RACE_OF("ro", name, what, nr, step)

static const struct scenario rows[] = {
	{ RACE("fork", "fork(), the child writes", 20, "fork P C"),
	  .why = "fork and GUP-fast must not both have a page that is not copied; a CPU that "
		 "could write to it a moment ago must not any more", ANON },
	{ RACE("fork-tonode", "fork(), and moves to the other NUMA node", 10,
	       "tonode P; fork P C"),
	  .why = "a page that moves while a child is made is shared, or copied for a pin", BASE },
	{ RACE("fork-tonode-thp", "fork(), and moves of a THP to the other NUMA node", 5,
	       "tonode P; fork P C"),
	  .why = "a THP that moves while a child is made is shared, or copied for a pin", THP },
	{ RACE("fork-pageout", "fork(), and MADV_PAGEOUT into swap", 10, "pageout P; fork P C"),
	  .why = "a page that goes to swap while a child is made is shared, or copied for a pin",
	  BASE },
	{ RACE("mprotect", "mprotect() to read-only and back", 20, "mprotect P r"),
	  .why = "when mprotect() returns, no CPU may write, and no pin be given for writing",
	  ANON },
	{ RACE("mprotect-tonode", "mprotect() to read-only and back, and moves of pages", 10,
	       "tonode P; mprotect P r"),
	  .why = "a page that moves meanwhile must not be writable where it arrives", BASE },
	{ RACE("clearrefs", "soft-dirty bits cleared", 40, "clearrefs P"),
	  .why = "a page that is write-protected and then written must not be replaced under "
		 "its pin", BASE },
	{ RACE("pageout", "MADV_PAGEOUT into swap", 5, "pageout P"),
	  .why = "a page that is pinned while it is unmapped must not go to swap", ANON },
	{ RACE("compact", "compaction of memory", 3, "compact P"),
	  .why = "a page that is pinned while it is unmapped must not be migrated", ANON },
	{ RACE("tonode", "moves to the other NUMA node", 10, "tonode P"),
	  .why = "a page that is pinned while it is unmapped must not be migrated", ANON },
	{ RACE("uffdwp", "userfaultfd write-protection", 40, "uffdwp P"),
	  .why = "a page that is write-protected and then written must not be replaced under "
		 "its pin", BASE },
	{ RACE("uffdmove", "UFFDIO_MOVE to another place and back", 20, "uffdmove P"),
	  .why = "a page that is pinned while it is moved would be lost to its owner", BASE },
	{ RACE("collapse", "a THP taken apart and collapsed", 8, "collapse P"),
	  .why = "pages must not be copied into a THP while GUP-fast pins them", THP },
	{ RACE("split", "a folio split and collapsed", 8, "split P"),
	  .why = "a folio must not be split while GUP-fast pins a part of it", THP },
	{ RACE_RO("sync", "fsync()", 10, "sync P"),
	  .why = "who could write to a page a moment ago must not go on once it is clean: that "
		 "never reaches the disk", DISK },
	{ RACE_RO("discard", "MADV_DONTNEED, fsync()", 10, "discard P"),
	  .why = "what a CPU writes while the page is unmapped must make it dirty", DISK },
	{ RACE_RO("tonode-file", "moves of a file's pages to the other NUMA node, fsync()", 5,
		  "tonode P"),
	  .why = "a file's page that moves must be as dirty as it was, and is not moved while it "
		 "is pinned", DISK },
	{ RACE("ksm", "KSM merging and unmerging", 2, "ksm P"),
	  .why = "a page must not be merged while GUP-fast pins it", BASE },
	{ }
};

DEFINE_FAMILY(race) = { .name = "race", .rank = 900, .rows = rows };
