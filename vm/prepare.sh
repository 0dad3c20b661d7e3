# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Everything that a guest needs, from the options of run_vmtests.sh, which
# sources this. Leaves in the results of a kernel
#
#	command		what boots it (NUL-terminated words)
#	guest/		/cowpin of the guest: argv, env, files
#	initramfs	removed at the end, but kept for --resume after a crash
#
# shellcheck disable=SC2154 # the options: those of run_vmtests.sh

# --- programs

# build_program TARGET FILE: the program, as fresh as its sources. What a make
# that called us was told is not for this one.
build_program() {
	if [ -e "$TOP_DIR/Makefile" ]; then
		"$VM_DIR/need.sh" build || exit
		with_lock build env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL \
			make -s -C "$TOP_DIR" "$1" >&2 ||
			die "make $1 failed in $TOP_DIR"
	fi
	[ -e "$TOP_DIR/$2" ] || die "$TOP_DIR/$2: no such file (make $1)"
}

guest_init() {
	local init=$TOP_DIR/build/init

	if [ -z "$program" ]; then
		build_program guest cow
		program=$TOP_DIR/cow
	elif [ -e "$TOP_DIR/Makefile" ]; then
		build_program build/init build/init
	fi
	if [ ! -e "$init" ] || [ "$VM_DIR/init.c" -nt "$init" ]; then
		mkdir -p "$(dirname "$init")"
		gcc -static -O2 -Wall -Wextra -o "$init" "$VM_DIR/init.c" ||
			die "$init: cannot be built"
	fi
}

# --- modules

# build_of KERNEL: where to build against, if it is not Debian's.
build_of() {
	case $1 in
	tree:*)	echo "${1#tree:}" ;;
	*)	echo "$build" ;;
	esac
}

has_modules() {
	[ ! -e "$1/.config" ] || grep -q '^CONFIG_MODULES=y' "$1/.config"
}

# module_for KERNEL DIR RELEASE: the path of cowpin.ko, or nothing.
module_for() {
	local dir=$2 release=$3 from=() own
	local lost="no cowpin.ko; what this kernel's gup_test cannot do"
	lost+=" either is skipped"

	own=$(build_of "$1")
	[ ! -e "$dir/suite" ] || [ -n "$own" ] ||
		from=("$(cat "$dir/suite")" "${dir##*_}")
	if [ -n "$own" ] && ! has_modules "$own"; then
		say "$own: CONFIG_MODULES is not set: $lost"
	elif [ -n "$own" ]; then
		"$VM_DIR/module.sh" "$own" "$release"
	elif [ -e "$dir/build" ]; then
		"$VM_DIR/module.sh" "$dir/build" "$release" "${from[@]}"
	else
		say "no --build DIR: $lost"
	fi
}

# built_modules TREE: the paths of its modules. Since 6.2 the list is one of
# objects.
built_modules() {
	sed 's|^kernel/||; s|\.o$|.ko|' "$1/modules.order" 2>/dev/null || true
}

# Is one among them that a guest would take?
has_wanted_modules() {
	awk '$1 == "load" || $1 == "have" { print $2 }' "$VM_DIR/modules" |
		sed 's/_/[-_]/g; s|.*|(^\|/)&\\.ko$|' |
		grep -qEf - <(built_modules "$1")
}

# What modules_install would make, with links instead of copies.
link_tree_modules() {
	local tree=$1 release=$2 final=$3 dir module root

	[ ! -e "$final" ] || return 0
	dir=$(cache_tmp tree)
	root=$dir/lib/modules/$release
	while read -r module; do
		mkdir -p "$root/kernel/$(dirname "$module")"
		ln -s "$tree/$module" "$root/kernel/$module"
	done < <(built_modules "$tree")
	cp "$tree"/modules.order "$root/"
	cp "$tree"/modules.builtin{,.modinfo} "$root/" 2>/dev/null || true
	depmod -b "$dir" "$release"
	publish "$dir" "$final"
}

# tree_modules TREE RELEASE: its /lib/modules/RELEASE, or nothing if the guest
# needs none of its modules.
tree_modules() {
	local tree=$1 release=$2 key

	has_wanted_modules "$tree" || return 0
	key=$({
		echo "$tree $release"
		cd "$tree" && built_modules . | xargs -r stat -c '%n %Y %s'
	} | sha256sum | cut -c1-16)
	local final=$CACHE/trees/$key

	with_lock "tree-$key" link_tree_modules "$tree" "$release" "$final"
	touch "$final"
	prune "$CACHE/trees" '*'
	echo "$final/lib/modules/$release"
}

# modules_of KERNEL DIR RELEASE
modules_of() {
	if [ -n "$modules" ]; then
		echo "$modules"
	elif [ -e "$2/modules" ]; then
		echo "$2/modules"
	elif [[ $1 == tree:* ]]; then
		tree_modules "${1#tree:}" "$3"
	fi
}

# --- what is known of a kernel

# hash_config FILE: as everywhere, the first 12 digits; nothing without FILE.
hash_config() {
	[ ! -e "$1" ] || sha256sum <"$1" | cut -c1-12
}

# config_of KERNEL DIR RELEASE: the configuration that it was built with.
config_of() {
	local own file

	own=$(build_of "$1")
	for file in "${own:-$2/root}/.config" "$2/root/boot/config-$3" \
		"$2/modules/config"; do
		[ ! -e "$file" ] || { echo "$file"; return; }
	done
}

