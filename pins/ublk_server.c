// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ublk server: see ublk.h. Two processes: the one makes the disk and takes it down, however
 * the other ends, which serves it.
 */
#define _GNU_SOURCE
#include "pins/ublk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/ublk_cmd.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pins/capability.h"
#include "pins/held.h"
#include "pins/pass.h"

/* Newer than the headers that we build with. */
#define USER_COPY	(1ULL << 7)
#define IOCTL_ENCODE	(1ULL << 6)
#define TAG_SHIFT	25
#define CONTROL(nr)	_IOWR('u', nr, struct ublksrv_ctrl_cmd)
#define ASK(nr)		_IOR('u', nr, struct ublksrv_ctrl_cmd)
#define IO(nr)		_IOWR('u', nr, struct ublksrv_io_cmd)
#define GET_FEATURES	0x13
#define DEL_DEV_ASYNC	0x14

#define DEPTH		64	/* more than one request comes to: see wants() */
#define STARTED		DEPTH	/* user_data of what is no request */
#define SECTOR		9

struct disk {
	struct io_uring ring;
	int control;			/* /dev/ublk-control */
	int dev;			/* /dev/ublkcN: ours alone */
	uint32_t nr;
	const struct client *client;
	const struct ublksrv_io_desc *io;
	bool held[DEPTH];
	size_t held_bytes;
	size_t wanted;			/* bytes of the client's I/O */
	char *bytes;
};

/* --- commands --- */

static struct io_uring_sqe *command(struct disk *d, int fd, uint32_t op, const void *cmd,
				    size_t len)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&d->ring);

	if (!sqe)
		abort();	/* there is room for all that can be under way */
	memset(sqe, 0, 2 * sizeof(*sqe));	/* IORING_SETUP_SQE128 */
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->cmd_op = op;
	memcpy(sqe->cmd, cmd, len);
	return sqe;
}

static void submit(struct disk *d)
{
	if (io_uring_submit(&d->ring) < 0)
		_exit(1);
}

/* A command about the disk, and its end. */
static int control(struct disk *d, uint32_t op, void *arg, size_t len)
{
	struct ublksrv_ctrl_cmd cmd = { .dev_id = d->nr, .queue_id = -1, .len = len,
					.addr = (uintptr_t)arg };
	struct io_uring_cqe *cqe;
	int ret;

	command(d, d->control, op, &cmd, sizeof(cmd));
	submit(d);
	ret = io_uring_wait_cqe(&d->ring, &cqe);
	if (ret)
		return ret;
	ret = cqe->res;
	io_uring_cqe_seen(&d->ring, cqe);
	return ret;
}

static int control_open(struct disk *d)
{
	int ret;

	d->control = open("/dev/ublk-control", O_RDWR | O_CLOEXEC);
	if (d->control < 0)
		return -errno;
	ret = io_uring_queue_init(DEPTH + 1, &d->ring, IORING_SETUP_SQE128);
	if (ret)
		close(d->control);
	return ret;
}

static void control_close(struct disk *d)
{
	io_uring_queue_exit(&d->ring);
	close(d->control);
}

bool ublk_known(void)
{
	struct disk d = { .nr = -1 };
	uint64_t features = 0;

	if (control_open(&d))
		return false;
	if (control(&d, ASK(GET_FEATURES), &features, sizeof(features)) < 0)
		features = 0;
	control_close(&d);
	return features & USER_COPY;
}

/* What the kernel keeps for servers, and tells everybody: whose disk it is. */
static uint64_t mark_of(const char *text)
{
	uint64_t mark = 0;

	memcpy(&mark, text, strnlen(text, sizeof(mark)));
	return mark;
}

/* The client's I/O is in the middle third: others, as udev, look at both ends. */
static int disk_make(struct disk *d)
{
	struct ublksrv_ctrl_dev_info info = {
		.nr_hw_queues = 1, .queue_depth = DEPTH, .dev_id = -1,
		.max_io_buf_bytes = UBLK_DISK_SIZE, .flags = USER_COPY | IOCTL_ENCODE,
		.ublksrv_flags = mark_of(UBLK_MARK),
	};
	struct ublk_params params = {
		.len = sizeof(params), .types = UBLK_PARAM_TYPE_BASIC,
		.basic = { .logical_bs_shift = 9, .physical_bs_shift = 12, .io_opt_shift = 12,
			   .io_min_shift = 9, .max_sectors = UBLK_DISK_SIZE >> SECTOR,
			   .dev_sectors = 3 * UBLK_DISK_SIZE >> SECTOR },
	};
	int ret;

	d->nr = -1;
	ret = control(d, CONTROL(UBLK_CMD_ADD_DEV), &info, sizeof(info));
	d->nr = info.dev_id;
	return ret ? ret : control(d, CONTROL(UBLK_CMD_SET_PARAMS), &params, sizeof(params));
}

