/* SPDX-License-Identifier: GPL-2.0-only */
/* cow bench: what taking and releasing a pin costs. */
#ifndef PIN_COST_H
#define PIN_COST_H

/* The command line after "bench"; returns the exit code. */
int pin_cost_main(int argc, char **argv);

#endif
