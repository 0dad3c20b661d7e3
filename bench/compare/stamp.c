// SPDX-License-Identifier: GPL-2.0-only
/* stamp: copies its input line by line, each with the milliseconds since it began. */
#include <stdio.h>
#include <time.h>

static long ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int main(void)
{
	long start = ms();
	char line[4096];

	while (fgets(line, sizeof(line), stdin))
		printf("%ld %s", ms() - start, line);
	return 0;
}
