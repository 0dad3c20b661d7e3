#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# kernel.sh [--update] SPEC: get a kernel, print the directory that has it
#
#	SPEC	debian:VERSION, debian:newest, tree:DIR (a kernel tree that is
#		built), or the path of a bzImage
#
# The directory is in the cache and has
#
#	bzImage		the kernel
#	vmlinux		the ELF kernel inside, if QEMU can boot that
#	release		its release (uname -r)
#	modules		its modules (/lib/modules/RELEASE)     debian: only
#	build		its headers, to build modules against  debian: only
#	suite		the Debian suite that it came from     debian: only
#
# No root needed, nothing installed: see apt.sh.

# shellcheck source=vm/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=vm/apt.sh
. "$VM_DIR/apt.sh"
ME=kernel

INDEX=$CACHE/index		# VERSION PACKAGE SUITE, one kernel a line
INDEX_DAYS=7
OLDER=2				# kernels tried if the newest cannot be had
update=

# --- the index: all cloud kernels of all suites

list_kernels() {
	apt cache pkgnames linux-image- |
	grep -E '^linux-image-[0-9]+\.[0-9]+\.[0-9].*-cloud-amd64$' |
	APT_CONFIG=$APT/config xargs -r apt-cache madison |
	sed -n 's/^ *\([^ |]*\) *| *\([^ |]*\) *| [^ ]* \([^ /]*\).*/\2 \1 \3/p' |
	sort -u
}

# A suite that a mirror does not have is no reason to give up the others.
refresh_index() {
	local new

	touch "$INDEX.tried"
	prepare_apt
	say "reading the package lists of Debian"
	apt get -qq update >"$APT/log" 2>&1 ||
		say "apt-get update: $(grep -m1 '^E:' "$APT/log" || echo failed)"
	new=$(list_kernels)
	[ -n "$new" ] || return 1
	echo "$new" >"$INDEX.new"
	mv "$INDEX.new" "$INDEX"
}

younger_than() {
	[ -n "$(find "$2" -mtime "-$1" 2>/dev/null)" ]
}

index_is_fresh() {
	[ -s "$INDEX" ] || return 1
	[ -z "$update" ] || return 1
	younger_than $INDEX_DAYS "$INDEX" || younger_than 1 "$INDEX.tried"
}

ensure_index() {
	[ -z "${COWPIN_OFFLINE:-}" ] || return 0
	index_is_fresh && return
	refresh_index && return
	[ -s "$INDEX" ] || return 1
	say "the list of kernels is that of $(date -r "$INDEX" +%F)"
}

# --- which kernel is meant

# fitting VERSION: of "VERSION PACKAGE SUITE" lines those that fit, newest last.
# The same upstream version may be built for several releases of Debian:
# the one for this release can be built against with this compiler.
fitting() {
	local codename

	# shellcheck source=/dev/null
	codename=$(. /etc/os-release 2>/dev/null
		   echo "${VERSION_CODENAME:-none}")
	awk -v want="$1" -v codename="$codename" '
		{ next_char = substr($1, length(want) + 1, 1) }
		want != "newest" && (index($1, want) != 1 ||
				     next_char ~ /[0-9a-z]/) { next }
		{
			upstream = $1
			sub(/-.*/, "", upstream)
			native = index($3, codename) == 1
			print ($1 == want), upstream, native, $0
		}' |
	sort -V | cut -d ' ' -f 4-
}

wanted() {
	fitting "$1" | tail -n 1
}

# The kernels in the cache, as lines of an index.
cached_kernels() {
	local dir name

	for dir in "$CACHE"/kernels/*-cloud-amd64_*/; do
		[ -e "$dir/bzImage" ] || continue
		name=$(basename "$dir")
		echo "${name#*_} linux-image-${name%%_*} $(cat "$dir/suite")"
	done
}

kernel_dir() {
	echo "$CACHE/kernels/${2#linux-image-}_$1"
}

