#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# How fast it is: on an idle machine only, with COWPIN_SPEED=1, for beside anything else it says
# nothing. Of groups, in a guest, the time from the first line of TAP to the last: what QEMU
# and the boot take is not ours. And the ratio to the kernel's own suite, by bench/compare.sh.

use strict;
use warnings;
use FindBin;
use Test::More;
use Time::HiRes qw(time);

require "$FindBin::Bin/../cow-helper.pl";
our ($top, $tmp);

plan(skip_all => 'opt-in: COWPIN_SPEED=1, on a machine that is idle') if !$ENV{COWPIN_SPEED};

# Without pages of 1 GiB, of which clearing one takes longer than a hundred tests.
my %seconds = (quick => 15, full => 180);

for my $group (sort keys %seconds) {
	my ($first, $last, $tests) = (0, 0, 0);

	open(my $tap, '-|', "$top/run_vmtests.sh", '-k', 'debian:6.12', '--tap', '--', '-g', $group,
	     '--run', '*,!*.1G') or die "run_vmtests.sh: $!\n";
	while (<$tap>) {
		$last = time();
		$first ||= $last if /^TAP version/;
		$tests++ if /^(?:not )?ok /;
	}
	ok(close($tap), "$group: passes");
	is($tests, scalar(ids('--group', $group, '--run', '*,!*.1G')), "$group: all tests");
	cmp_ok($last - $first, '<', $seconds{$group}, "$group: below $seconds{$group} s") &&
		note(sprintf('%.1f s', $last - $first));
}

# The options of bench/compare.sh, and the ratio of wall times at most. Time outside the kernel is
# not told of the host.
my @compared = (['', 0.45], ['--no-1G', 0.8], is_root() ? ['--host', 0.6] : ());

for (@compared) {
	my ($option, $most) = @$_;
	my $got = run_as(0, "$top/bench/compare.sh", $option || ());
	my ($ratio) = $got->{out} =~ /^wall time .* ([\d.]+)$/m;
	my ($outside) = $got->{out} =~ /^outside the kernel .*cowpin (\d+) %$/m;

	is($got->{code}, 0, "compare.sh $option: the same tests, with the same end")
		or diag($got->{out} =~ /^((?:tests|differs).*)/mg, $got->{err});
	ok(defined $ratio, "compare.sh $option: there is a ratio") or next;
	cmp_ok($ratio, '<=', $most, "compare.sh $option: at most $most of the kernel's time");
	note("ratio $ratio");
	next if $option eq '--host';
	cmp_ok($outside // 100, '<', 25, "compare.sh $option: outside the kernel below 25 %");
}

done_testing();
