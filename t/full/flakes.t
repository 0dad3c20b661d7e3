#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# Never cry wolf: the same tests over and over on 6.12, each time with the results that are
# stored in expected/6.12: verdict and reason of each test. So the first sweep may be a false
# alarm as well as the last. Every other sweep has a load beside it, which takes from a slow
# machine what the guest waits for.
#
# COWPIN_FULL, COWPIN_KSELFTEST and COWPIN_1G: how many sweeps of group full, of group kselftest
# (30 and 200: without pages of 1 GiB, which make it ten times as long), and of group kselftest
# with them (1).

use strict;
use warnings;
use Test::More;
use FindBin;
use POSIX qw(WNOHANG);

require "$FindBin::Bin/../sweep-helper.pl";
our ($top);

my $kernel = '6.12';
my @sweeps = (
	['full', '*,!*.1G', $ENV{COWPIN_FULL} // 30],
	['kselftest', '*,!*.1G', $ENV{COWPIN_KSELFTEST} // 200],
	['kselftest', '*', $ENV{COWPIN_1G} // 1],
);

# It ends with us, whatever ends us.
sub begin_load {
	return begin('setpriv', '--pdeathsig', 'TERM', 'stress-ng', '--quiet', '--cpu', 2, '--vm', 1,
		     '--vm-bytes', '512M');
}

# Was it there all the time?
sub end_load {
	my ($load) = @_;
	my $alive = !waitpid($load->{pid}, WNOHANG);

	kill('TERM', $load->{pid}) if $alive;
	finish($load) if $alive;
	return $alive;
}

my $want = expected($kernel) // die expected_file($kernel) . ": $!\n";
my %total = map { $_ => 0 } qw(sweeps loaded results alarms again);

sub check {
	my ($name, $sweep, $ids) = @_;
	my $seen = $sweep->{seen};
	my @alarms = alarms($seen, $want);
	my $failed = grep { /^fail/ } values %$seen;

	$total{sweeps}++;
	$total{results} += keys %$seen;
	$total{alarms} += @alarms;
	$total{again} += $sweep->{again};
	ok(!$sweep->{cut}, "$name: to the end") or diag($sweep->{cut}, "\n", $sweep->{err});
	is_deeply([sort keys %$seen], $ids, "$name: all tests");
	is_deeply(\@alarms, [], "$name: results as stored")
		or diag(told($sweep, @alarms));
	is($sweep->{code}, $failed ? 1 : 0, "$name: the exit code");
	# It takes hours: what was seen so far is not lost if it is ended.
	diag("$name: " . keys(%$seen) . ' results, ' . @alarms . ' alarms');
}

for (@sweeps) {
	my ($group, $globs, $times) = @$_;
	my @args = ('-g', $group, '--run', $globs);
	my $ids = [sort split(/\n/, run("$top/cow", '--list', @args)->{out})];

	for my $nr (1 .. $times) {
		my $load = $nr % 2 ? undef : begin_load();

		check("$group $globs, sweep $nr" . ($load ? ' beside a load' : ''),
		      whole_sweep($kernel, @args), $ids);
		next if !$load;
		$total{loaded}++;
		ok(end_load($load), 'the load was there');
	}
}

diag("$total{sweeps} sweeps, $total{loaded} of them beside a load: $total{results} results, " .
     "$total{alarms} alarms; begun again because of the emulator: $total{again}");
is($total{alarms}, 0, 'no false alarm');

done_testing();
