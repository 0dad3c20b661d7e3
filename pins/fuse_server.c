// SPDX-License-Identifier: GPL-2.0-only
/* The FUSE servers of a run, and who starts them: see fuse.h. */
#define _GNU_SOURCE
#include "pins/fuse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/mount.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pins/held.h"
#include "pins/pass.h"

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

struct server {
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

static void reply(struct server *s, uint64_t unique, int error, const void *data, size_t len)
{
	struct fuse_out_header head = { sizeof(head) + len, -error, unique };
	struct iovec iov[] = { { &head, sizeof(head) }, { (void *)data, len } };

	/* Who cannot answer ends: that breaks the connection, and nobody waits for ever. */
	if (writev(s->dev, iov, 2) != (ssize_t)head.len)
		_exit(1);
}

static void answer_init(struct server *s, const struct request *r)
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
static void answer_getattr(struct server *s, const struct request *r)
{
	struct fuse_attr_out out = {
		.attr_valid = 3600,
		.attr = { .ino = THE_FILE, .size = FUSE_FILE_SIZE, .mode = S_IFREG | 0600,
			  .nlink = 1, .blksize = 4096 },
	};

	reply(s, r->head.unique, 0, &out, sizeof(out));
}

static void answer_open(struct server *s, const struct request *r)
{
	struct fuse_open_out out = { .fh = 1, .open_flags = FOPEN_DIRECT_IO };

	reply(s, r->head.unique, 0, &out, sizeof(out));
}

static void answer_read(struct server *s, uint64_t unique, const struct fuse_read_in *in)
{
	ssize_t got = in->size > sizeof(s->bytes) ? -1 :
		      pread(s->platter, s->bytes, in->size, in->offset);

	reply(s, unique, got < 0 ? EIO : 0, s->bytes, got < 0 ? 0 : got);
}

static void take_read(struct server *s, const struct request *r)
{
	if (s->going || s->nr_kept == KEPT_MAX) {
		answer_read(s, r->head.unique, &r->read);
		return;
	}
	s->kept[s->nr_kept].unique = r->head.unique;
	s->kept[s->nr_kept++].in = r->read;
}

static void take_write(struct server *s, const struct request *r)
{
	struct fuse_write_out out = { .size = r->write.size };
	ssize_t put = pwrite(s->platter, r->bytes, r->write.size, r->write.offset);

	reply(s, r->head.unique, put == (ssize_t)out.size ? 0 : EIO, &out,
	      put == (ssize_t)out.size ? sizeof(out) : 0);
}

/* Of one that is not supported, the kernel asks only once. */
static void handle(struct server *s)
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

static void go_on(struct server *s)
{
	char byte;

	if (recv(s->client, &byte, 1, 0) <= 0)
		_exit(0);
	s->going = true;
	for (unsigned int i = 0; i < s->nr_kept; i++)
		answer_read(s, s->kept[i].unique, &s->kept[i].in);
	s->nr_kept = 0;
}

static void serve(struct server *s)
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

static bool set(int fs, const char *key, const char *value)
{
	return !syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0);
}

/* Mounted nowhere: it goes with its last descriptor. One or -errno. */
static int mount_fuse(int dev)
{
	int fs = syscall(SYS_fsopen, "fuse", FSOPEN_CLOEXEC), mount = -1;
	char text[16];

	snprintf(text, sizeof(text), "%d", dev);
	if (fs >= 0 && set(fs, "fd", text) && set(fs, "rootmode", "100600") &&
	    set(fs, "user_id", "0") && set(fs, "group_id", "0") &&
	    !syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		mount = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	if (mount < 0)
		mount = -errno;
	if (fs >= 0)
		close(fs);
	return mount;
}

/* Only who has the connection open may keep it: so all but that is closed. */
static void start_server(int client, int platter, enum fuse_hold hold)
{
	struct server *s = calloc(1, sizeof(*s));
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);
	int mount;

	prctl(PR_SET_NAME, "cow-server");
	if (!s || getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		_exit(1);
	s->client = client;
	s->platter = platter;
	s->hold = hold;
	s->pid = peer.pid;
	s->dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	mount = s->dev < 0 ? -errno : mount_fuse(s->dev);
	if (pass_fds(client, mount < 0 ? -mount : 0, &mount, mount >= 0) || mount < 0)
		_exit(1);
	close(mount);
	serve(s);
}

/* --- who starts them --- */

static int starter = -1;	/* the socket to it */

static void start_servers(int requests)
{
	pid_t self = getpid();

	for (;;) {
		int fds[2] = { -1, -1 };
		int hold = take_fds(requests, fds, 2);

		if (hold < 0)
			_exit(0);
		if (!fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(requests);
			if (getppid() == self)
				start_server(fds[0], fds[1], hold);
			_exit(1);
		}
		close(fds[0]);
		close(fds[1]);
	}
}

static bool kernel_has_fuse(void)
{
	int dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	int fs = dev < 0 ? -1 : syscall(SYS_fsopen, "fuse", FSOPEN_CLOEXEC);

	if (dev >= 0)
		close(dev);
	if (fs >= 0)
		close(fs);
	return fs >= 0;
}

int fuse_provide(void)
{
	pid_t parent = getpid(), pid;
	int pair[2];

	if (!kernel_has_fuse() || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		setsid();
		keep_only(pair[1]);
		prctl(PR_SET_NAME, "cow-servers");
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGCHLD, SIG_IGN);
		if (getppid() == parent)
			start_servers(pair[1]);
		_exit(0);
	}
	close(pair[1]);
	starter = pair[0];
	return pid < 0 ? -errno : 0;
}

/* --- for a client --- */

/* Of size and with nobody to be told when it is closed: no request but for the I/O. */
static int open_file(int mount)
{
	char path[32];
	struct stat st;
	int file, copy;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", mount);
	file = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	copy = file < 0 || fstat(file, &st) ? -1 : dup(file);
	if (copy >= 0) {
		close(copy);
		return file;
	}
	copy = -errno;
	if (file >= 0)
		close(file);
	return copy;
}

int fuse_start(int platter, enum fuse_hold hold, int *file)
{
	int pair[2], mount = -1, ret;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	ret = pass_fds(starter, hold, (int[]){ pair[1], platter }, 2);
	close(pair[1]);
	if (!ret)
		ret = take_fds(pair[0], &mount, 1);
	if (ret > 0)
		ret = -ret;	/* what the server could not do */
	if (!ret) {
		*file = open_file(mount);
		ret = *file < 0 ? *file : 0;
		close(mount);
	}
	if (!ret)
		return pair[0];
	close(pair[0]);
	return ret;
}
