#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# compare.sh [--no-1G | --host]: cowpin against the kernel's own cow and gup_longterm, the
# same cells, in one guest, one after the other. The suite and a small kernel that has
# gup_test are those of mutants/kernel.sh, no mutant chosen (the first time they take ten
# minutes and more to build; then they are in the cache). Prints the ratio of wall times,
# whole and by family of tests, the share of time outside the kernel, and how the tests ended:
# exit code 1 if not in the same way. Without pages of 1 GiB, which take minutes, there are five
# rounds, and the one with the median ratio counts: on a machine with neighbours one says little.
#
# --host: on this machine, as root, the cells that both run there, five rounds as well.

# shellcheck source=vm/lib.sh
. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../vm/lib.sh"
ME=compare.sh

# What the guest runs: a script with an archive behind it.
guest_script() {
	cat <<-'END'
	#!/bin/sh
	b=/bin/busybox
	# Telling the host of each test over a serial port is no part of either suite.
	unset COWPIN_CONTROL
	cd /tmp && $b sed '1,/^ARCHIVE$/d' "$0" | $b tar x
	if [ -e /sys/block/zram0/disksize ]; then
		echo 536870912 >/sys/block/zram0/disksize
		$b mkswap /dev/zram0 >/dev/null
		$b swapon /dev/zram0
	fi
	outside() { $b awk '/^cpu /{ print $2 + $3 + $5 }' /proc/stat; }
	run() {
		name=$1; shift
		o=$(outside)
		"$@" 2>&1 | ./stamp >$name.out
		echo "== $name outside $(( $(outside) - o ))"
		$b cat $name.out
	}
	# Where the suite puts its file: where its source is, and on what ours has, too.
	dir=$($b cat directory)
	$b mkdir -p "$dir"
	for d in /sys/block/vd*; do
		[ "$($b cat $d/serial)" != cowpin-ext4 ] || disk=/dev/${d##*/}
	done
	for round in $($b seq "$($b cat rounds)"); do
		$b mount -t ext4 $disk "$dir"
		run kernel-cow ./kernel-cow
		run kernel-longterm ./kernel-longterm
		$b umount "$dir"
		run ours ./cow --verbose --group kselftest --run "$($b cat globs)"
	done
	exit 0
	ARCHIVE
	END
	tar -C "$1" -c .
}

# prepare SOURCE DIR: what is to be run, into DIR.
prepare() {
	make -s -C "$TOP_DIR" guest >&2
	mkdir "$2"
	cp "$1/cowpin.suite/cow" "$2/kernel-cow"
	cp "$1/cowpin.suite/gup_longterm" "$2/kernel-longterm"
	gcc -O2 -static -o "$2/stamp" "$TOP_DIR/bench/compare/stamp.c"
	cp "$TOP_DIR/cow" "$2/"
	echo "$1/tools/testing/selftests/mm" >"$2/directory"
}

# in_guest SOURCE DIR ROUNDS GLOBS APPEND: prints what the guest did.
in_guest() {
	echo "$3" >"$2/files/rounds"
	echo "$4" >"$2/files/globs"
	guest_script "$2/files" >"$2/program"
	# What is measured says nothing before its end.
	"$TOP_DIR/run_vmtests.sh" -k "$1/arch/x86/boot/bzImage" --build "$1" --silence 1800 \
		${5:+--append "$5"} --tap --guest-prog "$2/program" >"$2/output" ||
		[ -s "$2/output" ] || die "the guest did not run"
}

# run_here NAME COMMAND...: as run of the guest.
run_here() {
	echo "== $1 outside 0"
	{ "${@:2}" 2>&1 || true; } | ./stamp
}

# ids_of TITLES GLOBS: of our tests of these titles, as globs.
ids_of() {
	./cow --list -v --group kselftest --run "$2" |
		awk 'NR == FNR { wanted[$0]; next }
		     /^\t/ { if (first && substr($0, 2) in wanted) print id; first = 0; next }
		     { id = $0; first = 1 }' "$1" - | paste -sd,
}

theirs() {
	run_here kernel-cow ./kernel-cow
	run_here kernel-longterm ./kernel-longterm
}

# ours GLOBS
ours() {
	local out=$TMP/ours

	run_here ours ./cow --verbose --group kselftest --run "$1" >"$out"
	grep -q '^[0-9]* 1\.\.' "$out" || die "cow: $(tail -n 1 "$out")"
	cat "$out"
}

# ran_of GLOBS: those of our tests of GLOBS that the output on stdin did not skip.
ran_of() {
	"$TOP_DIR/bench/compare_report" --ran /dev/stdin >"$TMP/titles"
	ids_of "$TMP/titles" "$1"
}

# on_host DIR ROUNDS GLOBS: what the kernel's suite can run here, and then, what we can of that.
on_host() {
	local ids round TMP=$1

	[ "$(id -u)" = 0 ] || die "--host: root only"
	# Both change settings of the machine.
	[ ! -e /run/cowpin/settings ] || die "--host: a run of cow is under way"
	cd "$1/files"
	ids=$(theirs | ran_of "$3")
	[ -n "$ids" ] || die "the kernel's suite skips all here"
	ids=$(ours "$ids" | ran_of "$3")
	[ -n "$ids" ] || die "cowpin skips here what the kernel's suite runs"
	for round in $(seq "$2"); do
		echo "  round $round" >&2
		theirs
		ours "$ids"
	done >"$1/output"
	cd "$TOP_DIR"
}

main() {
	local no_1G='clearcpuid=pdpe1gb default_hugepagesz=2M hugepagesz=2M hugepages=42'
	local dir source append='' globs='*,!*.xfs*,!*.btrfs*,!mkdirty.*' code=0 host='' rounds=1

	case ${1:-} in
	'')		;;
	--no-1G)	globs+=',!*.1G'; append=$no_1G rounds=5 ;;
	--host)		host=--host rounds=5 ;;
	*)		die "$1: unknown option (usage: compare.sh [--no-1G | --host])" ;;
	esac
	source=$("$TOP_DIR/mutants/kernel.sh")
	dir=$(cache_tmp compare)
	prepare "$source" "$dir/files"
	if [ -n "$host" ]; then
		on_host "$dir" "$rounds" "$globs"
	else
		in_guest "$source" "$dir" "$rounds" "$globs" "$append"
	fi
	"$TOP_DIR/bench/compare_report" ${host:+--host} "$dir/output" || code=$?
	mkdir -p "$CACHE/bench"
	mv "$dir/output" "$CACHE/bench/compare.log"
	rm -rf "$dir"
	exit "$code"
}

main "$@"
