/* SPDX-License-Identifier: GPL-2.0-only */
/* The plan in print, for people and for programs. Needs no root, changes nothing. */
#ifndef LIST_H
#define LIST_H

#include "engine/plan.h"

/* Ids, a line each; @verbose: with title and steps, on lines of their own. */
void list_plain(const struct plan *p, bool verbose);
/* A JSON array with an object a test. */
void list_json(const struct plan *p);

/* @text as a JSON string, quotes included. */
void json_string(const char *text);

#endif
