// SPDX-License-Identifier: GPL-2.0-only
/* Requirements: see needs.h. */
#define _GNU_SOURCE
#include "needs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/kvm.h>
#include <linux/magic.h>
#include <linux/userfaultfd.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "io_uring_calls.h"
#include "mm_calls.h"
#include "vm_util.h"

#define KSM_SYSFS	"/sys/kernel/mm/ksm"
#define GUP_TEST_FILE	"/sys/kernel/debug/gup_test"
#define GUP_TEST_STOP	_IO('g', 8)

struct ask {
	size_t size;
	unsigned int pages;
	char *why;
	size_t len;
};

__attribute__((format(printf, 2, 3)))
static bool no(const struct ask *a, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(a->why, a->len, fmt, args);
	va_end(args);
	return false;
}

/* The pagemap entry of a page of ours that was just written. */
static uint64_t fresh_entry(void)
{
	char *at = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	uint64_t entry;

	if (at == MAP_FAILED)
		return 0;
	*at = 1;
	entry = pagemap_entry(at);
	munmap(at, page_size());
	return entry;
}

static bool root_met(const struct ask *a)
{
	if (geteuid())
		return no(a, "not run as root");
	if (!(fresh_entry() & PM_PFN_MASK))
		return no(a, "pagemap shows no PFNs (no CAP_SYS_ADMIN?)");
	return true;
}

/*
 * gup_test can hold a pin since 6.2; before that, it knows no such call. Asked only once:
 * asking releases the machine's one pin, whosever it is.
 */
static bool gup_test_holds_pins(void)
{
	int fd = open(GUP_TEST_FILE, O_RDWR | O_CLOEXEC);
	bool holds = fd >= 0 && !ioctl(fd, GUP_TEST_STOP);

	if (fd >= 0)
		close(fd);
	return holds;
}

static bool module_met(const struct ask *a)
{
	if (!access("/dev/cowpin", R_OK | W_OK) || gup_test_holds_pins())
		return true;
	return no(a, "neither /dev/cowpin (our module) nor a gup_test that holds pins");
}

static bool device_met(const struct ask *a)
{
	if (!access("/dev/cowpin", R_OK | W_OK))
		return true;
	return no(a, "no /dev/cowpin (our module), and gup_test can neither pin short-term nor "
		  "write through a pin");
}

static bool iouring_met(const struct ask *a)
{
	struct io_uring_params params = { 0 };
	int fd = syscall(SYS_io_uring_setup, 1, &params);

	if (fd < 0)
		return no(a, "io_uring_setup: %s", strerror(errno));
	close(fd);
	return true;
}

/* Has io_uring_register() @op? An unknown one is EINVAL, others look at @arg first. */
static bool ring_knows(int op, void *arg, unsigned int nr, int refusal)
{
	struct io_uring_params params = { 0 };
	int fd = syscall(SYS_io_uring_setup, 1, &params);
	bool knows = fd >= 0 && syscall(SYS_io_uring_register, fd, op, arg, nr) < 0 &&
		     errno == refusal;

	if (fd >= 0)
		close(fd);
	return knows;
}

/* There is no table of buffers to be changed, and no ring to clone from. */
static bool ioupdate_met(const struct ask *a)
{
	struct io_uring_rsrc_update2 none = { .nr = 1 };

	return ring_knows(IORING_REGISTER_BUFFERS_UPDATE, &none, sizeof(none), ENXIO) ||
	       no(a, "io_uring cannot replace a registered buffer (5.13)");
}

static bool ioclone_met(const struct ask *a)
{
	uint32_t none[8] = { ~0U };

	return ring_knows(REGISTER_CLONE_BUFFERS, none, 1, EBADF) ||
	       no(a, "io_uring cannot clone buffers of another ring (6.12)");
}

#define SETUP_NO_MMAP	(1U << 14)

