#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# The operation "offline" on a real kernel: what nobody pins is migrated, with its content; what
# is pinned keeps its block online; and whatever ends a run, all blocks are online afterwards.
#
# A block that the kernel itself uses cannot be taken offline, and new pages are mostly put
# into such. So first a block is made ZONE_MOVABLE, which gets user memory and nothing else.

use strict;
use warnings;
use Test::More;
use FindBin;

require "$FindBin::Bin/vm-helper.pl";

my $script = <<'END';
cd /sys/devices/system/memory
movable() {
	for block; do
		echo offline >memory$block/state && echo online_movable >memory$block/state &&
			return
	done 2>/dev/null
}
# One on each node.
movable 40 39 38 37 36 35 34 33
movable 50 51 52 53 54 55 56 57
echo "movable: $(cat memory*/valid_zones | grep -c '^Movable')"
try() {
	echo "begin $1"
	cow exec --kind "$2" --by gup -v "$3" 2>&1
	echo "end"
}
# More than once: it does not succeed where some page is in use for a moment.
try free-anon anon 'fill P; offline P; write P; offline P; offline P; write P'
try free-thp thp.pmd 'fill P; offline P; write P; offline P; offline P; write P'
try free-file memfd.shared 'read P; offline P; write P; offline P; offline P; write P'
try forked anon 'fill P; fork P C; offline C; write P; write C'
try pinned anon 'fill P; write P; pin P ro short; offline P; write P'
try unpinned anon 'fill P; write P; pin P ro short; unpin P; offline P; offline P; offline P; write P'
echo "online: $(cat memory*/state | sort -u | tr '\n' ' ')"
cow exec --kind anon --by gup --repeat 1000 'fill P; offline P' >/dev/null &
n=0
while ! grep -qx offline memory*/state && [ $n -lt 20000 ]; do n=$((n + 1)); done
kill -9 $!
echo "was offline: $((n < 20000))"
wait
# Until then its guardian is at work.
until cow --restore 2>/dev/null; do :; done
echo "restored: $(cat memory*/state | sort -u | tr '\n' ' ')"
END

# Page frames that P has, step by step.
sub frames {
	my ($text) = @_;

	return $text =~ /^#   P reads .*\(PFN (0x[0-9a-f]+)/mg;
}

my $out = join("\n", @{guest_says('debian:6.12', $script)}, '');
my %text = $out =~ /^begin (\S+)\n(.*?)^end$/msg;

like($out, qr/^movable: [12]$/m, 'there are blocks of ZONE_MOVABLE') or diag($out);
for my $name (qw(free-anon free-thp free-file forked pinned unpinned)) {
	like($text{$name} // '', qr/^ok 1 - /m, "$name: passes") or diag($text{$name} // '-');
}
for my $name (qw(free-anon free-thp free-file unpinned)) {
	my @frames = frames($text{$name} // '');

	isnt($frames[-1], $frames[0], "$name: in another page frame now") or diag("@frames");
}
my %frames = map { $_ => 1 } frames($text{pinned} // '');
is(scalar(keys(%frames)), 1, 'pinned: stays where it is');
like($out, qr/^online: online $/m, 'all blocks are online');
like($out, qr/^was offline: 1$/m, 'a block is seen offline while a run is under way');
like($out, qr/^restored: online $/m, 'and are so after a run was killed');

done_testing();