# facts RELEASE CONFIG_HASH MODULES MODULE: options of boot, one word a line.
facts() {
	local version=none

	[ -z "$4" ] || version=$(modinfo -F srcversion "$4" 2>/dev/null)
	[ -z "$2" ] || printf -- '--fact\nconfig-hash %s\n' "$2"
	printf -- '--fact\nmodules %s\n' "${3:-none}"
	printf -- '--fact\nmodule-version %s\n' "${version:-unknown}"
}

# --- the guest

# repeat_kernel KERNEL: what to type to repeat a test on it.
repeat_kernel() {
	local options=(-k "$1")

	[[ $1 != tree:* ]] || options=(--tree "${1#tree:}")
	[ -z "$append" ] || options+=(--append "$append")
	[ -z "$modules" ] || options+=(--modules "$modules")
	[ -z "$build" ] || options+=(--build "$build")
	repeat_command "${options[@]}" "${boot_args[@]}"
}

# The environment of cow in the guest: NUL-terminated.
write_env() {
	printf '%s\0' PATH=/bin:/sbin HOME=/root "TERM=${shell:+${TERM:-}}" \
		"COWPIN_REPEAT=$1"
	[ -z "$2" ] || printf '%s\0' "COWPIN_CONFIG_HASH=$2"
}

# A terminal gets a shell that asks, else the shell gets what is on stdin, which
# is descriptor 7 here.
write_shell() {
	local dir=$1 rows columns

	printf '%s\0' /bin/sh /cowpin/shell >"$dir/argv"
	echo 'busybox --install -s /bin' >"$dir/shell"
	if [ "$shell" = script ]; then
		cat <&7 >"$dir/commands"
		echo 'exec sh /cowpin/commands' >>"$dir/shell"
		return
	fi
	: >"$dir/tty"
	read -r rows columns < <(stty size <&7) || true
	[ "${rows:-0}" != 0 ] || rows=24 columns=80
	cat >>"$dir/shell" <<-EOF
		stty rows $rows cols $columns
		echo "Linux \$(uname -r). cow is in the PATH. \"exit\" powers off," \\
			"Ctrl-A X ends QEMU."
		exec sh
	EOF
}

# write_guest DIR KERNEL CONFIG_HASH: /cowpin of the guest.
write_guest() {
	local dir=$1

	rm -rf "$dir"
	mkdir -p "$dir"
	write_env "$(repeat_kernel "$2")" "$3" >"$dir/env"
	if [ -n "$shell" ]; then
		write_shell "$dir"
	else
		guest_argv "$dir" /bin/cow "${cow_args[@]}" >"$dir/argv"
	fi
}

# The options of boot that only some runs have, one word a line.
debug_options() {
	local own

	[ -z "$shell" ] || printf -- '--shell\n%s\n' "$shell"
	[ -n "$gdb" ] || return 0
	[ "$gdb" != socket ] || printf -- '--gdb\n%s\n' "$2/gdb"
	[ "$gdb" = socket ] || printf -- '--gdb\n%s\n' "$gdb"
	own=$(build_of "$1")
	[ ! -e "${own:-/nowhere}/vmlinux" ] ||
		printf -- '--vmlinux\n%s\n' "$own/vmlinux"
}

# The first kernel decides for all of them.
choose_accel() {
	[ -n "$accel" ] || accel=$("$VM_DIR/accel.sh" "$@") || exit
}

write_command() {
	local dir=$1

	shift
	printf '%s\0' "$@" >"$dir/command"
}

# What an earlier run left here is not of this one.
clear_results() {
	mkdir -p "$1"
	rm -f "$1"/{exit,gdb,command,boot,initramfs,status,tap,*.log} \
		"$1"/{status,tap,*.log}.*[0-9]
}

prepare_kernel() {
	local kernel=$1 dir release base module out image mods hash extra

	dir=$("$VM_DIR/kernel.sh" ${update:+"$update"} "$kernel") || exit
	release=$(cat "$dir/release")
	module=$(module_for "$kernel" "$dir" "$release") || exit
	mods=$(modules_of "$kernel" "$dir" "$release")
	hash=$(hash_config "$(config_of "$kernel" "$dir" "$release")")
	base=$("$VM_DIR/initramfs.sh" base "$release" "$mods" \
		"$TOP_DIR/build/init") || exit
	image=$dir/vmlinux
	[ -e "$image" ] || image=$dir/bzImage
	choose_accel "$image" "$base"

	out=$results/$(slug "$kernel")
	clear_results "$out"
	write_guest "$out/guest" "$kernel" "$hash"
	"$VM_DIR/initramfs.sh" run "$out/run.cpio" "$program" "$module" \
		"$out/guest" || exit
	cat "$base" "$out/run.cpio" >"$out/initramfs"
	rm "$out/run.cpio"
	mapfile -t extra < <(
		facts "$release" "$hash" "$mods" "$module"
		debug_options "$kernel" "$out"
		"$VM_DIR/disks.sh" | tr ' ' '\n'
	)
	write_command "$out" "$VM_DIR/boot" --name "$kernel" --kernel "$image" \
		--initrd "$out/initramfs" --results "$out" --accel "$accel" \
		--qemu "$QEMU" --append "$append" "${boot_args[@]}" \
		--repeat "$(repeat_kernel "$kernel")" "${extra[@]}"
}

# initramfs of all kernels but those that a --resume could go on with.
drop_images() {
	local dir

	for dir in "$results"/*/; do
		grep -qs '^verdict crashed' "$dir/status" ||
			[ ! -e "$dir/status" ] || rm -f "$dir/initramfs"
	done
	rm -f "$results/lock"
	# Nothing came of it.
	rmdir "$results" 2>/dev/null || true
}
