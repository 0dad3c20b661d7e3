// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/cowpin: the device, who may use it, and which function answers which call.
 *
 * Reading and writing through a pin of somebody else's memory is as good as reading
 * and writing that memory, so this is for CAP_SYS_ADMIN alone. It is asked for in
 * each call and not only at open: a descriptor may be passed on.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "compat.h"
#include "cowpin_mod.h"

/* Two pages of 1 GiB and some small change. */
unsigned long cowpin_max_pages = 2 * 262144 + 4096;
module_param_named(max_pages, cowpin_max_pages, ulong, 0444);
MODULE_PARM_DESC(max_pages, "most pages that all pins of one descriptor may hold");

/* Above it the page array of a single pin would be more than kvmalloc() gives. */
#define COWPIN_MAX_MAX_PAGES	(INT_MAX / sizeof(struct page *))

static long do_hello(struct cowpin_file *f, void __user *arg)
{
	struct cowpin_hello hello;
	bool same;

	if (copy_from_user(&hello, arg, sizeof(hello)))
		return -EFAULT;
	same = hello.abi == COWPIN_ABI;
	hello.abi = COWPIN_ABI;
	hello.features = 0;
	if (cowpin_path_possible())
		hello.features |= COWPIN_HAS_PATH;
	if (COWPIN_KERNEL_HAS_EXCLUSIVE)
		hello.features |= COWPIN_HAS_EXCLUSIVE;
	hello.max_pages = cowpin_max_pages;
	if (copy_to_user(arg, &hello, sizeof(hello)))
		return -EFAULT;
	if (!same)
		return -EPROTO;
	f->greeted = true;
	return 0;
}

struct cowpin_call {
	unsigned int cmd;
	long (*run)(struct cowpin_file *f, void __user *arg);
};

static const struct cowpin_call calls[] = {
	{ COWPIN_IOC_HELLO, do_hello },
	{ COWPIN_IOC_PIN, cowpin_do_pin },
	{ COWPIN_IOC_UNPIN, cowpin_do_unpin },
	{ COWPIN_IOC_READ, cowpin_do_read },
	{ COWPIN_IOC_WRITE, cowpin_do_write },
	{ COWPIN_IOC_FACTS, cowpin_do_facts },
	{ COWPIN_IOC_LOOP, cowpin_do_loop },
};

static const struct cowpin_call *find_call(unsigned int cmd)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].cmd == cmd)
			return &calls[i];
	return NULL;
}

static long cowpin_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct cowpin_file *f = file->private_data;
	const struct cowpin_call *call = find_call(cmd);
	long ret = -EPROTO;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (!call)
		return -ENOTTY;
	if (mutex_lock_killable(&f->lock))
		return -EINTR;
	if (f->greeted || cmd == COWPIN_IOC_HELLO)
		ret = call->run(f, (void __user *)arg);
	mutex_unlock(&f->lock);
	return ret;
}

static int cowpin_open(struct inode *inode, struct file *file)
{
	struct cowpin_file *f;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	f = kzalloc(sizeof(*f), GFP_KERNEL);
	if (!f)
		return -ENOMEM;
	mutex_init(&f->lock);
	idr_init(&f->sets);
	file->private_data = f;
	return nonseekable_open(inode, file);
}

static int cowpin_release(struct inode *inode, struct file *file)
{
	struct cowpin_file *f = file->private_data;

	cowpin_release_all(f);
	idr_destroy(&f->sets);
	kfree(f);
	return 0;
}

static const struct file_operations cowpin_fops = {
	.owner = THIS_MODULE,
	.open = cowpin_open,
	.release = cowpin_release,
	.unlocked_ioctl = cowpin_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice cowpin_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "cowpin",
	.fops = &cowpin_fops,
	.mode = 0600,
};

static int __init cowpin_init(void)
{
	if (!cowpin_max_pages || cowpin_max_pages > COWPIN_MAX_MAX_PAGES) {
		pr_err("cowpin: max_pages must be 1 .. %zu\n", COWPIN_MAX_MAX_PAGES);
		return -EINVAL;
	}
	return misc_register(&cowpin_device);
}

static void __exit cowpin_exit(void)
{
	misc_deregister(&cowpin_device);
	cowpin_path_exit();
}

module_init(cowpin_init);
module_exit(cowpin_exit);

MODULE_DESCRIPTION("Pins on user pages, held and looked through on request");
MODULE_LICENSE("GPL");
MODULE_VERSION("1");
