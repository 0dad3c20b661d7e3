// SPDX-License-Identifier: GPL-2.0-only
/* The kernel log as a witness: see health.h. */
#include "engine/health.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vm_util.h"

static int kmsg = -1;

/*
 * What no line of a healthy kernel's log has in it, at the beginning of a word. A program that
 * dies of a general protection fault is none of the kernel's; then no colon follows. Lockdep
 * says "WARNING: ", and KCSAN, KFENCE, bad pages and soft lockups are "BUG: ".
 */
static const char *const signs[] = {
	"WARNING: ", "BUG: ", "kernel BUG at", "Oops: ", "Oops - ", "general protection fault:",
	"general protection fault, ", "invalid opcode:", "Unable to handle kernel ",
	"KASAN: ", "UBSAN: ", "bad pte ", "bad pmd ", "bad pud ", "bad p4d ", "bad pgd ",
	"blocked for more than", "blocked in I/O wait for more than",
	"self-detected stall on CPU", "detected stalls on ", "detected expedited stalls on ",
	"hard LOCKUP", "list_add corruption", "list_del corruption", "refcount_t: ",
	"unreferenced object",
};

void health_start(void)
{
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg >= 0)
		lseek(kmsg, 0, SEEK_END);
}

/* The text of the next record, without its header; false at the end of the log. */
static bool next_record(char *buf, size_t len)
{
	ssize_t got;
	char *text;

	do {
		got = read(kmsg, buf, len - 1);
	} while (got < 0 && (errno == EPIPE || errno == EINTR));
	if (got <= 0)
		return false;
	buf[got] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	text = strchr(buf, ';');
	if (text)
		memmove(buf, text + 1, strlen(text + 1) + 1);
	return true;
}

static bool has_word(const char *line, const char *word)
{
	for (const char *at = line; (at = strstr(at, word)); at++)
		if (at == line || !isalnum((unsigned char)at[-1]))
			return true;
	return false;
}

bool health_is_sign(const char *line)
{
	for (size_t i = 0; i < ARRAY_SIZE(signs); i++)
		if (has_word(line, signs[i]))
			return true;
	return false;
}

/* "PID: 7", "Pid:7", and since 6.19 at the end, "CPU#1: cow-actor0/7". */
pid_t health_pid(const char *line)
{
	const char *pid = strstr(line, "PID: "), *old = strstr(line, "Pid:");
	const char *cpu = strstr(line, "CPU#"), *slash = strrchr(line, '/');

	if (pid)
		return atoi(pid + 5);
	if (old)
		return atoi(old + 4);
	return cpu && slash > cpu ? atoi(slash + 1) : 0;
}

/* A record that was read, but not yet used. */
static char ahead[1024];

static bool take_record(char *buf, size_t len)
{
	if (!ahead[0])
		return next_record(buf, len);
	snprintf(buf, len, "%s", ahead);
	ahead[0] = '\0';
	return true;
}

/* What follows tells who was where: registers, a trace. Up to the next sign of trouble. */
static void take_more(struct splat *s)
{
	size_t used = 0;

	s->more[0] = '\0';
	while (used < sizeof(s->more) - 160 && next_record(ahead, sizeof(ahead))) {
		if (health_is_sign(ahead))
			return;
		used += snprintf(s->more + used, sizeof(s->more) - used, "%s    %.140s",
				 used ? "\n" : "", ahead);
		ahead[0] = '\0';
	}
}

bool health_next(struct splat *s)
{
	char line[1024];

	if (kmsg < 0)
		return false;
	while (take_record(line, sizeof(line))) {
		if (!health_is_sign(line))
			continue;
		snprintf(s->text, sizeof(s->text), "%.500s", line);
		s->pid = health_pid(line);
		take_more(s);
		return true;
	}
	return false;
}
