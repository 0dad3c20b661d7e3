// SPDX-License-Identifier: GPL-2.0-only
/* What is written to a shared file while it is written back: see race_self.h. */
#define _GNU_SOURCE
#include "engine/race_self.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kinds/kind.h"
#include "vm_util.h"

static int look(int fd, char *disk, size_t len, const uint64_t *least)
{
	const struct mem *m = &race.mem;

	if (pread(fd, disk, len, m->offset) != (ssize_t)len)
		return mem_fail(&race.mem, "read past the page cache: %s", strerror(errno));
	for (size_t i = 0; i < race.pages; i++)
		race_judge(*(uint64_t *)(disk + i * m->layout.page), i, least[i], "the disk",
			   "stale-data");
	return 0;
}

/*
 * A page that was written back is clean, and whoever writes to it again must make it dirty,
 * however recently he could write without that: what fsync() leaves out then is lost, if the
 * page cache is.
 */
int race_sync(void)
{
	static uint64_t least[RACE_PAGES_MAX];
	struct mem *m = &race.mem;
	size_t len = race.pages * m->layout.page;
	char *disk = aligned_alloc(m->layout.page, len);
	int fd = mem_open(m, O_RDWR | O_DIRECT), ret;

	for (size_t i = 0; i < race.pages; i++)
		least[i] = race.committed[i];
	if (!disk || fd < 0)
		ret = mem_fail(m, "open with O_DIRECT: %s", strerror(errno));
	else if (fsync(m->fd))
		ret = mem_fail(m, "fsync: %s", strerror(errno));
	else
		ret = look(fd, disk, len, least);
	if (fd >= 0)
		close(fd);
	free(disk);
	return ret;
}
