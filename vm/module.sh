#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# module.sh BUILD RELEASE [SUITE VERSION]
#	build cowpin.ko against the kernel headers in BUILD, print its path
#
# With SUITE (the Debian suite and version of the packages that BUILD is
# from) a compiler newer than this host's is no obstacle: the module is built
# in a userland of that suite, unpacked into the cache. Cached by release,
# headers and sources.

# shellcheck source=vm/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=vm/apt.sh
. "$VM_DIR/apt.sh"
ME=module

SOURCES=$TOP_DIR/kmod
JOBS=$(nproc)

# Type information for BPF would need pahole, and nobody asks for it.
MAKE_ARGS=("-j$JOBS" CONFIG_DEBUG_INFO_BTF_MODULES=)

# --- on this host

# The major version of the compiler that the kernel was built with.
kernel_gcc() {
	sed -n 's/^CONFIG_GCC_VERSION=\([0-9]*\)[0-9]\{4\}$/\1/p' \
		"$1/include/config/auto.conf" 2>/dev/null
}

# Flags that a newer compiler chose are unknown to an older one; and the
# tools that come with the headers need the libc they were built for.
host_can_build() {
	local build=$1 want have_gcc

	have gcc && have make || return 1
	"$build/scripts/mod/modpost" </dev/null >/dev/null 2>&1 || return 1
	want=$(kernel_gcc "$build")
	have_gcc=$(gcc -dumpversion | cut -d. -f1)
	[ -z "$want" ] || [ "$have_gcc" -ge "$want" ]
}

# Debian's headers name the place where they would be installed.
redirect_makefile() {
	local build=$1 src

	src=$(dirname "$(realpath "$build")")
	grep -q 'include [^ ]*/linux-headers-' "$build/Makefile" || return 0
	! grep -q "include $src/" "$build/Makefile" || return 0
	sed -i "s|[^ =]*/linux-headers-|$src/linux-headers-|g" "$build/Makefile"
}

# The compiler's own name only where the headers ask for one that is not here.
host_make() {
	local dir=$1 build=$2 want args=()

	want=$(kernel_gcc "$build")
	have "gcc-${want:-none}" || args=(CC=gcc)
	! grep -qs '^CONFIG_CC_IS_CLANG=y' "$build/include/config/auto.conf" ||
		args=(LLVM=1)
	# "make bzImage" leaves the symbols of the kernel here.
	[ -e "$build/Module.symvers" ] || [ ! -e "$build/vmlinux.symvers" ] ||
		args+=("KBUILD_EXTRA_SYMBOLS=$build/vmlinux.symvers")
	make -C "$dir" "${MAKE_ARGS[@]}" KDIR="$build" "${args[@]}"
}

# --- in a userland of the kernel's own

unpack_userland() {
	local dir=$1 deb

	# It decides whether /bin is a link.
	dpkg-deb -x "$dir"/debs/base-files_*.deb "$dir/root" || return 1
	for deb in "$dir"/debs/*.deb; do
		dpkg-deb -x "$deb" "$dir/root" || return 1
	done
	# Maintainer scripts did not run; these two links are all we miss.
	[ -e "$dir/root/bin/sh" ] || ln -s dash "$dir/root/bin/sh"
	[ -e "$dir/root/usr/bin/awk" ] || ln -s mawk "$dir/root/usr/bin/awk"
	mkdir -p "$dir/root/"{proc,dev,build}
}

make_userland() {
	local suite=$1 release=$2 version=$3 final=$4 dir tools

	[ ! -e "$final" ] || return 0
	[ -z "${COWPIN_OFFLINE:-}" ] || return 1
	[ -e "$APT/config" ] || prepare_apt
	say "downloading a compiler of Debian $suite for $release"
	dir=$(cache_tmp userland)
	mkdir -p "$dir/debs/partial"
	mapfile -t tools < <(packages_in userland)
	if ! apt get -qq -y -o Dir::Cache::archives="$dir/debs" -t "$suite" \
		--download-only install "linux-headers-$release=$version" \
		"${tools[@]}" >"$dir/log" 2>&1; then
		say "$(grep -m1 '^E:' "$dir/log" || echo 'download failed')"
		return 1
	fi
	unpack_userland "$dir" || return 1
	publish "$dir/root" "$final"
	rm -rf "$dir"
}

# A mount namespace keeps the mounts from the host and ends with the build.
userland_make() {
	local dir=$1 root=$2 release=$3 flags=(--mount --pid --fork)

	[ "$(id -u)" = 0 ] || flags+=(--user --map-root-user)
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare "${flags[@]}" sh -ec '
		mount --bind "$2" "$1/build"
		mount --rbind /dev "$1/dev"
		mount -t proc proc "$1/proc" 2>/dev/null ||
			mount --rbind /proc "$1/proc"
		root=$1
		shift 2
		exec chroot "$root" /usr/bin/env -i PATH=/usr/bin:/bin \
			make -C /build "$@"
	' sh "$root" "$dir" "${MAKE_ARGS[@]}" \
		KDIR="/usr/src/linux-headers-$release"
}

in_userland() {
	local dir=$1 release=$2 suite=${3%%-*} version=$4 root

	root=$CACHE/userland/$suite-$release-$version
	with_lock apt make_userland "$suite" "$release" "$version" "$root" &&
		userland_make "$dir" "$root" "$release" >"$dir/log" 2>&1
}

# --- both

build_module() {
	local build=$1 release=$2 suite=$3 version=$4 final=$5 dir

	[ ! -e "$final/cowpin.ko" ] || return 0
	say "building cowpin.ko for $release"
	dir=$(cache_tmp module)
	cp -r "$SOURCES/." "$dir/"
	if host_can_build "$build"; then
		[ -z "$suite" ] || redirect_makefile "$build"
		host_make "$dir" "$build" >"$dir/log" 2>&1 || true
	fi
	if [ ! -e "$dir/cowpin.ko" ] && [ -n "$suite" ]; then
		make -s -C "$dir" KDIR="$build" clean >/dev/null 2>&1 || true
		in_userland "$dir" "$release" "$suite" "$version" || true
	fi
	if [ ! -e "$dir/cowpin.ko" ]; then
		say "cowpin.ko does not build for $release:" \
			"$(grep -m1 -iE 'error:|not found' "$dir/log" \
			   2>/dev/null) (see $dir/log)"
		return 1
	fi
	mkdir "$dir/out"
	mv "$dir/cowpin.ko" "$dir/log" "$dir/out/"
	publish "$dir/out" "$final"
	rm -rf "$dir"
}

main() {
	local build=$1 release=$2 suite=${3:-} version=${4:-} key

	[ -e "$build/Makefile" ] ||
		die "$build: no kernel headers there (no Makefile)"
	key=$({
		cd "$SOURCES" && hash_of ./*.[ch] Kbuild Makefile
		realpath "$build"
		stat -c %Y "$build"/{Module,vmlinux}.symvers 2>/dev/null || true
	} | sha256sum | cut -c1-16)
	local final=$CACHE/modules/$release-$key

	with_lock "module-$key" build_module "$(realpath "$build")" "$release" \
		"$suite" "$version" "$final" || exit 2
	echo "$final/cowpin.ko"
}

[ $# -eq 2 ] || [ $# -eq 4 ] ||
	die "usage: module.sh BUILD RELEASE [SUITE VERSION]"
main "$@"
