# SPDX-License-Identifier: GPL-2.0-only
#
# For the shell of a guest: what a run may change of the machine, and a run that is stopped
# while it holds a pin. What comes to the run then, whose test says.

use strict;
use warnings;
use File::Basename qw(dirname);

require(dirname(__FILE__) . '/vm-helper.pl');

# machine: lines "NAME VALUE". hold BY KIND TIMES [STEPS]: so many tests, with a pin and then
# STEPS; their output is in /tmp/tap, the exit code in /tmp/code.
our $machine_functions = <<'EOS';
# In few processes: this is asked often.
drivers() {
	cat /sys/bus/pci/devices/*/driver_override
	ls -l /sys/bus/pci/devices/*/driver | sed 's/.* \([^ ]*\/driver\) -> /\1 /'
}
machine() {
	echo "pins $(pins)"
	echo "processes" $(grep -hs '^cow' /proc/[0-9]*/comm)
	echo "settings" $(ls /run/cowpin | grep settings)
	echo "ublk disk" $(ls /dev | grep '^ublk[bc]')
	echo "stopped disk" $(cat /sys/block/dm-*/dm/suspended 2>/dev/null | grep 1)
	echo "disks" $(ls /sys/block | grep '^dm-')
	echo "loops" $(cat /sys/block/loop*/loop/backing_file 2>/dev/null)
	echo "drivers" $(drivers)
	echo "memfd_noexec $(cat /proc/sys/vm/memfd_noexec)"
	echo "swap" $(cat /proc/swaps)
	echo "rotational" $(grep -ls 0 /sys/block/vd*/queue/rotational)
	echo "pool" $(cat /sys/kernel/mm/hugepages/*/nr_hugepages)
	echo "thp" $(cat /sys/kernel/mm/transparent_hugepage/enabled)
	echo "file system" $(grep -E ' fuse |cowpin' /proc/self/mounts)
	echo "network" $(ls /sys/class/net)
}
as_before() { machine >/tmp/after; cmp -s /tmp/before /tmp/after; }
# What is not as before: the names of it.
differs() { grep -vxFf /tmp/before /tmp/after; }
descriptors() { ls -l /proc/$(named cow-actor0)/fd 2>/dev/null | grep -q "$1"; }
holding() {
	[ -n "$(named cow-actor0)" ] || return 1
	case $by in
	vmsplice) descriptors pipe: ;;
	kvm) descriptors kvm-vcpu ;;
	zerocopy) descriptors socket: ;;
	dmdio*) grep -qs 1 /sys/block/dm-*/dm/suspended && [ "$(pins)" != 0 ] ;;
	*) [ "$(pins)" != 0 ] ;;
	esac
}
over() { [ -s /tmp/code ]; }
held_or_over() { held || over; }
# A run that came to its end before it was stopped with a pin is begun again.
hold() {
	by=$1
	first=fill
	[ $2 = ext4 ] && first=read
	for attempt in 1 2 3 4 5; do
		rm -f /tmp/code
		{
			cow exec -n $3 --kind $2 "$first P; pin P $1; fork P C; ${4:-$many}" >/tmp/tap 2>&1
			echo $? >/tmp/code
		} &
		run=$!
		await held_or_over >/tmp/held || break
		over || { echo held; return; }
	done
	cat /tmp/held
	tail -n 3 /tmp/tap
}
# What all runs leave as it is then: modules, for one, stay loaded.
echo 0 >/proc/sys/vm/nr_hugepages
swapoff /dev/zram0 2>/dev/null
cow --run 'dmdio.fork.anon,ublk.fork.anon,vfio.fork.anon' >/tmp/tap 2>&1
mkdir -p /run/cowpin
machine >/tmp/before
EOS

1;
