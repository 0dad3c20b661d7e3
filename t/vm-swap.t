#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# Swap that a run sets up: zram where that is free; where it is somebody's, a file, which is gone
# afterwards, also after SIGKILL and where it could not be used.

use strict;
use warnings;
use Test::More;
use FindBin;

require "$FindBin::Bin/vm-helper.pl";
our ($tmp);

my $said = guest_says('debian:6.12', <<'EOS');
ours() { grep -ls '^cow' /proc/[0-9]*/comm | tr -dc '0-9\n'; }
used() { [ -n "$(area)" ] && grep -q '^ok ' /tmp/tap; }
area() { sed -n '2s/ .*//p' /proc/swaps | sed 's/[0-9]*\.[0-9a-f]*$/PID.TIME/'; }
run() {
	cow --run fork.basic.anon.swapped >/tmp/tap 2>&1
	grep -E '^(not )?ok ' /tmp/tap
	echo "files: $(ls /var/tmp), areas: $(area), zram: $(cat /sys/block/zram0/disksize)"
}
killed() {
	cow --run fork.basic.anon.swapped --repeat 10000 >/tmp/tap 2>&1 &
	run=$!
	await used
	echo "used: $(area)"
	kill -STOP $(ours)
	kill -STOP $(ours)
	kill -KILL $(ours)
	wait $run
	echo "left: $(ls /var/tmp | wc -l)"
	cow --restore >/dev/null 2>&1
	echo "files: $(ls /var/tmp), areas: $(area)"
}
modprobe zram
mkdir -p /var/tmp
echo '-- zram'
run
echo '-- no zram, no place for a file that can be swapped to'
echo 16M >/sys/block/zram0/disksize
mount -t tmpfs none /var/tmp
run
umount /var/tmp
echo '-- a file'
for module in virtio_pci virtio_blk ext4; do modprobe $module; done
for disk in /sys/block/vd*; do
	[ "$(cat $disk/serial)" != cowpin-swap ] || disk=/dev/${disk##*/} break
done
mke2fs $disk >/dev/null 2>&1
mount -t ext4 $disk /var/tmp
rmdir /var/tmp/lost+found
echo mine >/var/tmp/cowpin.swap
run
killed
EOS

my %of;
my $part = '';
for (@$said) {
	$part = $1, next if /^-- (.*)/;
	push(@{$of{$part}}, $_);
}

my $pass = 'ok 1 - fork.basic.anon.swapped';
is_deeply($of{zram}, [$pass, 'files: , areas: , zram: 0'], 'zram, given back');
my $none = $of{'no zram, no place for a file that can be swapped to'};
like($none->[0] // '', qr/\A\Q$pass\E # SKIP no-swap: /, 'neither: the test is skipped');
is($none->[1], 'files: , areas: , zram: 16777216',
   'the file is gone, and the zram is whose it was');
my @file = @{$of{'a file'} // []};
is_deeply([@file[0, 1]], [$pass, 'files: cowpin.swap, areas: , zram: 16777216'],
	  'zram is somebody\'s: the test runs, ours is gone, a file of like name is not');
is($file[-3], 'used: /var/tmp/cowpin.swap.PID.TIME', 'it is a file that is swapped to');
is($file[-2], 'left: 2', 'all of cow killed: it is left');
is($file[-1], 'files: cowpin.swap, areas: ', '--restore: it is gone');

diag(join("\n", @$said), slurp("$tmp/err")) if !Test::More->builder->is_passing;
done_testing();
