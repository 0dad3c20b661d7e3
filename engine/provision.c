// SPDX-License-Identifier: GPL-2.0-only
/* What a run sets up: THP settings, module, cgroups, and who else does what. */
#define _GNU_SOURCE
#include "engine/provision.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/charge.h"
#include "engine/gate.h"
#include "engine/module.h"
#include "engine/pools.h"
#include "engine/scratch.h"
#include "engine/settings.h"
#include "engine/swap.h"
#include "pins/dm.h"
#include "pins/fuse.h"
#include "pins/net.h"
#include "pins/ublk.h"
#include "pins/vfio.h"
#include "vm_util.h"

static unsigned int tests_at_once;

/* Every THP size for those who ask for it: see kinds/thp.c. */
static void enable_size(const char *path)
{
	settings_set(path, "madvise");
}

static void provide_thp(void)
{
	settings_set(THP_SYSFS "/enabled", "madvise");
	settings_set(THP_SYSFS "/defrag", "madvise");
	settings_set(THP_SYSFS "/shmem_enabled", "advise");
	thp_each_enabled(enable_size);
	/* khugepaged would put together what a kind has taken apart. */
	settings_set(THP_SYSFS "/khugepaged/pages_to_scan", "1");
	settings_set(THP_SYSFS "/khugepaged/scan_sleep_millisecs", "3600000");
}

static void provide_shmem_thp(void)
{
	settings_set(SHMEM_THP_ENABLED, "advise");
}

/* Pins that one test holds on disks or devices at most; stress has as many. */
#define DISKS_PER_TEST	4
#define DEVICES_PER_TEST	4

/* Holds I/O to see what pins it takes: not in the process that has the lock of the run. */
static bool asked_in_child(bool (*takes_pins)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		settings_in_child();
		_exit(takes_pins());
	}
	if (pid < 0)
		return false;
	status = process_wait(pid);
	return WIFEXITED(status) && WEXITSTATUS(status);
}

static void provide_disks(void)
{
	driver_load("loop", NULL);
	driver_load("dm_mod", NULL);
	if (settings_undo_by("dmremove " DM_PREFIX) ||
	    dm_pool_provide(tests_at_once * DISKS_PER_TEST))
		return;
	needs_provided(NEED(DM) | (asked_in_child(dmdio_takes_pins) ? NEED(DIOPIN) : 0));
}

static void provide_fuse(void)
{
	driver_load("fuse", NULL);
	if (fuse_known() && !servers_provide())
		needs_provided(NEED(FUSE) | (asked_in_child(fuse_takes_pins) ? NEED(FUSEPIN) : 0));
}

static int note_device(const char *address)
{
	return settings_undo_by("vfio %s", address);
}

static void provide_vfio(void)
{
	driver_load("vfio_pci", NULL);
	driver_load("vfio_iommu_type1", NULL);
	if (vfio_pool_provide(note_device, DEVICES_PER_TEST, tests_at_once))
		needs_provided(NEED(VFIO));
}

static void provide_ublk(void)
{
	driver_load("ublk_drv", NULL);
	if (ublk_known() && !settings_undo_by("ublkremove " UBLK_MARK) && !servers_provide())
		needs_provided(NEED(UBLK));
}

static void provide_kvm(void)
{
	driver_load("kvm_amd", NULL);
	if (access("/dev/kvm", F_OK))
		driver_load("kvm_intel", NULL);
}

/* All that is offered, at once. */
static void provide_ksm(void)
{
	settings_set("/sys/kernel/mm/ksm/sleep_millisecs", "0");
	settings_set("/sys/kernel/mm/ksm/pages_to_scan", "2000");
	settings_set("/sys/kernel/mm/ksm/use_zero_pages", "1");
	settings_set("/sys/kernel/mm/ksm/run", "1");
}

static void provide_huge_zeropage(void)
{
	settings_set(THP_SYSFS "/use_zero_page", "1");
}

static void provide_memcg(void)
{
	charge_provide();
}

static void provide_swap(void)
{
	if (!swap_provide() && swap_is_ours())
		needs_provided(NEED(SWAPOFF) | (swap_can_be_full() ? NEED(SWAPFULL) : 0));
}

static void provide_swap_disk(void)
{
	if (!swap_disk_provide())
		needs_provided(NEED(SWAPDISK));
}

/* Only in the guest that vm/init.c has set up: there nobody else misses the memory meanwhile. */
static void provide_offline(void)
{
	bool guest = in_own_guest();

	if (guest && memory_block_size() && !memory_blocks_offline(false) &&
	    !settings_undo_by("offline all"))
		needs_provided(NEED(OFFLINE));
}

/* memfds come with seals then, which udmabuf asks for. */
static void provide_sealed_memfds(void)
{
	if (!settings_set("/proc/sys/vm/memfd_noexec", "1"))
		needs_provided(NEED(UDMABUF));
}

static void provide_net(void)
{
	if (!net_provide())
		needs_provided(NEED(OWNNET));
}

/* In this order. What does not come about is told by the tests that need it. */
static const struct {
	uint64_t needs;		/* one of these */
	void (*provide)(void);
} means[] = {
	{ NEED(THP) | NEED(MTHP),	provide_thp },
	{ NEED(SHMEMTHP),		provide_shmem_thp },
	{ NEED(HUGE_ZERO),		provide_huge_zeropage },
	{ NEED(MODULE),			module_load },
	{ NEED(MEMCG),			provide_memcg },
	{ NEED(SWAP),			provide_swap },
	{ NEED(SWAPDISK),		provide_swap_disk },
	{ NEED(UDMABUF),		provide_sealed_memfds },
	{ NEED(OWNNET),			provide_net },
	{ NEED(DM),			provide_disks },
	{ NEED(FUSE),			provide_fuse },
	{ NEED(UBLK),			provide_ublk },
	{ NEED(VFIO),			provide_vfio },
	{ NEED(KVM),			provide_kvm },
	{ NEED(KSM),			provide_ksm },
	{ NEED(OFFLINE),		provide_offline },
};

static uint64_t all_needs(const struct plan *p)
{
	uint64_t needs = 0;

	for (size_t i = 0; i < p->nr; i++)
		needs |= test_needs(&p->tests[i]);
	return needs;
}

void provision(const struct plan *p, unsigned int jobs, uint64_t more)
{
	uint64_t needs = all_needs(p) | gate_needs() | more;

	/* Who may change nothing leaves nothing behind, either. */
	if (geteuid())
		return;
	tests_at_once = jobs;
	/* All markers of tests get into the kernel log, not ten in five seconds. */
	settings_set("/proc/sys/kernel/printk_devkmsg", "on");
	scratch_begin(needs);
	for (size_t i = 0; i < ARRAY_SIZE(means); i++)
		if (needs & means[i].needs)
			means[i].provide();
	pools_fill(p, jobs);
	scratch_provide(needs);
}
