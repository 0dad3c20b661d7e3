#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# All processes of cow at once get SIGKILL while a pin is held, whoever puts things back among
# them: what is left of disks, drivers, file systems, swap and settings, the next start of cow
# puts back; and no pin outlives its process by more than that.

use strict;
use warnings;
use Test::More;
use FindBin;

require "$FindBin::Bin/vm-helper.pl";
our ($top, $tmp);

use constant KERNEL => 'debian:6.12';

# [by what, on what, what is seen to be left before the next start]
my @pins = (
	['dmdio', 'anon', 'stopped disk'],
	['dmdio-in', 'anon', 'stopped disk'],
	['ublk', 'anon', 'ublk disk'],
	['ublk-in', 'thp.pmd', 'ublk disk'],
	['vfio', 'anon', 'drivers'],
	['udmabuf', 'memfd.shared', 'memfd_noexec'],
	['fuse', 'anon.swapped', 'swap'],
	['fuse-in', 'anon', 'settings'],
	['xdp', 'anon', 'settings'],
	['zerocopy', 'anon', 'settings'],
	['kvm', 'anon', 'settings'],
	['xdp-in', 'anon', 'settings'],
	['vmsplice', 'hugetlb.2M', 'pool'],
	['iouring', 'ext4', 'file system'],
);

# What a run may change of the machine, as lines "NAME VALUE".
my $functions = <<'EOS';
drivers() {
	for device in /sys/bus/pci/devices/*; do
		echo "$(cat $device/driver_override)/$(basename "$(readlink $device/driver)")"
	done
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
	echo "pool" $(cat /sys/kernel/mm/hugepages/*/nr_hugepages)
	echo "thp" $(cat /sys/kernel/mm/transparent_hugepage/enabled)
	echo "file system" $(grep -E ' fuse |cowpin' /proc/self/mounts)
	echo "network" $(ls /sys/class/net)
}
as_before() { machine >/tmp/after; cmp -s /tmp/before /tmp/after; }
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
ours() { grep -ls '^cow' /proc/[0-9]*/comm | tr -dc '0-9\n'; }
# Twice, for they may fork until all are stopped.
kill_all() {
	kill -STOP $(ours)
	kill -STOP $(ours)
	kill -KILL $(ours)
}
start() {
	by=$1
	first=fill
	[ $2 = ext4 ] && first=read
	cow exec -n 10000 --kind $2 "$first P; pin P $1; fork P C; $many" >/tmp/tap 2>&1 &
	run=$!
	await held || tail -n 3 /tmp/tap
	kill_all
	wait $run
	as_before
	grep -vxFf /tmp/before /tmp/after | grep -o "^$3" | sed 's/^/left: /'
	cow --restore >/dev/null 2>&1
	echo "restored: $?"
	await as_before || grep -vxFf /tmp/before /tmp/after
}
# What all runs leave as it is then: modules, for one, stay loaded.
echo 0 >/proc/sys/vm/nr_hugepages
swapoff /dev/zram0 2>/dev/null
cow --run 'dmdio.fork.anon,ublk.fork.anon,vfio.fork.anon' >/tmp/tap 2>&1
mkdir -p /run/cowpin
machine >/tmp/before
EOS

my $said = guest_says(KERNEL, $functions . join('', map { "start $_->[0] $_->[1] '$_->[2]'\n" }
						@pins) . <<'EOS');
cow --run 'dmdio.fork.anon,ublk.fork.anon,vfio.fork.anon,fuse-in.fork.anon' >/tmp/tap 2>&1
echo "exit $?"
grep -c '^ok .*anon$' /tmp/tap
EOS

for my $pin (@pins) {
	my @lines = splice(@$said, 0, 4);

	is_deeply(\@lines, ['held', "left: $pin->[2]", 'restored: 0', 'as_before'],
		  "$pin->[0] on $pin->[1]: all is put back by the next start")
		or last;
}
is_deeply($said, ['exit 0', '4'], 'and runs go well then') or diag(slurp("$tmp/err"));

done_testing();
