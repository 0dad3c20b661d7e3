// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins of the owner's memory that another process takes, as a hypervisor's helper does for its
 * guest: it is the owner's mm that has pins then, and whose fork() must copy.
 */
#include "gup_backend.h"

#include <string.h>
#include <unistd.h>

#include "stranger.h"

static int pin_by_stranger(struct pin *p)
{
	struct errand *e = errand_new(ERRAND_PIN, 0);
	int ret;

	if (!e)
		return pin_fail(p, "no memory for an errand: %s", strerror(errno));
	e->at = (uintptr_t)p->addr;
	e->len = p->len;
	e->flags = gup_module_flags(p);
	ret = errand_run(e, p->fd);
	p->id = e->id;
	errand_free(e);
	errno = -ret;
	return ret ? pin_fail(p, "the kernel refused the pin: %s", strerror(errno)) : 0;
}

/* The descriptor is ours, and so is the pin: the other process is gone at once. */
static int remote_pin(struct pin *p)
{
	int ret;

	p->fd = gup_module_open(p);
	if (p->fd < 0)
		return p->fd;
	ret = pin_by_stranger(p);
	if (ret)
		close(p->fd);
	return ret;
}

static int remote_read(struct pin *p, uint64_t *words)
{
	return gup_by_module.read(p, words);
}

static int remote_write(struct pin *p, struct value v)
{
	return gup_by_module.write(p, v);
}

static int remote_facts(struct pin *p, size_t cell, struct page_facts *facts)
{
	return gup_by_module.facts(p, cell, facts);
}

static int remote_pfns(struct pin *p, uint64_t *pfns, uint8_t *shared)
{
	return gup_by_module.pfns(p, pfns, shared);
}

static void remote_unpin(struct pin *p)
{
	gup_by_module.unpin(p);
}

DEFINE_PROVIDER(gup_remote) = {
	.id = "gup-remote",
	.title = "GUP by another process",
	.rank = 25,
	.props = PIN_RO | PIN_RW | PIN_LONGTERM | PIN_SHORT | PIN_WRITES | PIN_TELLS | PIN_NAMED,
	.needs = NEED(ROOT) | NEED(DEVICE),
	.pin = remote_pin,
	.read = remote_read,
	.write = remote_write,
	.facts = remote_facts,
	.pfns = remote_pfns,
	.unpin = remote_unpin,
	/* The descriptor is shared: its last owner releases the pin. */
	.forget = remote_unpin,
};
