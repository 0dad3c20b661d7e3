// SPDX-License-Identifier: GPL-2.0-only
/* Known issues that no released kernel has fixed: each was seen on the kernels it names. */
#include "scenarios/scenario.h"

#define NOT_COPIED "fork takes an uninitialised count for a shared page table, copies nothing"
#define REUSES	"hugetlb reuses a page that only a FOLL_GET reference still shares"
#define NOT_DIRTIED "io_uring does not mark pages dirty that it wrote to through a fixed buffer"
#define FREED	"MADV_FREE drops what a child has, too, if it was in zram (7.2: no more)"
#define EVICTS	"an O_DIRECT write by another descriptor evicts pinned pages of the file"
#define LOOPS	"an unshare fault maps a file's THP again, breaks no COW, and GUP asks for ever"
#define NOT_TOLD "btrfs does not write back a page that just the end of a pin makes dirty"

const struct known_issue known_issues[] = {
	/* The comment in hugetlb_wp() says so: mapcount decides, references do not count. */
	{ .ids = "vmsplice.*.hugetlb.*", .fails_as = "leak", .reason = REUSES },
	{ .ids = "exec.vmsplice.hugetlb.*", .fails_as = "leak", .reason = REUSES },
	{ .ids = "zerocopy.*-unmap-hugetlb.*", .fails_as = "leak", .reason = REUSES },
	{ .ids = "sendzc.*-unmap-hugetlb.*", .fails_as = "leak", .reason = REUSES },
	{ .ids = "splice-unix.*-unmap-hugetlb.*", .fails_as = "leak", .reason = REUSES },
	{ .ids = "splice-tcp.*-unmap-hugetlb.*", .fails_as = "leak", .reason = REUSES },
	{ .ids = "vmsplice-tee.*-unmap-hugetlb.*", .fails_as = "leak", .reason = REUSES },
	/*
	 * copy_hugetlb_page_range() asks the page table of the child whether it is shared;
	 * for 1 GiB pages that is a PUD table, where nobody initialised the answer. See
	 * docs/findings.md.
	 */
	{ .ids = "*.hugetlb.1G", .fails_as = "lost-at-fork", .sometimes = true,
	  .reason = NOT_COPIED },
	{ .ids = "operation.lasthuge.hugetlb.1G", .fails_as = "setup", .sometimes = true,
	  .reason = NOT_COPIED },
	/* io_buffer_unmap() only unpins; docs/findings.md. */
	{ .ids = "operation.dirty-shared.iouring.anon.shared", .fails_as = "stale-data",
	  .reason = NOT_DIRTIED },
	{ .ids = "operation.dirty-shared.iouring.shmem-thp.64k", .fails_as = "stale-data",
	  .reason = NOT_DIRTIED },
	/* wp_huge_pmd() splits, do_fault() maps the whole again: docs/findings.md, 19. */
	{ .ids = "ro-longterm.filecollapse.*", .fails_as = "actor-hung", .kernels = "6.2-",
	  .reason = LOOPS },
	/* O_DIRECT writes invalidate the page cache, whoever has it pinned; docs/findings.md. */
	{ .ids = "operation.directwrite.*.ext4*", .fails_as = "stale-pin", .reason = EVICTS },
	{ .ids = "operation.directwrite.*.xfs*", .fails_as = "stale-pin", .reason = EVICTS },
	{ .ids = "operation.directwrite.*.btrfs*", .fails_as = "stale-pin", .kernels = "6.2-",
	  .reason = EVICTS },
	/* There btrfs goes by the page cache at times, as when a page is busy. */
	{ .ids = "operation.directwrite.*.btrfs*", .fails_as = "stale-pin", .kernels = "-6.1",
	  .sometimes = true, .reason = EVICTS },
	/* No page_mkwrite() announced what a device has written: btrfs gives such pages up. */
	{ .ids = "operation.sync-pinned.*.btrfs.shared", .fails_as = "setup", .sometimes = true,
	  .reason = NOT_TOLD },
	{ .ids = "*-in.shared.btrfs.shared", .fails_as = "setup", .sometimes = true,
	  .reason = NOT_TOLD },
	/* shrink_folio_list() flushes after others can swap the page in again; docs/findings.md. */
	{ .ids = "race.*pageout.*", .fails_as = "stale-data", .sometimes = true,
	  .reason = "reclaim flushes late: a thread reads a page that another one has replaced" },
	{ }
};

/* The same of random scenarios: of kinds, with a verb or provider that must be among the steps. */
#define MOVES_TABLES "mremap() of a whole page table sets no soft-dirty bits"

