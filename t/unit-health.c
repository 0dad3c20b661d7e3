// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel says when something is wrong, in the words of several releases, is taken for
 * that; and what it says on a good day is not. The first lines only: what follows is read as the
 * rest of them, unless it is a sign of its own.
 */
#include "engine/health.h"

#include "t/tap-unit.h"
#include "vm_util.h"

/* And whom it names. */
static const struct { const char *line; pid_t pid; } complaints[] = {
	{ "WARNING: CPU: 1 PID: 311 at mm/gup.c:147 try_grab_page+0x1b/0x160", 311 },
	{ "WARNING: mm/gup.c:147 at try_grab_folio+0x1b/0x160, CPU#1: cow-actor0/311", 311 },
	{ "WARNING: possible recursive locking detected", 0 },
	{ "WARNING: possible circular locking dependency detected", 0 },
	{ "WARNING: inconsistent lock state", 0 },
	{ "WARNING: suspicious RCU usage", 0 },
	{ "WARNING: bad unlock balance detected!", 0 },
	{ "BUG: kernel NULL pointer dereference, address: 0000000000000008", 0 },
	{ "BUG: unable to handle page fault for address: ffffea0001234508", 0 },
	{ "BUG: KASAN: slab-use-after-free in folio_remove_rmap_pte+0x32/0x90", 0 },
	{ "BUG: KASAN: use-after-free in __page_ref_add_return+0x10/0x20", 0 },
	{ "BUG: KCSAN: data-race in gup_fast_pte_range / wp_page_reuse", 0 },
	{ "BUG: KFENCE: use-after-free read in put_page+0x12/0x30", 0 },
	{ "BUG: KMSAN: uninit-value in copy_page+0x1/0x10", 0 },
	{ "BUG: sleeping function called from invalid context at mm/memory.c:6780", 0 },
	{ "BUG: scheduling while atomic: cow-actor0/311/0x00000002", 0 },
	{ "BUG: workqueue lockup - pool cpus=1 node=0 flags=0x0 nice=0 stuck for 34s!", 0 },
	{ "BUG: Bad page state in process cow-actor0  pfn:1a2b3", 0 },
	{ "BUG: Bad page map in process cow-actor0  pte:800000012345f867 pmd:10a2b3067", 0 },
	{ "BUG: Bad rss-counter state mm:00000000c0ffee00 type:MM_ANONPAGES val:1", 0 },
	{ "BUG: Bad rss-counter state mm:00000000c0ffee00 type:MM_ANONPAGES val:1 Comm:cow Pid:311",
	  311 },
	{ "BUG: non-zero pgtables_bytes on freeing mm: 4096", 0 },
	{ "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [cow-actor0:311]", 0 },
	{ "NMI watchdog: Watchdog detected hard LOCKUP on cpu 1", 0 },
	{ "watchdog: Watchdog detected hard LOCKUP on cpu 1", 0 },
	{ "watchdog: CPU0: Watchdog detected hard LOCKUP on cpu 1", 0 },
	{ "kernel BUG at mm/huge_memory.c:3012!", 0 },
	{ "KASAN: null-ptr-deref in range [0x0000000000000008-0x000000000000000f]", 0 },
	{ "UBSAN: array-index-out-of-bounds in mm/gup.c:812:3", 0 },
	{ "UBSAN: shift-out-of-bounds in mm/page_alloc.c:1:2", 0 },
	{ "Oops: 0002 [#1] PREEMPT SMP NOPTI", 0 },
	{ "Oops: invalid opcode: 0000 [#1] PREEMPT SMP NOPTI", 0 },
	{ "Oops: general protection fault, probably for non-canonical address 0xdead000000000100: "
	  "0000 [#1] SMP", 0 },
	{ "invalid opcode: 0000 [#1] SMP NOPTI", 0 },
	{ "general protection fault: 0000 [#1] SMP NOPTI", 0 },
	{ "general protection fault, probably for non-canonical address 0xdead000000000100: 0000 "
	  "[#1] SMP", 0 },
	{ "Internal error: Oops: 0000000096000004 [#1] SMP", 0 },
	{ "Internal error: Oops - Undefined instruction: 0000000002000000 [#1] SMP", 0 },
	{ "Unable to handle kernel paging request at virtual address dead000000000108", 0 },
	{ "Unable to handle kernel NULL pointer dereference at virtual address 00000000000000b8",
	  0 },
	{ "mm/pgtable-generic.c:51: bad pmd 00000000c0ffee00(80000001234000e7)", 0 },
	{ "mm/pgtable-generic.c:45: bad pud 00000000c0ffee00(0000000000000001)", 0 },
	{ "mm/pgtable-generic.c:39: bad p4d 00000000c0ffee00(0000000000000001)", 0 },
	{ "mm/pgtable-generic.c:33: bad pgd 00000000c0ffee00(0000000000000001)", 0 },
	{ "mm/memory.c:1: bad pte 00000000c0ffee00(0000000000000001)", 0 },
	{ "INFO: task cow-actor0:311 blocked for more than 120 seconds.", 0 },
	{ "INFO: task cow-actor0:311 blocked in I/O wait for more than 120 seconds.", 0 },
	{ "INFO: rcu_sched self-detected stall on CPU", 0 },
	{ "rcu: INFO: rcu_sched self-detected stall on CPU", 0 },
	{ "rcu: INFO: rcu_preempt self-detected stall on CPU", 0 },
	{ "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", 0 },
	{ "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-...D } 6020 jiffies",
	  0 },
	{ "INFO: rcu_tasks detected stalls on tasks:", 0 },
	{ "list_add corruption. prev->next should be next (ffff888001234508), but was 0.", 0 },
	{ "list_del corruption, ffff888001234508->next is LIST_POISON1 (dead000000000100)", 0 },
	{ "list_del corruption. next->prev should be ffff888001234508, but was 0", 0 },
	{ "refcount_t: underflow; use-after-free.", 0 },
	{ "refcount_t: addition on 0; use-after-free.", 0 },
	{ "kmemleak: unreferenced object 0xffff888001234500 (size 64):", 0 },
};

