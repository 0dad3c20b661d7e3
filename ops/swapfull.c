// SPDX-License-Identifier: GPL-2.0-only
/* Pages that cannot be written to swap: they must stay in memory, as they are. */
#define _GNU_SOURCE
#include "ops/operation.h"

#include <stdio.h>
#include <string.h>

#include "kinds/kind.h"
#include "mm_calls.h"
#include "vm_util.h"

/* zram keeps what it is given in memory, and refuses more than it may have. */
#define LIMIT	"/sys/block/zram0/mem_limit"
#define COUNTS	"/sys/block/zram0/io_stat"	/* failed reads, failed writes, ... */

/* Pages of our own, of which one half is in zram before, so that it has some. */
#define OTHERS	64

static unsigned long long failed_writes(void)
{
	unsigned long long reads, writes = 0;
	char text[128];

	if (!file_read(COUNTS, text, sizeof(text)))
		sscanf(text, "%llu %llu", &reads, &writes);
	return writes;
}

/* No two words of them are the same, so that zram makes nothing smaller. */
static char *others_map(size_t page)
{
	uint64_t *at = mmap(NULL, OTHERS * page, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t word = 88172645463325252ULL;

	if (at == MAP_FAILED)
		return NULL;
	for (size_t i = 0; i < OTHERS * page / sizeof(word); i++) {
		word ^= word << 13;
		word ^= word >> 7;
		word ^= word << 17;
		at[i] = word;
	}
	return (char *)at;
}

/* What is written while nothing can be; @others: pages that show whether that was so. */
static int swap_out_in_vain(struct mem *m, size_t page, size_t pages, char *others)
{
	unsigned long long before = failed_writes();
	size_t half = OTHERS / 2 * m->layout.page;

	madvise(others + half, half, MADV_PAGEOUT);
	madvise(mem_page(m, page), pages * m->layout.page, MADV_PAGEOUT);
	errno = ENOSPC;
	return failed_writes() > before ? 0 :
	       mem_fail(m, "no write to swap has failed, although it is full");
}

static int swapfull_run(struct mem *m, size_t page, size_t pages, struct value v)
{
	char *others = others_map(m->layout.page);
	int ret;

	(void)v;
	if (!others)
		return mem_fail(m, "mmap: %s", strerror(errno));
	madvise(others, OTHERS / 2 * m->layout.page, MADV_PAGEOUT);
	/* In bytes: one page. */
	ret = file_write(LIMIT, "4096");
	errno = -ret;
	if (ret)
		ret = mem_fail(m, LIMIT ": %s", strerror(errno));
	else
		ret = swap_out_in_vain(m, page, pages, others);
	if (file_write(LIMIT, "0"))
		ret = mem_fail(m, LIMIT ": cannot be taken back");
	munmap(others, OTHERS * m->layout.page);
	return ret;
}

/* In random scenarios another one may just have taken the swap away, or the limit. */
DEFINE_OPERATION(swapfull) = {
	.id = "swapfull", .slow = true,
	.about = "MADV_PAGEOUT while no write to swap succeeds: the pages stay, pinned or not",
	.kinds = KIND_ANON | KIND_PRIVATE, .not_kinds = KIND_HUGETLB, .needs = NEED(SWAPFULL),
	.alone = true, .keeps_protection = true, .reclaims = true,
	.senseless = { -ENOSPC, -EINVAL }, .run = swapfull_run,
};
