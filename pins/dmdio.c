// SPDX-License-Identifier: GPL-2.0-only
/*
 * Direct I/O that is held (held.h) by a disk that is stopped until we want to know. Short-term
 * pins, as file systems and databases have them all the time, but as long as we like.
 *
 * dmdio: a write to the disk, a R/O pin. What is on the disk when it goes on again is what
 * the pin saw then.
 *
 * dmdio-in: a read from the disk, a R/W pin. Writing through the pin is having the disk go
 * on with that content.
 */
#define _GNU_SOURCE
#include "gup_helpers.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pins/dm.h"
#include "pins/held.h"

struct dmdio {
	struct held held;
	struct dm_disk disk;
	bool stopped;
};

static void dmdio_free(struct pin *p)
{
	struct dmdio *d = p->priv;

	if (!d)
		return;
	/* A read that nobody has looked at: nothing shall come in, whatever would be right. */
	if (d->stopped && p->flags & PIN_RW)
		dm_disk_fail(&d->disk);
	if (d->stopped)
		dm_disk_go(&d->disk);
	held_close(&d->held);
	if (d->disk.fd >= 0)
		dm_disk_give(&d->disk);
	free(d);
	p->priv = NULL;
}

/* A child has the descriptor, but neither the context nor a say in the disk. */
static void dmdio_forget(struct pin *p)
{
	struct dmdio *d = p->priv;

	d->stopped = false;
	d->held.context = 0;
	dmdio_free(p);
}

static int dmdio_go(struct pin *p)
{
	struct dmdio *d = p->priv;

	errno = d->stopped ? -dm_disk_go(&d->disk) : 0;
	if (errno)
		return pin_fail(p, "resuming the disk: %s", strerror(errno));
	d->stopped = false;
	return 0;
}

static int dmdio_begin(struct pin *p, struct dmdio *d)
{
	int ret = dm_disk_stop(&d->disk);

	d->stopped = true;	/* or half so: resuming does no harm */
	if (ret) {
		errno = -ret;
		return pin_fail(p, "suspending the disk: %s", strerror(errno));
	}
	return held_submit(p, &d->held, d->disk.fd);
}

static int dmdio_pin(struct pin *p)
{
	struct dmdio *d = calloc(1, sizeof(*d));
	int ret;

	if (!d)
		return pin_fail(p, "out of memory");
	p->priv = d;
	d->disk.fd = -1;
	d->held.go = dmdio_go;
	ret = held_open(p, &d->held);
	if (!ret) {
		errno = -dm_disk_take(&d->disk);
		if (errno)
			ret = pin_fail(p, "no disk to be had: %s", strerror(errno));
	}
	if (!ret) {
		d->held.platter = d->disk.platter;
		d->held.offset = d->disk.offset;
		ret = dmdio_begin(p, d);
	}
	if (ret)
		dmdio_free(p);
	return ret;
}

bool dmdio_takes_pins(void)
{
	return held_takes_pins(dmdio_pin, dmdio_free);
}

DEFINE_PROVIDER(dmdio) = {
	.id = "dmdio",
	.title = "held O_DIRECT write",
	.rank = 51,
	.props = PIN_RO | PIN_SHORT | PIN_IS_FAST | PIN_NAMED | PIN_COSTS | PIN_LATE | PIN_FREEZES,
	.needs = NEED(DM) | NEED(DIOPIN),
	.max_len = DM_DISK_SIZE,
	.pin = dmdio_pin,
	.read = held_read,
	.unpin = dmdio_free,
	.forget = dmdio_forget,
};

DEFINE_PROVIDER(dmdio_in) = {
	.id = "dmdio-in",
	.title = "held O_DIRECT read",
	.rank = 52,
	.props = PIN_RW | PIN_SHORT | PIN_IS_FAST | PIN_NAMED | PIN_COSTS | PIN_LATE | PIN_WRITES |
		 PIN_ONCE,
	.needs = NEED(DM),
	.max_len = DM_DISK_SIZE,
	.pin = dmdio_pin,
	.read = held_in_read,
	.write = held_in_write,
	.sight = held_in_sight,
	.unpin = dmdio_free,
	.forget = dmdio_forget,
};
