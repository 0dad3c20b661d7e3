// SPDX-License-Identifier: GPL-2.0-only
/* What an actor does with the tested memory. */
#define _GNU_SOURCE
#include "engine/actor_self.h"

#include <fcntl.h>
#include <linux/mempolicy.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/inject.h"
#include "mm_calls.h"
#include "ops/served.h"
#include "vm_util.h"

void actor_cells(const struct command *c, size_t *first, size_t *count)
{
	const struct layout *l = &self.mem.layout;
	size_t page, pages;

	part_pages(c->step.part, l->pages, &page, &pages);
	layout_cells(l, page, pages, first, count);
}

char *actor_range(const struct command *c, size_t *len)
{
	size_t page, pages;

	part_pages(c->step.part, self.mem.layout.pages, &page, &pages);
	*len = pages * self.mem.layout.page;
	return mem_page(&self.mem, page);
}

bool actor_may_read(size_t cell)
{
	return !(self.cell[cell].is & OWN_GONE) && (self.cell[cell].prot & PROT_READ);
}

int act_read(const struct command *c)
{
	const struct layout *l = &self.mem.layout;
	size_t first, count;

	actor_cells(c, &first, &count);
	for (size_t i = first; i < first + count; i++)
		if (actor_may_read(i))
			(void)*(volatile uint64_t *)mem_page(&self.mem, layout_page(l, i));
	return 0;
}

/* --- writing --- */

/* The faults of a process that writes; true if the write shall not go on. */
static bool inject_at_write(void)
{
	switch (injected) {
	case FAULT_HANG:
		for (;;)
			pause();
	case FAULT_DIE:
		kill(getpid(), SIGBUS);
		break;
	case FAULT_VANISH:
		_exit(0);
	case FAULT_SPLAT:
		inject_splat(getpid());
		break;
	case FAULT_LEAVE_PROCESS:
		inject_leave_by_actor();
		break;
	case FAULT_LOST_WRITE:
		return true;
	case FAULT_SEAL:
		mprotect(self.mem.base, self.mem.len, PROT_READ);
		break;
	case FAULT_WRITE_THROUGH:
		inject_write_through(&self.mem);
		break;
	default:
		break;
	}
	return false;
}

static void write_cell(size_t cell, struct value v)
{
	struct layout l = self.mem.layout;
	size_t page = layout_page(&l, cell);

	if (injected == FAULT_LOST_REST)
		content_mark(&l, mem_page(&self.mem, page), page, VALUE_ZERO);
	if (injected == FAULT_TORN_PAGE)
		l.words /= 2;
	if (injected == FAULT_OTHER_TEST)
		content_salt(self.stage->salt + 1);
	content_write(&l, mem_page(&self.mem, page), page + (injected == FAULT_WRONG_PAGE), v);
	if (injected == FAULT_OTHER_TEST)
		content_salt(self.stage->salt);
}

/* A fault elsewhere is a fault: it happens again, and the process dies of it. */
static void on_fault(int sig)
{
	if (self.faults_expected)
		siglongjmp(self.after_fault, 1);
	signal(sig, SIG_DFL);
}

void actor_catch_faults(void)
{
	struct sigaction act = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &act, NULL);
}

/* Of a hugetlb page there is but one entry: of the rest of it nothing is known. */
static void forget_rest_of_huge(size_t written)
{
	if ((self.mem.kind->props & KIND_HUGETLB) && written < self.mem.layout.cells)
		actor_mark_all(OWN_PROTECTED | OWN_UNPROTECTED, false);
}

/* Whoever saves what was written must find it: see look_for_unnoticed(). */
static void note_written(size_t cell)
{
	if (self.tracks)
		self.cell[cell].is |= OWN_STORED;
	if (self.cell[cell].is & OWN_PROTECTED)
		self.cell[cell].is ^= OWN_PROTECTED | OWN_UNPROTECTED;
}

