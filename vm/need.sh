#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# need.sh GROUP...: see that the Debian packages of these groups of
# vm/packages are installed. Root on Debian: installs what is missing, after
# saying so. Else: one line to paste, exit code 2. Where there is no dpkg
# nothing can be said about packages; the tools will be missed when used.

# shellcheck source=vm/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
ME=packages

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = \
		installed ]
}

install() {
	say "installing $*"
	export DEBIAN_FRONTEND=noninteractive
	if ! apt-get -qq install -y --no-install-recommends "$@" >&2; then
		apt-get -qq update >&2 || true
		apt-get -qq install -y --no-install-recommends "$@" >&2 ||
			die "cannot be installed: $*"
	fi
}

missing=()
have dpkg-query || exit 0
for group; do
	for package in $(packages_in "$group"); do
		is_installed "$package" || missing+=("$package")
	done
done
[ ${#missing[@]} -gt 0 ] || exit 0
[ "$(id -u)" = 0 ] || die "apt-get install ${missing[*]}"
install "${missing[@]}"
