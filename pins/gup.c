// SPDX-License-Identifier: GPL-2.0-only
/* Pins by GUP and GUP-fast, as a driver would take them. */
#include "gup_backend.h"

#include <fcntl.h>
#include <unistd.h>

static const struct gup_backend *backend(void)
{
	return gup_by_module.present() ? &gup_by_module : &gup_by_test;
}

static int gup_pin(struct pin *p)
{
	return backend()->pin(p);
}

static int gup_read(struct pin *p, uint64_t *words)
{
	return backend()->read(p, words);
}

static int gup_write(struct pin *p, struct value v)
{
	if (!backend()->write) {
		errno = EOPNOTSUPP;
		return pin_fail(p, "gup_test cannot write through a pin");
	}
	return backend()->write(p, v);
}

static int gup_facts(struct pin *p, size_t cell, struct page_facts *facts)
{
	return backend()->facts ? backend()->facts(p, cell, facts) : -EOPNOTSUPP;
}

static int gup_pfns(struct pin *p, uint64_t *pfns, uint8_t *shared)
{
	return backend()->pfns ? backend()->pfns(p, pfns, shared) : -EOPNOTSUPP;
}

static void gup_unpin(struct pin *p)
{
	backend()->unpin(p);
}

static int gup_loop(struct pin *p, struct pin_loop *l)
{
	return backend()->loop ? backend()->loop(p, l) : -EOPNOTSUPP;
}

static void gup_forget(struct pin *p)
{
	close(p->fd);
	p->fd = -1;
}

/* gup_test holds one pin for the whole machine. */
static bool gup_single(void)
{
	return !gup_by_module.present() && gup_by_test.present();
}

bool gup_module_present(void)
{
	return gup_by_module.present();
}

bool gup_test_present(void)
{
	return gup_by_test.present();
}

/* The pin is the descriptor's. */
static int gup_keep(struct pin *p)
{
	return fcntl(p->fd, F_SETFD, 0) ? -errno : 0;
}

#define GUP_COMMON							\
	.needs = NEED(ROOT) | NEED(MODULE),				\
	.needs_more = NEED(DEVICE),					\
	.pin = gup_pin,							\
	.read = gup_read,						\
	.write = gup_write,						\
	.facts = gup_facts,						\
	.pfns = gup_pfns,						\
	.unpin = gup_unpin,						\
	.loop = gup_loop,						\
	.forget = gup_forget,						\
	.keep = gup_keep,						\
	.single = gup_single

DEFINE_PROVIDER(gup) = {
	.id = "gup",
	.title = "GUP",
	.rank = 10,
	.props = PIN_RO | PIN_RW | PIN_LONGTERM | PIN_SHORT | PIN_WRITES | PIN_TELLS,
	GUP_COMMON,
};

DEFINE_PROVIDER(gup_fast) = {
	.id = "gup-fast",
	.title = "GUP-fast",
	.rank = 20,
	.props = PIN_RO | PIN_RW | PIN_LONGTERM | PIN_SHORT | PIN_WRITES | PIN_TELLS |
		 PIN_IS_FAST,
	GUP_COMMON,
};
