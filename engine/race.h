/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * "cow race": pins taken and released in one thread, writes in another, and something that
 * changes page tables in a third. What order that takes nobody knows, but some things hold at
 * every moment: no write is lost, nobody sees another's data, a pin never shows what is older
 * than the latest write before it was read.
 */
#ifndef RACE_H
#define RACE_H

/* The program: @argv from "race" on. Returns its exit code. */
int race_main(int argc, char **argv);

#endif
