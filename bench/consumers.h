/* SPDX-License-Identifier: GPL-2.0-only */
/* cow bench consumers: what each consumer of pins takes of a page, and what that costs. */
#ifndef CONSUMERS_H
#define CONSUMERS_H

/* The command line after "bench"; returns the exit code. */
int consumers_main(int argc, char **argv);

#endif
