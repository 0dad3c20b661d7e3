#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The front door of cowpin: tests the running kernel, or kernels in VMs.

# shellcheck source=vm/lib.sh
. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/vm/lib.sh"
# shellcheck source=vm/cowargs.sh
. "$VM_DIR/cowargs.sh"
# shellcheck source=vm/prepare.sh
. "$VM_DIR/prepare.sh"
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
	  --tree DIR          what is built in a kernel tree: its bzImage, cowpin.ko
	                      built against it, its modules
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
	  --resume DIR        go on with a run with --results DIR that a crash of the
	                      guest or its own end cut off: what has no result yet
	                      and did not run just then is run (takes --tap, and no
	                      other option)

	For kernel developers, with one kernel:
	  --bisect-run        exit codes for "git bisect run": 0 good, 1 bad, 125 it
	                      cannot be tested (does not build or boot, or all tests
	                      are skipped), 129 wrong options: the bisection ends
	  --gdb, --gdb=PORT   the guest waits for gdb (on a socket in the results, or
	                      a TCP port); no time limits. What to type is shown
	  --shell             a shell in the guest instead of cow, with everything in
	                      place. If stdin is no terminal: runs what it says
	  -h, --help          this text

	All after -- is the command line of cow: see cow --help. Files that it names
	come along into the guest. One kernel: its TAP is shown as it comes, by
	prove. Several: what failed, a table, then what got worse or better from
	each kernel to the next.

	Exit code: 0 all passed, 1 a test failed or the guest crashed in the
	middle, 2 could not be run. Several kernels: 1 something got worse from
	one to the next, whatever tests failed, or a run failed without a failed
	test (--require, --max-skip, nothing ran).

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
	  run_vmtests.sh --tree ~/linux -- --group quick
	  run_vmtests.sh --tree ~/linux --gdb -- --run 'ro-longterm.gup.anon'
	  git bisect run sh -c 'make -j8 bzImage modules || exit 125
	          run_vmtests.sh --tree . --bisect-run -- --group kselftest'
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
bisect=
gdb=
shell=
resume=
checked=
locked=

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
	--tree)		kernels+=("tree:$(directory "$1" "$2")") ;;
	--append)	append+=${append:+ }$2 ;;
	--mem|--cpus|--timeout|--silence)
			positive "$1" "$2" ;;
	--modules)	modules=$(directory "$1" "$2") ;;
	--build)	build=$(directory "$1" "$2") ;;
	--results)	results=$2 ;;
	--resume)	resume=$(directory "$1" "$2") ;;
	--guest-prog)	[ -f "$2" ] || die "$1 $2: no such file"
			program=$(realpath "$2") ;;
	esac
}

parse_options() {
	while [ $# -gt 0 ]; do
		case $1 in
		-k|--tree|--append|--mem|--cpus|--timeout|--silence|\
		--modules|--build|--results|--guest-prog|--resume)
			[ $# -gt 1 ] || die "$1: needs a value"
			value_option "$1" "$2" || exit
			shift ;;
		--tap)		tap=yes ;;
		--update)	update=--update ;;
		--bisect-run)	bisect=yes ;;
		--gdb)		gdb=socket ;;
		--gdb=*)	gdb=${1#*=}
				[[ $gdb =~ ^[1-9][0-9]{0,4}$ ]] ||
					die "$1: not a port" ;;
		--shell)	shell='script'
				[ ! -t 0 ] || [ ! -t 1 ] || shell='tty' ;;
		-h|--help)	usage; exit 0 ;;
		--)		shift; cow_args=("$@"); return ;;
		-*)		die "$1: unknown option (see --help)" ;;
		*)		die "$1: unexpected (arguments for cow" \
					"come after --, kernels after -k)" ;;
		esac
		shift
	done
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

# --resume repeats what the run was told.
check_resume() {
	local others=${kernels[*]}$modules$build$append$program${boot_args[*]}

	others+=$results$update$bisect$gdb$shell${cow_args[*]}
	[ -z "$others" ] ||
		die "--resume takes --tap and no other option:" \
			"all others are those of the run"
}

