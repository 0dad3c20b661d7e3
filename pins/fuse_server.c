// SPDX-License-Identifier: GPL-2.0-only
/* A FUSE server: see fuse.h. */
#define _GNU_SOURCE
#include "pins/fuse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/mount.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pins/held.h"
#include "pins/pass.h"
#include "vm_util.h"

#define REQUEST_MAX	(1UL << 20)	/* bytes that FUSE moves by one request at most */
#define KEPT_MAX	(FUSE_FILE_SIZE / REQUEST_MAX)
#define THE_FILE	1		/* the root of the file system is no directory */

struct request {
	struct fuse_in_header head;
	union {
		struct fuse_read_in read;
		struct {
			struct fuse_write_in write;
			char bytes[REQUEST_MAX];
		};
		char room[REQUEST_MAX + 4096];
	};
};

struct connection {
	int dev;			/* /dev/fuse: the connection lives as long as it */
	int client;			/* the socket to who has the pin ... */
	pid_t pid;			/* ... and who that is */
	int platter;
	enum fuse_hold hold;
	bool ready;			/* what comes now is what is to be held ... */
	bool going;			/* ... and no longer */
	struct { uint64_t unique; struct fuse_read_in in; } kept[KEPT_MAX];
	unsigned int nr_kept;
	struct request request;
	char bytes[REQUEST_MAX];
};

/* --- requests --- */

static void reply(struct connection *s, uint64_t unique, int error, const void *data, size_t len)
{
	struct fuse_out_header head = { sizeof(head) + len, -error, unique };
	struct iovec iov[] = { { &head, sizeof(head) }, { (void *)data, len } };

	/* Who cannot answer ends: that breaks the connection, and nobody waits for ever. */
	if (writev(s->dev, iov, 2) != (ssize_t)head.len)
		_exit(1);
}

static void answer_init(struct connection *s, const struct request *r)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION,
		.flags = FUSE_ASYNC_DIO | FUSE_BIG_WRITES | FUSE_MAX_PAGES,
		.max_background = 2 * KEPT_MAX, .congestion_threshold = 2 * KEPT_MAX,
		.max_write = REQUEST_MAX,
		.max_pages = REQUEST_MAX / sysconf(_SC_PAGESIZE), .time_gran = 1,
	};

	reply(s, r->head.unique, 0, &out, sizeof(out));
}

/* Direct I/O that would make the file longer is not asynchronous. */
static void answer_getattr(struct connection *s, const struct request *r)
{
	struct fuse_attr_out out = {
		.attr_valid = 3600,
		.attr = { .ino = THE_FILE, .size = FUSE_FILE_SIZE, .mode = S_IFREG | 0600,
			  .nlink = 1, .blksize = 4096 },
	};

	reply(s, r->head.unique, 0, &out, sizeof(out));
}

static void answer_open(struct connection *s, const struct request *r)
{
	struct fuse_open_out out = { .fh = 1, .open_flags = FOPEN_DIRECT_IO };

	reply(s, r->head.unique, 0, &out, sizeof(out));
}

static void answer_read(struct connection *s, uint64_t unique, const struct fuse_read_in *in)
{
	ssize_t got = in->size > sizeof(s->bytes) ? -1 :
		      pread(s->platter, s->bytes, in->size, in->offset);

	reply(s, unique, got < 0 ? EIO : 0, s->bytes, got < 0 ? 0 : got);
}

static void take_read(struct connection *s, const struct request *r)
{
	if (s->going || s->nr_kept == KEPT_MAX) {
		answer_read(s, r->head.unique, &r->read);
		return;
	}
	s->kept[s->nr_kept].unique = r->head.unique;
	s->kept[s->nr_kept++].in = r->read;
}

static void take_write(struct connection *s, const struct request *r)
{
	struct fuse_write_out out = { .size = r->write.size };
	ssize_t put = pwrite(s->platter, r->bytes, r->write.size, r->write.offset);

	reply(s, r->head.unique, put == (ssize_t)out.size ? 0 : EIO, &out,
	      put == (ssize_t)out.size ? sizeof(out) : 0);
}

/* Of one that is not supported, the kernel asks only once. */
static void handle(struct connection *s)
{
	struct request *r = &s->request;
	ssize_t got = read(s->dev, r, sizeof(*r));

	if (got < (ssize_t)sizeof(r->head)) {
		if (got < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOENT))
			return;
		_exit(0);	/* the connection was aborted */
	}
	switch (r->head.opcode) {
	case FUSE_INIT:		answer_init(s, r); break;
	case FUSE_GETATTR:	answer_getattr(s, r); break;
	case FUSE_OPEN:		answer_open(s, r); break;
	case FUSE_READ:		take_read(s, r); break;
	case FUSE_WRITE:	take_write(s, r); break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:	break;	/* no answer is expected */
	case FUSE_RELEASE:	reply(s, r->head.unique, 0, NULL, 0); break;
	case FUSE_FLUSH:	s->ready = true; __attribute__((fallthrough));
	default:		reply(s, r->head.unique, ENOSYS, NULL, 0);
	}
}

static void go_on(struct connection *s)
{
	char byte;

	if (recv(s->client, &byte, 1, 0) <= 0)
		_exit(0);
	s->going = true;
	for (unsigned int i = 0; i < s->nr_kept; i++)
		answer_read(s, s->kept[i].unique, &s->kept[i].in);
	s->nr_kept = 0;
}

static void serve(struct connection *s)
{
	while (!held_dying(s->pid)) {
		bool takes = !s->ready || s->going || s->hold == FUSE_KEEPS_READS;
		struct pollfd fds[] = { { .fd = s->client, .events = POLLIN },
					{ .fd = s->dev, .events = takes ? POLLIN : 0 } };

		poll(fds, 2, HELD_GLANCE_MS);
		if (fds[0].revents)
			go_on(s);
		if (fds[1].revents)
			handle(s);
	}
	_exit(0);
}

/* --- a file system --- */

/* One of a single file, which is its root, or -errno. */
static int mount_fuse(int dev)
{
	char text[16];
	const char *const options[] = { "fd", text, "rootmode", "100600", "user_id", "0",
					"group_id", "0", NULL };

	snprintf(text, sizeof(text), "%d", dev);
	return mount_nowhere("fuse", options);
}

void fuse_serve(const struct client *c, enum fuse_hold hold)
{
	struct connection *s = calloc(1, sizeof(*s));
	int mount;

	if (!s)
		_exit(1);
	s->client = c->socket;
	s->platter = c->platter;
	s->hold = hold;
	s->pid = c->pid;
	s->dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	mount = s->dev < 0 ? -errno : mount_fuse(s->dev);
	if (pass_fds(s->client, mount < 0 ? -mount : 0, &mount, mount >= 0) || mount < 0)
		_exit(1);
	close(mount);
	serve(s);
}

bool fuse_known(void)
{
	int dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	int fs = dev < 0 ? -1 : syscall(SYS_fsopen, "fuse", FSOPEN_CLOEXEC);

	if (dev >= 0)
		close(dev);
	if (fs >= 0)
		close(fs);
	return fs >= 0;
}
