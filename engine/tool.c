// SPDX-License-Identifier: GPL-2.0-only
/* Running a tool of the system: see tool.h. */
#define _GNU_SOURCE
#include "engine/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "vm_util.h"

#define TOOL_PATH	"/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"

pid_t tool_begin(const char *const argv[])
{
	posix_spawn_file_actions_t quiet;
	pid_t pid;
	int ret;

	/* posix_spawnp() looks where we look. */
	setenv("PATH", TOOL_PATH, 1);
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
	ret = posix_spawnp(&pid, argv[0], &quiet, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&quiet);
	return ret ? -ret : pid;
}

int tool_end(pid_t pid)
{
	int status;

	if (pid < 0)
		return pid;
	status = process_wait(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

int tool_run(const char *const argv[])
{
	return tool_end(tool_begin(argv));
}
