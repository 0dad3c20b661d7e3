#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# Devices are taken away while a pin is held through them: disks of the device-mapper and of
# ublk, devices behind an IOMMU, network devices (for FUSE, whose connection is aborted, see
# t/vm-servers.t). The pin goes, at once or when the kernel has its holder let go of it; tests
# that could not look fail and do not hang; nothing is left, and the next run goes well.

use strict;
use warnings;
use Test::More;
use FindBin;

require "$FindBin::Bin/vm-machine.pl";
our ($machine_functions, $top, $tmp);

use constant KERNEL => 'debian:6.12';

my $program = "$tmp/vanish";
is(system($ENV{CC} // 'gcc', qw(-std=gnu11 -O2 -Wall -Wextra -Werror -static -s -o), $program,
	  "$top/t/vm-vanish.c", '-luring'), 0, 'vm-vanish.c compiles')
	or BAIL_OUT('no program that takes devices away');
my $encoded = `gzip -9c '$program' | base64`;

# What is taken away from whom and how (the functions below); the pin is released by that, or held
# on by its owner, for whom the kernel waits; what tests say that fail then, and how many of them
# do. Where none fails nothing was lost: the kernel let the I/O under way come to its end.
my $short = 'write P; write C';
my @rows = (
	{ name => 'all I/O of the disk becomes an error', by => 'dmdio', how => 'error',
	  state => 'released', told => qr/direct I.O moved -5 of/, failed => qr/[1-9]\d*/ },
	{ name => 'all I/O of the disk becomes an error', by => 'dmdio-in', how => 'error',
	  state => 'released', told => qr/direct I.O moved -5 of/, failed => qr/[1-9]\d*/ },
	{ name => 'the disk is removed', by => 'dmdio', how => 'forget', state => 'released',
	  told => qr/resuming the disk: No such device/, failed => 1 },
	{ name => 'the loop device below is detached, which waits', by => 'dmdio', how => 'detach',
	  state => 'pinned', failed => 0 },
	{ name => 'the disk is stopped, which waits', by => 'ublk', how => 'ublk stop',
	  state => 'pinned', failed => 0 },
	{ name => 'the disk is deleted, which waits', by => 'ublk-in', how => 'ublk delete',
	  state => 'pinned', failed => 0 },
	{ name => 'its network goes down', by => 'xdp', how => 'down', state => 'pinned',
	  told => qr/a packet of -1 bytes: Network is down/, failed => 1 },
	{ name => 'its network goes down', by => 'xdp-in', how => 'down', state => 'pinned',
	  told => qr/a packet of -1 bytes: Network is down/, failed => 1 },
	{ name => 'the driver is to give up all devices, which waits for one', by => 'vfio', times => 2,
	  how => 'unbind', state => 'pinned',
	  told => qr/VFIO, a device of one'+s own: No such file/, failed => 1 },
	{ name => 'all devices are removed, which waits for one', by => 'vfio', times => 2,
	  how => 'unplug', after => 'rescan', state => 'pinned',
	  told => qr/VFIO, a device of one'+s own: No such file/, failed => 1 },
);

my $functions = <<'EOS';
# Each is over, or has begun to wait, when it returns.
error() { vanish error; }
forget() { vanish forget; }
detach() {
	for disk in /sys/block/loop*/loop; do
		disk=${disk%/loop}
		losetup -d /dev/${disk##*/} || return
	done
}
no_disk() { ! ls /dev | grep -q '^ublkb'; }
ublk() {
	vanish $1 $(ls /dev | sed -n 's/^ublkc//p') &
	waiting=$!
	await no_disk >/dev/null
}
down() { nsenter --net=/proc/$(named cow-actor0)/ns/net ip link set lo down; }
devices() { grep -l 0x11e8 /sys/bus/pci/devices/*/device | sed 's|/device$||'; }
# What the kernel says when it waits for the process that has the device.
blocked() { [ "$(dmesg | grep -c 'blocked until released by user')" -gt "$noted" ]; }
take_from() {
	noted=$(dmesg | grep -c 'blocked until released by user')
	"$@" &
	waiting=$!
	await blocked >/dev/null
}
unbind_all() {
	for device in $(devices); do
		echo ${device##*/} >/sys/bus/pci/drivers/vfio-pci/unbind
	done
}
unplug_all() { for device in $(devices); do echo 1 >$device/remove; done; }
unbind() { take_from unbind_all; }
unplug() { take_from unplug_all; }
rescan() { echo 1 >/sys/bus/pci/rescan; }
released() { [ "$(pins)" = 0 ]; }
pinned() { [ "$(pins)" != 0 ]; }
# BY TIMES STATE AFTER STEPS COMMAND...
vanishes_once() {
	times=$2 state=$3 after=$4 steps=$5 waiting=
	hold $1 anon $times "$steps"
	shift 5
	"$@" || echo "failed: $*"
	await $state
	kill -CONT $director
	await over || { tail -n 5 /tmp/tap; kill -KILL $(named cow); }
	echo "exit $(cat /tmp/code)"
	[ -z "$waiting" ] || wait $waiting || echo "failed in the end: $*"
	$after
	await as_before || differs
	cow --restore >/dev/null 2>&1
	echo "restored: $?"
	as_before && echo 'still so' || differs
	sed -n "s/^# passed.*failed \([0-9]*\),.*/failed \1/p" /tmp/tap
	sed -n "s/^  message: '\(.*\)'/told: \1/p" /tmp/tap | sort -u
	echo --
}
# CODE and what vanishes_once() takes. A test that was stopped behind its last look had passed by
# then: once more.
vanishes() {
	code=$1
	shift
	for attempt in 1 2 3 4 5; do
		vanishes_once "$@" >/tmp/lines
		[ $code = 1 ] && grep -q '^exit 0$' /tmp/lines || break
	done
	cat /tmp/lines
}
registered() { grep -q registered /tmp/umem; }
EOS

my $script = join('', map {
	my $steps = $_->{times} ? $short : '$many';
	my $code = $_->{told} ? 1 : 0;

	"vanishes $code $_->{by} " . ($_->{times} // 30) . " $_->{state} '" . ($_->{after} // ':') .
		"' \"$steps\" $_->{how}\n";
} @rows);

# A network device that can be removed is none that cow has: a process that has memory there.
my $said = guest_says(KERNEL, <<"EOS" . $machine_functions . $functions . $script . <<'EOS');
base64 -d <<'EOF' | gunzip >/bin/vanish
${encoded}EOF
chmod 755 /bin/vanish
EOS
modprobe tun
tunctl -t tap9 >/dev/null
mkfifo /tmp/word
vanish umem tap9 </tmp/word >/tmp/umem &
exec 9>/tmp/word
await registered
await pinned
tunctl -d tap9 >/dev/null
ls /sys/class/net | grep tap9
echo >&9
wait $!
echo "exit $?"
await as_before || differs
cow --run 'dmdio.fork.anon,ublk.fork.anon,vfio.fork.anon,xdp.fork.anon' >/tmp/tap 2>&1
echo "exit $?"
grep -c '^ok .*anon$' /tmp/tap
EOS

# The lines up to the next "--".
sub row_lines {
	my @lines;

	while (@$said) {
		my $line = shift @$said;

		last if $line eq '--';
		push(@lines, $line);
	}
	return @lines;
}

for my $row (@rows) {
	my @lines = row_lines();
	my @told = grep { /^told: / } @lines;
	my $failed = (grep { /^failed \d+$/ } @lines)[0] // 'failed, but not so many';
	my $code = $row->{told} ? 1 : 0;

	subtest "$row->{by}, $row->{name}" => sub {
		is_deeply([grep { !/^(?:told: |failed \d)/ } @lines],
			  ['held', $row->{state}, 'over', "exit $code", 'as_before', 'restored: 0',
			   'still so'], 'the pin and the run end, nothing is left')
			or diag(slurp("$tmp/err"));
		like($failed, qr/^failed $row->{failed}$/, 'as many fail as could not look');
		is_deeply([grep { $_ !~ ($row->{told} // qr/(?!)/) } @told], [], 'told as such');
		is(@told > 0, $code > 0, 'and only then');
	} or last;
}
is_deeply($said, ['registered', 'pinned', 'exit 0', 'as_before', 'exit 0', '4'],
	  'a network device, whose buffers stay till their owner is gone; and runs go well then')
	or diag(slurp("$tmp/err"));

done_testing();
