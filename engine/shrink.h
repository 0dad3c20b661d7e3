/* SPDX-License-Identifier: GPL-2.0-only */
/* From a long scenario that fails to a short one that fails in the same way. */
#ifndef SHRINK_H
#define SHRINK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Make @text (room for CASE_TEXT bytes) smaller as long as @fails says that it still fails.
 * @fails is called at most @runs times, also with text that does not parse or makes no
 * sense: then it is to say no.
 */
void shrink(char *text, unsigned int runs, bool (*fails)(const char *text, void *arg), void *arg);

#endif
