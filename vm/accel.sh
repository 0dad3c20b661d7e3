#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# accel.sh KERNEL INITRAMFS: print the accelerator to use, kvm or tcg
#
# A /dev/kvm that is there proves nothing: nested in another VM, QEMU may
# abort on it, or the guest never executes an instruction. So a kernel is
# booted once (INITRAMFS is that of "initramfs.sh base"), as far as its first
# process. The answer holds until this host boots again or gets another QEMU.
# COWPIN_ACCEL=kvm|tcg decides without a trial.

# shellcheck source=vm/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
ME=accel

QEMU=${COWPIN_QEMU:-qemu-system-x86_64}
DEVICE=${COWPIN_KVM_DEVICE:-/dev/kvm}
PROBE_SECONDS=15

# Why KVM is out of the question without a trial; nothing if it is not.
obstacle() {
	if [ ! -e "$DEVICE" ]; then
		echo "no $DEVICE"
	elif [ ! -r "$DEVICE" ] || [ ! -w "$DEVICE" ]; then
		echo "no permission to use $DEVICE"
	fi
}

reason_of() {
	sed -n 's/^reason //p' "$1/status" 2>/dev/null | head -n 1
}

# Boots INITRAMFS with init itself as the program: it says that it ran.
boot_with_kvm() {
	local kernel=$1 initramfs=$2 dir=$3

	mkdir "$dir/root"
	(cd "$dir/root" && cpio --quiet -id init <"$initramfs")
	mkdir "$dir/guest"
	: >"$dir/guest/env"
	printf '%s\0' /bin/cow --probe >"$dir/guest/argv"
	"$VM_DIR/initramfs.sh" run "$dir/run.cpio" "$dir/root/init" '' \
		"$dir/guest" || return 1
	cat "$initramfs" "$dir/run.cpio" >"$dir/initramfs"
	"$VM_DIR/boot" --name 'KVM probe' --accel kvm --mem 512 --cpus 1 \
		--timeout $PROBE_SECONDS --qemu "$QEMU" --results "$dir" \
		--kernel "$kernel" --initrd "$dir/initramfs" \
		>/dev/null 2>"$dir/log"
}

probe() {
	local final=$3 dir

	[ ! -e "$final" ] || return 0
	say "trying whether KVM works (once)"
	dir=$(cache_tmp probe)
	if boot_with_kvm "$1" "$2" "$dir"; then
		echo kvm >"$dir/answer"
	else
		echo "tcg KVM does not work: $(reason_of "$dir")" >"$dir/answer"
	fi
	mkdir -p "$(dirname "$final")"
	mv "$dir/answer" "$final"
	rm -rf "$dir"
}

main() {
	local kernel=$1 initramfs=$2 accel='' why answer

	have "$QEMU" || die "$QEMU: not found (see vm/packages)"
	if [ -n "${COWPIN_ACCEL:-}" ]; then
		echo "$COWPIN_ACCEL"
		return
	fi
	why=$(obstacle)
	if [ -z "$why" ]; then
		answer=$CACHE/accel/$({
			cat /proc/sys/kernel/random/boot_id
			realpath "$(command -v "$QEMU")" "$DEVICE"
			"$QEMU" --version
		} | sha256sum | cut -c1-16)
		with_lock accel probe "$kernel" "$initramfs" "$answer"
		read -r accel why <"$answer" || true
	fi
	[ ${#why} -le 120 ] || why="${why:0:117}..."
	say "${accel:-tcg}${why:+ ($why)}"
	echo "${accel:-tcg}"
}

[ $# -eq 2 ] || die "usage: accel.sh KERNEL INITRAMFS"
main "$@"
