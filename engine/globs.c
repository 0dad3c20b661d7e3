// SPDX-License-Identifier: GPL-2.0-only
/* Lists of patterns: see globs.h. */
#include "engine/globs.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

bool globs_next(const char **at, char *glob, size_t len)
{
	size_t n = strcspn(*at, ",");

	if (!**at)
		return false;
	snprintf(glob, len, "%.*s", (int)n, *at);
	*at += n + ((*at)[n] == ',');
	return true;
}

bool globs_match(const char *globs, const char *name)
{
	char glob[64];

	while (globs_next(&globs, glob, sizeof(glob)))
		if (!fnmatch(glob, name, 0))
			return true;
	return false;
}
