/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * GUP from user space: our own module where it is loaded, else the kernel's gup_test.
 * Both offer the same calls; pins/gup.c chooses.
 */
#ifndef GUP_BACKEND_H
#define GUP_BACKEND_H

#include "gup_helpers.h"

struct gup_backend {
	bool (*present)(void);
	int (*pin)(struct pin *p);
	int (*read)(struct pin *p, uint64_t *words);
	int (*write)(struct pin *p, struct value v);
	int (*facts)(struct pin *p, size_t cell, struct page_facts *facts);
	int (*pfns)(struct pin *p, uint64_t *pfns, uint8_t *shared);
	void (*unpin)(struct pin *p);
	int (*loop)(struct pin *p, struct pin_loop *l);
};

/* Open the module's device and agree on the ABI; the descriptor, or -errno with p->why. */
int gup_module_open(struct pin *p);
/* The flags of the pin, as the module wants them. */
unsigned int gup_module_flags(const struct pin *p);

extern const struct gup_backend gup_by_module, gup_by_test;

#endif
