#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# Never cry wolf: the same tests over and over on one kernel have the same results.
# COWPIN_FULL and COWPIN_KSELFTEST: how often (20 and 100).

use strict;
use warnings;
use Test::More;
use FindBin;

my $top = "$FindBin::Bin/../..";
my %runs = (full => $ENV{COWPIN_FULL} // 20, kselftest => $ENV{COWPIN_KSELFTEST} // 100);

# The lines that say "not ok" but for known issues, in one string.
sub failures {
	my ($group) = @_;
	my @bad;

	open(my $tap, '-|', "$top/run_vmtests.sh", '-k', 'debian:6.12', '--tap', '--', '-g',
	     $group, '--run', '*,!*.1G') or die "run_vmtests.sh: $!";
	while (<$tap>) {
		push @bad, $1 if /^not ok \d+ - (\S+)$/;
	}
	return close($tap) || $? >> 8 == 1 ? join(' ', sort @bad) : "exit code $?";
}

for my $group (sort keys %runs) {
	my $first;

	for my $run (1 .. $runs{$group}) {
		my $seen = failures($group);

		$first //= $seen;
		is($seen, $first, "$group, run $run");
	}
}

done_testing();
