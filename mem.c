// SPDX-License-Identifier: GPL-2.0-only
/* What a process sees of the tested memory without asking for anything. */
#define _GNU_SOURCE
#include "mem.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>

#include "mm_calls.h"
#include "vm_util.h"

/* Longer than another CPU has a page on its way to or from a list; a pin outlasts it. */
#define COLLAPSE_PATIENCE	(20 * NS_PER_MS)

static sigjmp_buf nothing_there;

static void on_nothing(int sig)
{
	(void)sig;
	siglongjmp(nothing_there, 1);
}

bool mem_can_be_read(const char *at, uint64_t *word)
{
	struct sigaction act = { .sa_handler = on_nothing, .sa_flags = SA_NODEFER }, old;
	volatile bool read = false;

	sigaction(SIGSEGV, &act, &old);
	if (!sigsetjmp(nothing_there, 1)) {
		*word = *(const volatile uint64_t *)at;
		read = true;
	}
	sigaction(SIGSEGV, &old, NULL);
	return read;
}

bool mem_holds_data(const char *at)
{
	uint64_t word;

	return mem_can_be_read(at, &word) && word;
}

const char *mem_readable_word(struct mem *m, size_t page, size_t pages)
{
	static uint64_t map[CELLS_MAX];
	const struct layout *l = &m->layout;
	size_t first, count;

	if (pagemap_read(m->base, l->cells, l->stride, map))
		return NULL;
	layout_cells(l, page, pages, &first, &count);
	for (size_t c = first; c < first + count; c++) {
		const char *at = (char *)mem_page(m, layout_page(l, c)) + layout_word(l, 0);

		if ((map[c] & PM_PRESENT) && mem_holds_data(at))
			return at;
	}
	return NULL;
}

int mem_open(const struct mem *m, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", m->fd);
	return open(path, flags | O_CLOEXEC);
}

int mem_collapse(struct mem *m, void *at, size_t len)
{
	uint64_t end = now_ns() + COLLAPSE_PATIENCE;
	int ret;

	while ((ret = madvise(at, len, MADV_COLLAPSE)) && errno == EAGAIN && now_ns() < end)
		poll(NULL, 0, 1);
	return ret ? mem_fail(m, "MADV_COLLAPSE: %s", strerror(errno)) : 0;
}
