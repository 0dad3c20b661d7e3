#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# compare.sh [--no-1G]: cowpin against the kernel's own cow and gup_longterm, the
# same cells, in one guest, one after the other. Builds the suite and a small
# kernel that has gup_test from Debian's linux-source package (the first time
# that takes ten minutes and more; then it is in the cache). Prints the ratio of
# wall times, whole and by family of tests, and the share of time outside the kernel.

# shellcheck source=vm/lib.sh
. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../vm/lib.sh"
# shellcheck source=vm/apt.sh
. "$VM_DIR/apt.sh"
ME=compare.sh

SERIES=6.12
SOURCE=${COWPIN_LINUX_SOURCE:-$CACHE/bench/linux-$SERIES}

fetch_source() {
	local dir

	[ ! -e "$SOURCE/Makefile" ] || return 0
	dir=$(cache_tmp source)
	prepare_apt
	[ -e "$APT/state/lists/lock" ] || apt get -qq update
	(cd "$dir" && apt get -qq download "linux-source-$SERIES") ||
		die "linux-source-$SERIES: cannot be had"
	dpkg-deb -x "$dir"/linux-source-*.deb "$dir/root"
	mkdir -p "$dir/tree" "$(dirname "$SOURCE")"
	tar -C "$dir/tree" --strip-components=1 -xf "$dir"/root/usr/src/linux-source-*.tar.xz
	mv "$dir/tree" "$SOURCE"
	rm -rf "$dir"
}

build_kernel() {
	[ ! -e "$SOURCE/cowpin.done" ] || return 0
	say "building a kernel in $SOURCE"
	make -s -C "$SOURCE" allnoconfig
	(cd "$SOURCE" && scripts/kconfig/merge_config.sh -m .config "$TOP_DIR/bench/kernel.config")
	make -s -C "$SOURCE" olddefconfig
	make -s -C "$SOURCE" -j"$(nproc)" bzImage modules
	make -s -C "$SOURCE" headers
	touch "$SOURCE/cowpin.done"
}

build_suite() {
	local mm=$SOURCE/tools/testing/selftests/mm name

	echo '#define LOCAL_CONFIG_HAVE_LIBURING 1' >"$mm/local_config.h"
	for name in cow gup_longterm; do
		gcc -O2 -w -static -D_GNU_SOURCE= -I"$mm" -I"$mm/.." \
			-isystem "$SOURCE/usr/include" -I"$SOURCE/tools/include/uapi" \
			-o "$1/kernel-$name" "$mm/$name.c" "$mm/vm_util.c" "$mm/thp_settings.c" \
			-luring
	done
}

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
	run kernel-longterm ./kernel-gup_longterm
	run ours ./cow --verbose --group kselftest --run "$($b cat globs)"
	exit 0
	ARCHIVE
	END
	tar -C "$1" -c .
}

main() {
	local no_1G='clearcpuid=pdpe1gb default_hugepagesz=2M hugepagesz=2M hugepages=42'
	local dir append='' globs='*,!*.xfs*,!*.btrfs*,!mkdirty.*'

	case ${1:-} in
	'')		;;
	--no-1G)	globs+=',!*.1G'; append=$no_1G ;;
	*)		die "$1: unknown option (usage: compare.sh [--no-1G])" ;;
	esac
	fetch_source
	build_kernel
	make -s -C "$TOP_DIR" guest >&2
	dir=$(cache_tmp compare)
	mkdir "$dir/files"
	build_suite "$dir/files"
	gcc -O2 -static -o "$dir/files/stamp" "$TOP_DIR/bench/compare/stamp.c"
	cp "$TOP_DIR/build/guest/cow" "$dir/files/"
	echo "$globs" >"$dir/files/globs"
	guest_script "$dir/files" >"$dir/program"
	"$TOP_DIR/run_vmtests.sh" -k "$SOURCE/arch/x86/boot/bzImage" --build "$SOURCE" \
		${append:+--append "$append"} --tap --guest-prog "$dir/program" \
		>"$dir/output" || [ -s "$dir/output" ] || die "the guest did not run"
	"$TOP_DIR/bench/compare_report" "$dir/output"
	mkdir -p "$CACHE/bench"
	mv "$dir/output" "$CACHE/bench/compare.log"
	rm -rf "$dir"
}

main "$@"
