// SPDX-License-Identifier: GPL-2.0-only
/* Negative controls: see inject.h. */
#define _GNU_SOURCE
#include "engine/inject.h"

#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/settings.h"
#include "engine/swap.h"
#include "kinds/kind.h"
#include "mm_calls.h"
#include "vm_util.h"

enum fault injected;

static const struct { const char *name, *about; } faults[NR_FAULTS] = {
	[FAULT_NONE] = { "none", "nothing goes wrong" },
	[FAULT_STALE_PIN] = { "stale-pin", "pinned pages are replaced by copies" },
	[FAULT_LEAK] = { "leak", "parent and child share what should be private" },
	[FAULT_PRIVATE] = { "private", "in a race, writes do not reach the file they are to" },
	[FAULT_WRONG_PAGE] = { "wrong-page", "a write leaves another page's content" },
	[FAULT_OTHER_TEST] = { "other-test", "a write leaves what another test would" },
	[FAULT_TORN_PAGE] = { "torn-page", "a write covers only half of a page" },
	[FAULT_LOST_WRITE] = { "lost-write", "a write does not happen" },
	[FAULT_HANG] = { "hang", "an actor does not answer" },
	[FAULT_OTHER_DIES] = { "other-dies", "an actor is killed while another one acts" },
	[FAULT_DIE_LATE] = { "die-late", "an actor dies after it has answered" },
	[FAULT_DIE] = { "die", "an actor dies of SIGBUS" },
	[FAULT_VANISH] = { "vanish", "an actor exits" },
	[FAULT_DIRECTOR_DIES] = { "director-dies", "the director dies" },
	[FAULT_SETUP] = { "setup", "a set-up step fails" },
	[FAULT_WRONG_KIND] = { "wrong-kind", "the memory is not of the kind tested" },
	[FAULT_NO_MPROTECT] = { "no-mprotect", "mprotect does nothing" },
	[FAULT_NO_UNMAP] = { "no-unmap", "munmap does nothing, nor MADV_GUARD_INSTALL" },
	[FAULT_KEEP] = { "keep", "memory that is unmapped is not given back" },
	[FAULT_SEAL] = { "seal", "memory turns read-only before a write" },
	[FAULT_LOSE] = { "lose", "a child begins without its parent's pages" },
	[FAULT_WRITE_THROUGH] = { "write-through", "a private write reaches the file" },
	[FAULT_PRETEND] = { "pretend", "a refused pin is taken for given" },
	[FAULT_WRITABLE] = { "writable", "a device may write what it should only read" },
	[FAULT_POPULATE] = { "populate", "a pin populates pages that it need not" },
	[FAULT_THAW] = { "thaw", "a pin that is to show zeroes is of a page that is written" },
	[FAULT_CHARGE] = { "charge", "a pin costs memory elsewhere" },
	[FAULT_SPLAT] = { "splat", "the kernel log gets a warning" },
	[FAULT_LATE_SPLAT] = { "late-splat", "the kernel log gets a warning after the tests" },
	[FAULT_EXIT_SPLAT] = { "exit-splat", "it gets one of a process whose test is over" },
	[FAULT_AGAIN_SPLAT] = { "again-splat", "it gets one when a test runs once more" },
	[FAULT_LOST_REST] = { "lost-rest", "a write spoils another word of its page" },
	[FAULT_STRAY] = { "stray", "a child gets memory that was kept from it" },
	[FAULT_UNNOTICED] = { "unnoticed", "a write leaves no soft-dirty bit, and protection" },
	[FAULT_UNPROTECTED] = { "unprotected", "PAGEMAP_SCAN protects nothing" },
	[FAULT_UNLOCKED] = { "unlocked", "mlock() does nothing" },
	[FAULT_CHILD_LOCKED] = { "child-locked", "a child begins with locked memory" },
	[FAULT_LOCK_COUNT] = { "lock-count", "locked memory is counted twice" },
	[FAULT_EVICT] = { "evict", "what is locked goes to swap" },
	[FAULT_HOLD] = { "hold", "somebody else has what is to go to swap" },
	[FAULT_MISSERVED] = { "misserved", "a userfault is answered with something else" },
	[FAULT_UNASKED] = { "unasked", "a userfault is not counted" },
	[FAULT_SHARED_PIN] = { "shared-pin", "a pinned page is not exclusive" },
	[FAULT_WRONG_PIN] = { "wrong-pin", "in the end a pin shows what nobody wrote" },
	[FAULT_MOVABLE] = { "movable", "pinned pages count as those of ZONE_MOVABLE" },
	[FAULT_SPLIT] = { "split", "a pin splits the mapping of a large folio" },
	[FAULT_UNCOUNTED] = { "uncounted", "a pin is not counted" },
	[FAULT_COUNTED] = { "counted", "a pin goes on being counted after its end" },
	[FAULT_LEAVE_PIN] = { "leave-pin", "a page stays pinned after the test" },
	[FAULT_LEAVE_FD] = { "leave-fd", "a descriptor stays open" },
	[FAULT_LEAVE_PROCESS] = { "leave-process", "a process lives on" },
	[FAULT_LEAVE_SETTING] = { "leave-setting", "vm.swappiness changes" },
	[FAULT_LEAVE_FD_ONCE] = { "leave-fd-once", "a descriptor stays open, once" },
	[FAULT_LEAVE_PROCESS_ONCE] = { "leave-process-once", "a process lives on, once" },
	[FAULT_LEAVE_POOL] = { "leave-pool", "the hugetlb pool grows, and pages of it are taken" },
	[FAULT_LEAVE_SWAP] = { "leave-swap", "the run's swap area is switched off, or on again" },
	[FAULT_LEAVE_PAGE] = { "leave-page", "a page stays in use that nobody has" },
	[FAULT_FORGOTTEN] = { "forgotten", "pages that gave way to others count as not free" },
	[FAULT_LEAVE_THP] = { "leave-thp", "settings of khugepaged and of THP sizes change" },
	[FAULT_TAINT] = { "taint", "the kernel is tainted, until the next boot" },
};

