// SPDX-License-Identifier: GPL-2.0-only
/*
 * Userfaults: whoever touches a page that is missing, or protected, waits until a thread has
 * answered: by a load, by a store and by GUP, once for each page.
 */
#define _GNU_SOURCE
#include "ops/served.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "mm_calls.h"
#include "ops/operation.h"
#include "ops/uffd.h"
#include "vm_util.h"

enum served_fault served_fault;

struct served {
	struct mem *m;
	size_t page, pages;
	uint64_t flags;		/* UFFD_PAGEFAULT_FLAG_* of each event, writes aside */
	const char *from;	/* what the pages get, or have */
	struct value v;		/* what is written where they are protected */
	int (*answer)(struct served *s, void *at, size_t offset);
	int (*drop)(struct mem *m, size_t page, size_t pages);
	int fd, stop;
	pthread_t thread;
	size_t asked;		/* events */
	int error;		/* of the thread, and */
	char why[WHY_LEN];	/* its reason */
};

#define EVENT_FLAGS	(UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_MINOR)

/* --- the thread that answers --- */

static int answer_copy(struct served *s, void *at, size_t offset)
{
	struct uffdio_copy copy = {
		.dst = (uintptr_t)at, .src = (uintptr_t)s->from + offset,
		.len = uffd_unit(s->m) * s->m->layout.page,
	};

	if (served_fault == SERVED_OTHER && !offset)
		copy.src = (uintptr_t)mmap(NULL, copy.len, PROT_READ,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return ioctl(s->fd, UFFDIO_COPY, &copy);
}

static int answer_continue(struct served *s, void *at, size_t offset)
{
	struct uffd_continue cont = {
		.start = (uintptr_t)at, .len = uffd_unit(s->m) * s->m->layout.page,
	};

	(void)offset;
	return ioctl(s->fd, IOCTL_CONTINUE, &cont);
}

static int answer_unprotect(struct served *s, void *at, size_t offset)
{
	(void)offset;
	return uffd_protect(s->fd, at, uffd_unit(s->m) * s->m->layout.page, 0);
}

static int answer_event(struct served *s)
{
	size_t unit = uffd_unit(s->m) * s->m->layout.page, offset;
	char *base = mem_page(s->m, s->page);
	struct uffd_msg msg;

	if (read(s->fd, &msg, sizeof(msg)) != sizeof(msg))
		return errno == EAGAIN ? 0 : mem_fail(s, "userfaultfd: %s", strerror(errno));
	offset = (msg.arg.pagefault.address - (uintptr_t)base) / unit * unit;
	errno = ESTALE;
	if (msg.event != UFFD_EVENT_PAGEFAULT || offset >= s->pages * s->m->layout.page ||
	    (msg.arg.pagefault.flags & EVENT_FLAGS) != s->flags)
		return mem_fail(s, "a userfault that none of these pages can cause");
	if (s->answer(s, base + offset, offset))
		return mem_fail(s, "answering a userfault: %s", strerror(errno));
	if (served_fault != SERVED_UNCOUNTED || offset)
		s->asked++;
	return 0;
}

/* Who waits when something is wrong goes on, without an answer. */
static void let_go(struct served *s)
{
	struct uffdio_range all = { (uintptr_t)mem_page(s->m, s->page),
				    s->pages * s->m->layout.page };

	ioctl(s->fd, UFFDIO_UNREGISTER, &all);
}

static void *serve(void *arg)
{
	struct served *s = arg;
	struct pollfd fds[] = { { s->fd, POLLIN, 0 }, { s->stop, POLLIN, 0 } };

	while (!s->error && poll(fds, 2, -1) > 0 && !fds[1].revents)
		s->error = answer_event(s);
	if (s->error)
		let_go(s);
	return NULL;
}

static int begin_to_serve(struct served *s)
{
	int ret;

	s->asked = 0;
	s->stop = eventfd(0, EFD_CLOEXEC);
	if (s->stop < 0 || fcntl(s->fd, F_SETFL, O_NONBLOCK))
		return mem_fail(s->m, "eventfd: %s", strerror(errno));
	ret = pthread_create(&s->thread, NULL, serve, s);
	if (!ret)
		return 0;
	close(s->stop);
	errno = ret;
	return mem_fail(s->m, "pthread_create: %s", strerror(errno));
}

static int end_of_service(struct served *s, int ret)
{
	eventfd_write(s->stop, 1);
	pthread_join(s->thread, NULL);
	close(s->stop);
	if (!s->error)
		return ret;
	memcpy(s->m->why, s->why, sizeof(s->why));
	return s->error;
}

/* --- who waits --- */

enum way { BY_LOAD, BY_STORE, BY_GUP, NR_WAYS };

static int compare(struct served *s, const char *at, size_t page, const char *way)
{
	size_t size = s->m->layout.page;

	if (!memcmp(at, s->from + (page - s->page) * size, size))
		return 0;
	errno = ESTALE;
	return mem_fail(s->m, "page %zu, read by %s, is not what was served", page, way);
}

/* While pages are missing a THP must not take their place, as it would have zeroes there. */
static void try_to_collapse(struct served *s)
{
	if (!s->flags)
		(void)madvise(s->m->base, s->m->len, MADV_COLLAPSE);
}

static void touch(struct mem *m, size_t page)
{
	(void)*(volatile char *)mem_page(m, page);
}

static int touch_pages(struct served *s, enum way way)
{
	const struct layout *l = &s->m->layout;
	size_t first, count;
	int ret = 0;

	layout_cells(l, s->page, s->pages, &first, &count);
	for (size_t c = first; c < first + count && !ret; c++) {
		size_t page = layout_page(l, c);
		volatile uint64_t *at = mem_page(s->m, page);

		if (count > 1 && c == first + count / 2)
			try_to_collapse(s);
		/* What is there already: nothing may be read before. */
		if (way == BY_STORE)
			*at = *(const uint64_t *)(s->from + (page - s->page) * l->page);
		ret = compare(s, (char *)at, page, way == BY_STORE ? "who has written" : "a load");
	}
	return ret;
}

/* As many pages a call as lie side by side; each has a copy to work on. */
static int by_runs(struct served *s,
		   int (*call)(struct served *s, size_t page, size_t pages, char *copy))
{
	const struct layout *l = &s->m->layout;
	size_t first, count, run = l->stride == 1 ? s->pages : 1;
	char *copy = mmap(NULL, run * l->page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int ret = 0;

	if (copy == MAP_FAILED)
		return mem_fail(s->m, "mmap of a copy: %s", strerror(errno));
	layout_cells(l, s->page, s->pages, &first, &count);
	for (size_t c = first; c < first + count && !ret; c += run)
		ret = call(s, layout_page(l, c), run, copy);
	munmap(copy, run * l->page);
	return ret;
}

static int read_run(struct served *s, size_t page, size_t pages, char *to)
{
	size_t len = pages * s->m->layout.page;
	struct iovec there = { mem_page(s->m, page), len }, here = { to, len };
	int ret = 0;

	if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) != (ssize_t)len)
		return mem_fail(s->m, "process_vm_readv: %s", strerror(errno));
	for (size_t i = 0; i < pages && !ret; i++)
		ret = compare(s, to + i * s->m->layout.page, page + i, "process_vm_readv()");
	return ret;
}

