// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a virtual machine. KVM holds nothing: it takes a reference for as long as it puts a
 * page into a page table of its own, and drops the entry when the owner's page table changes. So
 * the machine must see what its owner sees, at any time, and write where its owner reads. What
 * is forgotten to be dropped is a stale page, as with a pin.
 *
 * The machine has a page of code that copies, a page to copy from and to, and the memory.
 */
#define _GNU_SOURCE
#include "gup_helpers.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vm_util.h"

#ifdef __x86_64__

/* Where the machine has it. */
#define AT_CODE		0x1000
#define AT_BOUNCE	0x2000
#define AT_MEMORY	0x10000000
#define AT_TSS		0xfffbd000	/* three pages that Intel's CPUs may ask for */

static const unsigned char code[] = { 0xf3, 0xa4, 0xf4 };	/* rep movsb; hlt */

/* The descriptor of the pin is the machine. */
struct machine {
	int cpu;
	struct kvm_run *run;
	size_t run_len;
	char *own;		/* code, and the page to copy from and to */
};

static void kvm_free(struct pin *p)
{
	struct machine *m = p->priv;

	if (!m)
		return;
	if (m->run)
		munmap(m->run, m->run_len);
	if (m->own)
		munmap(m->own, 2 * p->layout.page);
	if (m->cpu >= 0)
		close(m->cpu);
	if (p->fd >= 0)
		close(p->fd);
	free(m);
	p->fd = -1;
	p->priv = NULL;
}

static bool add_memory(int vm, unsigned int slot, uint64_t at, void *memory, size_t len)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .guest_phys_addr = at, .memory_size = len,
		.userspace_addr = (uintptr_t)memory,
	};

	return !ioctl_again(vm, KVM_SET_USER_MEMORY_REGION, (uintptr_t)&region);
}

/* Shared, so that a fork() of the owner changes nothing about it. */
static bool own_memory(struct machine *m, size_t page)
{
	void *own = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			 0);

	if (own == MAP_FAILED)
		return false;
	m->own = own;
	memcpy(m->own, code, sizeof(code));
	return true;
}

/* Protected mode without page tables: all addresses are the machine's own. */
static bool set_mode(int cpu)
{
	struct kvm_segment flat = { .limit = ~0U, .selector = 8, .type = 11, .present = 1,
				    .db = 1, .s = 1, .g = 1 };
	struct kvm_sregs s;

	if (ioctl(cpu, KVM_GET_SREGS, &s))
		return false;
	s.cs = flat;
	flat.selector = 16;
	flat.type = 3;
	s.ds = s.es = s.ss = flat;
	s.cr0 |= 1;
	return !ioctl(cpu, KVM_SET_SREGS, &s);
}

static bool add_cpu(struct machine *m, int kvm, int vm)
{
	int len = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	void *run;

	m->cpu = ioctl_again(vm, KVM_CREATE_VCPU, 0);
	if (m->cpu < 0 || len <= 0)
		return false;
	run = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, m->cpu, 0);
	if (run == MAP_FAILED)
		return false;
	m->run = run;
	m->run_len = len;
	return set_mode(m->cpu);
}

static int machine_make(struct pin *p, struct machine *m, int kvm)
{
	size_t page = p->layout.page;

	p->fd = ioctl_again(kvm, KVM_CREATE_VM, 0);
	if (p->fd < 0)
		return pin_fail(p, "KVM_CREATE_VM: %s", strerror(errno));
	ioctl(p->fd, KVM_SET_TSS_ADDR, AT_TSS);
	if (!own_memory(m, page) || !add_memory(p->fd, 0, AT_CODE, m->own, 2 * page) ||
	    !add_memory(p->fd, 1, AT_MEMORY, p->addr, p->len))
		return pin_fail(p, "memory for a machine: %s", strerror(errno));
	if (!add_cpu(m, kvm, p->fd))
		return pin_fail(p, "a CPU for a machine: %s", strerror(errno));
	return 0;
}

/* Where, and why if the kernel knows: an emulated CPU may go wrong where the kernel does not. */
static int stopped(struct pin *p, const struct machine *m)
{
	struct kvm_regs regs = { 0 };
	unsigned int reason = m->run->exit_reason, why = 0;

	if (reason == KVM_EXIT_INTERNAL_ERROR)
		why = m->run->internal.suberror;
	ioctl(m->cpu, KVM_GET_REGS, &regs);
	errno = EFAULT;
	return pin_fail(p, "the machine stopped at %llx, %llu bytes to go, for reason %u (%u)",
			regs.rip, regs.rcx, reason, why);
}

/* The machine copies a page. */
static int copy(struct pin *p, uint64_t from, uint64_t to)
{
	struct machine *m = p->priv;
	struct kvm_regs regs = { .rip = AT_CODE, .rflags = 2, .rsi = from, .rdi = to,
				 .rcx = p->layout.page };

	if (ioctl(m->cpu, KVM_SET_REGS, &regs))
		return pin_fail(p, "KVM_SET_REGS: %s", strerror(errno));
	if (ioctl_again(m->cpu, KVM_RUN, 0))
		return pin_fail(p, "KVM_RUN: %s", strerror(errno));
	return m->run->exit_reason == KVM_EXIT_HLT ? 0 : stopped(p, m);
}

static int look(struct pin *p, size_t cell)
{
	return copy(p, AT_MEMORY + pin_offset(p, cell), AT_BOUNCE);
}

static int kvm_read(struct pin *p, uint64_t *words)
{
	const struct layout *l = &p->layout;
	struct machine *m = p->priv;
	int ret = 0;

	for (size_t c = 0; c < p->cells && !ret; c++) {
		ret = look(p, c);
		content_read(l, m->own + l->page, words + c * l->words);
	}
	return ret;
}

static int kvm_write(struct pin *p, struct value v)
{
	const struct layout *l = &p->layout;
	struct machine *m = p->priv;
	int ret = 0;

	for (size_t c = 0; c < p->cells && !ret; c++) {
		ret = look(p, c);
		content_write(l, m->own + l->page, layout_page(l, p->first_cell + c), v);
		if (!ret)
			ret = copy(p, AT_BOUNCE, AT_MEMORY + pin_offset(p, c));
	}
	return ret;
}

/* All of it is written once with what it has: so the machine has pages of its owner's own. */
static int take_pages(struct pin *p)
{
	int ret = 0;

	for (size_t c = 0; c < p->cells && !ret; c++) {
		ret = look(p, c);
		if (!ret)
			ret = copy(p, AT_BOUNCE, AT_MEMORY + pin_offset(p, c));
	}
	return ret;
}

static int kvm_pin(struct pin *p)
{
	struct machine *m = calloc(1, sizeof(*m));
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), ret;

	p->priv = m;
	if (m)
		m->cpu = -1;
	ret = m && kvm >= 0 ? machine_make(p, m, kvm) : pin_fail(p, "/dev/kvm: %s",
								 strerror(errno));
	if (!ret)
		ret = take_pages(p);
	if (kvm >= 0)
		close(kvm);
	if (ret)
		kvm_free(p);
	return ret;
}

DEFINE_PROVIDER(kvm_provider) = {
	.id = "kvm",
	.title = "memory of a virtual machine",
	.rank = 85,
	.props = PIN_RW | PIN_LONGTERM | PIN_NAMED | PIN_COSTS | PIN_WRITES | PIN_NOT_RANDOM |
		 PIN_SLOW,
	.needs = NEED(KVM),
	.max_len = 64 * KIB,
	.pin = kvm_pin,
	.read = kvm_read,
	.write = kvm_write,
	.unpin = kvm_free,
	.forget = kvm_free,
};

#endif
