// SPDX-License-Identifier: GPL-2.0-only
/* From a divergence to words: see diag.h. */
#include "engine/diag.h"

#include <stdarg.h>
#include <string.h>

#include "vm_util.h"

void diag_line(struct result *r, const char *fmt, ...)
{
	size_t used = strlen(r->diag), room = sizeof(r->diag) - used;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(r->diag + used, room, fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len + 2 > room)
		r->diag[used] = '\0';
	else
		strcpy(r->diag + used + len, "\n");
}

void diag_fail(struct result *r, const char *reason, const char *fmt, ...)
{
	va_list args;

	r->verdict = VERDICT_FAIL;
	snprintf(r->reason, sizeof(r->reason), "%s", reason);
	va_start(args, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, args);
	va_end(args);
}

char *step_str(const struct test *t, int step, char *buf, size_t len)
{
	const struct step *s = &t->steps->step[step];

	if (step < 0)
		snprintf(buf, len, "the start");
	else
		snprintf(buf, len, "step %d (%.*s)", step + 1, s->len,
			 t->scenario->steps + s->col);
	return buf;
}

/* What kind of wrong it is to see @seen where @expected should be, for @who. */
static const char *reason_of(const struct reading *seen, struct value expected, char who,
			     const char *stale)
{
	switch (seen->kind) {
	case CELL_TORN:
		return "torn-page";
	case CELL_MOVED:
		return "wrong-page";
	case CELL_ALIEN:
		return "alien-data";
	default:
		break;
	}
	if (seen->v.writer && seen->v.writer != who && seen->v.writer != WRITER_PIN &&
	    seen->v.gen > expected.gen)
		return "leak";
	return stale;
}

static void line_page(struct result *r, const struct model *m, size_t cell, size_t differing)
{
	if (m->cells > 1)
		diag_line(r, "  %zu of %zu pages looked at differ, the first is cell %zu",
			  differing, m->cells, cell);
}

void diag_view(struct result *r, const struct model *m, int actor, size_t cell,
	       const struct reading *seen, size_t differing)
{
	char name = m->actor[actor].name, see[192], expect[80];
	struct value v = model_sees(m, actor, cell);
	const char *reason = reason_of(seen, v, name, "stale-data");

	reading_str(seen, see, sizeof(see));
	diag_fail(r, reason, "%c reads %s", name, see);
	diag_line(r, "  process %c reads:     %s", name, see);
	diag_line(r, "  process %c must read: %s", name, value_str(v, expect, sizeof(expect)));
	line_page(r, m, cell, differing);
}

void diag_pin(struct result *r, const struct model *m, int pin, const struct step *taken,
	      const char *by, size_t cell, const struct reading *seen, size_t differing)
{
	const struct model_pin *p = &m->pin[pin];
	char owner = m->actor[p->owner].name, see[192], buf[80];
	struct value v = model_pin_sees(m, pin, cell);
	const char *reason = reason_of(seen, v, owner, "stale-pin");

	reading_str(seen, see, sizeof(see));
	diag_fail(r, reason, "the pin of %c sees %s", owner, see);
	diag_line(r, "  pin %d (%s, %s, %s, taken by %c) sees: %s", pin + 1, by,
		  taken->pin_flags & PIN_RW ? "R/W" : "R/O",
		  taken->pin_flags & PIN_LONGTERM ? "long-term" : "short-term", owner, see);
	diag_line(r, "  it must see: %s%s", value_str(v, buf, sizeof(buf)),
		  p->detached[cell] ? ", as when its owner lost the page" :
		  p->promise[cell] == PROMISE_SNAPSHOT ? ", or what its owner wrote later" : "");
	if (m->actor[p->owner].cell[cell].state != CELL_GONE)
		diag_line(r, "  process %c reads: %s", owner,
			  value_str(model_sees(m, p->owner, cell), buf, sizeof(buf)));
	line_page(r, m, cell, differing);
}

void diag_table_page(struct result *r, char owner, uint64_t pagemap)
{
	uint64_t pfn = pagemap & PM_PFN_MASK, flags = 0, count = 0;
	char str[128];

	if (!(pagemap & PM_PRESENT)) {
		diag_line(r, "  page table of %c: %s (pagemap %016llx)", owner,
			  pagemap & PM_SWAP ? "swapped out" : "nothing there",
			  (unsigned long long)pagemap);
		return;
	}
	r->table_pfn = pfn;
	kpageflags(pfn, &flags);
	kpagecount(pfn, &count);
	diag_line(r, "  page table of %c: PFN %#llx (%s%s%s), mapped %llu times", owner,
		  (unsigned long long)pfn, kpageflags_str(flags, str, sizeof(str)),
		  pagemap & PM_MMAP_EXCLUSIVE ? ", mapped once" : "",
		  pagemap & PM_FILE ? ", file or shared" : "", (unsigned long long)count);
}

void diag_pin_page(struct result *r, const struct page_facts *f)
{
	uint64_t flags = 0;
	char str[128];

	if (!f) {
		diag_line(r, "  page in the pin:  the provider cannot tell");
		return;
	}
	r->pin_pfn = f->pfn;
	kpageflags(f->pfn, &flags);
	diag_line(r, "  page in the pin:  PFN %#llx (%s%s), order %d, index %d, references %ld, "
		  "mapped %ld, pins %ld", (unsigned long long)f->pfn,
		  kpageflags_str(flags, str, sizeof(str)), f->exclusive == 1 ? ", exclusive" : "",
		  f->order, f->index, f->refcount, f->mapcount, f->pincount);
}
