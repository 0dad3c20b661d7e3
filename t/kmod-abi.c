// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does /dev/cowpin keep what kmod/cowpin.h promises? Prints TAP. Wants to be root on
 * a machine where nobody else takes pins, with cowpin.ko loaded; made for a guest.
 *
 * First the bad arguments, one line each, then what the calls are for, and last what
 * must hold after all of it: as many pins released as taken, nothing in the kernel's
 * log. Waiting is for an event, or for a state with a time limit; no fixed sleeps.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/capability.h>

#include "../kmod/cowpin.h"

#define PAGE		4096ul
#define HUGE_2M		(2ul << 20)
#define HUGE_1G		(1ul << 30)
#define ORDER_2M	9
#define ORDER_1G	18
#define LIMIT_MS	10000		/* longest wait for a state */

enum verdict { FAIL, PASS, SKIP };

static int dev = -1;			/* the descriptor that most tests use */
static struct cowpin_hello hello;	/* its handshake */
static char skip_reason[128];

/* TAP */

static int tests_done, tests_failed;

__attribute__((format(printf, 1, 2)))
static void diag(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("#   ");
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
}

static void report(enum verdict verdict, const char *group, const char *name)
{
	printf("%sok %d - %s%s", verdict == FAIL ? "not " : "", ++tests_done, group, name);
	if (verdict == SKIP)
		printf(" # SKIP %s", skip_reason);
	putchar('\n');
	fflush(stdout);
	tests_failed += verdict == FAIL;
}

static enum verdict skip(const char *reason)
{
	snprintf(skip_reason, sizeof(skip_reason), "%s", reason);
	return SKIP;
}

static void bail_out(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Say what is wrong and where, and leave the test; the one macro that hides a return. */
#define CHECK(cond)								\
	do {									\
		if (!(cond)) {							\
			diag("line %d: not so: %s (errno %d)", __LINE__, #cond,	\
			     errno);						\
			return FAIL;						\
		}								\
	} while (0)

/* The calls */

static int call(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) ? -errno : 0;
}

static int open_device(void)
{
	struct cowpin_hello h = { .abi = COWPIN_ABI };
	int fd = open(COWPIN_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return call(fd, COWPIN_IOC_HELLO, &h) ? -EPROTO : fd;
}

/* Returns the id, or a negative error. */
static int pin_on(int fd, const void *addr, size_t len, unsigned int flags)
{
	struct cowpin_pin pin = {
		.addr = (uintptr_t)addr, .len = len, .flags = flags,
	};
	int err = call(fd, COWPIN_IOC_PIN, &pin);

	return err ? err : (int)pin.id;
}

static int unpin_on(int fd, int id)
{
	struct cowpin_unpin unpin = { .id = id };

	return call(fd, COWPIN_IOC_UNPIN, &unpin);
}

static int transfer(unsigned long cmd, int id, struct cowpin_io io, void *buf)
{
	io.id = id;
	io.buf = (uintptr_t)buf;
	return call(dev, cmd, &io);
}

static int read_word(int fd, int id, size_t offset, uint64_t *word)
{
	struct cowpin_io io = {
		.id = id, .chunk = 8, .offset = offset, .count = 1,
		.buf = (uintptr_t)word,
	};

	return call(fd, COWPIN_IOC_READ, &io);
}

static int facts_of(int id, size_t first, struct cowpin_page *page)
{
	struct cowpin_facts facts = {
		.id = id, .first = first, .step = 1, .count = 1,
		.buf = (uintptr_t)page,
	};

	return call(dev, COWPIN_IOC_FACTS, &facts);
}

/* Memory */

static void *map_anon(size_t len, int flags)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, len, MADV_NOHUGEPAGE);
	return p;
}

/* Each word says where it is: page and word. */
static uint64_t word_at(size_t offset)
{
	return 0xc0ffee0000000000ull | offset;
}

static void *map_filled(size_t pages)
{
	uint64_t *p = map_anon(pages * PAGE, 0);

	for (size_t i = 0; p && i < pages * PAGE / 8; i++)
		p[i] = word_at(i * 8);
	return p;
}

static uint64_t pfn_of(const void *addr)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (pread(fd, &entry, 8, (uintptr_t)addr / PAGE * 8) != 8)
		entry = 0;
	close(fd);
	return entry & ((1ull << 55) - 1);
}

/* System state */

static bool read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	buf[len < 0 ? 0 : len] = 0;
	return len >= 0;
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return good;
}

static long read_number(const char *path)
{
	char buf[64];

	return read_file(path, buf, sizeof(buf)) ? atol(buf) : -1;
}

static long counter(const char *vmstat, const char *name)
{
	const char *at = strstr(vmstat, name);

	return at ? atol(at + strlen(name)) : 0;
}

/* The counters are per CPU until folded. */
static const char *vmstat_now(void)
{
	static char vmstat[65536];

	write_file("/proc/sys/vm/stat_refresh", "1");
	read_file("/proc/vmstat", vmstat, sizeof(vmstat));
	return vmstat;
}

static long pins_taken(void)
{
	return counter(vmstat_now(), "nr_foll_pin_acquired ");
}

/* How many pins the system holds. */
static long pins_held(void)
{
	const char *vmstat = vmstat_now();

	return counter(vmstat, "nr_foll_pin_acquired ") -
	       counter(vmstat, "nr_foll_pin_released ");
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Look again until @done says so, or the time is up. */
static bool wait_until(bool (*done)(long arg), long arg)
{
	long end = now_ms() + LIMIT_MS;

	while (!done(arg)) {
		if (now_ms() > end)
			return false;
		poll(NULL, 0, 1);
	}
	return true;
}

static bool pins_are(long want)
{
	return pins_held() == want;
}

static bool pins_above(long want)
{
	return pins_held() > want;
}

/* Processes */

static bool drop_capability(int cap)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &head, data))
		return false;
	data[cap / 32].effective &= ~(1u << cap % 32);
	data[cap / 32].permitted &= ~(1u << cap % 32);
	return !syscall(SYS_capset, &head, data);
}