static const char *const healthy[] = {
	"cowpin: run ro-pin.shared.gup.anon",
	"cowpin: loading out-of-tree module taints kernel.",
	"cowpin: module verification failed: signature and/or required key missing - tainting "
	"kernel",
	"Adding 524284k swap on /dev/zram0.  Priority:-2 extents:1 across:524284k SS",
	"zram0: detected capacity change from 0 to 1048576",
	"loop0: detected capacity change from 0 to 65536",
	"EXT4-fs (loop0): mounted filesystem with ordered data mode. Quota mode: none.",
	"XFS (loop1): Ending clean mount",
	"BTRFS info (device loop2): enabling free space tree",
	"vmstat_refresh: nr_hugetlb -2325504",
	"cow (311): drop_caches: 3",
	"Offlined Pages 32768",
	"page dumped because: migration failure",
	"Lockdep is turned on",
	/* Programs that die, and what the kernel tells of them. */
	"traps: prog[311] general protection fault ip:401136 sp:7ffd0 error:0 in prog[401000+1000]",
	"traps: prog[311] trap invalid opcode ip:401136 sp:7ffd0 error:0 in prog[401000+1000]",
	"traps: prog[311] trap divide error ip:401136 sp:7ffd0 error:0 in prog[401000+1000]",
	"prog[311]: segfault at 0 ip 0000000000401136 sp 00007ffd0 error 4 in prog[401000+1000]",
	"MCE: Killing cow-actor0:311 due to hardware memory corruption fault at 7f0000000000",
	"Out of memory: Killed process 311 (prog) total-vm:4096kB, anon-rss:4kB",
	/* Words with others in them. */
	"[drm] DEBUG: a mode was set",
	"device-mapper: xDEBUG: 1",
	"ACPI: [Firmware Bug]: BIOS needs update for CPU frequency support",
	"perf: interrupt took too long (2505 > 2500), lowering kernel.perf_event_max_sample_rate",
	"INFO: NMI handler (perf_event_nmi_handler) took too long to run: 1.234 msecs",
	"workqueue: blk_mq_run_work_fn hogged CPU for >10000us 4 times, consider switching",
	"rcu: Hierarchical SRCU implementation.",
	"sched: RT throttling activated",
	"watchdog: Delayed init of the lockup detector failed: -19",
	"NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.",
	"Kernel panic_on_oops is off",
};

int main(void)
{
	plan(2 * ARRAY_SIZE(complaints) + ARRAY_SIZE(healthy) + 1);
	for (size_t i = 0; i < ARRAY_SIZE(complaints); i++) {
		const char *line = complaints[i].line;

		ok(health_is_sign(line), "a complaint: %s", line);
		is_int(health_pid(line), complaints[i].pid, "of whom: %s", line);
	}
	for (size_t i = 0; i < ARRAY_SIZE(healthy); i++)
		ok(!health_is_sign(healthy[i]), "none: %s", healthy[i]);
	ok(!health_is_sign(""), "nothing is none");
	return tap_done();
}
