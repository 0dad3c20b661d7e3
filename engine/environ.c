// SPDX-License-Identifier: GPL-2.0-only
/* On what a run was made: see environ.h. */
#define _GNU_SOURCE
#include "engine/environ.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "vm_util.h"

static void print_file(const char *key, const char *path)
{
	char text[1024];

	if (!file_read(path, text, sizeof(text)))
		printf("# env %s: %s\n", key, text);
}

/* The field @name of the first CPU. */
static void print_cpu(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[512], *model = NULL;

	while (f && !model && fgets(line, sizeof(line), f))
		if (!strncmp(line, "model name", 10))
			model = strchr(line, ':');
	if (f)
		fclose(f);
	printf("# env cpu: %ld x %s", sysconf(_SC_NPROCESSORS_ONLN),
	       model ? model + 2 : "unknown\n");
}

static FILE *config_hash;

void environ_begin(void)
{
	char command[256];
	struct utsname u;

	if (config_hash || getenv("COWPIN_CONFIG_HASH") || uname(&u))
		return;
	snprintf(command, sizeof(command), "exec 2>/dev/null; sha256sum </boot/config-%s ||"
		 "zcat /proc/config.gz | sha256sum", u.release);
	config_hash = popen(command, "re");
}

/* The first 12 digits of the SHA-256 of the kernel's configuration, where that can be had. */
static void print_config(void)
{
	const char *given = getenv("COWPIN_CONFIG_HASH");
	char hash[13] = "";

	environ_begin();
	if (config_hash && fgets(hash, sizeof(hash), config_hash) &&
	    strspn(hash, "0123456789abcdef") == 12)
		given = hash;
	if (config_hash)
		pclose(config_hash);
	config_hash = NULL;
	if (given)
		printf("# env config: %s\n", given);
}

static void print_page_sizes(void)
{
	size_t sizes[KIND_SIZES_MAX], pmd = thp_pmd_size();
	int nr = hugetlb_sizes(sizes, KIND_SIZES_MAX);
	char token[16];

	printf("# env page-sizes: %s", size_token(page_size(), token, sizeof(token)));
	if (pmd)
		printf(" thp=%s", size_token(pmd, token, sizeof(token)));
	for (int i = 0; i < nr; i++)
		printf(" hugetlb=%s", size_token(sizes[i], token, sizeof(token)));
	printf("\n");
}

/* The parts of ids, so that these can be taken apart again: names have dots, too. */
static void print_providers(void)
{
	const struct provider *const *providers;
	size_t nr = providers_all(&providers);

	printf("# env providers:");
	for (size_t i = 0; i < nr; i++)
		printf(" %s", providers[i]->id);
	printf("\n");
}

/* Is it one of these? */
static bool among(const char *const *kinds, size_t nr, const char *kind)
{
	while (nr)
		if (!strcmp(kinds[--nr], kind))
			return true;
	return false;
}

static void print_kinds(const struct plan *p)
{
	const char **kinds = calloc(p->nr + 1, sizeof(*kinds));
	size_t nr = 0;

	if (!kinds)
		abort();
	printf("# env kinds:");
	for (size_t i = 0; i < p->nr; i++) {
		const char *kind = p->tests[i].id + p->tests[i].kind_at;

		if (among(kinds, nr, kind))
			continue;
		kinds[nr++] = kind;
		printf(" %s", kind);
	}
	printf("\n");
	free(kinds);
}

void environ_print(const struct plan *p)
{
	struct utsname u;

	uname(&u);
	printf("# env kernel: %s %s %s\n", u.release, u.version, u.machine);
	print_file("cmdline", "/proc/cmdline");
	print_config();
	print_page_sizes();
	printf("# env memory: %lld MiB\n", meminfo("MemTotal") / (long long)MIB);
	printf("# env swap: %lld MiB\n", meminfo("SwapTotal") / (long long)MIB);
	print_cpu();
	print_file("module", "/sys/module/cowpin/srcversion");
	print_providers();
	print_kinds(p);
}
