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

require "$FindBin::Bin/vm-machine.pl";
our ($machine_functions, $tmp);

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
	['fuse', 'anon.swapcache', 'swap'],
	['iouring', 'thp-swapcache.pmd', 'rotational'],
	['fuse-in', 'anon', 'settings'],
	['xdp', 'anon', 'settings'],
	['zerocopy', 'anon', 'settings'],
	['kvm', 'anon', 'settings'],
	['xdp-in', 'anon', 'settings'],
	['vmsplice', 'hugetlb.2M', 'pool'],
	['iouring', 'ext4', 'file system'],
);

my $functions = <<'EOS';
ours() { grep -ls '^cow' /proc/[0-9]*/comm | tr -dc '0-9\n'; }
# Twice, for they may fork until all are stopped.
kill_all() {
	kill -STOP $(ours)
	kill -STOP $(ours)
	kill -KILL $(ours)
}
start() {
	hold $1 $2 10000
	kill_all
	wait $run
	as_before
	differs | grep -o "^$3" | sed 's/^/left: /'
	cow --restore >/dev/null 2>&1
	echo "restored: $?"
	await as_before || differs
}
EOS

my $script = join('', map { "start $_->[0] $_->[1] '$_->[2]'\n" } @pins);
my $said = guest_says(KERNEL, $machine_functions . $functions . $script . <<'EOS');
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