/* Some pages are there before, so that it has to wait in the middle, and to go on from there. */
static int touch_by_gup(struct served *s)
{
	const struct layout *l = &s->m->layout;
	size_t first, count;

	layout_cells(l, s->page, s->pages, &first, &count);
	for (size_t c = first; c < first + count; c++)
		if (c % 5 >= 3)
			touch(s->m, layout_page(l, c));
	return by_runs(s, read_run);
}

/* Pages that are looked at, or huge pages that have some. */
static size_t units(struct served *s)
{
	size_t first, count, unit = uffd_unit(s->m);

	layout_cells(&s->m->layout, s->page, s->pages, &first, &count);
	return unit > 1 ? s->pages / unit : count;
}

/* Pages of a file may leave page tables at any time, and then be asked for again. */
static int verify_asked(struct served *s, size_t times)
{
	size_t must = times * units(s);

	if (s->asked == must || (s->asked > must && (s->flags & UFFD_PAGEFAULT_FLAG_MINOR)))
		return 0;
	errno = ESTALE;
	return mem_fail(s->m, "%zu userfaults should have come, %zu came", must, s->asked);
}

static int take_turn(struct served *s, enum way way)
{
	int ret = s->drop(s->m, s->page, s->pages);

	if (!ret)
		ret = begin_to_serve(s);
	if (!ret)
		ret = end_of_service(s, way == BY_GUP ? touch_by_gup(s) : touch_pages(s, way));
	return ret ? ret : verify_asked(s, 1);
}

