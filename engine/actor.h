/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An actor: a process that does what it is told with the tested memory. It writes,
 * reads, unmaps, forks and takes pins; it judges nothing.
 */
#ifndef ACTOR_H
#define ACTOR_H

#include "engine/stage.h"
#include "kinds/kind.h"

/* In the director, before it forks the first: what all of them begin with. */
void actor_prepare(void);

/*
 * Fork actor @index of @stage as a child of the director: also when an actor forks,
 * the child is the director's, which so learns at once of any actor's death. Returns
 * the pid, or -errno; in the child it never returns.
 */
pid_t actor_spawn(struct stage *stage, int index, const struct kind *kind, size_t size);

/* main() of an actor that has done an execve(). */
int actor_resume_main(int argc, char **argv);

#endif
