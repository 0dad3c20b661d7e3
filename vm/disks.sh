#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# disks.sh: the scratch file systems of a guest, and a disk to swap to, as
# images. Prints a line "--disk NAME=PATH" for each whose mkfs (or mkswap) is
# there. The images are sparse, made once, and never written to: QEMU keeps
# what a guest writes apart.

# shellcheck source=vm/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
ME=disks

# fresh FINAL SIZE MKFS...: make an image and move it in place.
fresh() {
	local final=$1 size=$2 dir

	shift 2
	[ ! -e "$final" ] || return 0
	dir=$(cache_tmp disk)
	truncate -s "$size" "$dir/image"
	"$@" "$dir/image" >"$dir/log" 2>&1 || die "$*: $(tail -n 1 "$dir/log")"
	mkdir -p "$(dirname "$final")"
	mv "$dir/image" "$final"
	rm -rf "$dir"
}

# disk FS SIZE MKFS...
disk() {
	local fs=$1 size=$2 image=$CACHE/disks/$1-$2

	shift 2
	have "$1" || return 0
	with_lock "disk-$fs" fresh "$image" "$size" "$@" || exit
	echo "--disk $fs=$image"
}

# The smallest sizes that each mkfs takes without complaint, about. XFS with
# features that 5.10 knows.
disk ext4 64M mkfs.ext4 -q -F
disk xfs 320M mkfs.xfs -q -f -i nrext64=0
disk btrfs 160M mkfs.btrfs -q -f

# To be swapped to, where zram is too quick: see engine/swap.h.
disk swap 512M mkswap -q