const struct known_issue known_random_issues[] = {
	{ .ids = "*hugetlb.*", .step = "vmsplice", .fails_as = "leak", .reason = REUSES },
	{ .ids = "*hugetlb.*", .step = "zerocopy", .fails_as = "leak", .reason = REUSES },
	{ .ids = "*hugetlb.*", .step = "sendzc", .fails_as = "leak", .reason = REUSES },
	{ .ids = "*hugetlb.*", .step = "splice-unix", .fails_as = "leak", .reason = REUSES },
	{ .ids = "*hugetlb.*", .step = "splice-tcp", .fails_as = "leak", .reason = REUSES },
	{ .ids = "*hugetlb.*", .step = "vmsplice-tee", .fails_as = "leak", .reason = REUSES },
	{ .ids = "*hugetlb.1G", .step = "fork", .fails_as = "lost-at-fork", .reason = NOT_COPIED },
	{ .ids = "*hugetlb.1G", .step = "lasthuge", .fails_as = "setup", .reason = NOT_COPIED },
	{ .ids = "memfd.range", .step = "filecollapse", .also = "pin", .fails_as = "actor-hung",
	  .reason = LOOPS },
	/* Finding 16: what fork() has copied for a child is merged before the child has looked. */
	{ .ids = "anon*", .step = "ksm", .also = "uffdfork", .fails_as = "setup",
	  .reason = "KSM forgets the write protection of a page that it replaces" },
	/* Finding 2, seen by a store, and by GUP-fast, which asks the page table entry. */
	{ .ids = "*hugetlb*", .step = "mprotect", .fails_as = "write-allowed", .kernels = "-7.1",
	  .reason = "fork maps the copy of a pinned hugetlb page writable (7.2: no more)" },
	{ .ids = "*hugetlb*", .step = "mprotect", .fails_as = "not-refused", .kernels = "-7.1",
	  .reason = "fork maps the copy of a pinned hugetlb page writable (7.2: no more)" },
	{ .ids = "*", .step = "uprobe", .fails_as = "pfn-differs", .kernels = "-7.1",
	  .reason = "a uprobe replaces a private page although it is pinned (7.2: no more)" },
	/* Finding 9: what came back past the swap cache is clean, and nobody asks who maps it. */
	{ .ids = "anon*", .step = "takeback", .fails_as = "stale-data", .kernels = "-7.1",
	  .reason = FREED },
	{ .ids = "thp*", .step = "takeback", .fails_as = "stale-data", .kernels = "-7.1",
	  .reason = FREED },
	{ .ids = "anon*", .step = "freewrite", .fails_as = "stale-data", .kernels = "-7.1",
	  .reason = FREED },
	{ .ids = "thp*", .step = "freewrite", .fails_as = "stale-data", .kernels = "-7.1",
	  .reason = FREED },
	{ .ids = "shmem-thp*", .step = "iouring", .fails_as = "stale-data",
	  .reason = NOT_DIRTIED },
	{ .ids = "anon.shared", .step = "iouring", .fails_as = "stale-data",
	  .reason = NOT_DIRTIED },
	{ .ids = "*.shared", .step = "directwrite", .fails_as = "stale-pin", .reason = EVICTS },
	/* The same, where the pin is looked at by what comes in. */
	{ .ids = "*.shared", .step = "directwrite", .fails_as = "alien-data", .reason = EVICTS },
	/* See fixed_bugs below: kernels that are known to forget what was written. */
	{ .ids = "*", .step = "ksm", .fails_as = "unnoticed", .kernels = "-7.3",
	  .reason = "a page that KSM replaces loses its soft-dirty bit" },
	{ .ids = "*", .step = "ksminto", .fails_as = "unnoticed", .kernels = "-7.3",
	  .reason = "a page that KSM replaces loses its soft-dirty bit" },
	/* Finding 15: what moves as a whole page table is not marked. */
	{ .ids = "thp*", .step = "remap", .fails_as = "unnoticed", .reason = MOVES_TABLES },
	{ .ids = "thp*", .step = "dontunmap", .fails_as = "unnoticed", .reason = MOVES_TABLES },
	{ .ids = "*.range*", .step = "remap", .fails_as = "unnoticed", .reason = MOVES_TABLES },
	{ .ids = "*.range*", .step = "dontunmap", .fails_as = "unnoticed",
	  .reason = MOVES_TABLES },
	/* Finding 17: a race with migration. */
	{ .ids = "*", .step = "scanwp", .fails_as = "unnoticed", .sometimes = true,
	  .reason = "PAGEMAP_SCAN does not protect a page that is just being migrated" },
	{ .ids = "*", .step = "swapoff", .fails_as = "unnoticed", .kernels = "-5.10",
	  .reason = "swapoff() loses soft-dirty bits (6.1: no more)" },
	{ }
};

/* A R/O long-term pin that was of the file's page, or of the zeropage. */
#define STALE_6_2(kinds) \
	{ .ids = kinds, .fails_as = "stale-pin", .kernels = "-6.1", \
	  .reason = "fixed in " FIXED_6_2 }

/* What 6.1 has fixed: the change is known for few of them, that they pass was seen. */
#define ON_5_10(globs, how, why) \
	{ .ids = globs, .fails_as = how, .kernels = "-6.0", \
	  .reason = "seen on 5.10, not on 6.1: " why }
#define EXCLUSIVE "anonymous pages that are pinned, or shared, are told from others by their " \
		  "reference count only (5.19: PG_anon_exclusive)"
#define KSM_SOFT_DIRTY "fixed in 6.12.118 by 'mm/ksm: keep soft-dirty when merging a page'; seen " \
		       "on 5.10, 6.1 and 7.3.4: a page that KSM replaces loses its soft-dirty bit"
