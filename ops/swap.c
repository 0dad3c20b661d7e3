// SPDX-License-Identifier: GPL-2.0-only
/* Pages that go to swap although others have them, too; and that all come back from there. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <string.h>
#include <sys/swap.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "vm_util.h"

/* Unlike MADV_PAGEOUT, which is advice: not one page may stay that nobody pins or shares. */
static int swapout_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)page;
	(void)pages;
	(void)v;
	return mem_swap_out(m);
}

DEFINE_OPERATION(swapout) = {
	.id = "swapout", .about = "MADV_PAGEOUT until no page is left; a pinned page stays",
	.kinds = KIND_ANON | KIND_PRIVATE, .not_kinds = KIND_HUGETLB, .needs = NEED(SWAP),
	.keeps_protection = true, .refuses_pinned = { -EBUSY },
	.senseless = { -EBUSY, -EINVAL, -ENOMEM },
	.not_locked = true, .reclaims = true,
	.run = swapout_run,
};

/*
 * The only area is the run's own: that is what the operation needs. It is used again at once,
 * for the next step may need it.
 */
static int swapoff_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	char area[128];

	(void)page;
	(void)pages;
	(void)v;
	if (!swap_list(area, sizeof(area)))
		return 0;
	if (swapoff(area))
		return mem_fail(m, "swapoff of %s: %s", area, strerror(errno));
	if (swapon(area, 0))
		return mem_fail(m, "swapon of %s: %s", area, strerror(errno));
	return 0;
}

/* EINVAL: another random scenario has just done the same. */
DEFINE_OPERATION(swap_off) = {
	.id = "swapoff", .slow = true,
	.about = "swapoff(): all that is in swap comes back, as exclusive or shared as it was",
	.needs = NEED(SWAP) | NEED(SWAPOFF), .alone = true, .keeps_protection = true,
	.senseless = { -EINVAL, -EBUSY },
	.run = swapoff_run,
};

/* The memory.reclaim of the test's own group: see .own_group. */
static int reclaim_file(struct mem *m, char *path, size_t len)
{
	char text[256];

	if (file_read("/proc/self/cgroup", text, sizeof(text)) ||
	    strncmp(text, "0::/cowpin.", strlen("0::/cowpin."))) {
		errno = ENOENT;
		return mem_fail(m, "the process is in no group of its own");
	}
	snprintf(path, len, MEMCG_ROOT "%s/memory.reclaim", text + strlen("0::"));
	return 0;
}

static bool anything_present(struct mem *m)
{
	static uint64_t map[CELLS_MAX];
	const struct layout *l = &m->layout;

	if (pagemap_read(m->base, l->cells, l->stride, map))
		return true;
	for (size_t c = 0; c < l->cells; c++)
		if (map[c] & PM_PRESENT)
			return true;
	return false;
}

/* More than a test has, so that all of its group is asked for. */
#define ALL_OF_IT	"1G"
/* Pages that were used lately get another chance, and some more. */
#define ROUNDS		8
/* What no page table has can be in memory still. */
#define ROUNDS_MIN	2
/* So many that the kernel adds up what has become of them. */
#define BESIDE		128

/* EAGAIN: there was not that much to reclaim; EINTR: io_uring had something for the process. */
static int reclaim_round(struct mem *m, const char *path)
{
	int ret = file_write(path, ALL_OF_IT);

	if (!ret || ret == -EAGAIN || ret == -EINTR)
		return 0;
	errno = -ret;
	return mem_fail(m, "writing to memory.reclaim: %s", strerror(errno));
}

/*
 * What two processes have used becomes active, and stays so while too little else does, or comes
 * back from swap: so others do.
 */
static void crowd_out(char *beside, size_t len, char with)
{
	memset(beside, with, len);
	madvise(beside, len, MADV_PAGEOUT);
	for (size_t at = 0; at < len; at += page_size())
		*(volatile char *)(beside + at) = with;
}

/*
 * What the kernel goes by are sums of up to four seconds ago, unless somebody reads them. @path: of
 * memory.reclaim. Before 6.16 cpu.stat has all added up, memory.stat those that changed much.
 */
static void add_up(const char *path)
{
	static const char *const sums[] = { "cpu.stat", "memory.stat" };
	int dir = strrchr(path, '/') - path + 1;
	char file[320], some[64];

	for (size_t i = 0; i < sizeof(sums) / sizeof(*sums); i++) {
		snprintf(file, sizeof(file), "%.*s%s", dir, path, sums[i]);
		file_read(file, some, sizeof(some));
	}
}

/* A locked page or a zeropage does not go to swap. Without root nobody can tell: true, too. */
static bool stays_for_a_reason(uint64_t entry)
{
	uint64_t flags;

	return kpageflags(entry & PM_PFN_MASK, &flags) || KPF(flags, KPF_UNEVICTABLE) ||
	       KPF(flags, KPF_ZERO_PAGE);
}

/* EBUSY: one is left that would have to go if nobody has pinned it. Asked of base pages only. */
static int verify_reclaimed(struct mem *m)
{
	uint64_t entry;

	for (size_t c = 0; c < m->layout.cells && m->kind->props & KIND_BASE; c++) {
		entry = pagemap_entry(mem_page(m, layout_page(&m->layout, c)));
		if (!(entry & PM_PRESENT) || stays_for_a_reason(entry))
			continue;
		errno = EBUSY;
		return mem_fail(m, "memory.reclaim leaves a page in memory");
	}
	return 0;
}

/* MADV_PAGEOUT leaves alone what more than one process maps; this does not. */
static int reclaim_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	size_t len = BESIDE * page_size();
	char path[320], *beside;
	int ret = reclaim_file(m, path, sizeof(path));

	(void)page;
	(void)pages;
	(void)v;
	if (ret)
		return ret;
	beside = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (beside == MAP_FAILED)
		return mem_fail(m, "mmap: %s", strerror(errno));
	for (int i = 0; i < ROUNDS && !ret && (i < ROUNDS_MIN || anything_present(m)); i++) {
		if (i >= ROUNDS_MIN) {
			crowd_out(beside, len, i);
			add_up(path);
		}
		madvise(m->base, m->len, MADV_COLD);	/* of no effect where two map a page */
		ret = reclaim_round(m, path);
	}
	munmap(beside, len);
	return ret ? ret : verify_reclaimed(m);
}

DEFINE_OPERATION(reclaim) = {
	.id = "reclaim", .slow = true,
	.about = "memory.reclaim: shared pages go to swap, too; a pinned page stays",
	.not_kinds = KIND_HUGETLB, .needs = NEED(SWAP) | NEED(MEMCG) | NEED(RECLAIM),
	.reclaims = true, .refuses_pinned = { -EBUSY }, .senseless = { -EBUSY },
	.keeps_protection = true, .own_group = true, .run = reclaim_run,
};
