/* SPDX-License-Identifier: GPL-2.0-only */
/* "cow exec STEPS": a scenario from the command line. */
#ifndef EXEC_H
#define EXEC_H

#include "engine/plan.h"

/* The program: @argv from "exec" on. Returns its exit code. */
int exec_main(int argc, char **argv);

/* "cow exec ...": the command line that does what @t does. */
void exec_print(const struct test *t);

#endif
