#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# The operation "guard" (MADV_GUARD_INSTALL), which came with 6.13, and so is in no test of the
# catalogue, of which 6.12 skips nothing: each access is a fault, a child's, too; a pin keeps its page.

use strict;
use warnings;
use Test::More;
use FindBin;

require "$FindBin::Bin/vm-helper.pl";

my @of_folios = (
	'fill P; guard P lower; read P; write P; fork P C; write C; guard C; write P',
	'fill P; pin P rw longterm upper; guard P upper; poke P; write P; fork P C; write C; write P',
	'fill P; fork P C; guard P first; reclaim C; write C; write P; pin P ro short upper',
);
my @of_all = (
	'fill P; fork P C; guard C; write P; write C; pin P ro longterm; write P',
	'fill P; pin P ro longterm; fork P C; guard P; write C; read P',
);
my @rows = ((map { my $kind = $_; map { [$kind, $_] } @of_folios } qw(thp.pmd thp-pte.64k)),
	    (map { my $kind = $_; map { [$kind, $_] } @of_all } qw(anon anon.swapped thp.pmd)));

# Each as it must be, and once more where guard does nothing.
my $said = guest_says('debian:newest', join('', <<'EOS', map {
try() {
	cow exec --by gup "$@" >/tmp/tap 2>&1
	echo "exit $? $(sed -n "s/^  reason: '\\(.*\\)'/\\1/p" /tmp/tap)"
}
EOS
	my ($kind, $steps) = @$_;
	"try --kind $kind '$steps'\ntry --kind $kind --inject no-unmap '$steps'\n" } @rows));

for my $row (@rows) {
	my ($kind, $steps) = @$row;

	is(shift(@$said), 'exit 0 ', "$kind: $steps");
	like(shift(@$said), qr/^exit 1 \S+$/, "$kind: not without any guard");
}

done_testing();
