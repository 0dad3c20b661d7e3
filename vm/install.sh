#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# install.sh DIR: put what is needed to run cowpin below DIR (/usr/local): all of
# it in lib/cowpin, links to the programs in bin. "make install" calls it.

# shellcheck source=vm/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
ME=install

# copy TO FILE...: with the modes that they have, whoever has them here.
copy() {
	local to=$1

	shift
	mkdir -p "$to"
	cp -pLr --no-preserve=ownership -- "$@" "$to/"
}

# One script, which goes by its name.
install_tests() {
	local to=$1 name

	mkdir -p "$to"
	for name in quick kselftest full huge \
		$("$TOP_DIR/cow" --list | cut -d. -f1 | sort -u); do
		install -m 755 "$VM_DIR/wrapper" "$to/$name.t"
	done
}

install_all() {
	local dest=$1 lib=$1/lib/cowpin file

	cd "$TOP_DIR"
	rm -rf "$lib"
	copy "$lib" cow run_vmtests.sh report lib
	copy "$lib/build" build/init
	copy "$lib/kmod" kmod/*.[ch] kmod/{Kbuild,Makefile,dkms.conf}
	for file in vm/*; do
		case $file in
		vm/init.c|vm/install.sh|vm/wrapper)	;;
		*)	copy "$lib/vm" "$file" ;;
		esac
	done
	install_tests "$lib/t"
	mkdir -p "$dest/bin"
	ln -sf ../lib/cowpin/cow "$dest/bin/cowpin"
	ln -sf ../lib/cowpin/run_vmtests.sh "$dest/bin/cowpin-vmtests"
	ln -sf ../lib/cowpin/report "$dest/bin/cowpin-report"
}

[ $# -eq 1 ] || die "usage: install.sh DIR"
install_all "$1"
