# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the scripts of vm/ share: messages, the cache, locks. Sourced only.

set -euo pipefail

# depmod, modprobe and friends, which users other than root do not see.
PATH=$PATH:/usr/sbin:/sbin

VM_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP_DIR=$(dirname "$VM_DIR")
CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/cowpin
export VM_DIR TOP_DIR CACHE

say() {
	printf '%s: %s\n' "${ME:-${0##*/}}" "$*" >&2
}

# It could not be run: exit code 2, one line, everywhere.
die() {
	say "$*"
	exit "${DIE_CODE:-2}"
}

have() {
	command -v "$1" >/dev/null 2>&1
}

# packages_in GROUP: of vm/packages.
packages_in() {
	awk -v group="$1" '$1 == group { print $2 }' "$VM_DIR/packages"
}

# with_lock NAME COMMAND...: two runs never do the same work side by side.
with_lock() {
	local name=$1

	shift
	mkdir -p "$CACHE/locks"
	(
		if ! flock -n 9; then
			say "waiting for another run ($name)"
			flock 9
		fi
		"$@" 9>&-
	) 9>"$CACHE/locks/$name"
}

# A directory to prepare something in. What is left by a killed run is
# removed by the next one that starts a day later.
cache_tmp() {
	mkdir -p "$CACHE/tmp"
	find "$CACHE/tmp" -mindepth 1 -maxdepth 1 -mmin +1440 \
		-exec rm -rf {} + 2>/dev/null || true
	mktemp -d "$CACHE/tmp/$1.XXXXXX"
}

# publish TMP FINAL: whole or not at all, whoever is killed when.
publish() {
	mkdir -p "$(dirname "$2")"
	rm -rf "$2"
	mv -T "$1" "$2"
}

# prune DIR GLOB: what was not used for a week. For what is cheap to make again, and
# would pile up where every kernel is a new one.
prune() {
	find "$1" -mindepth 1 -maxdepth 1 -name "$2" -mtime +7 \
		-exec rm -rf {} + 2>/dev/null || true
}

# slug NAME: as the name of a directory.
slug() {
	printf '%s' "${1//[^A-Za-z0-9._+-]/-}"
}

# hash_of FILE...: of names and contents.
hash_of() {
	sha256sum "$@" | sha256sum | cut -c1-16
}