/* Address 0 is nobody's: who knows the flag tries to pin it. */
static bool iorings_met(const struct ask *a)
{
	struct io_uring_params params = { .flags = SETUP_NO_MMAP };
	int fd = syscall(SYS_io_uring_setup, 1, &params);

	if (fd < 0 && errno == EFAULT)
		return true;
	if (fd >= 0)
		close(fd);
	return no(a, "io_uring has no rings in user memory (6.5)");
}

#define OP_SEND_ZC	47

static bool sendzc_met(const struct ask *a)
{
	union {
		struct io_uring_probe probe;
		char room[sizeof(struct io_uring_probe) + 256 * sizeof(struct io_uring_probe_op)];
	} all = { 0 };
	struct io_uring_params params = { 0 };
	int fd = syscall(SYS_io_uring_setup, 1, &params);
	bool met = fd >= 0 &&
		   !syscall(SYS_io_uring_register, fd, IORING_REGISTER_PROBE, &all, 256) &&
		   all.probe.ops[OP_SEND_ZC].flags & IO_URING_OP_SUPPORTED;

	if (fd >= 0)
		close(fd);
	return met || no(a, "io_uring has no IORING_OP_SEND_ZC (6.0)");
}

static bool hugetlb_met(const struct ask *a)
{
	long long have = hugetlb_count(a->size, "nr_hugepages");

	if (have < 0)
		return no(a, "the machine has no hugetlb pages of %zu kB", a->size / KIB);
	if (have < a->pages)
		return no(a, "the pool of %zu kB pages has %lld, %u are needed", a->size / KIB,
			  have, a->pages);
	return true;
}

static bool thp_met(const struct ask *a)
{
	char word[32];

	if (!thp_pmd_size())
		return no(a, "the kernel has no PMD-sized THP");
	if (choice_read(THP_SYSFS "/enabled", word, sizeof(word)) || !strcmp(word, "never"))
		return no(a, "THP is switched off");
	return true;
}

static bool huge_zero_met(const struct ask *a)
{
	if (file_number(THP_SYSFS "/use_zero_page") != 1)
		return no(a, "the huge zeropage is switched off");
	return true;
}

static bool softdirty_met(const struct ask *a)
{
	if (!(fresh_entry() & PM_SOFT_DIRTY))
		return no(a, "the kernel tracks no soft-dirty bits");
	return true;
}

static bool memcg_met(const struct ask *a)
{
	char have[256];

	if (file_read(MEMCG_ROOT "/cgroup.controllers", have, sizeof(have)) ||
	    !strstr(have, "memory"))
		return no(a, "no cgroup v2 with the memory controller at " MEMCG_ROOT);
	return true;
}

/* Bytes that must be free in swap: all the tests that run side by side, and more. */
#define SWAP_NEEDED	(64 * MIB)

static bool swap_met(const struct ask *a)
{
	if (meminfo("SwapFree") < (long long)SWAP_NEEDED)
		return no(a, "no swap, or less than %lu MiB of it is free", SWAP_NEEDED / MIB);
	return true;
}

static bool mthp_met(const struct ask *a)
{
	char path[128], word[32];

	if (a->size == thp_pmd_size())
		return true;
	snprintf(path, sizeof(path), THP_SYSFS "/hugepages-%zukB/enabled", a->size / KIB);
	if (choice_read(path, word, sizeof(word)))
		return no(a, "the kernel has no THP of %zu kB", a->size / KIB);
	if (!strcmp(word, "never"))
		return no(a, "THP of %zu kB is switched off", a->size / KIB);
	return true;
}

static bool shmemthp_met(const struct ask *a)
{
	char word[32];

	if (choice_read(SHMEM_THP_ENABLED, word, sizeof(word)))
		return no(a, "the kernel has no large folios of shared memory but of THP size");
	if (!strcmp(word, "never"))
		return no(a, "large folios of shared memory are switched off");
	return true;
}

