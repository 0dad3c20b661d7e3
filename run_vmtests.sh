#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The front door of cowpin: tests the running kernel, or kernels in VMs.

# shellcheck source=vm/lib.sh
. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/vm/lib.sh"
ME=run_vmtests.sh

QEMU=${COWPIN_QEMU:-qemu-system-x86_64}

usage() {
	cat <<-'EOF'
	Usage: run_vmtests.sh [-k KERNEL]... [OPTION]... [-- COW-ARGS...]

	Tests whether page pins stay reliable over copy-on-write, on the running
	kernel or, with -k, on other kernels, each in a virtual machine. Without
	root, without changing this host: kernels, headers and compilers are
	unpacked into a cache (~/.cache/cowpin, or below $XDG_CACHE_HOME).

	Kernels:
	  -k debian:VERSION   the newest Debian cloud kernel of that version: 5.10,
	                      6.1, 6.12, or in full: 6.12.117
	  -k debian:newest    the newest of all
	  -k PATH             a bzImage
	      --modules DIR   its modules, as made by modules_install
	                      (.../lib/modules/RELEASE)
	      --build DIR     its build directory or headers, to build cowpin.ko
	  no -k               the running kernel; loads cowpin.ko if it can

	Options:
	  --append 'ARGS'     more kernel arguments (hugepages=... replaces ours)
	  --mem MIB           memory of the VM (8192: four pages of 1 GiB fit)
	  --cpus N            CPUs of the VM (2)
	  --timeout S         end a VM that is not done after S seconds (3600)
	  --silence S         end a VM that says nothing for S seconds
	                      (KVM: 60, emulated: 180)
	  --results DIR       keep TAP, console and verdict of each kernel there
	  --tap               one kernel: TAP on stdout and nothing else, no prove
	  --update            look for newer Debian kernels now (else once a week)
	  --guest-prog FILE   a static program to run in the guest instead of cow
	  -h, --help          this text

	All after -- is the command line of cow: see cow --help. One kernel: its
	TAP is shown as it comes, by prove. Several: what failed, then a table.

	Exit code: 0 all passed, 1 a test failed or the guest crashed in the
	middle, 2 could not be run.

	Environment:
	  COWPIN_MIRROR       'URI [SECURITY-URI]' of a Debian mirror, instead of
	                      that in the apt configuration
	  COWPIN_OFFLINE=1    use what is in the cache
	  COWPIN_ACCEL        kvm or tcg, instead of trying
	  COWPIN_PROVE_OPTS   more options for prove

	Examples:
	  run_vmtests.sh -k debian:6.12
	  run_vmtests.sh -k debian:6.1 -k debian:6.12          side by side
	  run_vmtests.sh -k debian:6.12 -- --run 'ro-longterm.*'
	  run_vmtests.sh -k debian:6.12 --tap -- --list
	  run_vmtests.sh -k ~/linux/arch/x86/boot/bzImage --build ~/linux
	  sudo ./run_vmtests.sh
	EOF
}

kernels=()
boot_args=()
cow_args=()
append=
modules=
build=
results=
program=
tap=
update=
accel=

# --- options

positive() {
	[[ $2 =~ ^[1-9][0-9]*$ ]] || die "$1 $2: not a positive number"
	boot_args+=("$1" "$2")
}

directory() {
	[ -d "$2" ] || die "$1 $2: no such directory"
	realpath "$2"
}

value_option() {
	case $1 in
	-k)		kernels+=("$2") ;;
	--append)	append+=${append:+ }$2 ;;
	--mem|--cpus|--timeout|--silence)
			positive "$1" "$2" ;;
	--modules)	modules=$(directory "$1" "$2") ;;
	--build)	build=$(directory "$1" "$2") ;;
	--results)	results=$2 ;;
	--guest-prog)	[ -f "$2" ] || die "$1 $2: no such file"
			program=$(realpath "$2") ;;
	esac
}

parse_options() {
	while [ $# -gt 0 ]; do
		case $1 in
		-k|--append|--mem|--cpus|--timeout|--silence|--modules|\
		--build|--results|--guest-prog)
			[ $# -gt 1 ] || die "$1: needs a value"
			value_option "$1" "$2" || exit
			shift ;;
		--tap)		tap=yes ;;
		--update)	update=--update ;;
		-h|--help)	usage; exit 0 ;;
		--)		shift; cow_args=("$@"); return ;;
		-*)		die "$1: unknown option (see --help)" ;;
		*)		die "$1: unexpected (arguments for cow" \
					"come after --, kernels after -k)" ;;
		esac
		shift
	done
}

# What prove could make nothing of is shown as it is.
only_asks() {
	local arg

	for arg in "${cow_args[@]}"; do
		case $arg in
		-l|-lv|-vl|--list|--json|-h|--help|help|--version|--restore)
			return 0 ;;
		esac
	done
	return 1
}