/* Whose turn is first, so that a whole huge page is missing, changes with what is written. */
static int take_turns(struct served *s, uint64_t features, uint64_t mode, unsigned int gen)
{
	int ret = 0;

	s->fd = uffd_watch(s->m, mem_page(s->m, s->page), s->pages * s->m->layout.page, features,
			   mode);
	if (s->fd < 0)
		return s->fd;
	for (int i = 0; i < NR_WAYS && !ret; i++)
		ret = take_turn(s, (gen + i) % NR_WAYS);
	close(s->fd);
	return ret;
}

static int serve_missing(struct mem *m, size_t page, size_t pages, struct value v,
			 int (*drop)(struct mem *m, size_t page, size_t pages))
{
	struct served s = {
		.m = m, .page = page, .pages = pages, .drop = drop, .answer = answer_copy,
		.from = uffd_source(m, page, pages, v),
	};
	int ret;

	if (!s.from)
		return mem_fail(m, "no memory for what is served: %s", strerror(errno));
	ret = take_turns(&s, 0, UFFDIO_REGISTER_MODE_MISSING, v.gen);
	munmap((void *)s.from, pages * m->layout.page);
	return ret;
}

static int served_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return serve_missing(m, page, pages, v, uffd_drop);
}

static int servedfile_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return serve_missing(m, page, pages, v, uffd_punch);
}

DEFINE_OPERATION(served) = {
	.id = "served",
	.about = "MADV_DONTNEED, and who touches a page waits for a thread that fills it",
	.effect = EFFECT_REFILL, .kinds = KIND_ANON | KIND_PRIVATE, .not_kinds = KIND_HUGETLB,
	.not_locked = true, .only_writable = true, .slow = true,
	.needs = NEED(UFFD), .senseless = { -EINVAL, -EBUSY }, .run = served_run,
};

DEFINE_OPERATION(servedhuge) = {
	.id = "servedhuge", .about = "the same of a hugetlb page",
	.effect = EFFECT_REFILL, .kinds = KIND_ANON | KIND_PRIVATE | KIND_HUGETLB,
	.only_writable = true,
	.needs = NEED(UFFDMINOR), .senseless = { -EINVAL, -EBUSY }, .run = served_run,
};

DEFINE_OPERATION(servedfile) = {
	.id = "servedfile", .about = "the same of a hole in a file in memory",
	.effect = EFFECT_FILE_REFILL, .kinds = KIND_FILE | KIND_SHARED, .not_kinds = KIND_DISK,
	.not_locked = true, .only_writable = true, .slow = true,
	.needs = NEED(UFFD), .senseless = { -EINVAL, -EBUSY }, .run = servedfile_run,
};

/* What the file has is seen by another mapping of it. */
static int servedminor_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	size_t len = pages * m->layout.page;
	struct served s = {
		.m = m, .page = page, .pages = pages, .drop = uffd_drop,
		.flags = UFFD_PAGEFAULT_FLAG_MINOR, .answer = answer_continue,
	};
	int ret = uffd_verify_no_hole(m, page, pages);

	if (ret)
		return ret;
	s.from = mmap(NULL, len, PROT_READ, MAP_SHARED, m->fd, mem_offset(m, page));
	if (s.from == MAP_FAILED)
		return mem_fail(m, "mmap of the file: %s", strerror(errno));
	ret = take_turns(&s, uffd_minor_feature(m), UFFDIO_REGISTER_MODE_MINOR, v.gen);
	munmap((void *)s.from, len);
	return ret;
}

/* EFAULT: a hole in the file. */
DEFINE_OPERATION(servedminor) = {
	.id = "servedminor",
	.about = "MADV_DONTNEED, and who touches a page waits for a thread that maps the file's",
	.kinds = KIND_FILE | KIND_SHARED, .not_kinds = KIND_DISK, .needs = NEED(UFFDMINOR),
	.not_locked = true, .only_writable = true, .slow = true,
	.senseless = { -EINVAL, -EBUSY, -EFAULT }, .run = servedminor_run,
};

/* --- write protection --- */

/* Private pages must be there to be protected; of others what is missing is, too. */
static void populate(struct mem *m, size_t page, size_t pages)
{
	size_t first, count;

	layout_cells(&m->layout, page, pages, &first, &count);
	for (size_t c = first; c < first + count; c++)
		if (!(m->kind->props & KIND_SHARED) || c % 2)
			touch(m, layout_page(&m->layout, c));
}

static void write_pages(struct served *s)
{
	const struct layout *l = &s->m->layout;
	size_t first, count;

	layout_cells(l, s->page, s->pages, &first, &count);
	for (size_t c = first; c < first + count; c++) {
		size_t page = layout_page(l, c);

		content_write(l, mem_page(s->m, page), page, s->v);
	}
}

