#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# initramfs.sh base RELEASE MODULES INIT
#	print the path of the constant part of the initramfs: init, busybox
#	and the modules of vm/modules. MODULES is /lib/modules/RELEASE of the
#	kernel, or empty for a kernel without modules. Cached.
#
# initramfs.sh run OUT PROGRAM MODULE DIR
#	write what differs between two runs, also a cpio: the program,
#	cowpin.ko (or empty), and DIR, which is /cowpin in the guest: argv and
#	env (NUL-terminated), files that arguments name. Behind the first one
#	it makes the initramfs. Arguments go this way because a kernel command
#	line is short and knows no quoting.
#
# initramfs.sh again OUT DIR
#	write DIR only: behind an initramfs, it takes the place of the former
#	one.
#
# The cpio is not compressed: an emulated CPU takes longer to decompress it
# than QEMU to copy it.

# shellcheck source=vm/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
ME=initramfs

pack() {
	(cd "$1" && find . -mindepth 1 | LC_ALL=C sort |
	 cpio --quiet --reproducible -o -H newc -R 0:0)
}

# Modules as the kernel takes them: decompressed.
copy_module() {
	local from=$1 to=$2

	case $from in
	*.xz)	xz -dc "$from" >"${to%.xz}" ;;
	*.zst)	zstd -qdc "$from" >"${to%.zst}" ;;
	*.gz)	gzip -dc "$from" >"${to%.gz}" ;;
	*)	cp "$from" "$to" ;;
	esac
}

# insmod_lines STAGE RELEASE NAME: "insmod PATH PARAMETERS", dependencies
# first; nothing for what is built in or does not exist. The configuration
# of the host's modprobe is none of the guest's business.
insmod_lines() {
	modprobe -C /dev/null -d "$1" -S "$2" --show-depends "$3" \
		2>/dev/null | grep '^insmod ' || true
}

# add_module STAGE RELEASE ROOT ACTION NAME PARAMETERS
add_module() {
	local stage=$1 release=$2 root=$3 action=$4 name=$5 params=$6
	local dir=$root/lib/modules/$release path file list=$root/cowpin/modules

	while read -r _ path _; do
		file=$(basename "$path")
		copy_module "$path" "$dir/$file"
		file=${file%.xz} file=${file%.zst} file=${file%.gz}
		[ "$action" = load ] || continue
		case ${file//-/_} in
		"$name.ko")	echo "/lib/modules/$release/$file $params" ;;
		*)		echo "/lib/modules/$release/$file" ;;
		esac >>"$list"
	done < <(insmod_lines "$stage" "$release" "$name")
}

add_modules() {
	local release=$1 modules=$2 root=$3 stage action name params file

	[ -e "$modules/modules.dep" ] ||
		die "$modules: no modules.dep (not made by modules_install?)"
	stage=$root.stage
	mkdir -p "$stage/lib/modules" "$root/lib/modules/$release"
	ln -s "$(realpath "$modules")" "$stage/lib/modules/$release"
	while read -r action name params; do
		case $action in
		load|have)
			add_module "$stage" "$release" "$root" \
				"$action" "$name" "$params" ;;
		esac
	done <"$VM_DIR/modules"
	for file in modules.builtin modules.builtin.modinfo modules.order; do
		[ ! -e "$modules/$file" ] ||
			cp "$modules/$file" "$root/lib/modules/$release/"
	done
	depmod -b "$root" "$release"
	rm -rf "$stage"
}

add_busybox() {
	local root=$1 busybox

	busybox=$(command -v busybox) || return 0
	cp "$busybox" "$root/bin/busybox"
	ln -s busybox "$root/bin/sh"
	ln -s ../bin/busybox "$root/sbin/modprobe"
	ln -s ../bin/busybox "$root/sbin/mkswap"
}

make_base() {
	local release=$1 modules=$2 init=$3 final=$4 dir

	[ ! -e "$final" ] || return 0
	dir=$(cache_tmp initramfs)
	mkdir -p "$dir/root/"{bin,sbin,cowpin,lib,etc,root}
	: >"$dir/root/cowpin/modules"
	cp "$init" "$dir/root/init"
	add_busybox "$dir/root"
	[ -z "$modules" ] || add_modules "$release" "$modules" "$dir/root"
	pack "$dir/root" >"$dir/cpio"
	mkdir -p "$(dirname "$final")"
	mv "$dir/cpio" "$final"
	rm -rf "$dir"
}

# What tells one tree of modules from another without reading all of it.
identity() {
	[ -z "$1" ] || stat -L -c '%n %i %Y %s' "$1" "$1/modules.dep" \
		"$1/modules.order" 2>/dev/null || true
}

base() {
	local release=$1 modules=$2 init=$3 key

	key=$({
		echo "$release"
		identity "$modules"
		hash_of "$init" "$VM_DIR/modules" "${BASH_SOURCE[0]}"
		sha256sum "$(command -v busybox || echo /dev/null)"
	} | sha256sum | cut -c1-16)
	local final=$CACHE/initramfs/$release-$key.cpio

	with_lock "initramfs-$key" make_base "$release" "$modules" "$init" \
		"$final"
	touch "$final"
	prune "$CACHE/initramfs" '*.cpio'
	echo "$final"
}

run() {
	local out=$1 program=$2 module=$3 from=$4 dir

	dir=$(cache_tmp run)
	mkdir -p "$dir/bin"
	cp -L "$program" "$dir/bin/cow"
	chmod 755 "$dir/bin/cow"
	cp -r "$from" "$dir/cowpin"
	if [ -n "$module" ]; then
		cp "$module" "$dir/cowpin/cowpin.ko"
		echo /cowpin/cowpin.ko >"$dir/cowpin/modules.run"
	fi
	pack "$dir" >"$out"
	rm -rf "$dir"
}

again() {
	local out=$1 from=$2 dir

	dir=$(cache_tmp again)
	cp -r "$from" "$dir/cowpin"
	pack "$dir" >"$out"
	rm -rf "$dir"
}

case ${1:-} in
base)	[ $# -eq 4 ] || die "usage: initramfs.sh base RELEASE MODULES INIT"
	shift; base "$@" ;;
run)	[ $# -eq 5 ] || die "usage: initramfs.sh run OUT PROGRAM MODULE DIR"
	shift; run "$@" ;;
again)	[ $# -eq 3 ] || die "usage: initramfs.sh again OUT DIR"
	shift; again "$@" ;;
*)	die "usage: initramfs.sh base|run|again ..." ;;
esac