static bool scratch_met(const struct ask *a, const char *dir, long magic)
{
	struct statfs fs;

	if (statfs(dir, &fs) || fs.f_type != magic)
		return no(a, "no scratch file system at %s (no such file system, disk or mkfs)",
			  dir);
	return true;
}

static bool ext4_met(const struct ask *a)
{
	return scratch_met(a, SCRATCH_DIR "ext4", EXT4_SUPER_MAGIC);
}

static bool xfs_met(const struct ask *a)
{
	return scratch_met(a, SCRATCH_DIR "xfs", XFS_SUPER_MAGIC);
}

static bool btrfs_met(const struct ask *a)
{
	return scratch_met(a, SCRATCH_DIR "btrfs", BTRFS_SUPER_MAGIC);
}

/* A write to a read-only page of our own, as a debugger makes it. */
static bool force_works(void)
{
	char *at = mmap(NULL, page_size(), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	bool works = at != MAP_FAILED && fd >= 0 && pwrite(fd, "x", 1, (uintptr_t)at) == 1;

	if (fd >= 0)
		close(fd);
	if (at != MAP_FAILED)
		munmap(at, page_size());
	return works;
}

static bool force_met(const struct ask *a)
{
	return force_works() ||
	       no(a, "the kernel allows no FOLL_FORCE writes (proc_mem.force_override)");
}

static bool uffd_met(const struct ask *a)
{
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0)
		return no(a, "userfaultfd: %s", strerror(errno));
	close(fd);
	return true;
}

/* Collapse a range with one page in it; EINVAL means that the kernel does not know how. */
static bool collapse_known(void)
{
	size_t pmd = thp_largest(), len = 2 * pmd;
	char *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *at = (char *)(((uintptr_t)map + pmd - 1) / pmd * pmd);
	bool known;

	if (map == MAP_FAILED)
		return false;
	madvise(map, len, MADV_NOHUGEPAGE);
	*at = 1;
	madvise(map, len, MADV_HUGEPAGE);
	known = !madvise(at, pmd, MADV_COLLAPSE) || errno != EINVAL;
	munmap(map, len);
	return known;
}

static bool collapse_met(const struct ask *a)
{
	return collapse_known() || no(a, "the kernel has no MADV_COLLAPSE (6.1)");
}

/* Does madvise() know @advice? Asked of a page of our own. */
static bool advice_known(int advice)
{
	char *at = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	bool known = at != MAP_FAILED && !madvise(at, page_size(), advice);

	if (at != MAP_FAILED)
		munmap(at, page_size());
	return known;
}

static bool populate_met(const struct ask *a)
{
	return advice_known(MADV_POPULATE_WRITE) ||
	       no(a, "the kernel has no MADV_POPULATE_WRITE (5.14)");
}

static bool guard_met(const struct ask *a)
{
	return advice_known(MADV_GUARD_INSTALL) ||
	       no(a, "the kernel has no MADV_GUARD_INSTALL (6.13)");
}

