// SPDX-License-Identifier: GPL-2.0-only
/* Pages that move from one NUMA node to the other. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <linux/mempolicy.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kinds/kind.h"

static long move_them(struct mem *m, size_t page, size_t pages, const int *nodes, int *status)
{
	static void *at[CELLS_MAX];
	size_t first, count;

	layout_cells(&m->layout, page, pages, &first, &count);
	for (size_t i = 0; i < count; i++)
		at[i] = mem_page(m, layout_page(&m->layout, first + i));
	return syscall(SYS_move_pages, 0, count, at, nodes, status, nodes ? MPOL_MF_MOVE_ALL : 0);
}

/* A base page that is there, and not pinned, has no reason to stay: so is it on its node? */
static int verify_moved(struct mem *m, size_t page, size_t pages, const int *nodes)
{
	static int now[CELLS_MAX];
	size_t first, count;

	if (!(m->kind->props & KIND_BASE))
		return 0;
	layout_cells(&m->layout, page, pages, &first, &count);
	if (move_them(m, page, pages, NULL, now) < 0)
		return mem_fail(m, "move_pages, asking: %s", strerror(errno));
	errno = EAGAIN;
	for (size_t i = 0; i < count; i++)
		if (now[i] >= 0 && now[i] != nodes[i])
			return mem_fail(m, "move_pages: the page is still on node %d", now[i]);
	return 0;
}

/*
 * Each page to the node where it is not, also if others map it. What is pinned, or not there,
 * stays; that is no error.
 */
static int tonode_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	static int nodes[CELLS_MAX], status[CELLS_MAX];

	(void)v;
	memset(nodes, 0, sizeof(nodes));
	if (move_them(m, page, pages, NULL, nodes) < 0)
		return mem_fail(m, "move_pages, asking: %s", strerror(errno));
	for (size_t i = 0; i < CELLS_MAX; i++)
		nodes[i] = nodes[i] == 0;
	if (move_them(m, page, pages, nodes, status) < 0 && errno != ENOENT)
		return mem_fail(m, "move_pages: %s", strerror(errno));
	return verify_moved(m, page, pages, nodes);
}

/* EAGAIN: a page has not moved. Somebody else may have had it just then, in random scenarios. */
DEFINE_OPERATION(tonode) = {
	.id = "tonode", .about = "move_pages() to the other NUMA node; a pinned page stays",
	.needs = NEED(NUMA), .keeps_protection = true, .refuses_pinned = { -EBUSY, -EAGAIN },
	.refuses_shared = { -EAGAIN }, .senseless = { -EAGAIN }, .other_node = true,
	.run = tonode_run,
};
