/* SPDX-License-Identifier: GPL-2.0-only */
/* Descriptors passed to another process: between pins and the servers that hold them. */
#ifndef PASS_H
#define PASS_H

#define PASS_MAX	4

/* @word (0 to 255) and @nr descriptors through the socket @to; 0 or -errno. */
int pass_fds(int to, int word, const int *fds, int nr);
/* The word; *fds: up to @max descriptors that came with it, -1 for those that did not. */
int take_fds(int from, int *fds, int max);
/* Close all descriptors but @fd. */
void keep_only(int fd);

#endif