/* Since 5.13 for all mappings; asked of one of a file. */
static bool dontunmap_met(const struct ask *a)
{
	char *at = mmap(NULL, page_size(), PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0), *to;

	to = at == MAP_FAILED ? at : mremap(at, page_size(), page_size(),
					    MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	if (at != MAP_FAILED)
		munmap(at, page_size());
	if (to == MAP_FAILED)
		return no(a, "the kernel has no MREMAP_DONTUNMAP for all mappings (5.13)");
	munmap(to, page_size());
	return true;
}

/* Has userfaultfd all @features (UFFD_FEATURE_*)? */
static bool uffd_offers(uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	bool offers = fd >= 0 && !ioctl(fd, UFFDIO_API, &api);

	if (fd >= 0)
		close(fd);
	return offers;
}

static bool uffdmove_met(const struct ask *a)
{
	return uffd_offers(1 << 16) ||
	       no(a, "the kernel has no UFFDIO_MOVE (6.8)");
}

/* Of hugetlb, pages can be given up by their address since 5.18. */
static bool uffdminor_met(const struct ask *a)
{
	return (uffd_offers(1 << 9 | 1 << 10) && kernel_at_least(5, 18)) ||
	       no(a, "the kernel has no UFFDIO_CONTINUE for hugetlb and shmem (5.18)");
}

static bool uffdwpfile_met(const struct ask *a)
{
	return uffd_offers(1 << 12) ||
	       no(a, "userfaultfd cannot write-protect hugetlb and shmem (5.19)");
}

/* WP_ASYNC came with PAGEMAP_SCAN. */
static bool scanwp_met(const struct ask *a)
{
	return uffd_offers(1 << 15) ||
	       no(a, "the kernel has no UFFD_FEATURE_WP_ASYNC (6.7)");
}

static bool compact_met(const struct ask *a)
{
	return !access("/proc/sys/vm/compact_memory", W_OK) ||
	       no(a, "/proc/sys/vm/compact_memory is not there or not writable");
}

static bool uprobe_met(const struct ask *a)
{
	return file_number(UPROBE_TYPE) > 0 ||
	       no(a, "the kernel has no uprobes by perf_event_open");
}

static bool numa_met(const struct ask *a)
{
	char nodes[64];

	return (!file_read("/sys/devices/system/node/has_memory", nodes, sizeof(nodes)) &&
		strpbrk(nodes, "-,")) || no(a, "the machine has one NUMA node");
}

/* Pages of others that ksmd may have to look at before it gets to ours. */
#define KSM_BUSY	20000

static bool ksm_met(const struct ask *a)
{
	long long others = file_number(KSM_SYSFS "/pages_sharing") +
			   file_number(KSM_SYSFS "/pages_unshared") +
			   file_number(KSM_SYSFS "/pages_volatile");

	if (file_number(KSM_SYSFS "/run") != 1)
		return no(a, "the kernel has no KSM, or it does not run");
	return others < KSM_BUSY ||
	       no(a, "ksmd is busy with %lld pages of other programs", others);
}

static bool split_met(const struct ask *a)
{
	char *at = mmap(NULL, page_size(), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char range[96];
	int ret;

	/* Of a process's range it can be asked since 5.13; there is nothing to split here. */
	snprintf(range, sizeof(range), "%d,%#lx,%#lx", getpid(), (unsigned long)at,
		 (unsigned long)(at + page_size()));
	ret = file_write(SPLIT_FILE, range);
	munmap(at, page_size());
	return !ret || no(a, "no " SPLIT_FILE " that takes a range (5.13, THP, debugfs): %s",
			  strerror(-ret));
}

/* What only a run has that has set it up. */
static uint64_t provided;

void needs_provided(uint64_t mask)
{
	provided |= mask;
}

static bool kvm_met(const struct ask *a)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm = kvm < 0 ? -1 : ioctl_again(kvm, KVM_CREATE_VM, 0);

	if (vm < 0)
		no(a, "no virtual machines (/dev/kvm): %s", strerror(errno));
	else
		close(vm);
	if (kvm >= 0)
		close(kvm);
	return vm >= 0;
}

static bool xdp_met(const struct ask *a)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return no(a, "no AF_XDP: %s", strerror(errno));
	close(fd);
	return true;
}

/* As the tested memory is made: without a word about seals. */
static bool memfd_sealable(void)
{
	int fd = memfd_create("cowpin", MFD_CLOEXEC), seals = fcntl(fd, F_GET_SEALS);

	close(fd);
	return seals >= 0 && !(seals & F_SEAL_SEAL);
}

static bool secretmem_met(const struct ask *a)
{
	int fd = syscall(SYS_memfd_secret, O_CLOEXEC);

	if (fd < 0)
		return no(a, "no memfd_secret() (5.14; secretmem.enable=1, CONFIG_SECRETMEM)");
	close(fd);
	return true;
}

