#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# The whole catalogue on stock Debian kernels, against the results stored in expected/KERNEL (group
# full) and expected/KERNEL-huge (group huge): every test that does not simply pass there, with its
# verdict and reason.
#
# COWPIN_STORE=1 stores what is seen now instead (then read the difference in git).
# COWPIN_KERNELS: names of files in expected/, of these only.

use strict;
use warnings;
use Test::More;
use FindBin;

require "$FindBin::Bin/../sweep-helper.pl";
our ($top);

my $names = $ENV{COWPIN_KERNELS} // '5.10 6.1 6.12 6.12-huge newest';

for my $name (split ' ', $names) {
	my ($kernel, $group) = $name =~ /^(.*?)(?:-(huge))?$/;
	my $sweep = whole_sweep($kernel, '-g', $group //= 'full');
	my $listed = run("$top/cow", '--list', '-g', $group)->{out};

	ok(!$sweep->{cut}, "$name: to the end") or diag($sweep->{cut}, "\n", $sweep->{err});
	store_expected($name, $kernel, $group, $sweep->{seen}) if $ENV{COWPIN_STORE} && !$sweep->{cut};
	my $want = expected($name);

	is(scalar(keys %{$sweep->{seen}}), scalar(() = $listed =~ /\n/g),
	   "$name: the catalogue was run");
	ok($want, "$name: there are stored results") or next;
	my @alarms = alarms($sweep->{seen}, $want);
	is_deeply(\@alarms, [], "$name: results as stored")
		or diag(told($sweep, @alarms));
	is_deeply([grep { !$sweep->{seen}{$_} } sort keys %$want], [],
		  "$name: nothing is stored of what there is not");
}

done_testing();
