/* SPDX-License-Identifier: GPL-2.0-only */
/* Our kernel module: loaded for a run if it is not there, and unloaded after it. */
#ifndef MODULE_H
#define MODULE_H

/*
 * Load cowpin.ko: the file that COWPIN_MODULE names, else the one installed for this
 * kernel. It is unloaded when the settings are given back. 0, also if it is loaded
 * already; -errno if there is none or the kernel refuses.
 */
int module_load(void);

#endif
