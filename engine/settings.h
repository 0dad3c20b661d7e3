/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System settings that a run changes. Each is recorded on disk before it is changed. A
 * guardian process puts all of them back when the run ends, in whatever way it ends;
 * should the guardian die as well, the next start (or cow --restore) does it.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

/*
 * Be the only run on this machine: settings are everybody's. Held until the end of this
 * process and of its guardian. 0; -EWOULDBLOCK: another run is under way; -errno.
 */
int settings_lock(void);

/* Put back what an earlier run left changed. How many settings, or -errno. */
int settings_restore_leftovers(void);

/*
 * Set the sysfs or procfs file @path to @value, unless it has that value. For choice
 * files ("always [madvise] never") the chosen word counts. 0 or -errno.
 */
int settings_set(const char *path, const char *value);

/*
 * Note how to undo a change of another kind, before it is made: "swapoff /dev/zram0". The
 * verbs are in settings.c; undoing what did not come about after all does no harm. 0 or
 * -errno.
 */
__attribute__((format(printf, 1, 2)))
int settings_undo_by(const char *fmt, ...);

/* Where what a run sets up has its place: mount points, files. */
#define STATE_DIR	"/run/cowpin"

/*
 * In a forked child that may outlive us: the guardian shall not wait for it. And it leaves the
 * lock of the run: killed while direct I/O to its memory, or its children's, is held, it lives on
 * until that is let go, which may take the next run; it shall not keep that from starting.
 */
void settings_in_child(void);

/* Undo everything, the latest first, and wait until that is done. */
void settings_end(void);

#endif