const char *fault_name(enum fault f)
{
	return faults[f].name;
}

const char *fault_about(enum fault f)
{
	return faults[f].about;
}

bool inject_select(const char *name)
{
	for (int i = 0; i < NR_FAULTS; i++) {
		if (!strcmp(faults[i].name, name)) {
			injected = i;
			return true;
		}
	}
	return false;
}

/* Replace [at, at + len) by fresh memory (@flags of mmap) with the same content. */
static int replace(struct mem *m, size_t first_cell, size_t cells, char *at, size_t len,
		   int flags)
{
	const struct layout *l = &m->layout;
	char *copy = malloc(cells * l->page), *base = m->base;

	if (!copy)
		return -ENOMEM;
	for (size_t c = 0; c < cells; c++)
		memcpy(copy + c * l->page, base + layout_page(l, first_cell + c) * l->page,
		       l->page);
	if (mmap(at, len, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	    MAP_FAILED) {
		free(copy);
		return -errno;
	}
	for (size_t c = 0; c < cells; c++)
		memcpy(base + layout_page(l, first_cell + c) * l->page, copy + c * l->page,
		       l->page);
	free(copy);
	return 0;
}

int inject_replace_pages(struct mem *m, const struct pin *p)
{
	return replace(m, p->first_cell, p->cells, p->addr, p->len, MAP_PRIVATE);
}

int inject_share_memory(struct mem *m)
{
	return replace(m, 0, m->layout.cells, m->base, m->len, MAP_SHARED);
}

/* Of the same file: what was written is there, what will be written reaches it no more. */
int inject_private_memory(struct mem *m)
{
	if (m->fd < 0)
		return 0;
	return mmap(m->base, m->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, m->fd,
		    m->offset) == MAP_FAILED ? -errno : 0;
}

int inject_wrong_kind(struct mem *m)
{
	return replace(m, 0, m->layout.cells, m->base, m->len,
		       m->kind->props & KIND_SHARED ? MAP_PRIVATE : MAP_SHARED);
}

int inject_lose_memory(struct mem *m)
{
	void *at = mmap(m->base, m->len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	return at == MAP_FAILED ? -errno : 0;
}

void inject_lock(struct mem *m)
{
	if (mlock2(m->base, m->len, MLOCK_ONFAULT))
		perror("injection");
}

/* Locked again at once, as if it had always been. */
void inject_evict(struct mem *m)
{
	if (smaps_bytes(m->base, "Locked") <= 0)
		return;
	if (syscall(SYS_munlock, m->base, m->len) || madvise(m->base, m->len, MADV_PAGEOUT))
		perror("injection");
	inject_lock(m);
}

void inject_write_through(const struct mem *m)
{
	uint64_t word = word_encode((struct value){ WRITER_FILE, 99 }, 0, 0);

	if (m->fd >= 0 && pwrite(m->fd, &word, sizeof(word), m->offset) < 0)
		perror("injection");
}

int inject_keep(void *at, size_t len)
{
	return mremap(at, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
		      mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) ==
	       MAP_FAILED ? -1 : 0;
}

void inject_thaw(const struct pin *p)
{
	*(volatile char *)p->addr = 0;
}

void inject_cost(struct mem *m)
{
	size_t len = 16 * MIB;

	if (injected == FAULT_POPULATE)
		*(volatile char *)m->base = 0;
	if (injected == FAULT_CHARGE)
		memset(mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		       1, len);
}

void inject_split(struct mem *m)
{
	size_t page = page_size();

	if (m->len > page && (mprotect(m->base, page, PROT_READ) ||
			      mprotect(m->base, page, PROT_READ | PROT_WRITE)))
		perror("injection");
}

void inject_splat(pid_t pid)
{
	char line[128];

	snprintf(line, sizeof(line), "<4>WARNING: CPU: 0 PID: %d at injected by cowpin\n",
		 pid);
	file_write("/dev/kmsg", line);
	file_write("/dev/kmsg", "<4>RIP: 0010:injected+0x1/0x2\n");
}

void inject_late_splat(pid_t pid)
{
	if (injected == FAULT_LATE_SPLAT || (injected == FAULT_EXIT_SPLAT && pid))
		inject_splat(injected == FAULT_LATE_SPLAT ? 0 : pid);
}

void inject_leave_by_actor(void)
{
	if (fork())
		return;
	setsid();
	for (;;)
		pause();
}

/* It has it pinned until the process ends. */
static void pin_for_good(void *at, size_t len)
{
	struct iovec iov = { at, len };
	struct io_uring ring;

	if (io_uring_queue_init(1, &ring, 0) || io_uring_register_buffers(&ring, &iov, 1))
		perror("injection");
}

void inject_hold(const struct mem *m)
{
	pin_for_good(m->base, m->layout.page);
}

void inject_pin(void)
{
	static char page[8192] __attribute__((aligned(4096)));

	pin_for_good(page, 4096);
}

static void leave_setting(void)
{
	const char *path = "/proc/sys/vm/swappiness";
	char value[16];

	snprintf(value, sizeof(value), "%lld", file_number(path) ^ 1);
	settings_set(path, value);
}

/* Two pages more than there were, so that no test lacks them: one is used, one reserved. */
static void leave_pool(void)
{
	size_t size = 0, page = page_size();
	char path[128], value[32];
	volatile char *at;

	if (hugetlb_sizes(&size, 1) < 1)
		return;
	snprintf(value, sizeof(value), "%lld", hugetlb_count(size, "nr_hugepages") + 2);
	settings_set(hugetlb_path(size, "nr_hugepages", path, sizeof(path)), value);
	at = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
		  MAP_HUGETLB | huge_size_bits(size), -1, 0);
	if (at == MAP_FAILED)
		perror("injection");
	else
		at[page] = 1;
}

/* Each time the other way: a run of the test alone must find that something has changed. */
static void leave_swap(void)
{
	static char area[256];

	if (swap_is_ours() && swap_list(area, sizeof(area)) == 1) {
		if (swapoff(area))
			perror("injection");
	} else if (area[0] && swapon(area, 0)) {
		perror("injection");
	}
}

/* In a pipe, the page of a mapping that is gone. */
static void leave_page(void)
{
	size_t len = page_size();
	char *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec iov = { at, len };
	int end[2];

	if (at == MAP_FAILED || pipe(end)) {
		perror("injection");
		return;
	}
	*at = 1;
	if (vmsplice(end[1], &iov, 1, 0) < 0)
		perror("injection");
	munmap(at, len);
}

static void leave_descriptor(void)
{
	if (dup(STDIN_FILENO) < 0)
		perror("injection");
}

/* Not when tests are run again for it. */
static void leave_once(void)
{
	static bool done;

	if (done && injected == FAULT_AGAIN_SPLAT)
		inject_splat(0);
	if (done)
		return;
	done = true;
	if (injected != FAULT_LEAVE_PROCESS_ONCE)
		leave_descriptor();
	else if (!fork()) {
		settings_in_child();
		for (;;)
			pause();
	}
}

static void leave_thp(void)
{
	const char *path = THP_SYSFS "/khugepaged/max_ptes_swap";
	const char *size = THP_SYSFS "/hugepages-64kB/enabled";
	char value[64];

	snprintf(value, sizeof(value), "%lld", file_number(path) ^ 1);
	settings_set(path, value);
	if (!file_read(size, value, sizeof(value)))
		settings_set(size, strstr(value, "[inherit]") ? "madvise" : "inherit");
}

static void taint(void)
{
	file_write("/proc/sys/kernel/tainted", "512");
}

void inject_leave(void)
{
	static void (*const how[NR_FAULTS])(void) = {
		[FAULT_LEAVE_PIN] = inject_pin,
		[FAULT_LEAVE_FD] = leave_descriptor,
		[FAULT_LEAVE_SETTING] = leave_setting,
		[FAULT_LEAVE_FD_ONCE] = leave_once,
		[FAULT_LEAVE_PROCESS_ONCE] = leave_once,
		[FAULT_AGAIN_SPLAT] = leave_once,
		[FAULT_LEAVE_POOL] = leave_pool,
		[FAULT_LEAVE_SWAP] = leave_swap,
		[FAULT_LEAVE_PAGE] = leave_page,
		[FAULT_LEAVE_THP] = leave_thp,
		[FAULT_TAINT] = taint,
	};

	if (how[injected])
		how[injected]();
}
