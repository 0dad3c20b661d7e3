// SPDX-License-Identifier: GPL-2.0-only
/*
 * Did GUP-fast do it, or did it fall back to the slow path? The kernel does not tell,
 * so a kprobe sits on the function that all slow paths go through.
 *
 * Each task that wants to know puts itself into a slot, and the probe marks the slot
 * of the task that hit it. A slot is only ever claimed, marked and released by its
 * own task, so no lock is needed. The probe is registered when somebody asks for the
 * first time: it costs every GUP of the system a little.
 */
#include <linux/kprobes.h>

#include "compat.h"
#include "cowpin_mod.h"

#ifdef CONFIG_KPROBES

/* Names under which compilers leave it, best first. */
static const char * const probe_names[] = {
	"__get_user_pages",
	"__get_user_pages.isra.0",
	"__get_user_pages.constprop.0",
	"__get_user_pages.part.0",
};

static struct watch {
	struct task_struct *task;
	bool slow;
} watches[32];

static enum { PROBE_UNTRIED, PROBE_WORKS, PROBE_FAILED } probe_state;
static DEFINE_MUTEX(probe_lock);

static int on_slow_gup(struct kprobe *p, struct pt_regs *regs)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(watches); i++)
		if (READ_ONCE(watches[i].task) == current)
			WRITE_ONCE(watches[i].slow, true);
	return 0;
}
NOKPROBE_SYMBOL(on_slow_gup);

static struct kprobe probe;

static bool register_probe(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probe_names); i++) {
		/* A kprobe that was refused must not be used again as it is. */
		memset(&probe, 0, sizeof(probe));
		probe.symbol_name = probe_names[i];
		probe.pre_handler = on_slow_gup;
		if (!register_kprobe(&probe))
			return true;
	}
	return false;
}

static bool probe_ready(void)
{
	bool ready;

	mutex_lock(&probe_lock);
	if (probe_state == PROBE_UNTRIED)
		probe_state = register_probe() ? PROBE_WORKS : PROBE_FAILED;
	ready = probe_state == PROBE_WORKS;
	mutex_unlock(&probe_lock);
	return ready;
}

bool cowpin_path_possible(void)
{
	return READ_ONCE(probe_state) != PROBE_FAILED;
}

int cowpin_path_begin(void)
{
	unsigned int i;

	if (!probe_ready())
		return -1;
	for (i = 0; i < ARRAY_SIZE(watches); i++) {
		if (cmpxchg(&watches[i].task, NULL, current))
			continue;
		WRITE_ONCE(watches[i].slow, false);
		return i;
	}
	return -1;
}

/*
 * Kprobes can be switched off as a whole, and the function may live on in copies that
 * we do not see. So before silence is taken for an answer, make the probe speak: there
 * is nothing at address 0, so GUP-fast has to fall back there. Not with FOLL_PIN, which
 * would mark the mm as one that has pins.
 */
static bool probe_speaks(struct watch *w)
{
	struct page *page;

	if (get_user_pages_fast(0, 1, 0, &page) == 1) {
		put_page(page);
		return false;
	}
	return READ_ONCE(w->slow);
}

u32 cowpin_path_end(int slot)
{
	u32 path = COWPIN_PATH_UNKNOWN;
	struct watch *w;

	if (slot < 0)
		return path;
	w = &watches[slot];
	if (READ_ONCE(w->slow))
		path = COWPIN_PATH_SLOW;
	else if (probe_speaks(w))
		path = COWPIN_PATH_FAST;
	smp_store_release(&w->task, NULL);
	return path;
}

void cowpin_path_exit(void)
{
	if (probe_state == PROBE_WORKS)
		unregister_kprobe(&probe);
}

#else

bool cowpin_path_possible(void)
{
	return false;
}

int cowpin_path_begin(void)
{
	return -1;
}

u32 cowpin_path_end(int slot)
{
	return COWPIN_PATH_UNKNOWN;
}

void cowpin_path_exit(void)
{
}

#endif
