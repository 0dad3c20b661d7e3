/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A network of the run's own: a name space with nothing but a loopback in it. Nobody else's
 * sockets, ports or packets; it goes away with the last process that has it.
 */
#ifndef NET_H
#define NET_H

/* In the process that begins the run; 0 or -errno. */
int net_provide(void);
/* In an actor: from now on its sockets are there. 0 or -errno. */
int net_enter(void);
/* In an actor: the same, but with nobody else in it. */
int net_own(void);

#endif
