// SPDX-License-Identifier: GPL-2.0-only
/* More processes that share a page than the kernel can count in a byte. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "vm_util.h"

/* The count of those that have a place in swap needs more room from 62 on. */
#define CROWD	70

struct seen {
	bool readable;
	uint64_t word;
};

struct crowd {
	int gate[2];		/* closed by the parent when all are there */
	pid_t pid[CROWD];
	size_t nr;
	const char *at;
	struct seen *seen;	/* by each; shared with them */
};

static void look(const struct crowd *c, size_t i)
{
	char nothing;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(c->gate[1]);
	while (read(c->gate[0], &nothing, 1) < 0 && errno == EINTR)
		;
	c->seen[i].readable = mem_can_be_read(c->at, &c->seen[i].word);
	_exit(0);
}

/* Nobody looks before all are there; the parent looks last. */
static int gather(struct mem *m, struct crowd *c)
{
	int ret = 0;

	for (c->nr = 0; c->nr < CROWD && !ret; c->nr++) {
		c->pid[c->nr] = fork();
		if (!c->pid[c->nr])
			look(c, c->nr);
		if (c->pid[c->nr] < 0) {
			ret = mem_fail(m, "fork: %s", strerror(errno));
			break;
		}
	}
	close(c->gate[1]);
	for (size_t i = 0; i < c->nr; i++) {
		int status = process_wait(c->pid[i]);

		errno = ESTALE;
		if (status && !ret)
			ret = mem_fail(m, "process %zu of %d that share the page has died", i + 1,
				       CROWD);
	}
	close(c->gate[0]);
	return ret;
}

static int compare(struct mem *m, const struct crowd *c)
{
	uint64_t mine;
	bool readable = mem_can_be_read(c->at, &mine);

	errno = ESTALE;
	for (size_t i = 0; readable && i < c->nr; i++)
		if (c->seen[i].readable && c->seen[i].word != mine)
			return mem_fail(m, "process %zu of %d that share the page sees another one",
					i + 1, CROWD);
	return 0;
}

/* A process that is not to have the memory, or may not read it, has nothing to say. */
static int crowd_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	size_t len = CROWD * sizeof(struct seen);
	struct crowd c = {
		.at = (char *)mem_page(m, page) + layout_word(&m->layout, 0),
		.seen = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
	};
	int ret;

	(void)pages;
	(void)v;
	if (c.seen == MAP_FAILED || pipe(c.gate))
		return mem_fail(m, "no memory or descriptors: %s", strerror(errno));
	ret = gather(m, &c);
	if (!ret)
		ret = compare(m, &c);
	munmap(c.seen, len);
	return ret;
}

DEFINE_OPERATION(crowd) = {
	.id = "crowd", .slow = true,
	.about = "70 children look at the page, wherever it is: all see the same one",
	.kinds = KIND_ANON | KIND_PRIVATE, .not_kinds = KIND_HUGETLB, .keeps_protection = true,
	.run = crowd_run,
};
