/* SPDX-License-Identifier: GPL-2.0-only */
/* "cow stress": random scenarios, judged by the model, until time is up. */
#ifndef STRESS_H
#define STRESS_H

/* The program: @argv from "stress" on. Returns its exit code. */
int stress_main(int argc, char **argv);

#endif
