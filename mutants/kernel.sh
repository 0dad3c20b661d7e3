#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# kernel.sh: the kernel with all mutants, and the kernel's own suite. Built once
# from Debian's linux-source package, patch and configuration of this folder;
# prints the build directory. COWPIN_MUTANT_SOURCE: a tree that has the patch.

# shellcheck source=vm/lib.sh
. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../vm/lib.sh"
# shellcheck source=vm/apt.sh
. "$VM_DIR/apt.sh"
ME=mutants

SERIES=6.12
HERE=$TOP_DIR/mutants
PATCH=$HERE/0001-mm-mistakes-to-be-switched-on-by-name.patch
SOURCE=${COWPIN_MUTANT_SOURCE:-$CACHE/mutants/linux-$SERIES}

fetch_source() {
	local dir

	[ ! -e "$SOURCE/Makefile" ] || return 0
	say "downloading linux-source-$SERIES"
	dir=$(cache_tmp source)
	prepare_apt
	apt get -qq update || true
	(cd "$dir" && apt get -qq download "linux-source-$SERIES") ||
		die "linux-source-$SERIES: cannot be had"
	dpkg-deb -x "$dir"/linux-source-*.deb "$dir/root"
	mkdir -p "$dir/tree"
	tar -C "$dir/tree" --strip-components=1 -xf "$dir"/root/usr/src/linux-source-*.tar.xz
	publish "$dir/tree" "$SOURCE"
	rm -rf "$dir"
}

# Another patch takes the place of the last one: only what differs is built again.
apply_patch() {
	local old=$SOURCE/cowpin.patch

	! cmp -s "$PATCH" "$old" || return 0
	[ ! -e "$old" ] || patch -d "$SOURCE" -p1 -s -f -R <"$old" >&2 ||
		die "$old: cannot be taken back; remove $SOURCE"
	rm -f "$old"
	patch -d "$SOURCE" -p1 -s -f <"$PATCH" >&2 ||
		die "the patch does not fit this linux-source-$SERIES"
	cp "$PATCH" "$old"
}

build_kernel() {
	make -s -C "$SOURCE" allnoconfig
	(cd "$SOURCE" && scripts/kconfig/merge_config.sh -m .config "$HERE/kernel.config" >/dev/null)
	make -s -C "$SOURCE" olddefconfig
	make -s -C "$SOURCE" -j"$(nproc)" bzImage modules
	make -s -C "$SOURCE" headers
}

build_suite() {
	local mm=$SOURCE/tools/testing/selftests/mm name

	mkdir -p "$SOURCE/cowpin.suite"
	echo '#define LOCAL_CONFIG_HAVE_LIBURING 1' >"$mm/local_config.h"
	for name in cow gup_longterm; do
		gcc -O2 -w -static -D_GNU_SOURCE= -I"$mm" -I"$mm/.." \
			-isystem "$SOURCE/usr/include" -I"$SOURCE/tools/include/uapi" \
			-o "$SOURCE/cowpin.suite/$name" \
			"$mm/$name.c" "$mm/vm_util.c" "$mm/thp_settings.c" -luring
	done
}

build() {
	local key

	fetch_source
	# Of what is in them, wherever they are: all checkouts share one build.
	key=$(cat "$PATCH" "$HERE/kernel.config" "$HERE/kernel.sh" | sha256sum | cut -c1-16)
	[ "$key" != "$(cat "$SOURCE/cowpin.key" 2>/dev/null)" ] || return 0
	"$VM_DIR/need.sh" run build kernel
	say "building the kernel in $SOURCE"
	rm -f "$SOURCE/cowpin.key"
	apply_patch
	build_kernel >&2
	build_suite
	echo "$key" >"$SOURCE/cowpin.key"
}

with_lock mutants build
echo "$SOURCE"