#define REFERENCED "a THP, or a page from swap, is reused although somebody has a reference"
#define SHARED_HUGETLB "hugetlb pages are shared at fork() although they are pinned, and pinned " \
		       "although they are shared"

/* The first one that covers a failure is its hint: exceptions come before what is general. */
const struct known_issue fixed_bugs[] = {
	/* hugetlb_install_folio() maps the child's copy writable, whatever its VMA says. */
	{ .ids = "*.hugetlb.*", .fails_as = "write-allowed", .kernels = "-7.1",
	  .reason = "seen on 6.12: fork maps the copy of a pinned hugetlb page writable in a "
		    "read-only mapping; 7.2 asks the mapping" },
	/* uprobe_write_opcode() replaced the page, whoever had it pinned; docs/findings.md. */
	{ .ids = "operation.uprobe.*", .fails_as = "pfn-differs", .kernels = "-7.1",
	  .reason = "seen on 6.12: a uprobe replaces a private page although it is pinned; 7.2 "
		    "writes into it" },
	/* unuse_pte() did not look at the bits of the swap entry. */
	{ .ids = "softdirty.swapoff*", .fails_as = "unnoticed", .kernels = "-6.0",
	  .reason = "seen on 5.10, not on 6.1: swapoff() loses soft-dirty bits" },
	/* replace_page() made the entry of the merged page anew, without the bit. */
	{ .ids = "softdirty.ksm*", .fails_as = "unnoticed", .kernels = "-6.11",
	  .reason = KSM_SOFT_DIRTY },
	{ .ids = "softdirty.ksm*", .fails_as = "unnoticed", .kernels = "6.13-",
	  .reason = KSM_SOFT_DIRTY },
	/* What came past the swap cache is clean, of that nobody asks who maps it: findings.md. */
	{ .ids = "operation.takeback-swapped.*", .fails_as = "stale-data", .kernels = "-6.12",
	  .reason = "seen on 6.1 and 6.12, not on 7.3.4, where all comes back from swap by the "
		    "swap cache: MADV_FREE drops what a child has, too, if it was in zram" },
	/* collapse_file() did not look for userfaultfd where it put zeroes. */
	{ .ids = "served.*.memfd.range.shared", .fails_as = "setup", .kernels = "-6.11",
	  .reason = "seen on 6.1, not on 6.12: MADV_COLLAPSE of a memfd fills holes that "
		    "userfaultfd should have been asked about" },
	/* io_uring looked at the VMAs itself and refused files; GUP knows better. */
	{ .ids = "*iouring*", .fails_as = "pin-refused", .kernels = "-6.11",
	  .reason = "seen on 6.1, not on 6.12: io_uring refuses buffers in private mappings of "
		    "files that are not in memory" },
	/* A R/W pin is of a private copy, which fork() shared. */
	ON_5_10("rw-pin.not-anon.*hugetlb*", "stale-pin", SHARED_HUGETLB),
	/* Where O_DIRECT goes by the page cache, what is written gets into the pinned page. */
	{ .ids = "operation.directwrite-private.*", .fails_as = "leak", .kernels = "-6.1",
	  .reason = "fixed in " FIXED_6_2 },
	STALE_6_2("*.zeropage*"),
	STALE_6_2("*.memfd"),
	STALE_6_2("*.memfd.range"),
	STALE_6_2("*.memfd.hugetlb.*"),
	STALE_6_2("*.tmpfile"),
	STALE_6_2("*.ext4"),
	STALE_6_2("*.xfs"),
	STALE_6_2("*.btrfs"),
	/* The same pin, seen by who has changed the file. */
	{ .ids = "operation.punch.*", .fails_as = "lost-rest", .kernels = "-6.1",
	  .reason = "fixed in " FIXED_6_2 },
	{ .ids = "operation.filewrite.*", .fails_as = "leak", .kernels = "-6.1",
	  .reason = "fixed in " FIXED_6_2 },
	{ .ids = "operation.mapwrite.*", .fails_as = "leak", .kernels = "-6.1",
	  .reason = "fixed in " FIXED_6_2 },
	ON_5_10("*.hugetlb.*", "stale-pin", SHARED_HUGETLB),
	ON_5_10("*.hugetlb.*", "stale-data", SHARED_HUGETLB),
	ON_5_10("*.hugetlb.*", "leak", SHARED_HUGETLB),
	ON_5_10("*.anon", "stale-pin", EXCLUSIVE),
	ON_5_10("*.anon.swap*", "stale-pin", EXCLUSIVE),
	ON_5_10("*.thp*", "stale-pin", EXCLUSIVE),
	ON_5_10("pin-fork.two-pins.*", "pfn-differs", EXCLUSIVE),
	ON_5_10("locked.pinned-first.*", "pfn-differs", EXCLUSIVE),
	ON_5_10("operation.*ksm*", "pfn-differs", "a merged page is pinned, not a copy of it"),
	ON_5_10("*.thp*", "leak", REFERENCED),
	ON_5_10("*.anon.swap*", "leak", REFERENCED),
	{ }
};
