/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers of mm calls that the C library's headers may be too old for; see the uapi headers. */
#ifndef MM_CALLS_H
#define MM_CALLS_H

#include <stddef.h>
#include <sys/mman.h>

#ifndef MADV_COLD
#define MADV_COLD		20
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT		21
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP	4
#endif
#ifndef MFD_HUGETLB
#define MFD_HUGETLB		4U
#endif

/* The bits of MAP_HUGETLB and MFD_HUGETLB that name a page size. */
static inline unsigned int huge_size_bits(size_t size)
{
	return (unsigned int)__builtin_ctzl(size) << 26;
}

#endif
