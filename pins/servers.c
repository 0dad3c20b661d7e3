// SPDX-License-Identifier: GPL-2.0-only
/* Who starts the servers of a run: see servers.h. */
#define _GNU_SOURCE
#include "pins/servers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pins/fuse.h"
#include "pins/pass.h"
#include "pins/ublk.h"

static int starter = -1;	/* the socket to it */

static void serve(enum server which, int socket, int platter)
{
	struct client c = { .socket = socket, .platter = platter };
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);

	prctl(PR_SET_NAME, "cow-server");
	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		_exit(1);
	c.pid = peer.pid;
	switch (which) {
	case SERVER_FUSE_WRITE:	fuse_serve(&c, FUSE_LEAVES_WRITES); break;
	case SERVER_FUSE_READ:	fuse_serve(&c, FUSE_KEEPS_READS); break;
	case SERVER_UBLK:	ublk_serve(&c); break;
	}
	_exit(1);
}

static void start_servers(int requests)
{
	pid_t self = getpid();

	for (;;) {
		int fds[2] = { -1, -1 };
		int which = take_fds(requests, fds, 2);

		if (which < 0)
			_exit(0);
		if (!fork()) {
			signal(SIGCHLD, SIG_DFL);
			/* A disk must be taken down; a connection breaks by itself. */
			if (which != SERVER_UBLK)
				prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(requests);
			if (getppid() == self)
				serve(which, fds[0], fds[1]);
			_exit(1);
		}
		close(fds[0]);
		close(fds[1]);
	}
}

int servers_provide(void)
{
	pid_t parent = getpid(), pid;
	int pair[2];

	if (starter >= 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
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

int server_start(enum server which, int platter, int *fd)
{
	int pair[2], ret;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	ret = pass_fds(starter, which, (int[]){ pair[1], platter }, 2);
	close(pair[1]);
	if (!ret)
		ret = take_fds(pair[0], fd, 1);
	if (!ret)
		return pair[0];
	close(pair[0]);
	return ret > 0 ? -ret : ret;	/* what the server could not do */
}

int server_open(int given)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", given);
	fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	close(given);
	return fd;
}