slug() {
	printf '%s' "${1//[^A-Za-z0-9._+-]/-}"
}

check_kernels() {
	local kernel seen=' '

	for kernel in "${kernels[@]}"; do
		[ -n "$kernel" ] || die "-k '': which kernel?"
		case $seen in *" $(slug "$kernel") "*)
			die "-k $kernel: given twice" ;;
		esac
		seen+="$(slug "$kernel") "
	done
}

check_options() {
	! only_asks || tap=yes
	if [ ${#kernels[@]} -eq 0 ]; then
		[ -z "$modules$build$append$program${boot_args[*]}" ] ||
			die "options of a VM, but no kernel for one: -k KERNEL"
		return 0
	fi
	[ -z "$tap" ] || [ ${#kernels[@]} -eq 1 ] ||
		die "--tap takes one kernel, not ${#kernels[@]}"
	[ -z "$modules$build" ] || [ ${#kernels[@]} -eq 1 ] ||
		die "--modules and --build take one kernel, not ${#kernels[@]}"
	check_kernels
}

# --- what is common to all runs

make_results() {
	if [ -z "$results" ]; then
		results=$CACHE/results/$(date +%Y%m%d-%H%M%S)-$$
		mkdir -p "$results"
		ln -sfn "$results" "$CACHE/results/latest"
		# Results pile up; the last twenty are kept.
		find "$CACHE/results" -mindepth 1 -maxdepth 1 -type d |
			sort -r | tail -n +21 | xargs -r rm -rf
	fi
	mkdir -p "$results" || die "--results $results: cannot be made"
	results=$(realpath "$results")
}

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

# Words as one would type them.
quoted() {
	local word words=()

	for word; do
		[[ $word =~ ^[A-Za-z0-9_./:=,+@%-]+$ ]] ||
			word="'${word//\'/\'\\\'\'}'"
		words+=("$word")
	done
	echo "${words[*]}"
}

# repeat_command OPTION...: what to type to repeat a test; cow adds --run ID.
# Its other options stay, but for those that select tests.
repeat_command() {
	local arg skip='' words=("$@" --)

	for arg in "${cow_args[@]}"; do
		if [ -n "$skip" ]; then
			skip=
			continue
		fi
		case $arg in
		-r|-g|--run|--group)		skip=yes ;;
		-r*|-g*|--run=*|--group=*)	;;
		*)				words+=("$arg") ;;
		esac
	done
	[[ $0 == */* ]] || words=(bash "$0" "${words[@]}")
	[[ $0 != */* ]] || words=("$0" "${words[@]}")
	quoted "${words[@]}"
}

write_command() {
	local dir=$1

	shift
	printf '%s\0' "$@" >"$dir/command"
}

# All of them or, asked for with --tap, one without prove.
run_all() {
	local names=("$@") opts=() code=0 name dir command

	if [ -n "$tap" ]; then
		mapfile -d '' command <"$results/$(slug "$1")/command"
		setpriv --pdeathsig TERM -- "${command[@]}" || code=$?
		return "$code"
	fi
	# What prove takes for a file would show nothing until a kernel is done.
	read -ra opts <<<"--formatter TAP::Formatter::Console \
		${COWPIN_PROVE_OPTS:-}"
	[ -z "${NO_COLOR:-}" ] || opts+=(--nocolor)
	[ $# -gt 1 ] || opts+=(--verbose)
	# No subshell: it would outlive us, and prove with it.
	COWPIN_RUN=$results setpriv --pdeathsig TERM -- env -C "$TOP_DIR" \
		prove --norc --exec "bash vm/source" "${opts[@]}" \
		"${names[@]}" || true
	for name in "${names[@]}"; do
		dir=$results/$(slug "$name")
		code=$(worse "$code" "$(cat "$dir/exit" 2>/dev/null || echo 2)")
	done
	return "$code"
}

# "Could not be run" tells more than "a test failed".
worse() {
	case $1,$2 in
	2,*|*,2)	echo 2 ;;
	0,0)		echo 0 ;;
	*)		echo 1 ;;
	esac
}

# --- kernels in VMs

guest_init() {
	local init=$TOP_DIR/build/guest/init

	if [ -z "$program" ]; then
		build_program guest build/guest/cow
		program=$TOP_DIR/build/guest/cow
	elif [ -e "$TOP_DIR/Makefile" ]; then
		build_program build/guest/init build/guest/init
	fi
	if [ ! -e "$init" ] || [ "$VM_DIR/init.c" -nt "$init" ]; then
		mkdir -p "$(dirname "$init")"
		gcc -static -O2 -Wall -Wextra -o "$init" "$VM_DIR/init.c" ||
			die "$init: cannot be built"
	fi
}

# module_for DIR RELEASE: the path of cowpin.ko, or nothing.
module_for() {
	local dir=$1 release=$2 from=()

	[ ! -e "$dir/suite" ] || [ -n "$build" ] ||
		from=("$(cat "$dir/suite")" "${dir##*_}")
	if [ -n "$build" ]; then
		"$VM_DIR/module.sh" "$build" "$release"
	elif [ -e "$dir/build" ]; then
		"$VM_DIR/module.sh" "$dir/build" "$release" "${from[@]}"
	else
		say "no --build DIR: no cowpin.ko; what this kernel's" \
			"gup_test cannot do either is skipped"
	fi
}

# The environment of cow in the guest: NUL-terminated.
write_env() {
	local options=(-k "$1")

	[ -z "$append" ] || options+=(--append "$append")
	[ -z "$modules" ] || options+=(--modules "$modules")
	[ -z "$build" ] || options+=(--build "$build")
	printf '%s\0' PATH=/bin:/sbin HOME=/root TERM=dumb COWPIN_CONTROL_FD=3 \
		"COWPIN_REPEAT=$(repeat_command "${options[@]}" \
			"${boot_args[@]}")"
}

# The first kernel decides for all of them.
choose_accel() {
	[ -n "$accel" ] || accel=$("$VM_DIR/accel.sh" "$@") || exit
}

prepare_kernel() {
	local kernel=$1 dir release base module out image mods=$modules disks

	dir=$("$VM_DIR/kernel.sh" $update "$kernel") || exit
	release=$(cat "$dir/release")
	module=$(module_for "$dir" "$release") || exit
	[ -n "$mods" ] || [ ! -e "$dir/modules" ] || mods=$dir/modules
	base=$("$VM_DIR/initramfs.sh" base "$release" "$mods" \
		"$TOP_DIR/build/guest/init") || exit
	image=$dir/vmlinux
	[ -e "$image" ] || image=$dir/bzImage
	choose_accel "$image" "$base"

	out=$results/$(slug "$kernel")
	mkdir -p "$out"
	rm -f "$out"/{exit,status,tap,control.log,console.log}
	write_env "$kernel" >"$out/env"
	"$VM_DIR/initramfs.sh" run "$out/run.cpio" "$program" "$module" \
		"$out/env" "${cow_args[@]}" || exit
	cat "$base" "$out/run.cpio" >"$out/initramfs"
	rm "$out/run.cpio"
	mapfile -t disks < <("$VM_DIR/disks.sh" | tr ' ' '\n')
	write_command "$out" "$VM_DIR/boot" --name "$kernel" --kernel "$image" \
		--initrd "$out/initramfs" --results "$out" --accel "$accel" \
		--qemu "$QEMU" --append "$append" "${boot_args[@]}" \
		"${disks[@]}"
}

drop_images() {
	rm -f "$results"/*/initramfs
}

run_vms() {
	local kernel code=0

	"$VM_DIR/need.sh" run || exit
	guest_init
	make_results
	trap drop_images EXIT
	for kernel in "${kernels[@]}"; do
		prepare_kernel "$kernel"
	done
	run_all "${kernels[@]}" || code=$?
	if [ ${#kernels[@]} -gt 1 ]; then
		"$VM_DIR/summary" "$results" "${kernels[@]}" || true
	fi
	[ "$code" = 0 ] || [ -n "$tap" ] || say "all output is in $results"
	return "$code"
}

# --- the running kernel

# Prints COWPIN_MODULE=PATH, for cow to load, or says why not.
module_here() {
	local release headers module
	local lost='tests that need it are skipped'

	release=$(uname -r)
	headers=/lib/modules/$release/build
	[ ! -e /dev/cowpin ] || return 0
	if [ "$(id -u)" != 0 ]; then
		say "not root: cowpin.ko is not loaded, $lost"
	elif [ -e "$headers/Makefile" ]; then
		module=$("$VM_DIR/module.sh" "$headers" "$release") &&
			echo "COWPIN_MODULE=$module"
	elif [ -e /sys/kernel/debug/gup_test ]; then
		say "no headers in $headers: gup_test is used, not cowpin.ko"
	else
		say "no headers in $headers: cowpin.ko is not built, $lost"
	fi
}

run_here() {
	local name dir code=0 env

	build_program cow cow
	make_results
	env=("COWPIN_REPEAT=$(repeat_command)")
	only_asks || mapfile -t -O 1 env < <(module_here)
	name=$(uname -r)
	dir=$results/$(slug "$name")
	mkdir -p "$dir"
	rm -f "$dir"/{exit,status,tap}
	write_command "$dir" "$VM_DIR/here" "$dir" env "${env[@]}" \
		"$TOP_DIR/cow" "${cow_args[@]}"
	run_all "$name" || code=$?
	return "$code"
}

parse_options "$@"
check_options
if [ ${#kernels[@]} -gt 0 ]; then
	run_vms
else
	run_here
fi
