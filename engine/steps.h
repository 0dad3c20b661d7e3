/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The step language: what happens in a test, as text.
 *
 *	scenario := step { ";" step }
 *	step     := verb actor { argument }
 *
 * Actors are capital letters; P is there from the start, others come by fork. Pins are
 * numbered from 1 in the order in which they are taken. docs/scenarios.md has it all.
 */
#ifndef STEPS_H
#define STEPS_H

#include <stdbool.h>
#include <stddef.h>

#include "gup_helpers.h"
#include "ops/operation.h"

enum op {
	OP_FILL,	/* write all pages, then bring them into the kind's state */
	OP_READ,	/* read pages; as the first step it populates, too */
	OP_WRITE,
	OP_FORK,	/* actor forks other */
	OP_EXIT,
	OP_EXEC,	/* execve(): memory is gone, pins are not */
	OP_UNMAP,
	OP_MPROTECT,
	OP_CLEARREFS,	/* soft-dirty clear: write-protects page table entries */
	OP_DONTFORK,	/* a child does not get this part */
	OP_DOFORK,
	OP_COLLAPSE,	/* MADV_COLLAPSE into a PMD-mapped THP */
	OP_MIGRATE,	/* ask for the pages to be moved */
	OP_FORCE,	/* write past the protection, as a debugger does */
	OP_UFFDCOPY,	/* populate through userfaultfd */
	OP_PIN,
	OP_UNPIN,
	OP_POKE,	/* write through a pin */
	OP_OPERATION,	/* one of ops/ */
	NR_OPS
};

/* The part of the region that a step works on. */
enum part { PART_ALL, PART_FIRST, PART_LAST, PART_LOWER, PART_UPPER, NR_PARTS };

struct step {
	enum op op;
	char actor;
	char other;			/* OP_FORK: the child */
	bool by_thread;			/* OP_FORK: another thread of the actor does it */
	enum part part;
	int prot;			/* OP_MPROTECT */
	unsigned int pin_flags;		/* OP_PIN: PIN_RO ... */
	const struct provider *by;	/* OP_PIN: named provider, NULL: the test's */
	const struct operation *operation;	/* OP_OPERATION */
	int pin;			/* OP_PIN/UNPIN/POKE: index from 0 */
	int col, len;			/* where it stands in the text */
};

#define STEPS_MAX	32
#define ACTORS_MAX	8
#define PINS_MAX	8

struct scenario_steps {
	struct step step[STEPS_MAX];
	int nr;
	int actors;			/* how many take part in all */
	int pins;
	unsigned int axis_flags;	/* PIN_* that the test's provider must serve, 0: none */
	bool needs_parts;		/* a step names a part: more than one page needed */
	bool splits_vma;		/* a part's mapping is changed: not within a hugetlb page */
	bool splits_off_page;		/* and that part is a single base page */
	bool forces;			/* writes by FOLL_FORCE, which hugetlb knows not */
	bool collapses;			/* the region must be one PMD-sized THP */
	bool alone, own_group;		/* an operation is: see struct operation */
	bool locks;			/* an operation locks memory */
};

struct parse_error {
	int col;			/* from 0 */
	char what[128];
};

/* 0, or -EINVAL with @err saying what is wrong and where. */
int steps_parse(const char *text, struct scenario_steps *out, struct parse_error *err);

/* The verb of a step that is built in. */
const char *step_verb(enum op op);

/* What it does to content, besides what is built in. */
static inline enum effect step_effect(const struct step *s)
{
	return s->op == OP_OPERATION ? s->operation->effect : EFFECT_NONE;
}

/* Pages [*first, *first + *count) of @part in a region of @pages pages. */
void part_pages(enum part part, size_t pages, size_t *first, size_t *count);

#endif