/* What is under way on it ends in errors. */
static int disk_remove(struct disk *d)
{
	int ret = control(d, ASK(DEL_DEV_ASYNC), NULL, 0);

	/* Newer than disks in user space, and does not wait for who has it open. */
	return ret ? control(d, CONTROL(UBLK_CMD_DEL_DEV), NULL, 0) : 0;
}

/* --- requests --- */

static void fetch(struct disk *d, unsigned int tag, int op, int result)
{
	struct ublksrv_io_cmd cmd = { .tag = tag, .result = result };

	io_uring_sqe_set_data64(command(d, d->dev, IO(op), &cmd, sizeof(cmd)), tag);
}

static size_t bytes_of(const struct disk *d, unsigned int tag)
{
	return (size_t)d->io[tag].nr_sectors << SECTOR;
}

/* Where in the client's I/O: beyond its end for what is none of it. */
static size_t place_of(const struct disk *d, unsigned int tag)
{
	return (d->io[tag].start_sector << SECTOR) - UBLK_DISK_SIZE;
}

/* The pages of a request: a file of their own at this place of the device. */
static off_t pages_of(unsigned int tag)
{
	return UBLKSRV_IO_BUF_OFFSET + ((off_t)tag << TAG_SHIFT);
}

static void commit(struct disk *d, unsigned int tag)
{
	fetch(d, tag, UBLK_IO_COMMIT_AND_FETCH_REQ, bytes_of(d, tag));
}

static void take(struct disk *d, unsigned int tag)
{
	unsigned int op = d->io[tag].op_flags & 0xff;
	size_t len = bytes_of(d, tag);

	if (op <= UBLK_IO_OP_WRITE && place_of(d, tag) < d->wanted) {
		d->held[tag] = true;
		d->held_bytes += len;
		return;
	}
	if (op == UBLK_IO_OP_READ && len <= UBLK_DISK_SIZE) {
		memset(d->bytes, 0, len);
		if (pwrite(d->dev, d->bytes, len, pages_of(tag)) != (ssize_t)len)
			_exit(1);
	}
	commit(d, tag);
}

/* All that there is to be done; true if the disk has been started. */
static bool take_all(struct disk *d)
{
	struct io_uring_cqe *cqe;
	bool started = false;

	while (!io_uring_peek_cqe(&d->ring, &cqe)) {
		unsigned int tag = io_uring_cqe_get_data64(cqe);
		int res = cqe->res;

		io_uring_cqe_seen(&d->ring, cqe);
		if (res)
			_exit(1);	/* the disk is being taken down */
		if (tag == STARTED)
			started = true;
		else
			take(d, tag);
	}
	submit(d);
	return started;
}

/* Something to do for the ring, or from the client: true. */
static bool wait_for(struct disk *d, bool client)
{
	struct pollfd fds[] = { { .fd = d->ring.ring_fd, .events = POLLIN },
				{ .fd = client ? d->client->socket : -1, .events = POLLIN } };

	poll(fds, 2, HELD_GLANCE_MS);
	if (held_dying(d->client->pid))
		_exit(0);
	return client && fds[1].revents;
}

/* --- what the client wants --- */

static int move(struct disk *d, unsigned int tag, bool look)
{
	int from = look ? d->dev : d->client->platter, to = look ? d->client->platter : d->dev;
	off_t at = look ? pages_of(tag) : (off_t)place_of(d, tag);
	off_t there = look ? (off_t)place_of(d, tag) : pages_of(tag);
	ssize_t len = bytes_of(d, tag);

	errno = 0;
	if (pread(from, d->bytes, len, at) != len || pwrite(to, d->bytes, len, there) != len)
		return errno ? errno : EIO;
	return 0;
}

static int obey(struct disk *d, enum ublk_word word)
{
	int error = 0;

	for (unsigned int tag = 0; tag < DEPTH && !error; tag++) {
		if (!d->held[tag])
			continue;
		if (word != UBLK_GO) {
			error = move(d, tag, word == UBLK_LOOK);
			continue;
		}
		commit(d, tag);
		d->held[tag] = false;
	}
	submit(d);
	return error;
}

