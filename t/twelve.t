#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# The first promise of cowpin: the twelve R/O long-term pins, on stock Debian
# kernels that are booted from scratch. 6.12 passes all of them, with nothing
# skipped; 6.1 has the bug, and each failure says so.

use strict;
use warnings;
use Test::More;
use FindBin;

require "$FindBin::Bin/vm-helper.pl";

my @kinds = (
	['zeropage', 'shared zeropage'],
	['memfd', 'memfd'],
	['tmpfile', 'tmpfile'],
	['zeropage.huge', 'huge zeropage'],
	['memfd.hugetlb.2M', 'memfd hugetlb (2048 kB)'],
	['memfd.hugetlb.1G', 'memfd hugetlb (1048576 kB)'],
);
my (@ids, @titles);

for my $by (['gup', 'GUP'], ['gup-fast', 'GUP-fast']) {
	for my $kind (@kinds) {
		push @ids, "ro-longterm.$by->[0].$kind->[0]";
		push @titles, "R/O longterm $by->[1] pin ... with $kind->[1]";
	}
}

sub field {
	my ($got, $name) = @_;

	return [map { $_->{$name} } @{$got->{tests}}];
}

sub same_tests_ok {
	my ($kernel, $got) = @_;

	like($got->{out}, qr/\ATAP version 13\n1\.\.12\n/,
	     "$kernel: the plan comes first");
	is_deeply(field($got, 'id'), \@ids, "$kernel: the twelve ids");
	is_deeply(field($got, 'number'), [1 .. 12], "$kernel: numbered");
	is_deeply(field($got, 'title'), \@titles, "$kernel: the titles");
	is(scalar(grep { defined $_->{skip} } @{$got->{tests}}), 0,
	   "$kernel: nothing is skipped");
}

my $good = cow_on('debian:6.12', \@ids);

same_tests_ok('6.12', $good);
is($good->{code}, 0, '6.12: exit code 0') or diag($good->{err});
ok($_->{ok}, "6.12: $_->{id} passes") or diag($_->{text})
	for @{$good->{tests}};

my $bad = cow_on('debian:6.1', \@ids);

same_tests_ok('6.1', $bad);
is($bad->{code}, 1, '6.1: exit code 1') or diag($bad->{err});
for my $test (@{$bad->{tests}}) {
	my $id = $test->{id};

	subtest "6.1: $id fails" => sub {
		ok(!$test->{ok}, 'not ok');
		is(reason($test), 'stale-pin', 'because the pin is stale');
		like($test->{text}, qr/^#\s+page in the pin: +PFN 0x/m,
		     'PFN in the pin');
		like($test->{text}, qr/^#\s+page table of P: +PFN 0x/m,
		     'PFN in the page table');
		like($test->{text}, qr/^#\s+diverged at step 3 \(write P\)/m,
		     'the step');
		like($test->{text}, qr/^#\s+hint: fixed in 6\.2 by 'mm\/gup: /m,
		     'the fix');
		like($test->{text}, qr/^#\s+repeat: \S*run_vmtests\.sh -k /m,
		     'how to repeat it');
		like($test->{text}, qr/-k debian:6\.1 -- --run '\Q$id\E'$/m,
		     'alone');
	} or diag($test->{text});
}

done_testing();
