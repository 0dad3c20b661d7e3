/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel modules: ours, loaded for a run and unloaded after it, and drivers of the kernel's. */
#ifndef MODULE_H
#define MODULE_H

/*
 * Load cowpin.ko, if it is not: the file that COWPIN_MODULE names, else the one installed for this
 * kernel. It is unloaded when the settings are given back. That there is none is a reason to skip,
 * said once, by whoever skips; in a VM process 1 has loaded it, and there are no tools.
 */
void module_load(void);

/*
 * Have a driver loaded, by its name with "_", with a parameter or NULL. Whether it is there then,
 * who needs it sees.
 */
void driver_load(const char *name, const char *parameter);

#endif