/* A process that is stopped by its client, or with it. */
static void attend(struct disk *d)
{
	for (;;) {
		unsigned char byte;
		bool said = wait_for(d, true);

		take_all(d);
		if (!said)
			continue;
		if (recv(d->client->socket, &byte, 1, 0) != 1)
			_exit(0);
		/* The kernel may be about to hand it over. */
		while (d->held_bytes < d->wanted) {
			wait_for(d, false);
			take_all(d);
		}
		byte = obey(d, byte);
		if (send(d->client->socket, &byte, 1, MSG_NOSIGNAL) != 1)
			_exit(0);
	}
}

/* As a file descriptor with O_PATH: opening the disk may read from it. */
static void give(struct disk *d)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/ublkb%u", d->nr);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (pass_fds(d->client->socket, fd < 0 ? errno : 0, &fd, fd >= 0) || fd < 0)
		_exit(1);
	close(fd);
}

/*
 * The kernel looks for partitions on the disks of whoever may administer the system when he begins
 * to serve. It does so within the command that starts the disk, in a thread of the server: if that
 * is killed then, it waits for the thread, and the thread for what only it could serve, for good
 * (seen on 6.12.118).
 */
static void fetch_all(struct disk *d)
{
	struct capabilities before;

	if (!capability_lower(CAP_SYS_ADMIN, &before))
		_exit(1);
	for (unsigned int tag = 0; tag < DEPTH; tag++)
		fetch(d, tag, UBLK_IO_FETCH_REQ, 0);
	submit(d);
	capabilities_restore(&before);
}

static void serve(struct disk *d)
{
	struct ublksrv_ctrl_cmd start = { .dev_id = d->nr, .queue_id = -1, .data[0] = getpid() };
	struct stat st;
	char path[32];

	snprintf(path, sizeof(path), "/dev/ublkc%u", d->nr);
	d->dev = open(path, O_RDWR | O_CLOEXEC);
	d->io = mmap(NULL, DEPTH * sizeof(*d->io), PROT_READ, MAP_SHARED | MAP_POPULATE, d->dev, 0);
	d->bytes = malloc(UBLK_DISK_SIZE);
	if (d->dev < 0 || d->io == MAP_FAILED || !d->bytes || fstat(d->client->platter, &st))
		_exit(1);
	d->wanted = st.st_size;
	fetch_all(d);
	io_uring_sqe_set_data64(command(d, d->control, CONTROL(UBLK_CMD_START_DEV), &start,
					sizeof(start)), STARTED);
	submit(d);
	while (!take_all(d))
		wait_for(d, false);
	give(d);
	attend(d);
}

/* --- the disk's life --- */

void ublk_serve(const struct client *c)
{
	struct disk d = { .client = c };
	pid_t self = getpid(), pid;
	int ret = control_open(&d);

	if (!ret)
		ret = disk_make(&d);
	if (ret) {
		pass_fds(c->socket, -ret, NULL, 0);
		_exit(1);
	}
	pid = fork();
	if (!pid) {
		prctl(PR_SET_NAME, "cow-ublk");
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		control_close(&d);
		if (getppid() == self && !control_open(&d))
			serve(&d);
		_exit(1);
	}
	/* Its client hears of the end when the disk is gone, for we have the socket, too. */
	if (pid > 0)
		waitpid(pid, NULL, 0);
	disk_remove(&d);
	_exit(0);
}

/* --- what is left of a run whose processes are all gone --- */

static bool has_mark(struct disk *d, uint64_t mark)
{
	struct ublksrv_ctrl_dev_info info = { 0 };

	return !control(d, ASK(UBLK_CMD_GET_DEV_INFO), &info, sizeof(info)) &&
	       info.ublksrv_flags == mark;
}

int ublk_remove_all(const char *mark)
{
	struct disk d = { 0 };
	DIR *dir = opendir("/sys/class/ublk-char");
	struct dirent *e;
	int ret = dir ? control_open(&d) : -errno;

	while (!ret && (e = readdir(dir)))
		if (sscanf(e->d_name, "ublkc%u", &d.nr) == 1 && has_mark(&d, mark_of(mark)))
			disk_remove(&d);
	if (dir && !ret)
		control_close(&d);
	if (dir)
		closedir(dir);
	return ret;
}