/* The same of what the kernel writes for somebody, @past the protection or not. */
static void note_written_part(const struct command *c, bool past)
{
	size_t first, count;

	actor_cells(c, &first, &count);
	forget_rest_of_huge(count);
	for (size_t i = first; i < first + count; i++)
		if (!(self.cell[i].is & OWN_GONE) && (past || self.cell[i].prot & PROT_WRITE))
			note_written(i);
}

/*
 * What has moved counts as written, for nobody finds it where it was; and write protection stays
 * behind with whom it was for.
 */
static void note_moved(void)
{
	if (self.tracks)
		actor_mark_all(OWN_STORED, true);
	actor_mark_all(OWN_PROTECTED, false);
	actor_mark_all(OWN_UNPROTECTED, true);
}

static void inject_unnoticed(void)
{
	if (injected != FAULT_UNNOTICED)
		return;
	file_write("/proc/self/clear_refs", "4");
	pagemap_protect(self.mem.base, self.mem.len);
}

/* Write every cell of the part, noting those where the store was a fault. */
static void write_cells(const struct command *c)
{
	uint8_t *faulted = self.stage->view[self.index].faulted;
	size_t first, count;

	actor_cells(c, &first, &count);
	forget_rest_of_huge(count);
	self.faults_expected = true;
	for (size_t i = first; i < first + count; i++) {
		faulted[i] = true;
		if ((self.cell[i].is & OWN_GONE) || sigsetjmp(self.after_fault, 0))
			continue;
		write_cell(i, c->v);
		faulted[i] = false;
		note_written(i);
	}
	self.faults_expected = false;
}

/* The first content, with the mark that all later writes leave alone. */
int act_fill(const struct command *c)
{
	const struct layout *l = &self.mem.layout;

	write_cells(c);
	for (size_t i = 0; i < l->cells; i++) {
		size_t page = layout_page(l, i);

		if (!(self.cell[i].is & OWN_GONE) && (self.cell[i].prot & PROT_WRITE))
			content_mark(l, mem_page(&self.mem, page), page, c->v);
	}
	return 0;
}

/* And the director has heard of it before this one answers. */
static void inject_other_dies(void)
{
	if (injected != FAULT_OTHER_DIES || !self.index)
		return;
	kill(self.stage->box[0].pid, SIGKILL);
	poll(NULL, 0, 50);
}

int act_write(const struct command *c)
{
	inject_other_dies();
	if (inject_at_write())
		return 0;
	write_cells(c);
	inject_unnoticed();
	return 0;
}

static int own_memory;	/* /proc/self/mem, while act_force() writes */

static int put_by_force(struct mem *m, size_t offset, const uint64_t *words, size_t nr)
{
	ssize_t len = nr * sizeof(*words);

	if (pwrite(own_memory, words, len, (uintptr_t)m->base + offset) == len)
		return 0;
	return mem_fail(m, "write to /proc/self/mem: %s", strerror(errno));
}

int act_force(const struct command *c)
{
	size_t page, pages;
	int ret;

	own_memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	if (own_memory < 0)
		return mem_fail(&self.mem, "open /proc/self/mem: %s", strerror(errno));
	part_pages(c->step.part, self.mem.layout.pages, &page, &pages);
	ret = operation_write_words(&self.mem, page, pages, c->v, put_by_force);
	close(own_memory);
	if (!ret)
		note_written_part(c, true);
	inject_unnoticed();
	return ret;
}

/* --- changing the mapping --- */

static void mark(size_t first, size_t count, uint8_t is, bool on)
{
	for (size_t c = first; c < first + count; c++)
		self.cell[c].is = on ? self.cell[c].is | is : self.cell[c].is & ~is;
}

static void mark_part(const struct command *c, uint8_t is, bool on)
{
	size_t first, count;

	actor_cells(c, &first, &count);
	mark(first, count, is, on);
}

void actor_mark_all(uint8_t is, bool on)
{
	mark(0, self.mem.layout.cells, is, on);
}

