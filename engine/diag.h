/* SPDX-License-Identifier: GPL-2.0-only */
/* From a divergence to words: what happened, who wrote what, which page is where. */
#ifndef DIAG_H
#define DIAG_H

#include "engine/model.h"
#include "engine/plan.h"
#include "engine/stage.h"

/* Append a line to the diagnosis; what does not fit is dropped. */
__attribute__((format(printf, 2, 3)))
void diag_line(struct result *r, const char *fmt, ...);

/* Close @r as a failure: reason code, and the one-line text. */
__attribute__((format(printf, 3, 4)))
void diag_fail(struct result *r, const char *reason, const char *fmt, ...);

/* "3 (write P)" for a step index; "start" for -1. */
char *step_str(const struct test *t, int step, char *buf, size_t len);

/* @actor must not read @seen in region cell @cell. */
void diag_view(struct result *r, const struct model *m, int actor, size_t cell,
	       const struct reading *seen, size_t differing);

/* Who reads what where a pin is involved; seen: through the pin, of region cell @cell. */
void diag_pin(struct result *r, const struct model *m, int pin, const struct step *taken,
	      const char *by, size_t cell, const struct reading *seen, size_t differing);

/* The page in the owner's page table, and the page in the pin (@facts may be NULL). */
void diag_table_page(struct result *r, char owner, uint64_t pagemap);
void diag_pin_page(struct result *r, const struct page_facts *facts);

#endif