static bool udmabuf_met(const struct ask *a)
{
	if (access("/dev/udmabuf", R_OK | W_OK))
		return no(a, "no /dev/udmabuf");
	if (!(provided & NEED(UDMABUF)) || !memfd_sealable())
		return no(a, "memfds cannot be sealed (vm.memfd_noexec is not 1)");
	return true;
}

static bool reclaim_met(const struct ask *a)
{
	return !access(MEMCG_ROOT "/memory.reclaim", W_OK) ||
	       no(a, "the kernel has no memory.reclaim (5.19, cgroup v2)");
}

static const struct {
	const char *code;		/* "no-" and the name, if it has no other */
	const char *name;
	bool (*met)(const struct ask *a);	/* or: */
	const char *unprovided;		/* what is missing, unless the run has set it up */
	bool by_size;			/* the answer depends on it */
} needs[NR_NEEDS] = {
	[NEED_ROOT] = { .code = "no-root", .met = root_met },
	[NEED_MODULE] = { .code = "no-module", .name = "pin", .met = module_met },
	[NEED_DEVICE] = { .code = "no-module", .met = device_met },
	[NEED_IOURING] = { .code = "no-iouring", .met = iouring_met },
	[NEED_IOUPDATE] = { .code = "no-iouring-update", .met = ioupdate_met },
	[NEED_IOCLONE] = { .code = "no-iouring-clone", .met = ioclone_met },
	[NEED_IORINGS] = { .code = "no-iouring-rings", .met = iorings_met },
	[NEED_SENDZC] = { .code = "no-sendzc", .met = sendzc_met },
	[NEED_HUGETLB] = { .code = "no-hugetlb", .met = hugetlb_met, .by_size = true },
	[NEED_THP] = { .code = "no-thp", .met = thp_met },
	[NEED_HUGE_ZERO] = { .code = "no-huge-zeropage", .met = huge_zero_met },
	[NEED_MEMCG] = { .code = "no-memcg", .met = memcg_met },
	[NEED_SWAP] = { .code = "no-swap", .met = swap_met },
	[NEED_MTHP] = { .code = "no-mthp", .met = mthp_met, .by_size = true },
	[NEED_SHMEMTHP] = { .code = "no-shmem-thp", .met = shmemthp_met },
	[NEED_EXT4] = { .code = "no-ext4", .met = ext4_met },
	[NEED_XFS] = { .code = "no-xfs", .met = xfs_met },
	[NEED_BTRFS] = { .code = "no-btrfs", .met = btrfs_met },
	[NEED_FORCE] = { .code = "no-force", .met = force_met },
	[NEED_UFFD] = { .code = "no-uffd", .met = uffd_met },
	[NEED_COLLAPSE] = { .code = "kernel", .name = "collapse", .met = collapse_met },
	[NEED_POPULATE] = { .code = "no-populate", .met = populate_met },
	[NEED_GUARD] = { .code = "no-guard", .met = guard_met },
	[NEED_DONTUNMAP] = { .code = "no-dontunmap", .met = dontunmap_met },
	[NEED_UFFDMOVE] = { .code = "no-uffdmove", .met = uffdmove_met },
	[NEED_COMPACT] = { .code = "no-compact", .met = compact_met },
	[NEED_UPROBE] = { .code = "no-uprobe", .met = uprobe_met },
	[NEED_NUMA] = { .code = "no-numa", .met = numa_met },
	[NEED_KSM] = { .code = "no-ksm", .met = ksm_met },
	[NEED_SPLIT] = { .code = "no-split", .met = split_met },
	[NEED_DM] = { .code = "no-dm",
		.unprovided = "no disk that can be stopped (dm_mod, loop, a run as root)" },
	[NEED_DIOPIN] = { .code = "no-dio-pin",
		.unprovided = "O_DIRECT takes references, not pins (6.5)" },
	[NEED_FUSE] = { .code = "no-fuse",
		.unprovided = "no file systems in user space (fuse, fsopen, a run as root)" },
	[NEED_FUSEPIN] = { .code = "no-fuse-pin",
		.unprovided = "FUSE takes references, not pins" },
	[NEED_UBLK] = { .code = "no-ublk",
		.unprovided = "no disks in user space (ublk_drv with UBLK_F_USER_COPY, "
			      "a run as root)" },
	[NEED_OWNNET] = { .code = "no-net",
		.unprovided = "no network of the run's own (CONFIG_NET_NS, a run as root)" },
	[NEED_VFIO] = { .code = "no-vfio",
		.unprovided = "no edu devices behind an IOMMU (QEMU, vfio-pci, a run as root)" },
	[NEED_XDP] = { .code = "no-xdp", .met = xdp_met },
	[NEED_UDMABUF] = { .code = "no-udmabuf", .met = udmabuf_met },
	[NEED_SWAPOFF] = { .code = "no-swapoff",
		.unprovided = "there is swap that is not the run's own, or none" },
	[NEED_SWAPDISK] = { .code = "no-swap-disk",
		.unprovided = "no disk to swap to (virtio_blk or loop, mkswap, a run as root)" },
	[NEED_SWAPFULL] = { .code = "no-swap-full",
		.unprovided = "the run does not swap to zram, which can be told to refuse writes" },
	[NEED_RECLAIM] = { .code = "no-reclaim", .met = reclaim_met },
	[NEED_KVM] = { .code = "no-kvm", .met = kvm_met },
	[NEED_UFFDMINOR] = { .code = "no-uffd-minor", .met = uffdminor_met },
	[NEED_UFFDWPFILE] = { .code = "no-uffd-wp-file", .met = uffdwpfile_met },
	[NEED_OFFLINE] = { .code = "no-offline",
		.unprovided = "no guest of run_vmtests.sh, or its memory cannot be taken offline "
			      "(CONFIG_MEMORY_HOTREMOVE)" },
	[NEED_SECRETMEM] = { .code = "no-secretmem", .met = secretmem_met },
	[NEED_SCANWP] = { .code = "no-scan-wp", .met = scanwp_met },
	[NEED_SOFTDIRTY] = { .code = "no-softdirty", .met = softdirty_met },
};

