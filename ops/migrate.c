// SPDX-License-Identifier: GPL-2.0-only
/* Pages that move from one NUMA node to the other. */
#define _GNU_SOURCE
#include "ops/move.h"

#include <linux/mempolicy.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "ops/operation.h"
#include "vm_util.h"

static long move_them(struct mem *m, size_t page, size_t pages, const int *nodes, int *status)
{
	static void *at[CELLS_MAX];
	size_t first, count;

	layout_cells(&m->layout, page, pages, &first, &count);
	for (size_t i = 0; i < count; i++)
		at[i] = mem_page(m, layout_page(&m->layout, first + i));
	return syscall(SYS_move_pages, 0, count, at, nodes, status, nodes ? MPOL_MF_MOVE_ALL : 0);
}

/* On which node each cell is, or -errno of it. */
static int ask_where(struct mem *m, size_t page, size_t pages, int *nodes)
{
	if (move_them(m, page, pages, NULL, nodes) < 0)
		return mem_fail(m, "move_pages, asking: %s", strerror(errno));
	return 0;
}

/* A base page that is there, and not pinned, has no reason to stay: so is it on its node? */
static int verify_moved(struct mem *m, size_t page, size_t pages, const int *nodes)
{
	static int now[CELLS_MAX];
	size_t first, count;
	int ret;

	if (!(m->kind->props & KIND_BASE))
		return 0;
	layout_cells(&m->layout, page, pages, &first, &count);
	ret = ask_where(m, page, pages, now);
	if (ret)
		return ret;
	errno = EAGAIN;
	for (size_t i = 0; i < count; i++)
		if (now[i] >= 0 && now[i] != nodes[i])
			return mem_fail(m, "move_pages: the page is still on node %d", now[i]);
	return 0;
}

/* Also if others map it. */
static int send_away(struct mem *m, size_t page, size_t pages, int *nodes)
{
	static int status[CELLS_MAX];
	int ret;

	memset(nodes, 0, CELLS_MAX * sizeof(*nodes));
	ret = ask_where(m, page, pages, nodes);
	if (ret)
		return ret;
	for (size_t i = 0; i < CELLS_MAX; i++)
		nodes[i] = nodes[i] == 0;
	if (move_them(m, page, pages, nodes, status) < 0 && errno != ENOENT)
		return mem_fail(m, "move_pages: %s", strerror(errno));
	return 0;
}

int move_to_other_node(struct mem *m, size_t page, size_t pages)
{
	static int nodes[CELLS_MAX];

	return send_away(m, page, pages, nodes);
}

static int tonode_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	static int nodes[CELLS_MAX];
	int ret = send_away(m, page, pages, nodes);

	(void)v;
	return ret ? ret : verify_moved(m, page, pages, nodes);
}

/* EAGAIN: a page has not moved. Somebody else may have had it just then, in random scenarios. */
DEFINE_OPERATION(tonode) = {
	.id = "tonode", .about = "move_pages() to the other NUMA node; a pinned page stays",
	.needs = NEED(NUMA), .keeps_protection = true, .refuses_pinned = { -EBUSY, -EAGAIN },
	.refuses_shared = { -EAGAIN }, .senseless = { -EAGAIN }, .other_node = true,
	.run = tonode_run,
};

/* Which node has none of it now. */
static int other_node(const int *nodes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (nodes[i] >= 0)
			return nodes[i] == 0;
	return 0;
}

/* Does another process have the page, too? One that is not there, or a large one: who knows. */
static bool is_shared(struct mem *m, size_t cell)
{
	uint64_t entry = pagemap_entry(mem_page(m, layout_page(&m->layout, cell))), count;

	return (entry & PM_PRESENT) && !kpagecount(entry & PM_PFN_MASK, &count) && count > 1;
}

/* @node: -1 for wherever it likes. */
static int bind_to(struct mem *m, size_t page, size_t pages, int node, unsigned int flags)
{
	unsigned long mask = node < 0 ? 0 : 1UL << node;

	if (syscall(SYS_mbind, mem_page(m, page), pages * m->layout.page,
		    node < 0 ? MPOL_DEFAULT : MPOL_BIND, &mask, 8 * sizeof(mask), flags))
		return mem_fail(m, "mbind: %s", strerror(errno));
	return 0;
}

/* Who may move but its own pages must leave those alone that it shares. */
static int bind_own(struct mem *m, size_t page, size_t pages)
{
	static int before[CELLS_MAX], after[CELLS_MAX];
	static bool shared[CELLS_MAX];
	size_t first, count;
	int ret = ask_where(m, page, pages, before);

	layout_cells(&m->layout, page, pages, &first, &count);
	for (size_t i = 0; i < count; i++)
		shared[i] = is_shared(m, first + i);
	if (!ret)
		ret = bind_to(m, page, pages, other_node(before, count), MPOL_MF_MOVE);
	if (!ret)
		ret = ask_where(m, page, pages, after);
	errno = ESTALE;
	for (size_t i = 0; i < count && !ret; i++)
		if (shared[i] && before[i] >= 0 && after[i] >= 0 && after[i] != before[i])
			ret = mem_fail(m, "mbind moves a page that another process has, too");
	return ret;
}

/* Asked to be strict, the kernel has moved all, or says that it has not. */
static int bind_strictly(struct mem *m, size_t page, size_t pages)
{
	static int nodes[CELLS_MAX];
	int ret = ask_where(m, page, pages, nodes), to;
	size_t first, count;

	if (ret)
		return ret;
	layout_cells(&m->layout, page, pages, &first, &count);
	to = other_node(nodes, count);
	ret = bind_to(m, page, pages, to, MPOL_MF_MOVE_ALL | MPOL_MF_STRICT);
	if (!ret)
		ret = ask_where(m, page, pages, nodes);
	if (ret)
		return ret;
	errno = ESTALE;
	for (size_t i = 0; i < count; i++)
		if (nodes[i] >= 0 && nodes[i] != to)
			return mem_fail(m, "mbind has not moved all, and does not say so");
	return 0;
}

static int bind_and_undo(struct mem *m, size_t page, size_t pages,
			 int (*bind)(struct mem *m, size_t page, size_t pages))
{
	int ret = bind(m, page, pages), undone = bind_to(m, page, pages, -1, 0);

	return ret ? ret : undone;
}

static int bindnode_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	return bind_and_undo(m, page, pages, bind_strictly);
}

static int bindown_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	(void)v;
	return bind_and_undo(m, page, pages, bind_own);
}

/* EIO: a page has not moved. Somebody else may have had it just then, in random scenarios. */
DEFINE_OPERATION(bindnode) = {
	.id = "bindnode", .about = "mbind() to the other NUMA node, strictly; a pinned page stays",
	.kinds = KIND_ANON | KIND_PRIVATE, .not_kinds = KIND_HUGETLB,
	.needs = NEED(NUMA), .keeps_protection = true, .refuses_pinned = { -EIO },
	.refuses_shared = { -EIO }, .senseless = { -EIO, -EFAULT }, .splits = true,
	.other_node = true, .run = bindnode_run,
};

/* ESTALE: others, who may do so, move the page meanwhile. */
DEFINE_OPERATION(bindown) = {
	.id = "bindown", .about = "the same of what is the process's own: a shared page stays",
	.kinds = KIND_BASE, .needs = NEED(NUMA), .keeps_protection = true,
	.senseless = { -EIO, -EFAULT, -ESTALE }, .splits = true, .other_node = true,
	.run = bindown_run,
};
