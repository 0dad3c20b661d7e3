/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Servers in user space that hold a pin: each a process of its own, "cow-server", that ends
 * with its client or when that has its socket shut down. They are forked by "cow-servers", a
 * process of the run that has none of the tested memory, for fork() would share it.
 */
#ifndef SERVERS_H
#define SERVERS_H

#include <sys/types.h>

enum server { SERVER_FUSE_WRITE, SERVER_FUSE_READ, SERVER_UBLK };

struct client {
	int socket;
	int platter;		/* a file of the client's: the bytes that move */
	pid_t pid;
};

/* In the process that begins the run; 0 or -errno. Once is enough. */
int servers_provide(void);
/* The socket to another server, *given: what it gave us to do the I/O on; or -errno. */
int server_start(enum server which, int platter, int *given);
/* What was given, opened for direct I/O while its server looks after it; or -errno. */
int server_open(int given);

#endif