/* The errno that @what(arg) gives in a child after @prepare() there; 0 if it works. */
static int errno_in_child(bool (*prepare)(void), int (*what)(int arg), int arg)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		int ret = prepare() ? what(arg) : -255;

		_exit(ret < 0 ? -ret : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* A child that does @what, says so, and stays until it is killed. */
struct helper {
	pid_t pid;
	int from;	/* reads one byte when it is ready, none when it failed */
};

static bool start_helper(struct helper *h, bool (*what)(void *arg), void *arg)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return false;
	h->pid = fork();
	if (!h->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!what(arg) || write(fds[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	h->from = fds[0];
	return h->pid > 0;
}

static bool helper_ready(struct helper *h)
{
	char byte;

	return read(h->from, &byte, 1) == 1;
}

static bool stop_helper(struct helper *h)
{
	siginfo_t info;

	close(h->from);
	return !kill(h->pid, SIGKILL) && !waitid(P_PID, h->pid, &info, WEXITED);
}

static bool do_nothing(void *arg)
{
	(void)arg;
	return true;
}

/*
 * Bad arguments. They lie at a fixed address so that the table can name them: four
 * written pages, then a page that may only be read, then a hole.
 */
#define AREA		0x10000000ul
#define AREA_PAGES	4
#define AREA_RO		(AREA + AREA_PAGES * PAGE)
#define HOLE		(AREA_RO + PAGE)

/* Stand for ids that are only known when the test runs. */
#define RO_PIN		0xfffffff1u	/* all of the area, R/O */
#define RW_PIN		0xfffffff2u	/* all of the area, R/W */
#define GONE_PIN	0xfffffff3u	/* was released */

#define ADDR_TOP	(1ul << 56)	/* where user space ends at the latest on x86-64 */

struct bad {
	const char *name;
	int want;
	unsigned long cmd;
	union {
		__u32 id;	/* of all but pin and loop, and first in those */
		struct cowpin_pin pin;
		struct cowpin_unpin unpin;
		struct cowpin_io io;
		struct cowpin_facts facts;
		struct cowpin_loop loop;
	} arg;
};

#define BAD_PIN(n, e, ...)	{ "pin-" n, e, COWPIN_IOC_PIN, { .pin = { __VA_ARGS__ } } }
#define BAD_UNPIN(n, e, ...)	{ "unpin-" n, e, COWPIN_IOC_UNPIN, { .unpin = { __VA_ARGS__ } } }
#define BAD_READ(n, e, ...)	{ "read-" n, e, COWPIN_IOC_READ, { .io = { __VA_ARGS__ } } }
#define BAD_WRITE(n, e, ...)	{ "write-" n, e, COWPIN_IOC_WRITE, { .io = { __VA_ARGS__ } } }
#define BAD_FACTS(n, e, ...)	{ "facts-" n, e, COWPIN_IOC_FACTS, { .facts = { __VA_ARGS__ } } }
#define BAD_LOOP(n, e, ...)	{ "loop-" n, e, COWPIN_IOC_LOOP, { .loop = { __VA_ARGS__ } } }

static const struct bad bad[] = {
	BAD_PIN("unknown-bit", EINVAL, .addr = AREA, .len = PAGE, .flags = COWPIN_FLAGS + 1),
	BAD_PIN("top-bit", EINVAL, .addr = AREA, .len = PAGE, .flags = 1u << 31),
	BAD_PIN("get-longterm", EINVAL, .addr = AREA, .len = PAGE,
		.flags = COWPIN_GET | COWPIN_LONGTERM),
	BAD_PIN("pid-negative", EINVAL, .addr = AREA, .len = PAGE, .pid = -1),
	BAD_PIN("pid-fast", EINVAL, .addr = AREA, .len = PAGE, .pid = 1, .flags = COWPIN_FAST),
	BAD_PIN("pid-nobody", ESRCH, .addr = AREA, .len = PAGE, .pid = 0x7fffffff),
	BAD_PIN("pid-kernel-thread", ESRCH, .addr = AREA, .len = PAGE, .pid = 2),
	BAD_PIN("length-zero", EINVAL, .addr = AREA),
	BAD_PIN("length-unaligned", EINVAL, .addr = AREA, .len = PAGE + 8),
	BAD_PIN("length-all", EINVAL, .addr = AREA, .len = -PAGE),
	BAD_PIN("address-unaligned", EINVAL, .addr = AREA + 8, .len = PAGE),
	BAD_PIN("wrapped", EINVAL, .addr = -PAGE, .len = 2 * PAGE),
	BAD_PIN("wrapped-to-zero", EINVAL, .addr = -PAGE, .len = PAGE),
	BAD_PIN("past-user-space", EINVAL, .addr = ADDR_TOP - PAGE, .len = 2 * PAGE),
	BAD_PIN("above-user-space", EINVAL, .addr = 1ul << 63, .len = PAGE),
	BAD_PIN("kernel-address", EINVAL, .addr = 0xffff888000000000ul, .len = PAGE),
	BAD_PIN("kernel-address-fast", EINVAL, .addr = 0xffff888000000000ul, .len = PAGE,
		.flags = COWPIN_FAST),
	BAD_PIN("nothing-there", EFAULT, .addr = HOLE, .len = PAGE),
	BAD_PIN("nothing-there-fast", EFAULT, .addr = HOLE, .len = PAGE, .flags = COWPIN_FAST),
	BAD_PIN("hole-at-the-end", EFAULT, .addr = AREA, .len = HOLE + PAGE - AREA,
		.flags = COWPIN_LONGTERM),
	BAD_PIN("hole-at-the-end-fast", EFAULT, .addr = AREA, .len = HOLE + PAGE - AREA,
		.flags = COWPIN_FAST),
	BAD_PIN("hole-at-the-end-get", EFAULT, .addr = AREA, .len = HOLE + PAGE - AREA,
		.flags = COWPIN_GET),
	BAD_PIN("write-protected", EFAULT, .addr = AREA_RO, .len = PAGE, .flags = COWPIN_WRITE),

	BAD_UNPIN("id-zero", ENOENT, .id = 0),
	BAD_UNPIN("id-unknown", ENOENT, .id = 12345),
	BAD_UNPIN("id-huge", ENOENT, .id = 0xffffffff),
	BAD_UNPIN("twice", ENOENT, .id = GONE_PIN),
	BAD_UNPIN("dirty-2", EINVAL, .id = RW_PIN, .dirty = 2),
	BAD_UNPIN("dirty-read-only", EACCES, .id = RO_PIN, .dirty = 1),

	BAD_READ("id-unknown", ENOENT, .id = 12345, .chunk = 8, .count = 1, .buf = AREA),
	BAD_READ("id-gone", ENOENT, .id = GONE_PIN, .chunk = 8, .count = 1, .buf = AREA),
	BAD_READ("chunk-zero", EINVAL, .id = RO_PIN, .count = 1, .buf = AREA),
	BAD_READ("chunk-above-page", EINVAL, .id = RO_PIN, .chunk = PAGE + 1, .count = 1,
		 .buf = AREA),
	BAD_READ("count-zero", EINVAL, .id = RO_PIN, .chunk = 8, .stride = 8, .buf = AREA),
	BAD_READ("stride-zero", EINVAL, .id = RO_PIN, .chunk = 8, .count = 2, .buf = AREA),
	BAD_READ("past-the-end", EINVAL, .id = RO_PIN, .chunk = 8, .count = 1,
		 .offset = AREA_PAGES * PAGE, .buf = AREA),
	BAD_READ("offset-wraps", EINVAL, .id = RO_PIN, .chunk = 8, .count = 1, .offset = -8ul,
		 .buf = AREA),
	BAD_READ("last-past-the-end", EINVAL, .id = RO_PIN, .chunk = 8, .stride = PAGE,
		 .count = AREA_PAGES + 1, .buf = AREA),
	BAD_READ("stride-wraps", EINVAL, .id = RO_PIN, .chunk = 8, .stride = 1ul << 63,
		 .count = 3, .buf = AREA),
	BAD_READ("count-wraps", EINVAL, .id = RO_PIN, .chunk = 8, .stride = 16,
		 .count = 1ul << 60, .buf = AREA),
	BAD_READ("crosses-page", EINVAL, .id = RO_PIN, .chunk = 8, .offset = PAGE - 4,
		 .count = 1, .buf = AREA),
	BAD_READ("second-crosses-page", EINVAL, .id = RO_PIN, .chunk = 8, .offset = PAGE - 16,
		 .stride = 12, .count = 2, .buf = AREA),
	BAD_READ("buffer-null", EFAULT, .id = RO_PIN, .chunk = 8, .count = 1),
	BAD_READ("buffer-read-only", EFAULT, .id = RO_PIN, .chunk = 8, .count = 1,
		 .buf = AREA_RO),
	BAD_READ("buffer-in-kernel", EFAULT, .id = RO_PIN, .chunk = 8, .count = 1,
		 .buf = 0xffff888000000000ul),
	BAD_READ("buffer-runs-out", EFAULT, .id = RO_PIN, .chunk = PAGE, .stride = PAGE,
		 .count = AREA_PAGES, .buf = HOLE - 2 * PAGE),

	BAD_WRITE("id-unknown", ENOENT, .id = 12345, .chunk = 8, .count = 1, .buf = AREA),
	BAD_WRITE("read-only", EACCES, .id = RO_PIN, .chunk = 8, .count = 1, .buf = AREA),
	BAD_WRITE("chunk-zero", EINVAL, .id = RW_PIN, .count = 1, .buf = AREA),
	BAD_WRITE("past-the-end", EINVAL, .id = RW_PIN, .chunk = 8, .count = 1,
		  .offset = AREA_PAGES * PAGE, .buf = AREA),
	BAD_WRITE("crosses-page", EINVAL, .id = RW_PIN, .chunk = 8, .offset = PAGE - 4,
		  .count = 1, .buf = AREA),
	BAD_WRITE("buffer-null", EFAULT, .id = RW_PIN, .chunk = 8, .count = 1),

	BAD_FACTS("id-unknown", ENOENT, .id = 12345, .step = 1, .count = 1, .buf = AREA),
	BAD_FACTS("padding", EINVAL, .id = RO_PIN, .pad = 1, .step = 1, .count = 1,
		  .buf = AREA),
	BAD_FACTS("step-zero", EINVAL, .id = RO_PIN, .count = 1, .buf = AREA),
	BAD_FACTS("count-zero", EINVAL, .id = RO_PIN, .step = 1, .buf = AREA),
	BAD_FACTS("past-the-end", EINVAL, .id = RO_PIN, .first = AREA_PAGES, .step = 1,
		  .count = 1, .buf = AREA),
	BAD_FACTS("last-past-the-end", EINVAL, .id = RO_PIN, .first = 1, .step = 1,
		  .count = AREA_PAGES, .buf = AREA),
	BAD_FACTS("step-wraps", EINVAL, .id = RO_PIN, .first = 1, .step = 1ul << 63,
		  .count = 3, .buf = AREA),
	BAD_FACTS("count-wraps", EINVAL, .id = RO_PIN, .step = 1, .count = 1ul << 60,
		  .buf = AREA),
	BAD_FACTS("buffer-null", EFAULT, .id = RO_PIN, .step = 1, .count = 1),

	BAD_LOOP("unknown-bit", EINVAL, .addr = AREA, .len = PAGE, .ms = 1, .rounds = 1,
		 .flags = COWPIN_FLAGS + 1),
	BAD_LOOP("get-longterm", EINVAL, .addr = AREA, .len = PAGE, .ms = 1, .rounds = 1,
		 .flags = COWPIN_GET | COWPIN_LONGTERM),
	BAD_LOOP("tell-path", EINVAL, .addr = AREA, .len = PAGE, .ms = 1, .rounds = 1,
		 .flags = COWPIN_FAST | COWPIN_TELL_PATH),
	BAD_LOOP("padding", EINVAL, .addr = AREA, .len = PAGE, .ms = 1, .rounds = 1, .pad = 1),
	BAD_LOOP("no-rounds", EINVAL, .addr = AREA, .len = PAGE, .ms = 1),
	BAD_LOOP("no-time", EINVAL, .addr = AREA, .len = PAGE, .rounds = 1),
	BAD_LOOP("too-long", EINVAL, .addr = AREA, .len = PAGE, .rounds = 1,
		 .ms = COWPIN_LOOP_MS + 1),
	BAD_LOOP("length-zero", EINVAL, .addr = AREA, .ms = 1, .rounds = 1),
	BAD_LOOP("length-unaligned", EINVAL, .addr = AREA, .len = PAGE + 8, .ms = 1,
		 .rounds = 1),
	BAD_LOOP("too-many-pages", EINVAL, .addr = AREA, .ms = 1, .rounds = 1,
		 .len = (COWPIN_LOOP_PAGES + 1) * PAGE),
	BAD_LOOP("address-unaligned", EINVAL, .addr = AREA + 8, .len = PAGE, .ms = 1,
		 .rounds = 1),
	BAD_LOOP("wrapped", EINVAL, .addr = -PAGE, .len = 2 * PAGE, .ms = 1, .rounds = 1),
	BAD_LOOP("kernel-address-fast", EINVAL, .addr = 0xffff888000000000ul, .len = PAGE,
		 .ms = 1, .rounds = 1, .flags = COWPIN_FAST),

	{ "call-unknown", ENOTTY, _IO(0xC7, 7), { 0 } },
	{ "call-other-size", ENOTTY, _IOWR(0xC7, 1, struct cowpin_io), { 0 } },
	{ "call-other-magic", ENOTTY, _IOWR(0xC8, 1, struct cowpin_pin), { 0 } },
	{ }
};

static void map_area(void)
{
	char *p = mmap((void *)AREA, HOLE - AREA, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p != (char *)AREA)
		bail_out("cannot map the area for bad arguments");
	memset(p, 1, HOLE - AREA);
	mprotect((void *)AREA_RO, PAGE, PROT_READ);
}

static void run_bad(const struct bad *b, const __u32 *ids)
{
	struct bad copy = *b;
	bool stands = copy.arg.id >= RO_PIN && copy.arg.id <= GONE_PIN;
	long before = pins_held(), left;
	int got;

	if (b->cmd != COWPIN_IOC_PIN && b->cmd != COWPIN_IOC_LOOP && stands)
		copy.arg.id = ids[copy.arg.id - RO_PIN];
	got = call(dev, b->cmd, &copy.arg);
	if (got != -b->want)
		diag("got %s, not %s", strerror(-got), strerror(b->want));
	left = pins_held() - before;
	if (left)
		diag("left %ld pins behind", left);
	report(got == -b->want && !left ? PASS : FAIL, "bad.", b->name);
}

static void run_all_bad(void)
{
	const void *area = (void *)AREA;
	size_t len = AREA_PAGES * PAGE;
	__u32 ids[3] = {
		pin_on(dev, area, len, COWPIN_LONGTERM),
		pin_on(dev, area, len, COWPIN_WRITE),
		pin_on(dev, area, len, 0),
	};

	unpin_on(dev, ids[2]);
	for (const struct bad *b = bad; b->name; b++)
		run_bad(b, ids);
	unpin_on(dev, ids[0]);
	unpin_on(dev, ids[1]);
}

/* Who may do it, and how it begins */

static const unsigned long all_calls[] = {
	COWPIN_IOC_HELLO, COWPIN_IOC_PIN, COWPIN_IOC_UNPIN, COWPIN_IOC_READ,
	COWPIN_IOC_WRITE, COWPIN_IOC_FACTS, COWPIN_IOC_LOOP,
};

static enum verdict t_null_argument(void)
{
	for (size_t i = 0; i < sizeof(all_calls) / sizeof(*all_calls); i++)
		CHECK(call(dev, all_calls[i], NULL) == -EFAULT);
	return PASS;
}

static enum verdict t_handshake_first(void)
{
	struct cowpin_pin pin = { .addr = AREA, .len = PAGE };
	int fd = open(COWPIN_DEVICE, O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0);
	for (size_t i = 1; i < sizeof(all_calls) / sizeof(*all_calls); i++)
		CHECK(call(fd, all_calls[i], &pin) == -EPROTO);
	CHECK(call(fd, _IO(0xC7, 7), &pin) == -ENOTTY);
	close(fd);
	return PASS;
}

static enum verdict t_handshake_versions(void)
{
	struct cowpin_hello other = { .abi = COWPIN_ABI + 1 };
	struct cowpin_hello mine = { .abi = COWPIN_ABI };
	struct cowpin_pin pin = { .addr = AREA, .len = PAGE };
	int fd = open(COWPIN_DEVICE, O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(call(fd, COWPIN_IOC_HELLO, &other) == -EPROTO);
	CHECK(other.abi == COWPIN_ABI);
	CHECK(call(fd, COWPIN_IOC_PIN, &pin) == -EPROTO);
	CHECK(call(fd, COWPIN_IOC_HELLO, &mine) == 0);
	CHECK(mine.abi == COWPIN_ABI && mine.max_pages > 0);
	CHECK(call(fd, COWPIN_IOC_PIN, &pin) == 0);
	close(fd);
	return PASS;
}

static enum verdict t_device_mode(void)
{
	struct stat st;

	CHECK(!stat(COWPIN_DEVICE, &st));
	CHECK(S_ISCHR(st.st_mode) && !(st.st_mode & 077) && !st.st_uid);
	return PASS;
}

static bool become_nobody(void)
{
	return !setresgid(65534, 65534, 65534) && !setresuid(65534, 65534, 65534);
}

static bool drop_admin(void)
{
	return drop_capability(CAP_SYS_ADMIN);
}

static bool drop_ptrace(void)
{
	return drop_capability(CAP_SYS_PTRACE);
}

static int try_open(int arg)
{
	int fd = open(COWPIN_DEVICE, O_RDWR | O_CLOEXEC);

	(void)arg;
	return fd < 0 ? -errno : 0;
}

static int try_calls(int fd)
{
	struct cowpin_loop any = { .addr = AREA, .len = PAGE };

	for (size_t i = 0; i < sizeof(all_calls) / sizeof(*all_calls); i++)
		if (call(fd, all_calls[i], &any) != -EPERM)
			return -ERANGE;
	return -EPERM;
}

static int try_pin_parent(int fd)
{
	struct cowpin_pin pin = { .addr = AREA, .len = PAGE, .pid = getppid() };

	return call(fd, COWPIN_IOC_PIN, &pin);
}

static int try_pin_self_by_pid(int fd)
{
	struct cowpin_pin pin = { .addr = AREA, .len = PAGE, .pid = getpid() };

	return call(fd, COWPIN_IOC_PIN, &pin);
}

static enum verdict t_unprivileged(void)
{
	CHECK(errno_in_child(become_nobody, try_open, 0) == EACCES);
	CHECK(errno_in_child(drop_admin, try_open, 0) == EPERM);
	CHECK(errno_in_child(become_nobody, try_calls, dev) == EPERM);
	CHECK(errno_in_child(drop_admin, try_calls, dev) == EPERM);
	return PASS;
}

static enum verdict t_remote_needs_ptrace(void)
{
	int fd = open_device();

	CHECK(fd >= 0);
	CHECK(errno_in_child(drop_ptrace, try_pin_parent, fd) == EPERM);
	CHECK(errno_in_child(drop_ptrace, try_pin_self_by_pid, fd) == 0);
	close(fd);
	return PASS;
}

static enum verdict t_module_in_use(void)
{
	int ret = syscall(SYS_delete_module, "cowpin", O_NONBLOCK);

	if (ret && errno == ENOENT)
		return skip("cowpin is not a module here");
	CHECK(ret == -1 && errno == EWOULDBLOCK);
	return PASS;
}

/* Reading and writing */

static enum verdict t_read(void)
{
	static char buf[3 * PAGE];
	struct cowpin_io io = { .chunk = PAGE, .stride = PAGE, .count = 3 };
	char *p = map_filled(3);
	int id = pin_on(dev, p, 3 * PAGE, COWPIN_LONGTERM);

	CHECK(id > 0);
	CHECK(!transfer(COWPIN_IOC_READ, id, io, buf));
	CHECK(!memcmp(buf, p, sizeof(buf)));
	memset(p, 0x5a, sizeof(buf));
	CHECK(!transfer(COWPIN_IOC_READ, id, io, buf));
	CHECK(!memcmp(buf, p, sizeof(buf)));
	CHECK(!unpin_on(dev, id));
	munmap(p, 3 * PAGE);
	return PASS;
}

static enum verdict t_write(void)
{
	struct cowpin_unpin unpin = { .dirty = 1 };
	struct cowpin_io io = { .chunk = 100, .stride = PAGE, .offset = 60, .count = 3 };
	char *p = map_anon(3 * PAGE, 0), buf[300];
	int id = pin_on(dev, p, 3 * PAGE, COWPIN_WRITE | COWPIN_LONGTERM);

	CHECK(id > 0);
	for (int i = 0; i < 300; i++)
		buf[i] = i / 100 + 1;
	CHECK(!transfer(COWPIN_IOC_WRITE, id, io, buf));
	for (int i = 0; i < 3; i++) {
		CHECK(!memcmp(p + i * PAGE + 60, buf + i * 100, 100));
		CHECK(!p[i * PAGE + 59] && !p[i * PAGE + 160]);
	}
	unpin.id = id;
	CHECK(!call(dev, COWPIN_IOC_UNPIN, &unpin));
	CHECK(!memcmp(p + 60, buf, 100));
	munmap(p, 3 * PAGE);
	return PASS;
}

/* More than the module's buffer takes at once, with a stride that steps within pages. */
static enum verdict t_stride(void)
{
	static const size_t strides[] = { 8, 24, 136, PAGE - 8, PAGE, 2 * PAGE + 8 };
	const size_t pages = 64;
	uint64_t *p = map_filled(pages), *buf = map_anon(pages * PAGE, 0);
	int id = pin_on(dev, p, pages * PAGE, 0);

	CHECK(p && buf && id > 0);
	for (size_t i = 0; i < sizeof(strides) / sizeof(*strides); i++) {
		struct cowpin_io io = { .chunk = 8, .offset = 16, .stride = strides[i] };

		io.count = (pages * PAGE - 8 - io.offset) / io.stride + 1;
		CHECK(!transfer(COWPIN_IOC_READ, id, io, buf));
		for (size_t k = 0; k < io.count; k++)
			CHECK(buf[k] == word_at(io.offset + k * io.stride));
	}
	CHECK(!unpin_on(dev, id));
	munmap(p, pages * PAGE);
	munmap(buf, pages * PAGE);
	return PASS;
}

/* The pin goes on showing the page that the process has given away. */
static enum verdict t_detached(void)
{
	uint64_t *p = map_filled(1), word = 0;
	struct cowpin_page page;
	int id = pin_on(dev, p, PAGE, COWPIN_LONGTERM);

	CHECK(id > 0);
	munmap(p, PAGE);
	CHECK(!read_word(dev, id, 24, &word) && word == word_at(24));
	CHECK(!facts_of(id, 0, &page));
	CHECK(!(page.flags & COWPIN_PAGE_MAPPED) && page.mapcount == 0);
	CHECK(!unpin_on(dev, id));
	return PASS;
}

static enum verdict t_all_flags(void)
{
	uint64_t *p = map_filled(2), word;

	for (unsigned int flags = 0; flags <= COWPIN_FLAGS; flags++) {
		int id, want_error;

		want_error = (flags & COWPIN_GET) && (flags & COWPIN_LONGTERM);
		id = pin_on(dev, p, 2 * PAGE, flags);
		if (want_error ? id != -EINVAL : id <= 0)
			diag("flags %#x: %d", flags, id);
		CHECK(want_error ? id == -EINVAL : id > 0);
		if (want_error)
			continue;
		CHECK(!read_word(dev, id, PAGE + 8, &word) && word == word_at(PAGE + 8));
		CHECK(!unpin_on(dev, id));
	}
	munmap(p, 2 * PAGE);
	return PASS;
}

/* FOLL_FORCE breaks copy-on-write in a private mapping that may not be written. */
static enum verdict t_force(void)
{
	uint64_t *p = map_filled(1), word = 42;
	struct cowpin_io io = { .chunk = 8, .count = 1 };
	int id;

	mprotect(p, PAGE, PROT_READ);
	CHECK(pin_on(dev, p, PAGE, COWPIN_WRITE) == -EFAULT);
	id = pin_on(dev, p, PAGE, COWPIN_WRITE | COWPIN_FORCE);
	CHECK(id > 0);
	CHECK(!transfer(COWPIN_IOC_WRITE, id, io, &word) && p[0] == 42);
	CHECK(!unpin_on(dev, id));
	munmap(p, PAGE);
	return PASS;
}

static bool fill_42(void *arg)
{
	memset(arg, 42, PAGE);
	return true;
}

static enum verdict t_remote(void)
{
	char *p = map_anon(PAGE, 0), c = 0;
	struct cowpin_pin pin = {
		.addr = (uintptr_t)p, .len = PAGE, .flags = COWPIN_LONGTERM,
	};
	struct cowpin_io io = { .chunk = 1, .count = 1, .offset = 7 };
	struct helper h;

	CHECK(start_helper(&h, fill_42, p) && helper_ready(&h));
	pin.pid = h.pid;
	CHECK(!call(dev, COWPIN_IOC_PIN, &pin));
	CHECK(!transfer(COWPIN_IOC_READ, pin.id, io, &c) && c == 42 && !p[7]);
	CHECK(stop_helper(&h));
	CHECK(!transfer(COWPIN_IOC_READ, pin.id, io, &c) && c == 42);
	CHECK(!unpin_on(dev, pin.id));
	CHECK(call(dev, COWPIN_IOC_PIN, &pin) == -ESRCH);
	munmap(p, PAGE);
	return PASS;
}

/* Which path */

static int path_of(const void *addr, unsigned int flags)
{
	struct cowpin_pin pin = {
		.addr = (uintptr_t)addr, .len = PAGE, .flags = flags,
	};

	if (call(dev, COWPIN_IOC_PIN, &pin) || unpin_on(dev, pin.id))
		return -1;
	return pin.path;
}

static bool can_tell_path(void)
{
	struct cowpin_hello h = { .abi = COWPIN_ABI };

	path_of((void *)AREA, COWPIN_FAST | COWPIN_TELL_PATH);
	return !call(dev, COWPIN_IOC_HELLO, &h) && (h.features & COWPIN_HAS_PATH);
}

static enum verdict t_path(void)
{
	const unsigned int tell = COWPIN_FAST | COWPIN_TELL_PATH;
	char *p = map_anon(4 * PAGE, 0);

	if (!can_tell_path())
		return skip("no kprobe on the slow path here");
	CHECK(path_of(p, tell | COWPIN_WRITE) == COWPIN_PATH_SLOW);
	CHECK(path_of(p, tell | COWPIN_WRITE) == COWPIN_PATH_FAST);
	CHECK(path_of(p, tell) == COWPIN_PATH_FAST);
	CHECK(path_of(p, tell | COWPIN_GET) == COWPIN_PATH_FAST);
	CHECK(path_of(p + PAGE, tell | COWPIN_GET | COWPIN_WRITE) == COWPIN_PATH_SLOW);
	CHECK(path_of(p, COWPIN_TELL_PATH) == COWPIN_PATH_SLOW);
	CHECK(path_of(p, COWPIN_FAST) == COWPIN_PATH_UNKNOWN);
	munmap(p, 4 * PAGE);
	return PASS;
}

/* Facts */

static bool exclusive_is(const struct cowpin_page *page, bool want)
{
	if (!(hello.features & COWPIN_HAS_EXCLUSIVE))
		want = false;
	return !!(page->flags & COWPIN_PAGE_EXCLUSIVE) == want;
}

static enum verdict t_facts_anon(void)
{
	char *p = map_filled(3);
	struct cowpin_page page;
	int id = pin_on(dev, p, 3 * PAGE, COWPIN_LONGTERM);
	const unsigned int none = COWPIN_PAGE_ZERO | COWPIN_PAGE_KSM | COWPIN_PAGE_HUGETLB;

	CHECK(id > 0);
	for (int i = 0; i < 3; i++) {
		CHECK(!facts_of(id, i, &page));
		CHECK(page.pfn && page.pfn == pfn_of(p + i * PAGE));
		CHECK(page.flags & COWPIN_PAGE_ANON && page.flags & COWPIN_PAGE_MAPPED);
		CHECK(!(page.flags & none) && exclusive_is(&page, true));
		CHECK(!page.order && !page.index && page.mapcount == 1);
		CHECK(page.pincount == 1 && page.refcount > 1024);
	}
	CHECK(!unpin_on(dev, id));
	munmap(p, 3 * PAGE);
	return PASS;
}

static enum verdict t_facts_shared_anon(void)
{
	char *p = map_filled(1);
	struct cowpin_page page;
	struct helper h;
	int id;

	CHECK(start_helper(&h, do_nothing, NULL) && helper_ready(&h));
	id = pin_on(dev, p, PAGE, COWPIN_GET);
	CHECK(id > 0 && !facts_of(id, 0, &page));
	CHECK(page.flags & COWPIN_PAGE_ANON && exclusive_is(&page, false));
	CHECK(page.mapcount == 2 && page.pincount == 0 && page.refcount >= 3);
	CHECK(!unpin_on(dev, id) && stop_helper(&h));
	munmap(p, PAGE);
	return PASS;
}

static enum verdict t_facts_zeropage(void)
{
	volatile char *p = map_anon(2 * PAGE, 0);
	struct cowpin_page page[2];
	int id;

	(void)p[0];
	(void)p[PAGE];
	id = pin_on(dev, (void *)p, 2 * PAGE, 0);
	CHECK(id > 0 && !facts_of(id, 0, &page[0]) && !facts_of(id, 1, &page[1]));
	for (int i = 0; i < 2; i++) {
		CHECK(page[i].flags & COWPIN_PAGE_ZERO);
		CHECK(!(page[i].flags & (COWPIN_PAGE_ANON | COWPIN_PAGE_EXCLUSIVE)));
	}
	CHECK(page[0].pfn == page[1].pfn);
	CHECK(!unpin_on(dev, id));
	munmap((void *)p, 2 * PAGE);
	return PASS;
}

static enum verdict t_facts_file(void)
{
	int fd = memfd_create("cowpin", MFD_CLOEXEC), id;
	struct cowpin_page page;
	char *p;

	CHECK(fd >= 0 && !ftruncate(fd, PAGE));
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	p[0] = 1;
	id = pin_on(dev, p, PAGE, COWPIN_LONGTERM);
	CHECK(id > 0 && !facts_of(id, 0, &page));
	CHECK(!(page.flags & (COWPIN_PAGE_ANON | COWPIN_PAGE_EXCLUSIVE | COWPIN_PAGE_ZERO)));
	CHECK(page.flags & COWPIN_PAGE_MAPPED && page.flags & COWPIN_PAGE_DIRTY);
	CHECK(page.pfn == pfn_of(p));
	/* Truncated below the pin: a page of no file and no process. */
	CHECK(!ftruncate(fd, 0) && !facts_of(id, 0, &page));
	CHECK(!(page.flags & (COWPIN_PAGE_ANON | COWPIN_PAGE_MAPPED)));
	CHECK(!unpin_on(dev, id));
	munmap(p, PAGE);
	close(fd);
	return PASS;
}

static enum verdict t_facts_step(void)
{
	struct cowpin_page page[4];
	struct cowpin_facts facts = {
		.first = 1, .step = 300, .count = 4, .buf = (uintptr_t)page,
	};
	char *p = map_filled(1000);
	int id = pin_on(dev, p, 1000 * PAGE, COWPIN_FAST);

	CHECK(id > 0);
	facts.id = id;
	CHECK(!call(dev, COWPIN_IOC_FACTS, &facts));
	for (int i = 0; i < 4; i++)
		CHECK(page[i].pfn == pfn_of(p + (1 + i * 300) * PAGE));
	CHECK(!unpin_on(dev, id));
	munmap(p, 1000 * PAGE);
	return PASS;
}

/* FOLL_GET takes one reference and gives it back. */
static enum verdict t_facts_get(void)
{
	char *p = map_filled(1);
	struct cowpin_page one, two;
	int a = pin_on(dev, p, PAGE, COWPIN_GET), b;

	CHECK(a > 0 && !facts_of(a, 0, &one));
	b = pin_on(dev, p, PAGE, COWPIN_GET | COWPIN_FAST);
	CHECK(b > 0 && !facts_of(a, 0, &two) && two.refcount == one.refcount + 1);
	CHECK(!unpin_on(dev, b));
	CHECK(!facts_of(a, 0, &two) && two.refcount == one.refcount);
	CHECK(!unpin_on(dev, a));
	munmap(p, PAGE);
	return PASS;
}

/* Both kinds of 2 MiB page: the last of its 512 pages, and pins counted one by one. */
static enum verdict check_large(char *p, unsigned int want_flags)
{
	struct cowpin_page page;
	int id;

	memset(p, 1, HUGE_2M);
	id = pin_on(dev, p, HUGE_2M, COWPIN_LONGTERM | COWPIN_WRITE);
	CHECK(id > 0 && !facts_of(id, 511, &page));
	if (page.order != ORDER_2M) {
		CHECK(!unpin_on(dev, id));
		return skip("no transparent huge page to be had");
	}
	CHECK((page.flags & want_flags) == want_flags && page.index == 511);
	CHECK(page.pfn == pfn_of(p) + 511);
	CHECK(exclusive_is(&page, true));
	CHECK(page.pincount == 512 && page.mapcount >= 1);
	CHECK(!unpin_on(dev, id));
	return PASS;
}

static enum verdict t_facts_thp(void)
{
	char *p = map_anon(2 * HUGE_2M, 0), *at;
	enum verdict verdict;

	at = (char *)(((uintptr_t)p + HUGE_2M - 1) & -HUGE_2M);
	if (madvise(at, HUGE_2M, MADV_HUGEPAGE))
		return skip("no transparent huge pages in this kernel");
	verdict = check_large(at, COWPIN_PAGE_ANON | COWPIN_PAGE_MAPPED);
	munmap(p, 2 * HUGE_2M);
	return verdict;
}

#define HUGE_DIR(kb)	"/sys/kernel/mm/hugepages/hugepages-" kb "kB/"

static bool want_hugepage(const char *nr_path, const char *free_path)
{
	char text[24];

	if (read_number(free_path) > 0)
		return true;
	snprintf(text, sizeof(text), "%ld", read_number(nr_path) + 1);
	return write_file(nr_path, text) && read_number(free_path) > 0;
}

static enum verdict t_facts_hugetlb(void)
{
	enum verdict verdict;
	char *p;

	if (!want_hugepage(HUGE_DIR("2048") "nr_hugepages", HUGE_DIR("2048") "free_hugepages"))
		return skip("no 2 MiB huge page to be had");
	p = map_anon(HUGE_2M, MAP_HUGETLB | 21 << MAP_HUGE_SHIFT);
	CHECK(p);
	verdict = check_large(p, COWPIN_PAGE_ANON | COWPIN_PAGE_HUGETLB);
	munmap(p, HUGE_2M);
	return verdict;
}

/* As many pages as there ever are in one pin; a look at each of them. */
static enum verdict t_gigantic(void)
{
	struct cowpin_io io = { .chunk = 8, .stride = PAGE, .count = HUGE_1G / PAGE };
	struct cowpin_page page;
	uint64_t *p, *buf = map_anon(io.count * 8, 0);
	long start;
	int id;

	if (!want_hugepage(HUGE_DIR("1048576") "nr_hugepages",
			   HUGE_DIR("1048576") "free_hugepages"))
		return skip("no 1 GiB huge page to be had");
	p = map_anon(HUGE_1G, MAP_HUGETLB | 30 << MAP_HUGE_SHIFT);
	CHECK(p);
	for (size_t i = 0; i < io.count; i++)
		p[i * PAGE / 8] = word_at(i * PAGE);
	start = now_ms();
	id = pin_on(dev, p, HUGE_1G, COWPIN_LONGTERM | COWPIN_WRITE);
	diag("pinned in %ld ms", now_ms() - start);
	CHECK(id > 0 && !facts_of(id, io.count - 1, &page));
	CHECK(page.order == ORDER_1G && page.index == io.count - 1);
	CHECK(page.pincount == (int)io.count && page.flags & COWPIN_PAGE_HUGETLB);
	start = now_ms();
	CHECK(!transfer(COWPIN_IOC_READ, id, io, buf));
	diag("a word of each page read in %ld ms", now_ms() - start);
	for (size_t i = 0; i < io.count; i++)
		CHECK(buf[i] == word_at(i * PAGE));
	start = now_ms();
	CHECK(!transfer(COWPIN_IOC_WRITE, id, io, buf));
	diag("written in %ld ms", now_ms() - start);
	start = now_ms();
	CHECK(!unpin_on(dev, id));
	diag("released in %ld ms", now_ms() - start);
	munmap(p, HUGE_1G);
	munmap(buf, io.count * 8);
	return PASS;
}

/* A look at the first pages of one mapping, whatever is there. */
static int look_at_mapping(char *start, char *end, unsigned int flags)
{
	int pinned = 0;

	if (end > start + 16 * PAGE)
		end = start + 16 * PAGE;
	for (char *p = start; p < end; p += PAGE) {
		int id = pin_on(dev, p, PAGE, flags);
		struct cowpin_page page;
		uint64_t word;

		if (id < 0)
			continue;
		if (facts_of(id, 0, &page) || read_word(dev, id, 0, &word) ||
		    unpin_on(dev, id))
			return -1;
		pinned++;
	}
	return pinned;
}

/* Program, stack, vdso, devices, huge zeropage: GUP may refuse, but nothing may break. */
static enum verdict t_facts_anything(void)
{
	static const unsigned int flags[] = { 0, COWPIN_GET | COWPIN_FAST, COWPIN_LONGTERM };
	volatile char *huge = map_anon(2 * HUGE_2M, 0);
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512], *start, *end;
	int pinned = 0, got;

	CHECK(maps && huge);
	huge += -(uintptr_t)huge % HUGE_2M;
	madvise((void *)huge, HUGE_2M, MADV_HUGEPAGE);
	(void)huge[0];
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%p-%p", (void **)&start, (void **)&end) != 2)
			continue;
		for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
			got = look_at_mapping(start, end, flags[i]);
			CHECK(got >= 0);
			pinned += got;
		}
	}
	fclose(maps);
	CHECK(pinned > 10);
	return PASS;
}

static char *ksm_page;

static bool is_merged(long arg)
{
	struct cowpin_page page;
	int id = pin_on(dev, ksm_page, PAGE, COWPIN_GET);

	(void)arg;
	if (id <= 0)
		return false;
	facts_of(id, 0, &page);
	unpin_on(dev, id);
	return page.flags & COWPIN_PAGE_KSM && !(page.flags & COWPIN_PAGE_EXCLUSIVE);
}

static enum verdict t_facts_ksm(void)
{
	char *p = map_anon(8 * PAGE, 0), old[16];
	bool merged;

	if (madvise(p, 8 * PAGE, MADV_MERGEABLE) ||
	    !read_file("/sys/kernel/mm/ksm/run", old, sizeof(old)))
		return skip("no KSM in this kernel");
	memset(p, 0x77, 8 * PAGE);
	ksm_page = p + 3 * PAGE;
	CHECK(write_file("/sys/kernel/mm/ksm/run", "1"));
	merged = wait_until(is_merged, 0);
	write_file("/sys/kernel/mm/ksm/run", old);
	CHECK(merged);
	munmap(p, 8 * PAGE);
	return PASS;
}

/* How many, and that all are released */

static enum verdict t_many_pins(void)
{
	enum { MANY = 1000 };
	static int ids[MANY];
	char *p = map_filled(MANY);
	long before = pins_held();
	int fd = open_device();
	uint64_t word;

	CHECK(fd >= 0);
	for (int i = 0; i < MANY; i++) {
		ids[i] = pin_on(fd, p + i * PAGE, PAGE, i % 2 ? COWPIN_LONGTERM : COWPIN_FAST);
		CHECK(ids[i] > 0 && (!i || ids[i] != ids[i - 1]));
	}
	for (int i = 0; i < MANY; i += 3)
		CHECK(!unpin_on(fd, ids[i]));
	for (int i = 0; i < MANY; i++) {
		int want = i % 3 ? 0 : -ENOENT;

		CHECK(read_word(fd, ids[i], 8, &word) == want);
		CHECK(want || word == word_at(i * PAGE + 8));
	}
	CHECK(pins_held() > before);
	close(fd);
	CHECK(pins_held() == before);
	munmap(p, MANY * PAGE);
	return PASS;
}

static enum verdict t_limit(void)
{
	const char *hole = (char *)HOLE;
	char *p = map_filled(8);
	size_t rest = (hello.max_pages - 8) * PAGE;
	int fd = open_device(), id;

	CHECK(fd >= 0);
	CHECK(pin_on(fd, hole, (hello.max_pages + 1) * PAGE, 0) == -ENOSPC);
	id = pin_on(fd, p, 8 * PAGE, 0);
	CHECK(id > 0);
	CHECK(pin_on(fd, hole, rest + PAGE, 0) == -ENOSPC);
	CHECK(pin_on(fd, hole, rest, 0) == -EFAULT);
	CHECK(!unpin_on(fd, id));
	CHECK(pin_on(fd, hole, rest + PAGE, 0) == -EFAULT);
	close(fd);
	munmap(p, 8 * PAGE);
	return PASS;
}

/* An answer that cannot be delivered must not leave a pin that nobody can name. */
static enum verdict t_lost_answer(void)
{
	struct cowpin_pin *pin = map_anon(PAGE, 0);
	long before = pins_held();

	pin->addr = AREA;
	pin->len = PAGE;
	mprotect(pin, PAGE, PROT_READ);
	CHECK(call(dev, COWPIN_IOC_PIN, pin) == -EFAULT);
	CHECK(pins_held() == before);
	munmap(pin, PAGE);
	return PASS;
}

static int try_read_first(int id)
{
	uint64_t word;
	int err = read_word(dev, id, 0, &word);

	return err ? err : word == word_at(0) ? 0 : -ERANGE;
}

static bool be_ready(void)
{
	return true;
}

/* One descriptor, two processes: pins belong to the description, not to a process. */
static enum verdict t_shared_descriptor(void)
{
	char *p = map_filled(1);
	int id = pin_on(dev, p, PAGE, COWPIN_LONGTERM);

	CHECK(id > 0);
	CHECK(errno_in_child(be_ready, try_read_first, id) == 0);
	CHECK(try_read_first(id) == 0);
	CHECK(!unpin_on(dev, id));
	munmap(p, PAGE);
	return PASS;
}

/* 64 pages, in one pin and in as many as pages, by all ways. */
static bool hold_pins(void *arg)
{
	static const unsigned int flags[] = {
		COWPIN_LONGTERM, COWPIN_WRITE | COWPIN_FAST, COWPIN_GET, COWPIN_FORCE,
	};
	char *p = map_filled(64);
	int fd = open_device();

	(void)arg;
	if (fd < 0 || pin_on(fd, p, 64 * PAGE, COWPIN_LONGTERM) <= 0)
		return false;
	for (int i = 0; i < 64; i++)
		if (pin_on(fd, p + i * PAGE, PAGE, flags[i % 4]) <= 0)
			return false;
	return true;
}

static enum verdict t_killed(void)
{
	long before = pins_held();
	struct helper h;

	CHECK(start_helper(&h, hold_pins, NULL) && helper_ready(&h));
	CHECK(pins_held() == before + 64 + 48);
	CHECK(stop_helper(&h));
	CHECK(wait_until(pins_are, before));
	return PASS;
}

/* Killed in the middle of a call that pins much. */
static bool pin_much(void *arg)
{
	const size_t len = 256ul << 20;
	char *p = map_anon(len, 0);
	int fd = open_device();

	(void)arg;
	return fd >= 0 && p && pin_on(fd, p, len, COWPIN_WRITE | COWPIN_LONGTERM) > 0;
}

static enum verdict t_killed_while_pinning(void)
{
	long before = pins_held();
	struct helper h;

	CHECK(start_helper(&h, pin_much, NULL));
	CHECK(wait_until(pins_above, before));
	CHECK(stop_helper(&h));
	CHECK(wait_until(pins_are, before));
	return PASS;
}

/* Pins in a loop */

static int loop_over(void *addr, size_t len, struct cowpin_loop *loop)
{
	loop->addr = (uintptr_t)addr;
	loop->len = len;
	loop->ms = loop->ms ? loop->ms : COWPIN_LOOP_MS;
	return call(dev, COWPIN_IOC_LOOP, loop);
}

/* Each round pins and releases, by all ways, and there is nothing to complain about. */
static enum verdict t_loop_rounds(void)
{
	char *p = map_filled(4);
	long held = pins_held();

	for (unsigned int flags = 0; flags < COWPIN_TELL_PATH; flags++) {
		struct cowpin_loop loop = { .flags = flags, .rounds = 20 };
		long before = pins_taken(), took;

		if ((flags & COWPIN_GET) && (flags & COWPIN_LONGTERM))
			continue;
		CHECK(!loop_over(p, 4 * PAGE, &loop));
		CHECK(loop.rounds == 20 && !loop.refused && !loop.error);
		CHECK(!loop.shared && !loop.replaced);
		took = pins_taken() - before;
		CHECK(flags & COWPIN_GET ? took == 0 : took >= 20 * 4);
		CHECK(pins_held() == held);
	}
	munmap(p, 4 * PAGE);
	return PASS;
}

/* What GUP does not give, or not all of it, is counted, and nothing of it kept. */
static enum verdict t_loop_refused(void)
{
	struct cowpin_loop hole = { .rounds = 7 }, end = { .rounds = 7, .flags = COWPIN_FAST };
	struct cowpin_loop ro = { .rounds = 7, .flags = COWPIN_FAST | COWPIN_WRITE };
	long held = pins_held();

	CHECK(!loop_over((void *)HOLE, PAGE, &hole));
	CHECK(hole.rounds == 7 && hole.refused == 7 && hole.error == -EFAULT);
	CHECK(!loop_over((void *)AREA, HOLE + PAGE - AREA, &end));
	CHECK(end.rounds == 7 && end.refused == 7 && end.error == -EFAULT);
	CHECK(!loop_over((void *)AREA_RO, PAGE, &ro));
	CHECK(ro.rounds == 7 && ro.refused == 7 && ro.error == -EFAULT);
	CHECK(pins_held() == held);
	return PASS;
}

static enum verdict t_loop_limit(void)
{
	struct cowpin_loop loop = { .rounds = 1 };
	char *p = map_anon(hello.max_pages * PAGE, MAP_NORESERVE);
	int id = pin_on(dev, p, PAGE, 0);
	long begin = now_ms();

	CHECK(p && id > 0);
	CHECK(!loop_over(p, COWPIN_LOOP_PAGES * PAGE, &loop) && !loop.refused);
	CHECK(!unpin_on(dev, id));
	loop = (struct cowpin_loop){ .rounds = -1, .ms = 50 };
	begin = now_ms();
	CHECK(!loop_over(p, PAGE, &loop));
	CHECK(loop.rounds > 0 && now_ms() - begin >= 49 && now_ms() - begin < COWPIN_LOOP_MS);
	munmap(p, hello.max_pages * PAGE);
	return PASS;
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* A signal ends it, and what was counted until then is told. */
static enum verdict t_loop_signal(void)
{
	struct itimerval soon = { .it_value.tv_usec = 30000, .it_interval.tv_usec = 30000 };
	struct itimerval never = { 0 };
	struct cowpin_loop loop = { .rounds = -1 };
	long begin = now_ms();
	int ret;

	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &soon, NULL);
	ret = loop_over((void *)AREA, PAGE, &loop);
	setitimer(ITIMER_REAL, &never, NULL);
	CHECK(!ret && loop.rounds > 0 && now_ms() - begin < COWPIN_LOOP_MS);
	return PASS;
}

static bool loop_for_long(void *arg)
{
	struct cowpin_loop loop = { .rounds = -1, .flags = COWPIN_WRITE };
	int fd = open_device();

	loop.addr = (uintptr_t)map_anon(512 * PAGE, 0);
	loop.len = 512 * PAGE;
	loop.ms = COWPIN_LOOP_MS;
	(void)arg;
	return fd >= 0 && !call(fd, COWPIN_IOC_LOOP, &loop);
}

static enum verdict t_loop_killed(void)
{
	long before = pins_held(), begin = now_ms();
	struct helper h;

	CHECK(start_helper(&h, loop_for_long, NULL));
	CHECK(wait_until(pins_above, before));
	CHECK(stop_helper(&h));
	CHECK(now_ms() - begin < COWPIN_LOOP_MS);
	CHECK(wait_until(pins_are, before));
	return PASS;
}

/* A reference leaves a page shared that two processes have, where a pin does not. */
static enum verdict t_loop_shared(void)
{
	struct cowpin_loop get = { .rounds = 5, .flags = COWPIN_GET };
	struct cowpin_loop pin = { .rounds = 5, .flags = COWPIN_FAST };
	char *p = map_filled(1);
	struct helper h;

	if (!(hello.features & COWPIN_HAS_EXCLUSIVE))
		return skip("no-exclusive: this kernel does not know it");
	CHECK(start_helper(&h, do_nothing, NULL) && helper_ready(&h));
	CHECK(!loop_over(p, PAGE, &get) && get.shared > 0);
	CHECK(!loop_over(p, PAGE, &pin) && !pin.refused && !pin.shared);
	CHECK(stop_helper(&h));
	munmap(p, PAGE);
	return PASS;
}

static atomic_bool stop_discarding;

static void *keep_discarding(void *page)
{
	while (!stop_discarding)
		madvise(page, PAGE, MADV_DONTNEED);
	return page;
}

/* Who gives the page up meanwhile has another one, which must be noticed. */
static enum verdict t_loop_replaced(void)
{
	struct cowpin_loop loop = { 0 };
	char *p = map_filled(1);
	long end = now_ms() + LIMIT_MS;
	pthread_t thread;

	CHECK(!pthread_create(&thread, NULL, keep_discarding, p));
	while (!loop.replaced && now_ms() < end) {
		loop = (struct cowpin_loop){ .rounds = 1000, .ms = 100,
					     .flags = COWPIN_FAST | COWPIN_WRITE };
		if (loop_over(p, PAGE, &loop))
			break;
	}
	stop_discarding = true;
	pthread_join(thread, NULL);
	CHECK(loop.replaced > 0);
	munmap(p, PAGE);
	return PASS;
}

/* What must hold in the end */

static long pins_at_start;
static int kmsg = -1;

static enum verdict t_all_released(void)
{
	CHECK(wait_until(pins_are, pins_at_start));
	return PASS;
}

static bool is_splat(const char *line)
{
	static const char * const signs[] = {
		"WARNING:", "BUG:", "Oops", "general protection", "Call Trace",
		"Bad page", "refcount_t:", "INFO: task",
	};

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (strstr(line, signs[i]))
			return true;
	return false;
}

static enum verdict t_log_clean(void)
{
	char line[8192];
	ssize_t len;

	CHECK(kmsg >= 0);
	while ((len = read(kmsg, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
		if (len <= 0)
			continue;
		line[len] = 0;
		if (is_splat(line)) {
			diag("kernel log: %s", line);
			return FAIL;
		}
	}
	return PASS;
}

static const struct test {
	const char *name;
	enum verdict (*run)(void);
} tests[] = {
	{ "device.mode", t_device_mode },
	{ "device.unprivileged", t_unprivileged },
	{ "device.module-in-use", t_module_in_use },
	{ "call.null-argument", t_null_argument },
	{ "hello.first", t_handshake_first },
	{ "hello.versions", t_handshake_versions },
	{ "pin.all-flags", t_all_flags },
	{ "pin.force", t_force },
	{ "pin.remote", t_remote },
	{ "pin.remote-needs-ptrace", t_remote_needs_ptrace },
	{ "pin.path", t_path },
	{ "pin.many", t_many_pins },
	{ "pin.limit", t_limit },
	{ "pin.lost-answer", t_lost_answer },
	{ "pin.shared-descriptor", t_shared_descriptor },
	{ "io.read", t_read },
	{ "io.write", t_write },
	{ "io.stride", t_stride },
	{ "io.detached", t_detached },
	{ "facts.anon", t_facts_anon },
	{ "facts.shared-anon", t_facts_shared_anon },
	{ "facts.zeropage", t_facts_zeropage },
	{ "facts.file", t_facts_file },
	{ "facts.step", t_facts_step },
	{ "facts.get", t_facts_get },
	{ "facts.thp", t_facts_thp },
	{ "facts.hugetlb", t_facts_hugetlb },
	{ "facts.ksm", t_facts_ksm },
	{ "facts.anything", t_facts_anything },
	{ "gigantic", t_gigantic },
	{ "loop.rounds", t_loop_rounds },
	{ "loop.refused", t_loop_refused },
	{ "loop.limit", t_loop_limit },
	{ "loop.signal", t_loop_signal },
	{ "loop.killed", t_loop_killed },
	{ "loop.shared", t_loop_shared },
	{ "loop.replaced", t_loop_replaced },
	{ "release.killed", t_killed },
	{ "release.killed-while-pinning", t_killed_while_pinning },
	{ "end.all-released", t_all_released },
	{ "end.log-clean", t_log_clean },
};

int main(void)
{
	const size_t nr_bad = sizeof(bad) / sizeof(*bad) - 1;
	const size_t nr_tests = sizeof(tests) / sizeof(*tests);

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%zu\n", nr_bad + nr_tests);
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg >= 0)
		lseek(kmsg, 0, SEEK_END);
	pins_at_start = pins_held();
	map_area();
	dev = open_device();
	if (dev < 0) {
		errno = -dev;
		bail_out("cannot open " COWPIN_DEVICE);
	}
	hello.abi = COWPIN_ABI;
	if (call(dev, COWPIN_IOC_HELLO, &hello))
		bail_out("no handshake");
	run_all_bad();
	for (size_t i = 0; i < nr_tests; i++)
		report(tests[i].run(), "", tests[i].name);
	return tests_failed != 0;
}
