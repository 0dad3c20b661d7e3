// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices behind an IOMMU: what VFIO maps for reading only is a R/O long-term pin, the one
 * that Linux 6.2 made reliable, on a stock kernel.
 */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define ANON	.kinds = KIND_PRIVATE | KIND_ANON | KIND_FIRST
#define BEHIND	.kinds = KIND_PRIVATE | KIND_NOT_ANON | KIND_FIRST
#define HUGE_FILE .kinds = KIND_PRIVATE | KIND_NOT_ANON | KIND_HUGETLB
#define SHARED	.kinds = KIND_SHARED | KIND_FILE | KIND_FIRST
#define ZERO	.kinds = KIND_ZERO | KIND_FIRST

#define FIXED_5_19 "5.19 by 'mm/gup: trigger FAULT_FLAG_UNSHARE when R/O-pinning a possibly " \
		   "shared anonymous page'"

static const struct scenario rows[] = {
	{ .id = "vfio.fork",
	  .title = "memory that a device reads, then fork()",
	  .steps = "fill P; pin P ro vfio; fork P C; write C; write P",
	  .why = "fork must copy a pinned page for the child at once, not share it", ANON },
	{ .id = "vfio.child",
	  .title = "memory of the child that a device reads",
	  .steps = "fill P; fork P C; pin C ro vfio; write P; write C",
	  .why = "a R/O pin of a shared page is of a copy, or the child's next write replaces it",
	  .fixed = FIXED_5_19, ANON },
	{ .id = "vfio.reuse",
	  .title = "memory that a device reads, made read-only and writable again",
	  .steps = "fill P; pin P ro vfio; mprotect P r; clearrefs P; mprotect P rw; write P",
	  .why = "a pinned page that was write-protected must be reused in place",
	  .fixed = FIXED_5_19, ANON },
	{ .id = "vfio.not-anon",
	  .title = "memory that a device reads",
	  .steps = "read P; pin P ro vfio; write P; fork P C; write C",
	  .why = "a long-term pin breaks COW even if nobody writes: else the device goes on to "
		 "read what was there before", .fixed = FIXED_6_2, BEHIND },
	{ .id = "vfio.last",
	  .title = "last page that a device reads",
	  .steps = "fill P; pin P ro last vfio; fork P C; write P; write C",
	  .why = "a page inside of a large folio: fork must see that it is pinned", ANON },
	{ .id = "vfio.last-not-anon",
	  .title = "last page that a device reads",
	  .steps = "read P; pin P ro last vfio; write P",
	  .why = "a long-term pin breaks COW even if nobody writes: else the device goes on to "
		 "read what was there before", .fixed = FIXED_6_2, HUGE_FILE },
	{ .id = "vfio.shared",
	  .title = "memory that a device reads",
	  .steps = "fill P; pin P ro vfio; fork P C; write C; write P",
	  .why = "the device reads what is in the file, whoever has written it", SHARED },
	{ .id = "vfio.no-write",
	  .title = "a device writes what it may only read",
	  .steps = "fill P; pin P ro vfio; poke P; fork P C; poke P; write P; poke P",
	  .why = "the IOMMU lets no write through a mapping that is for reading only, whatever "
		 "the process may do with its memory", ANON },
	{ .id = "vfio.no-write-not-anon",
	  .title = "a device writes what it may only read",
	  .steps = "read P; pin P ro vfio; poke P",
	  .why = "nothing that a device writes may reach a file that it was not given to write",
	  BEHIND },
	{ .id = "vfio.through",
	  .title = "memory that a device writes, then fork()",
	  .steps = "fill P; pin P rw vfio; poke P; fork P C; poke P; write C; write P; poke P",
	  .why = "what the device writes is what its owner sees, and nobody else", ANON },
	{ .id = "vfio.through-child",
	  .title = "memory of the child that a device writes",
	  .steps = "fill P; fork P C; pin C rw vfio; poke C; write P; write C; poke C",
	  .why = "a R/W pin of a shared page is of a copy: its owner's", ANON },
	{ .id = "vfio.through-not-anon",
	  .title = "memory that a device writes",
	  .steps = "read P; pin P rw vfio; poke P; fork P C; write C; write P; poke P",
	  .why = "a R/W pin breaks COW at once: nothing reaches the file or the zeropage", BEHIND },
	{ .id = "vfio.unmap",
	  .title = "memory that a device writes, and its owner unmaps",
	  .steps = "fill P; fork P C; pin C rw vfio; unmap C; poke C; write P",
	  .why = "the device has a page that is nobody else's, for as long as it is mapped",
	  ANON },
	{ .id = "vfio.limit",
	  .title = "memory that a device reads, at the limit of locked memory",
	  .steps = "fill P; pin P ro vfio-limit; write P",
	  .why = "a page more than RLIMIT_MEMLOCK allows is refused, with nothing left pinned; "
		 "what it allows is given", ANON },
	{ .id = "vfio.limit-zeropage",
	  .title = "memory never written that a device reads, at the limit of locked memory",
	  .steps = "read P; pin P ro vfio-limit; write P",
	  .why = "a R/O pin of memory that was never written is of pages of its own, which count",
	  .fixed = FIXED_6_2, ZERO },
	{ }
};

DEFINE_FAMILY(vfio_family) = { .name = "vfio", .rank = 117, .rows = rows };
