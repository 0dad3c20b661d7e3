// SPDX-License-Identifier: GPL-2.0-only
/*
 * GUP by the kernel's own gup_test in debugfs (CONFIG_GUP_TEST, long-term pins since
 * 6.2). It keeps one pin for the whole machine, long-term only, and shows no PFNs.
 */
#include "gup_backend.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define GUP_TEST_FILE	"/sys/kernel/debug/gup_test"

/* The kernel's ABI, mm/gup_test.h. */
struct gup_test_start {
	uint64_t addr, size;
	uint32_t flags;
};
#define GUP_TEST_WRITE	1
#define GUP_TEST_FAST	2
#define GUP_TEST_START	_IOW('g', 7, struct gup_test_start)
#define GUP_TEST_STOP	_IO('g', 8)
#define GUP_TEST_READ	_IOW('g', 9, uint64_t)

static bool test_present(void)
{
	return !access(GUP_TEST_FILE, R_OK | W_OK);
}

static int test_pin(struct pin *p)
{
	struct gup_test_start arg = {
		.addr = (uintptr_t)p->addr,
		.size = p->len,
		.flags = (p->flags & PIN_RW ? GUP_TEST_WRITE : 0) |
			 (p->by->props & PIN_IS_FAST ? GUP_TEST_FAST : 0),
	};
	int err;

	p->fd = open(GUP_TEST_FILE, O_RDWR | O_CLOEXEC);
	if (p->fd < 0)
		return pin_fail(p, "open " GUP_TEST_FILE ": %s", strerror(errno));
	if (!ioctl(p->fd, GUP_TEST_START, &arg))
		return 0;
	err = pin_fail(p, "gup_test refused the pin: %s", strerror(errno));
	close(p->fd);
	return err;
}

static int test_read(struct pin *p, uint64_t *words)
{
	const struct layout *l = &p->layout;
	uint64_t arg;
	char *copy;
	int ret = 0;

	/* It copies all of the pin; huge pages make room for a huge one quickly. */
	copy = mmap(NULL, p->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (copy == MAP_FAILED)
		return pin_fail(p, "no memory for a copy of the pin: %s", strerror(errno));
	madvise(copy, p->len, MADV_HUGEPAGE);
	arg = (uintptr_t)copy;
	if (ioctl(p->fd, GUP_TEST_READ, &arg))
		ret = pin_fail(p, "gup_test cannot read the pin: %s", strerror(errno));
	for (size_t c = 0; c < p->cells && !ret; c++)
		content_read(l, copy + pin_offset(p, c), words + c * l->words);
	munmap(copy, p->len);
	return ret;
}

static void test_unpin(struct pin *p)
{
	ioctl(p->fd, GUP_TEST_STOP);
	close(p->fd);
	p->fd = -1;
}

const struct gup_backend gup_by_test = {
	.present = test_present,
	.pin = test_pin,
	.read = test_read,
	.unpin = test_unpin,
};
