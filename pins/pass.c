// SPDX-License-Identifier: GPL-2.0-only
/* Descriptors by SCM_RIGHTS: see pass.h. */
#define _GNU_SOURCE
#include "pins/pass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	char room[CMSG_SPACE(PASS_MAX * sizeof(int))];
	struct cmsghdr align;
};

int pass_fds(int to, int word, const int *fds, int nr)
{
	union control control = { 0 };
	unsigned char byte = word;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (nr) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = control.room;
		msg.msg_controllen = CMSG_SPACE(nr * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nr * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nr * sizeof(int));
	}
	return sendmsg(to, &msg, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

int take_fds(int from, int *fds, int max)
{
	union control control = { 0 };
	unsigned char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room,
			      .msg_controllen = CMSG_SPACE(max * sizeof(int)) };
	ssize_t got = recvmsg(from, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = got == 1 ? CMSG_FIRSTHDR(&msg) : NULL;

	if (got != 1)
		return got < 0 ? -errno : -ECONNRESET;
	for (int i = 0; i < max; i++)
		fds[i] = -1;
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	return byte;
}

void keep_only(int fd)
{
	for (int i = 0; i < fd; i++)
		close(i);
	closefrom(fd + 1);
}
