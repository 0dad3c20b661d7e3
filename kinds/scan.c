// SPDX-License-Identifier: GPL-2.0-only
/* A second opinion on what memory is: PAGEMAP_SCAN. */
#include "kind.h"

#include <string.h>

#include "vm_util.h"

int mem_verify_scan(struct mem *m, uint64_t set, uint64_t clear, const char *what)
{
	int ret = pagemap_scan(m->base, m->len, set, clear);

	/* Linux 6.7 brought it; pagemap and kpageflags have been asked already. */
	if (ret == 1 || ret == -ENOTTY || ret == -EINVAL)
		return 0;
	errno = ret < 0 ? -ret : 0;
	if (ret < 0)
		return mem_fail(m, "PAGEMAP_SCAN: %s", strerror(errno));
	return mem_fail(m, "not %s: PAGEMAP_SCAN finds pages that are not %#llx or are %#llx",
			what, (unsigned long long)set, (unsigned long long)clear);
}