/* Gone, and nothing keeps its place free. */
static bool is_hole(size_t cell)
{
	return (self.cell[cell].is & (OWN_GONE | OWN_KEPT)) == OWN_GONE;
}

void actor_keep_holes(void)
{
	const struct layout *l = &self.mem.layout;

	for (size_t c = 0, end; c < l->cells; c = end) {
		size_t page = layout_page(l, c), pages;

		for (end = c + 1; end < l->cells && is_hole(end) == is_hole(c); end++)
			;
		if (!is_hole(c))
			continue;
		mark(c, end - c, OWN_KEPT, true);
		pages = (end == l->cells ? l->pages : layout_page(l, end)) - page;
		mmap(mem_page(&self.mem, page), pages * l->page, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	}
}

/* What this CPU knows where it is, until it is told that it must not be read there any more. */
static const char *known_word(const struct command *c)
{
	size_t page, pages;

	part_pages(c->step.part, self.mem.layout.pages, &page, &pages);
	return mem_readable_word(&self.mem, page, pages);
}

/* The page may be another process's soon. */
static int verify_forgotten(const char *word)
{
	if (!word || !mem_holds_data(word))
		return 0;
	errno = ESTALE;
	return mem_fail(&self.mem, "this CPU still finds the page where it was");
}

int act_unmap(const struct command *c)
{
	const char *word = known_word(c);
	size_t len;
	char *at = actor_range(c, &len);
	int ret;

	if (injected != FAULT_NO_UNMAP &&
	    (injected == FAULT_KEEP ? inject_keep(at, len) : munmap(at, len)))
		return mem_fail(&self.mem, "munmap: %s", strerror(errno));
	ret = verify_forgotten(word);
	mark_part(c, OWN_GONE, true);
	actor_keep_holes();
	return ret;
}

int act_mprotect(const struct command *c)
{
	const char *word = c->step.prot & PROT_READ ? NULL : known_word(c);
	size_t len, first, count;
	char *at = actor_range(c, &len);

	if (injected == FAULT_NO_MPROTECT)
		word = NULL;
	else if (mprotect(at, len, c->step.prot))
		return mem_fail(&self.mem, "mprotect: %s", strerror(errno));
	actor_cells(c, &first, &count);
	for (size_t i = first; i < first + count; i++)
		self.cell[i].prot = c->step.prot;
	return verify_forgotten(word);
}

static int advise(const struct command *c, int advice, const char *name)
{
	size_t len;
	char *at = actor_range(c, &len);

	if (madvise(at, len, advice))
		return mem_fail(&self.mem, "%s: %s", name, strerror(errno));
	return 0;
}

int act_dontfork(const struct command *c)
{
	int ret = injected == FAULT_STRAY ? 0 : advise(c, MADV_DONTFORK, "MADV_DONTFORK");

	if (!ret)
		mark_part(c, OWN_DONTFORK, true);
	return ret;
}

int act_dofork(const struct command *c)
{
	int ret = advise(c, MADV_DOFORK, "MADV_DOFORK");

	if (!ret)
		mark_part(c, OWN_DONTFORK, false);
	return ret;
}

int act_collapse(const struct command *c)
{
	size_t len;
	char *at = actor_range(c, &len);

	return mem_collapse(&self.mem, at, len);
}

/*
 * A translation that this CPU still has lets a store through that nobody hears of. Of this stack:
 * that page has just been written, too.
 */
static int clear_and_store(void)
{
	volatile char word = 1;
	int ret = file_write("/proc/self/clear_refs", "4");

	word++;
	if (!ret && !(pagemap_entry((void *)&word) & PM_SOFT_DIRTY))
		ret = -ESTALE;
	return ret;
}

int act_clearrefs(const struct command *c)
{
	int ret = clear_and_store();

	(void)c;
	if (!ret) {
		self.tracks = true;
		actor_mark_all(OWN_STORED, false);
		return 0;
	}
	errno = -ret;
	return mem_fail(&self.mem, "clearing soft-dirty bits: %s", strerror(errno));
}

/* With one node there is nowhere to go, and this only walks the pages. */
int act_migrate(const struct command *c)
{
	size_t len;
	char *at = actor_range(c, &len);

	if (syscall(SYS_mbind, at, len, MPOL_LOCAL, NULL, 0, MPOL_MF_MOVE))
		return mem_fail(&self.mem, "mbind with MPOL_MF_MOVE: %s", strerror(errno));
	return 0;
}

/* Is what was stored there still, or have other pages taken its place? */
static bool keeps_stores(enum effect effect)
{
	return effect == EFFECT_NONE || effect == EFFECT_TOUCH || effect == EFFECT_WRITE ||
	       effect == EFFECT_FORCE;
}

static bool writes(const struct operation *o)
{
	return o->effect == EFFECT_WRITE || o->effect == EFFECT_FORCE;
}

/* Not a R/W pin, for one. */
static bool leaves_protection(const struct step *s)
{
	switch (s->op) {
	case OP_READ:
	case OP_WRITE:
	case OP_FORCE:
	case OP_FORK:
	case OP_MPROTECT:
	case OP_CLEARREFS:
	case OP_COLLAPSE:
	case OP_MIGRATE:
	case OP_UNPIN:
		return true;
	case OP_PIN:
		return !(s->pin_flags & PIN_RW);
	case OP_OPERATION:
		return s->operation->write_protects || s->operation->keeps_protection ||
		       (writes(s->operation) && !s->operation->own_protection);
	default:
		return false;
	}
}

void actor_forget_protection(const struct step *s)
{
	if (!s || !leaves_protection(s))
		actor_mark_all(OWN_PROTECTED | OWN_UNPROTECTED, false);
}

static bool does_nothing(const struct operation *o)
{
	return (injected == FAULT_UNPROTECTED && o->write_protects) ||
	       (injected == FAULT_UNLOCKED && o->locks) ||
	       (injected == FAULT_NO_UNMAP && o->effect == EFFECT_UNMAP);
}

/* KSM may merge it again, another test's compaction may be moving it, all in a moment. */
static bool at_work_on(uint64_t entry)
{
	uint64_t flags;

	return !(entry & PM_PRESENT) || kpageflags(entry & PM_PFN_MASK, &flags) ||
	       flags & 1ULL << KPF_KSM;
}

enum { PAGES_OWN, PAGES_SHARED, PAGES_AT_WORK };

/* One of these, or a negative error. */
static int pages_are_own(const struct command *c)
{
	const struct layout *l = &self.mem.layout;
	uint64_t map[l->cells];
	size_t first, count;

	actor_cells(c, &first, &count);
	if (pagemap_read(mem_page(&self.mem, layout_page(l, first)), count, l->stride, map))
		return mem_fail(&self.mem, "pagemap: %s", strerror(errno));
	for (size_t i = 0; i < count; i++)
		if (self.cell[first + i].prot & PROT_WRITE && !(map[i] & PM_MMAP_EXCLUSIVE))
			return at_work_on(map[i]) ? PAGES_AT_WORK : PAGES_SHARED;
	return PAGES_OWN;
}

/* How often memory is locked once more, if somebody is at work on its pages. */
#define TRIES_TO_OWN	100

/* Locked memory that may be written is the process's own: no write waits for a copy. */
static int verify_own(const struct command *c, size_t page, size_t pages)
{
	int ret = pages_are_own(c);

	for (int i = 0; i < TRIES_TO_OWN && ret == PAGES_AT_WORK; i++) {
		ret = c->step.operation->run(&self.mem, page, pages, c->v);
		if (!ret)
			ret = pages_are_own(c);
	}
	if (ret <= 0)
		return ret;
	errno = ESTALE;
	return mem_fail(&self.mem, "a page that was locked is not the process's own");
}

/* The ends of what is guarded: a fault of each page would take its time. */
bool actor_sees_guarded(void)
{
	const struct layout *l = &self.mem.layout;
	uint64_t word;

	for (size_t c = 0; c < l->cells; c++) {
		bool inside = c && c + 1 < l->cells && self.cell[c - 1].is & OWN_GUARDED &&
			      self.cell[c + 1].is & OWN_GUARDED;

		if (self.cell[c].is & OWN_GUARDED && !inside &&
		    mem_can_be_read(mem_page(&self.mem, layout_page(l, c)), &word))
			return true;
	}
	return false;
}

static int note_guarded(const struct command *c)
{
	mark_part(c, OWN_GONE | OWN_KEPT | OWN_GUARDED, true);
	if (!actor_sees_guarded())
		return 0;
	errno = ESTALE;
	return mem_fail(&self.mem, "what is guarded can be read");
}

int act_operation(const struct command *c)
{
	const struct operation *o = c->step.operation;
	char *base = self.mem.base;
	size_t page, pages;
	int ret;

	part_pages(c->step.part, self.mem.layout.pages, &page, &pages);
	self.mem.hurry = c->hurry;
	if (injected == FAULT_EVICT && o->reclaims)
		inject_evict(&self.mem);
	if (injected == FAULT_HOLD && o->reclaims)
		inject_hold(&self.mem);
	if (injected == FAULT_MISSERVED || injected == FAULT_UNASKED)
		served_fault = injected == FAULT_UNASKED ? SERVED_UNCOUNTED : SERVED_OTHER;
	ret = does_nothing(o) ? 0 : o->run(&self.mem, page, pages, c->v);
	actor_shift_pins((char *)self.mem.base - base);
	if (!ret && o->locks == LOCK_ALL && self.mem.kind->props & KIND_PRIVATE)
		ret = verify_own(c, page, pages);
	if (!ret && o->write_protects) {
		mark_part(c, OWN_PROTECTED, true);
		mark_part(c, OWN_UNPROTECTED, false);
	}
	/* Refused or not: see enum effect. What was protected by itself is so no more. */
	if (writes(o) && (!ret || !o->own_protection))
		note_written_part(c, o->effect == EFFECT_FORCE);
	if (self.mem.base != base)
		note_moved();
	if (writes(o) || self.mem.base != base)
		inject_unnoticed();
	if (ret && injected == FAULT_PRETEND)
		ret = 0;
	if (!keeps_stores(o->effect))
		actor_mark_all(OWN_STORED, false);
	if (!ret && o->maps_anew)
		actor_mark_all(OWN_DONTFORK | OWN_WIPEONFORK, false);
	if (!ret && o->effect == EFFECT_WIPE)
		mark_part(c, OWN_WIPEONFORK, true);
	if (!ret && o->effect == EFFECT_UNMAP)
		ret = note_guarded(c);
	return ret;
}

/* --- userfaultfd --- */

static int missing_open(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd >= 0 && ioctl(fd, UFFDIO_API, &api)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Copy a page of content to each cell of the region. */
static int uffd_fill(int fd, const struct command *c, char *page)
{
	const struct layout *l = &self.mem.layout;

	for (size_t i = 0; i < l->cells; i++) {
		struct uffdio_copy copy = {
			.dst = (uintptr_t)mem_page(&self.mem, layout_page(l, i)),
			.src = (uintptr_t)page,
			.len = l->page,
		};

		content_write(l, page, layout_page(l, i), c->v);
		if (ioctl(fd, UFFDIO_COPY, &copy))
			return mem_fail(&self.mem, "UFFDIO_COPY: %s", strerror(errno));
	}
	return 0;
}

int act_uffdcopy(const struct command *c)
{
	struct uffdio_register reg = {
		.range = { (uintptr_t)self.mem.base, self.mem.len },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	char *page = calloc(1, self.mem.layout.page);
	int fd = missing_open(), ret;

	if (!page || fd < 0 || ioctl(fd, UFFDIO_REGISTER, &reg))
		ret = mem_fail(&self.mem, "userfaultfd: %s", strerror(errno));
	else
		ret = uffd_fill(fd, c, page);
	free(page);
	close(fd);
	return ret;
}
