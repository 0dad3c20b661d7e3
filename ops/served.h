/* SPDX-License-Identifier: GPL-2.0-only */
/* A thread that answers userfaults, and who waits for it. */
#ifndef OPS_SERVED_H
#define OPS_SERVED_H

/* Negative controls: what the thread does wrong. */
enum served_fault {
	SERVED_WELL,
	SERVED_OTHER,		/* a page comes with the content of another one */
	SERVED_UNCOUNTED,	/* an event is answered and not counted */
};
extern enum served_fault served_fault;

#endif
