#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# Kernels side by side: the exit code tells whether something got worse from one to the
# next, not whether a test fails.

use strict;
use warnings;
use FindBin;
use Test::More;

require "$FindBin::Bin/vm-helper.pl";
our ($top, $tmp);

my @fixed = ('--', '--run', 'ro-longterm.gup.zeropage,fork.basic.anon');

sub side_by_side {
	my ($name, @kernels) = @_;

	return run("$top/run_vmtests.sh", '--results', "$tmp/$name",
		   (map { ('-k', $_) } @kernels), @fixed);
}

my $better = side_by_side('better', 'debian:6.1', 'debian:6.12');
is($better->{code}, 0, 'a failure that is gone: exit code 0') or diag($better->{err});
like($better->{out}, qr/^debian:6\.1 -> debian:6\.12\n.*better.*ro-longterm\.gup\.zeropage/ms,
     'what got better is told');

my $worse = side_by_side('worse', 'debian:6.12', 'debian:6.1');
is($worse->{code}, 1, 'a new failure: exit code 1') or diag($worse->{err});
like($worse->{out}, qr/^debian:6\.12 -> debian:6\.1\n.*worse.*ro-longterm\.gup\.zeropage/ms,
     'what got worse is told');

done_testing();
