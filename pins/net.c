// SPDX-License-Identifier: GPL-2.0-only
/* The network of a run: see net.h. */
#define _GNU_SOURCE
#include "pins/net.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUR_NET		"/proc/self/ns/net"

static int net = -1;	/* the name space; inherited by whoever is forked */

static int loopback_up(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret = fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return ret;
}

int net_provide(void)
{
	int back = open(OUR_NET, O_RDONLY | O_CLOEXEC), ret;

	if (back < 0)
		return -errno;
	ret = unshare(CLONE_NEWNET) ? -errno : 0;
	if (!ret) {
		ret = loopback_up();
		net = ret ? -1 : open(OUR_NET, O_RDONLY | O_CLOEXEC);
		setns(back, CLONE_NEWNET);
	}
	close(back);
	return ret;
}

int net_enter(void)
{
	return setns(net, CLONE_NEWNET) ? -errno : 0;
}

int net_own(void)
{
	return unshare(CLONE_NEWNET) ? -errno : loopback_up();
}