# What makes sense with one kernel only.
check_single() {
	local option=$1

	[ ${#kernels[@]} -eq 1 ] ||
		die "$option takes one kernel, not ${#kernels[@]}"
}

check_debug() {
	[ -z "$bisect" ] || check_single --bisect-run
	[ -z "$gdb" ] || check_single --gdb
	[ -z "$bisect" ] || [ -z "$gdb$shell" ] ||
		die "--bisect-run goes with neither --gdb nor --shell"
	[ -n "$shell" ] || return 0
	check_single --shell
	[ -z "$tap${cow_args[*]}" ] ||
		die "--shell takes neither --tap nor arguments for cow"
}

check_options() {
	if [ -n "$resume" ]; then
		check_resume
		return
	fi
	! only_asks "${cow_args[@]}" || tap=yes
	check_debug
	if [ ${#kernels[@]} -eq 0 ]; then
		[ -z "$modules$build$append$program${boot_args[*]}" ] ||
			die "options of a VM, but no kernel for one: -k KERNEL"
		return 0
	fi
	[ -z "$tap" ] || check_single --tap
	[ -z "$modules$build" ] || check_single "--modules and --build"
	check_kernels
	walk_args check_file "${cow_args[@]}"
}

# --- what is common to all runs

# Results pile up; the last twenty are kept, and those of a run that goes on.
drop_old_results() {
	local old

	while read -r old; do
		flock -n "$old/lock" rm -rf "$old" || true
	done < <(find "$CACHE/results" -mindepth 1 -maxdepth 1 -type d | sort -r | tail -n +21)
}

make_results() {
	if [ -z "$results" ]; then
		results=$CACHE/results/$(date +%Y%m%d-%H%M%S)-$$
		mkdir -p "$results"
		ln -sfn "$results" "$CACHE/results/latest"
		drop_old_results
	fi
	mkdir -p "$results" || die "--results $results: cannot be made"
	results=$(realpath "$results")
	lock_results
}

# Nobody resumes what is still running.
lock_results() {
	exec 8>"$results/lock"
	flock -n 8 || die "$results: another run is writing there"
	locked=yes
}

# repeat_command OPTION...: what to type to repeat a test; cow adds --run ID.
# Its other options stay, but for those that select tests.
repeat_command() {
	local words=("$0" "$@" --) kept

	[[ $0 == */* ]] || words=(bash "${words[@]}")
	mapfile -d '' kept < <(without_selection "${cow_args[@]}")
	quoted "${words[@]}" "${kept[@]}"
}

# What changed before each kernel to the next; fails with report's exit code.
compare_kernels() {
	local before=$1 to code=0 this

	shift
	for to; do
		this=0
		echo
		"$TOP_DIR/report" compare "$results/$(slug "$before")" \
			"$results/$(slug "$to")" || this=$?
		code=$(worse "$code" "$this")
		before=$to
	done
	return "$code"
}

# A run can fail without a failed test: a gate of cow (--require, --max-skip, that anything
# ran, --strict) did not hold. No comparison sees that.
gate_failed() {
	local dir

	dir=$results/$(slug "$1")
	grep -qsx 'verdict failed' "$dir/status" &&
		awk '/^not ok/ && !/# TODO/ { bad = 1 } END { exit bad }' "$dir/tap"
}

# All of them or, asked for with --tap, one without prove.
run_all() {
	local names=("$@") opts=() code=0 name dir command

	if [ -n "$tap$shell" ]; then
		[ -z "$shell" ] || exec <&7
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

run_vms() {
	local kernel code=0

	[ -z "$shell" ] || exec 7<&0 </dev/null
	"$VM_DIR/need.sh" run || exit
	guest_init
	make_results
	for kernel in "${kernels[@]}"; do
		prepare_kernel "$kernel"
	done
	printf '%s\n' "${kernels[@]}" >"$results/kernels"
	run_all "${kernels[@]}" || code=$?
	if [ ${#kernels[@]} -gt 1 ]; then
		"$TOP_DIR/report" summary "$results" "${kernels[@]}" || true
		# One that could not be run stays an error.
		[ "$code" = 2 ] || code=0
		for kernel in "${kernels[@]}"; do
			! gate_failed "$kernel" || code=$(worse "$code" 1)
		done
		compare_kernels "${kernels[@]}" || code=$(worse "$code" "$?")
	fi
	[ "$code" = 0 ] || [ -n "$tap$shell" ] ||
		say "all output is in $results"
	! grep -qs '^verdict crashed' "$results"/*/status || [ -n "$shell" ] ||
		say "to go on after the crash: $0 --resume $results"
	return "$code"
}

# left KEY DIR: what the status of a kernel has to say, or nothing.
left() {
	sed -n "s/^$1 //p" "$2/status" 2>/dev/null || true
}

# Prints "again" and gets things ready if there is something to go on with.
prepare_resume() {
	local out=$1 again

	again=$("$VM_DIR/resume" prepare "$out") || return
	[ -n "$again" ] || return 0
	"$VM_DIR/initramfs.sh" again "$out/again.cpio" "$out/guest" || return
	cat "$out/again.cpio" >>"$out/initramfs"
	rm "$out/again.cpio"
	[ -e "$out/boot" ] || cp "$out/command" "$out/boot"
	write_command "$out" "$VM_DIR/resume" run "$out"
	echo "$again"
}

run_resume() {
	local name names out again code=0

	results=$resume
	[ -s "$results/kernels" ] ||
		die "--resume $results: no results of kernels in VMs"
	lock_results
	"$VM_DIR/need.sh" run || exit
	mapfile -t names <"$results/kernels"
	for name in "${names[@]}"; do
		again=$(prepare_resume "$results/$(slug "$name")") || exit
		[ -z "$again" ] || kernels+=("$name")
	done
	if [ ${#kernels[@]} -eq 0 ]; then
		say "nothing to resume in $results: no run there was cut off"
	elif [ -n "$tap" ] && [ ${#kernels[@]} -gt 1 ]; then
		die "--tap takes one kernel: ${kernels[*]} are to be resumed"
	else
		run_all "${kernels[@]}" || true
	fi
	for name in "${names[@]}"; do
		out=$results/$(slug "$name")
		again=$(left exit "$out")
		code=$(worse "$code" "${again:-2}")
	done
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
	local name dir code=0 env hash

	build_program cow cow
	make_results
	name=$(uname -r)
	hash=$(hash_config "/boot/config-$name")
	env=("COWPIN_REPEAT=$(repeat_command)")
	[ -z "$hash" ] || env+=("COWPIN_CONFIG_HASH=$hash")
	only_asks "${cow_args[@]}" ||
		mapfile -t -O ${#env[@]} env < <(module_here)
	dir=$results/$(slug "$name")
	mkdir -p "$dir"
	rm -f "$dir"/{exit,status,tap}
	write_command "$dir" "$VM_DIR/here" "$dir" env "${env[@]}" \
		"$TOP_DIR/cow" "${cow_args[@]}"
	run_all "$name" || code=$?
	return "$code"
}

# For git bisect run: 125 is "skip this one", 128 and above end the bisection.
# A kernel on which every test is skipped is not good: nothing was seen.
bisect_code() {
	local tests skipped

	tests=$(left tests "$results"/*/)
	skipped=$(left skipped "$results"/*/)
	if [ -z "$checked" ] && [ "$1" != 0 ]; then
		echo 129
	elif [ "$1" -ge 128 ]; then
		echo "$1"
	elif [ "$1" = 2 ] || [ "${tests:-0}" -le "${skipped:-0}" ]; then
		echo 125
	else
		echo $(($1 != 0))
	fi
}

finish() {
	local code=$?

	[ -z "$locked" ] || drop_images
	[ -z "$bisect" ] || code=$(bisect_code "$code")
	exit "$code"
}

trap finish EXIT
# Before the options are known to be right, so that a wrong one is told.
case " $* " in *" --bisect-run "*) bisect=yes ;; esac
parse_options "$@"
check_options
checked=yes
if [ -n "$resume" ]; then
	run_resume
elif [ ${#kernels[@]} -gt 0 ]; then
	run_vms
else
	run_here
fi
