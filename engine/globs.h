/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists of patterns, separated by commas. */
#ifndef GLOBS_H
#define GLOBS_H

#include <stdbool.h>
#include <stddef.h>

/* Copy the next pattern of the list *@at into @glob and step over it; false: no more. */
bool globs_next(const char **at, char *glob, size_t len);
/* Does any of @globs match @name? */
bool globs_match(const char *globs, const char *name);

#endif
