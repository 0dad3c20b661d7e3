// SPDX-License-Identifier: GPL-2.0-only
/* Known issues: see known.h. */
#define _GNU_SOURCE
#include "engine/known.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define LOADED_MAX	256

static struct known_issue loaded[LOADED_MAX + 1];
static int nr_loaded;

/* "6.12" or "6.12.117-cloud" as a number to compare; -1 if it is no version. */
static int version(const char *text)
{
	int major, minor;

	return sscanf(text, "%d.%d", &major, &minor) == 2 ? major * 1000 + minor : -1;
}

/* A version as far as @end, and nothing else. */
static int version_until(const char *text, const char *end)
{
	return strspn(text, "0123456789.") == (size_t)(end - text) ? version(text) : -1;
}

static int version_now(void)
{
	struct utsname u;

	uname(&u);
	return version(u.release);
}

static bool kernel_in(const char *range)
{
	const char *dash = range ? strchr(range, '-') : NULL;
	int now;

	if (!dash)
		return true;
	now = version_now();
	return (dash == range || now >= version(range)) && (!dash[1] || now <= version(dash + 1));
}

static bool arch_is(const char *arch)
{
	struct utsname u;

	uname(&u);
	return !arch || !strcmp(arch, "*") || !strcmp(arch, u.machine);
}

static bool covers(const struct known_issue *k, const char *id)
{
	return !fnmatch(k->ids, id, 0) && kernel_in(k->kernels) && arch_is(k->arch);
}

/* Random scenarios: is what an entry names among the steps, or the provider of them all? */
static bool has_step(const struct known_issue *k, const char *id, const char *steps)
{
	if (k->also && !strstr(steps, k->also))
		return false;
	return !k->step || strstr(steps, k->step) || strstr(id, k->step);
}

static const struct known_issue *find(const struct known_issue *k, const char *id,
				      const char *fails_as)
{
	for (; k->ids; k++) {
		if (!covers(k, id))
			continue;
		if (fails_as ? !fnmatch(k->fails_as, fails_as, 0) : !k->sometimes)
			return k;
	}
	return NULL;
}

const struct known_issue *known_failure(const char *id, const char *fails_as)
{
	const struct known_issue *k = find(loaded, id, fails_as);

	return k ? k : find(known_issues, id, fails_as);
}

const struct known_issue *known_random(const char *id, const char *kind, const char *steps,
				       const char *fails_as)
{
	const struct known_issue *k = find(loaded, id, fails_as);

	if (k)
		return k;
	k = find(known_random_issues, kind, fails_as);
	while (k && !has_step(k, id, steps))
		k = find(k + 1, kind, fails_as);
	return k;
}

const char *known_fix(const char *id, const char *fails_as)
{
	const struct known_issue *k = find(fixed_bugs, id, fails_as);

	return k ? k->reason : NULL;
}

bool known_unfixed(const char *fixed)
{
	int last = !strncmp(fixed, "after ", 6);

	return version_now() < version(fixed + 6 * last) + last;
}

const struct known_issue *known_to_fail(const char *id)
{
	return known_failure(id, NULL);
}

static bool range_ok(const char *range)
{
	const char *dash = strchr(range, '-');
	int from = 0, to = INT_MAX;

	if (!dash)
		return !strcmp(range, "*");
	if (dash != range)
		from = version_until(range, dash);
	if (dash[1])
		to = version_until(dash + 1, dash + strlen(dash));
	return from >= 0 && from <= to;
}

/* One line, already a copy of its own. False: not five fields, or no kernel range. */
static bool load_line(char *line)
{
	struct known_issue *k = &loaded[nr_loaded];
	char *save = NULL;

	k->ids = strtok_r(line, " \t", &save);
	k->fails_as = strtok_r(NULL, " \t", &save);
	k->kernels = strtok_r(NULL, " \t", &save);
	k->arch = strtok_r(NULL, " \t", &save);
	k->reason = strtok_r(NULL, "", &save);
	if (k->reason)
		k->reason += strspn(k->reason, " \t");
	if (!k->reason || !*k->reason || !range_ok(k->kernels)) {
		*k = (struct known_issue) { 0 };
		return false;
	}
	nr_loaded++;
	return true;
}

static int load_lines(FILE *f, const char *path, char *why)
{
	char *line = NULL;
	size_t room = 0;
	int ret = 0;

	for (int nr = 1; !ret && getline(&line, &room, f) >= 0; nr++) {
		char *copy;

		line[strcspn(line, "#\n")] = '\0';
		if (!line[strspn(line, " \t")])
			continue;
		copy = strdup(line);
		if (nr_loaded < LOADED_MAX && copy && load_line(copy))
			continue;
		snprintf(why, 256, "%s, line %d: not ID-GLOB FAILS-AS KERNELS ARCH REASON "
			 "(see --help)", path, nr);
		free(copy);
		ret = -EINVAL;
	}
	free(line);
	return ret;
}

int known_load(const char *path, char *why)
{
	FILE *f = fopen(path, "re");
	int ret;

	if (!f) {
		snprintf(why, 256, "%s: %s", path, strerror(errno));
		return -errno;
	}
	ret = load_lines(f, path, why);
	if (!ret && ferror(f)) {
		ret = -EIO;
		snprintf(why, 256, "%s: cannot be read", path);
	}
	fclose(f);
	return ret;
}