# --- getting it

# related PACKAGE VERSION: the other packages that it is made of. They come
# from one source and have one version.
related() {
	apt cache show "$1=$2" |
	sed -n 's/^Depends: //p' | sed 's/[,|]/\n/g' | awk '{print $1}' |
	grep -E '^linux-(base|binary|modules|headers|kbuild)-[0-9]' || true
}

# there_is PACKAGE VERSION: the oldest version in the archive that is not older.
# Each release has packages of its own, but all of 6.1 share one linux-kbuild:
# when the next release is built, and its signed image not yet there, the
# archive has only the next kbuild any more. Headers ask for one "at least".
there_is() {
	local version best=''

	for version in $(apt cache madison "$1" | awk -F ' *[|] *' '{print $2}'); do
		dpkg --compare-versions "$version" ge "$2" || continue
		[ -n "$best" ] && dpkg --compare-versions "$best" le "$version" ||
			best=$version
	done
	echo "${best:-$2}"
}

packages_of() {
	local version=$1 image=$2 headers=${2/image/headers} package

	{
		echo "$image"
		echo "$headers"
		related "$image" "$version"
		related "$headers" "$version"
	} | sort -u | while read -r package; do
		echo "$package=$(there_is "$package" "$version")"
	done
}

unpack() {
	local dir=$1 deb

	for deb in "$dir"/debs/*.deb; do
		dpkg-deb -x "$deb" "$dir/root" || return 1
	done
	rm -rf "$dir/debs"
}

# Debian has moved things: make both layouts look the same.
link_parts() {
	local dir=$1 release=$2 image

	[ -d "$dir/root/lib/modules" ] ||
		ln -s usr/lib "$dir/root/lib"
	for image in "boot/vmlinuz-$release" "lib/modules/$release/vmlinuz"; do
		[ ! -e "$dir/root/$image" ] ||
			ln -s "root/$image" "$dir/bzImage"
	done
	ln -s "root/lib/modules/$release" "$dir/modules"
	ln -s "root/usr/src/linux-headers-$release" "$dir/build"
	[ -e "$dir/bzImage" ] && [ -d "$dir/modules/" ] && [ -d "$dir/build/" ]
}

download() {
	local dir=$1 version=$2 image=$3 packages

	mapfile -t packages < <(packages_of "$version" "$image")
	mkdir "$dir/debs"
	(cd "$dir/debs" &&
	 apt get -qq download "${packages[@]}") >"$dir/log" 2>&1 && return
	say "$image $version: $(grep -m1 '^E:' "$dir/log" ||
		echo 'download failed')"
	return 1
}

fetch() {
	local version=$1 image=$2 suite=$3 release=${2#linux-image-} dir
	local final

	final=$(kernel_dir "$version" "$image")
	[ ! -e "$final" ] || return 0
	say "downloading $image $version ($suite)"
	[ -e "$APT/config" ] || prepare_apt
	dir=$(cache_tmp kernel)
	download "$dir" "$version" "$image" || return 1
	if ! unpack "$dir" || ! link_parts "$dir" "$release" ||
	   ! depmod -b "$dir/root" "$release"; then
		say "$image $version: cannot be unpacked as expected"
		return 1
	fi
	echo "$release" >"$dir/release"
	echo "$suite" >"$dir/suite"
	"$VM_DIR/bzimage" extract "$dir/bzImage" "$dir/vmlinux" || true
	publish "$dir" "$final"
}

# from_cache SPEC WANTED: the network is away, an older one may be here.
from_cache() {
	local kernel

	kernel=$(cached_kernels | wanted "$2")
	[ -n "$kernel" ] || return 1
	# shellcheck disable=SC2086 # VERSION PACKAGE SUITE
	kernel_dir $kernel
}

known_versions() {
	cut -d. -f1,2 "$INDEX" 2>/dev/null | sort -Vu | paste -sd ' '
}

# fetch_older WANTED: when the newest cannot be had, one of those before it, if
# the archive has that whole. Says which.
fetch_older() {
	local kernel

	while read -r kernel; do
		# shellcheck disable=SC2086 # VERSION PACKAGE SUITE
		if with_lock apt fetch $kernel </dev/null; then
			# shellcheck disable=SC2086
			kernel_dir $kernel
			return
		fi
	done < <(fitting "$1" <"$INDEX" | head -n -1 | tail -n "$OLDER" | tac)
	return 1
}

get_debian() {
	local spec=$1 want=${1#debian:} kernel

	[[ $want =~ ^(newest|[0-9]+\.[0-9]+[0-9a-z.+~-]*)$ ]] ||
		die "$spec: not a kernel version (debian:6.12, debian:newest)"
	if ! with_lock apt ensure_index || [ ! -s "$INDEX" ]; then
		from_cache "$spec" "$want" && return
		die "$spec: not in the cache, and no package lists to find it"
	fi
	kernel=$(wanted "$want" <"$INDEX")
	if [ -z "$kernel" ]; then
		from_cache "$spec" "$want" && return
		die "$spec: no such cloud kernel in Debian" \
			"(there are $(known_versions))"
	fi
	# shellcheck disable=SC2086 # VERSION PACKAGE SUITE
	if [ ! -e "$(kernel_dir $kernel)" ]; then
		if [ -n "${COWPIN_OFFLINE:-}" ] ||
		   ! with_lock apt fetch $kernel; then
			from_cache "$spec" "$want" && return
			[ -z "${COWPIN_OFFLINE:-}" ] && fetch_older "$want" && return
			die "$spec: cannot be downloaded, nothing in the cache"
		fi
	fi
	# shellcheck disable=SC2086
	kernel_dir $kernel
}

# --- a bzImage of the user's own

add_file() {
	local file=$1 final=$2 dir

	[ ! -e "$final" ] || return 0
	dir=$(cache_tmp kernel)
	cp -- "$file" "$dir/bzImage"
	"$VM_DIR/bzimage" release "$file" >"$dir/release"
	"$VM_DIR/bzimage" extract "$dir/bzImage" "$dir/vmlinux" || true
	publish "$dir" "$final"
}

get_file() {
	local file=$1 final

	"$VM_DIR/bzimage" release "$file" >/dev/null
	final=$CACHE/kernels/file_$(sha256sum <"$file" | cut -c1-16)
	with_lock "$(basename "$final")" add_file "$file" "$final"
	touch "$final"
	prune "$CACHE/kernels" 'file_*'
	echo "$final"
}

# --- a tree in which he builds them

# The image must be of what the tree is now: the module will be.
get_tree() {
	local tree=$1 image=$1/arch/x86/boot/bzImage release built

	[ -e "$tree/Makefile" ] || die "$tree: no kernel tree (no Makefile)"
	[ -e "$image" ] || die "$tree: build it first (make bzImage modules):" \
		"there is no arch/x86/boot/bzImage"
	release=$(cat "$tree/include/config/kernel.release" 2>/dev/null) ||
		die "$tree: build it first: no include/config/kernel.release"
	built=$("$VM_DIR/bzimage" release "$image") || exit
	[ "$release" = "$built" ] ||
		die "$tree: build it first: the tree is $release," \
			"its bzImage $built"
	get_file "$image"
}

main() {
	if [ "${1:-}" = --update ]; then
		update=yes
		shift
	fi
	[ $# -eq 1 ] || die "usage: kernel.sh [--update] SPEC"
	case $1 in
	debian:*)	get_debian "$1" ;;
	tree:*)		get_tree "${1#tree:}" ;;
	*:*)		[ -e "$1" ] || die "$1: unknown kind of kernel" \
				"(debian:VERSION, tree:DIR or the path of a bzImage)"
			get_file "$1" ;;
	*)		get_file "$1" ;;
	esac
}

main "$@"
