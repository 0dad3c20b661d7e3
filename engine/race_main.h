/* SPDX-License-Identifier: GPL-2.0-only */
/* "cow race": the races of the catalogue, one after the other, for as long as one likes. */
#ifndef RACE_MAIN_H
#define RACE_MAIN_H

#include "engine/plan.h"

/* The program: @argv from "race" on. Returns its exit code. */
int race_main(int argc, char **argv);

/* Print the "cow race" line that runs @t. */
void race_print(const struct test *t);

#endif