/* What is there, but for the words that are compared, is written by one call a run. */
static int write_run(struct served *s, size_t page, size_t pages, char *copy)
{
	const struct layout *l = &s->m->layout;
	size_t len = pages * l->page;
	struct iovec here = { copy, len }, there = { mem_page(s->m, page), len };

	memcpy(copy, mem_page(s->m, page), len);
	for (size_t i = 0; i < pages; i++)
		content_write(l, copy + i * l->page, page + i, s->v);
	if (process_vm_writev(getpid(), &here, 1, &there, 1, 0) != (ssize_t)len)
		return mem_fail(s->m, "process_vm_writev: %s", strerror(errno));
	return 0;
}

/* Half of the pages are read before: that nobody waits for, and it leaves the protection. */
static int write_protected(struct served *s, enum way way)
{
	struct mem *m = s->m;
	size_t first, count;
	int ret;

	layout_cells(&m->layout, s->page, s->pages, &first, &count);
	for (size_t c = first; c < first + count; c++)
		if (c % 4 < 2)
			touch(m, layout_page(&m->layout, c));
	ret = uffd_verify_protected(m, s->page, s->pages, true);
	if (ret)
		return ret;
	if (way == BY_GUP)
		return by_runs(s, write_run);
	write_pages(s);
	return 0;
}

static int write_turn(struct served *s, enum way way)
{
	struct mem *m = s->m;
	int ret;

	populate(m, s->page, s->pages);
	if (uffd_protect(s->fd, mem_page(m, s->page), s->pages * m->layout.page, 1))
		return mem_fail(m, "userfaultfd write protection: %s", strerror(errno));
	if (way == BY_GUP)
		uffd_take_away(m, s->page, s->pages);
	ret = begin_to_serve(s);
	if (!ret)
		ret = end_of_service(s, write_protected(s, way));
	if (!ret)
		ret = verify_asked(s, 1);
	return ret ? ret : uffd_verify_protected(m, s->page, s->pages, false);
}

static int serve_protected(struct mem *m, size_t page, size_t pages, struct value v,
			   uint64_t features)
{
	struct served s = {
		.m = m, .page = page, .pages = pages, .flags = UFFD_PAGEFAULT_FLAG_WP, .v = v,
		.answer = answer_unprotect,
		.fd = uffd_watch(m, mem_page(m, page), pages * m->layout.page,
				 UFFD_FEATURE_PAGEFAULT_FLAG_WP | features,
				 UFFDIO_REGISTER_MODE_WP),
	};
	int ret = s.fd < 0 ? s.fd : 0;

	if (!ret)
		ret = write_turn(&s, BY_STORE);
	if (!ret)
		ret = write_turn(&s, BY_GUP);
	close(s.fd);
	/* What makes no sense there, in random scenarios, is a write all the same. */
	if (ret)
		write_pages(&s);
	return ret;
}

static int servedwp_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return serve_protected(m, page, pages, v, 0);
}

static int servedwpfile_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	return serve_protected(m, page, pages, v, UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
}

DEFINE_OPERATION(servedwp) = {
	.id = "servedwp",
	.about = "pages are write-protected, and who writes waits until a thread allows it",
	.effect = EFFECT_WRITE, .kinds = KIND_ANON, .not_kinds = KIND_HUGETLB,
	.only_writable = true, .slow = true, .own_protection = true,
	.needs = NEED(UFFD), .senseless = { -EINVAL, -ENOENT, -EBUSY }, .run = servedwp_run,
};

DEFINE_OPERATION(servedwphuge) = {
	.id = "servedwphuge", .about = "the same of hugetlb pages",
	.effect = EFFECT_WRITE, .kinds = KIND_ANON | KIND_HUGETLB, .only_writable = true,
	.own_protection = true,
	.needs = NEED(UFFDWPFILE), .senseless = { -EINVAL, -ENOENT, -EBUSY },
	.run = servedwpfile_run,
};

DEFINE_OPERATION(servedwpfile) = {
	.id = "servedwpfile", .about = "the same of a file in memory, whose pages may leave it",
	.effect = EFFECT_WRITE, .kinds = KIND_FILE | KIND_SHARED, .not_kinds = KIND_DISK,
	.only_writable = true, .slow = true, .own_protection = true,
	.needs = NEED(UFFDWPFILE), .senseless = { -EINVAL, -ENOENT, -EBUSY },
	.run = servedwpfile_run,
};
