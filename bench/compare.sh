#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# compare.sh [--no-1G]: cowpin against the kernel's own cow and gup_longterm, the
# same cells, in one guest, one after the other. The suite and a small kernel that has
# gup_test are those of mutants/kernel.sh, no mutant chosen (the first time they take ten
# minutes and more to build; then they are in the cache). Prints the ratio of wall times,
# whole and by family of tests, and the share of time outside the kernel.

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
	run kernel-cow ./kernel-cow
	run kernel-longterm ./kernel-longterm
	run ours ./cow --verbose --group kselftest --run "$($b cat globs)"
	exit 0
	ARCHIVE
	END
	tar -C "$1" -c .
}

main() {
	local no_1G='clearcpuid=pdpe1gb default_hugepagesz=2M hugepagesz=2M hugepages=42'
	local dir source append='' globs='*,!*.xfs*,!*.btrfs*,!mkdirty.*'

	case ${1:-} in
	'')		;;
	--no-1G)	globs+=',!*.1G'; append=$no_1G ;;
	*)		die "$1: unknown option (usage: compare.sh [--no-1G])" ;;
	esac
	source=$("$TOP_DIR/mutants/kernel.sh")
	make -s -C "$TOP_DIR" guest >&2
	dir=$(cache_tmp compare)
	mkdir "$dir/files"
	cp "$source/cowpin.suite/cow" "$dir/files/kernel-cow"
	cp "$source/cowpin.suite/gup_longterm" "$dir/files/kernel-longterm"
	gcc -O2 -static -o "$dir/files/stamp" "$TOP_DIR/bench/compare/stamp.c"
	cp "$TOP_DIR/build/guest/cow" "$dir/files/"
	echo "$globs" >"$dir/files/globs"
	guest_script "$dir/files" >"$dir/program"
	"$TOP_DIR/run_vmtests.sh" -k "$source/arch/x86/boot/bzImage" --build "$source" \
		${append:+--append "$append"} --tap --guest-prog "$dir/program" \
		>"$dir/output" || [ -s "$dir/output" ] || die "the guest did not run"
	"$TOP_DIR/bench/compare_report" "$dir/output"
	mkdir -p "$CACHE/bench"
	mv "$dir/output" "$CACHE/bench/compare.log"
	rm -rf "$dir"
}

main "$@"
