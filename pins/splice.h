/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory into a socket by vmsplice() and splice(): what the socket gets are the pages. */
#ifndef SPLICE_H
#define SPLICE_H

#include "gup_helpers.h"

/* All of the pinned range; 0 or pin_fail(). */
int splice_into(struct pin *p, int socket);

#endif
