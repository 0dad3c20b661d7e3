// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes devices away from under whoever uses them, in a guest (t/vm-vanished.t), by what no
 * tool of the guest can do:
 *
 *	error		disks of the device-mapper that are stopped go on, all I/O is an error
 *	forget		those disks go on and lose their names, and themselves when they are closed
 *	stop N, delete N	the disk N of ublk
 *	umem NAME	no device is taken away, but memory registered as buffers (AF_XDP) of the
 *			network device NAME: says so, until it gets a line
 *
 * Exit code 0 if that was done.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/dm-ioctl.h>
#include <linux/if_xdp.h>
#include <linux/ublk_cmd.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the device-mapper --- */

struct arg {
	struct dm_ioctl head;
	char data[16 * 1024];
};

static int dm(unsigned long command, const char *name, struct arg *arg)
{
	int fd = open("/dev/mapper/control", O_RDWR), ret;

	arg->head.version[0] = DM_VERSION_MAJOR;
	arg->head.data_size = sizeof(*arg);
	arg->head.data_start = offsetof(struct arg, data);
	snprintf(arg->head.name, sizeof(arg->head.name), "%s", name);
	ret = ioctl(fd, command, arg);
	close(fd);
	return ret;
}

static bool load_error(const char *name)
{
	struct arg table = { 0 }, arg = { .head.target_count = 1 };
	struct dm_target_spec *spec = (void *)arg.data;

	if (dm(DM_TABLE_STATUS, name, &table))
		return false;
	/* As long as what it replaces: a disk of another size would be another change. */
	spec->length = ((struct dm_target_spec *)table.data)->length;
	strcpy(spec->target_type, "error");
	return !dm(DM_TABLE_LOAD, name, &arg);
}

/* Nobody finds it by that name any more. */
static bool take_name(char *name)
{
	struct arg arg = { 0 };
	char other[64];

	snprintf(other, sizeof(other), "vanished-%.32s", name);
	strcpy(arg.data, other);
	if (dm(DM_DEV_RENAME, name, &arg))
		return false;
	strcpy(name, other);
	return true;
}

static bool disk_vanishes(char *name, bool by_error)
{
	struct arg state = { 0 }, resume = { 0 }, gone = { .head.flags = DM_DEFERRED_REMOVE };

	if (dm(DM_DEV_STATUS, name, &state) || !(state.head.flags & DM_SUSPEND_FLAG))
		return false;
	if (!(by_error ? load_error(name) : take_name(name)))
		return false;
	return !dm(DM_DEV_SUSPEND, name, &resume) && (by_error || !dm(DM_DEV_REMOVE, name, &gone));
}

static bool disks_vanish(bool by_error)
{
	struct arg list = { 0 };
	const struct dm_name_list *at = (void *)list.data;
	bool any = false;

	if (dm(DM_LIST_DEVICES, "", &list))
		return false;
	for (bool more = at->dev; more; at = (const void *)((const char *)at + at->next)) {
		char name[64];

		snprintf(name, sizeof(name), "%s", at->name);
		any |= disk_vanishes(name, by_error);
		more = at->next;
	}
	return any;
}

/* --- ublk --- */

static bool ublk(unsigned int command, const char *nr)
{
	struct ublksrv_ctrl_cmd cmd = { .dev_id = atoi(nr), .queue_id = -1 };
	int control = open("/dev/ublk-control", O_RDWR);
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	struct io_uring ring;

	if (control < 0 || io_uring_queue_init(1, &ring, IORING_SETUP_SQE128))
		return false;
	sqe = io_uring_get_sqe(&ring);
	if (!sqe)
		return false;
	memset(sqe, 0, 2 * sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = control;
	sqe->cmd_op = _IOWR('u', command, struct ublksrv_ctrl_cmd);
	memcpy(sqe->cmd, &cmd, sizeof(cmd));
	return io_uring_submit(&ring) == 1 && !io_uring_wait_cqe(&ring, &cqe) && !cqe->res;
}

/* --- AF_XDP --- */

static bool umem(const char *name)
{
	struct sockaddr_xdp at = { .sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY,
				   .sxdp_ifindex = if_nametoindex(name) };
	size_t len = 64 * 4096;
	struct xdp_umem_reg reg = { .len = len, .chunk_size = 4096 };
	int fd = socket(AF_XDP, SOCK_RAW, 0), entries = 64;
	void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	reg.addr = (uintptr_t)memory;
	if (setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) ||
	    setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &entries, sizeof(entries)) ||
	    setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &entries, sizeof(entries)) ||
	    setsockopt(fd, SOL_XDP, XDP_RX_RING, &entries, sizeof(entries)) ||
	    bind(fd, (void *)&at, sizeof(at)))
		return false;
	puts("registered");
	fflush(stdout);
	return getchar() != EOF;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *which = argc > 2 ? argv[2] : "";
	bool done = false;

	if (!strcmp(what, "error") || !strcmp(what, "forget"))
		done = disks_vanish(!strcmp(what, "error"));
	else if (!strcmp(what, "stop"))
		done = ublk(UBLK_CMD_STOP_DEV, which);
	else if (!strcmp(what, "delete"))
		done = ublk(UBLK_CMD_DEL_DEV, which);
	else if (!strcmp(what, "umem"))
		done = umem(which);
	return !done;
}