const char *need_code(enum need n)
{
	return needs[n].code;
}

const char *need_name(enum need n)
{
	return needs[n].name ? needs[n].name : needs[n].code + strlen("no-");
}

int need_find(const char *name)
{
	for (int n = 0; n < NR_NEEDS; n++)
		if (!strcmp(need_name(n), name))
			return n;
	return -1;
}

const char *need_names(void)
{
	static char names[512];

	if (names[0])
		return names;
	for (int n = 0; n < NR_NEEDS; n++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
			 n ? ", " : "", need_name(n));
	return names;
}

/*
 * An answer that does not depend on a size is asked for once: tests are many, and some
 * questions cost a system call or ten.
 */
static bool met(int n, const struct ask *a)
{
	static enum { UNKNOWN, MET, UNMET } answers[NR_NEEDS];
	static char whys[NR_NEEDS][160];

	if (needs[n].unprovided)
		return (provided & (1ULL << n)) || no(a, "%s", needs[n].unprovided);
	if (needs[n].by_size)
		return needs[n].met(a);
	if (answers[n] == UNKNOWN) {
		struct ask ask = { .why = whys[n], .len = sizeof(whys[n]) };

		answers[n] = needs[n].met(&ask) ? MET : UNMET;
	}
	if (answers[n] == UNMET)
		snprintf(a->why, a->len, "%s", whys[n]);
	return answers[n] == MET;
}

int needs_unmet(uint64_t mask, size_t size, unsigned int pages, char *why, size_t len)
{
	struct ask ask = { .size = size, .pages = pages, .why = why, .len = len };

	for (int n = 0; n < NR_NEEDS; n++)
		if ((mask & (1ULL << n)) && !met(n, &ask))
			return n;
	return -1;
}
