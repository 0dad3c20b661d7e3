#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# cow stress, without false alarm: half an hour of random scenarios on a kernel that is known well
# find what is known, and nothing else. COWPIN_KERNEL: on which (debian:6.12); COWPIN_SECONDS: how
# long (1800); COWPIN_SEED: the first seed (1).

use strict;
use warnings;
use FindBin;
use Test::More;
use Time::HiRes qw(time);

require "$FindBin::Bin/../vm-helper.pl";
our ($top, $tmp);

my $kernel = $ENV{COWPIN_KERNEL} // 'debian:6.12';
my $seconds = $ENV{COWPIN_SECONDS} // 1800;
my $seed = $ENV{COWPIN_SEED} // 1;

# An emulated CPU loses a one-shot timer now and then, and with it the tick of an idle CPU: what
# waits for that hangs, and would be told as a failure. Periodic ticks come again, for longer.
my $append = 'highres=off nohz=off';

# A silent guest in which not even init, which only sleeps and looks, said what hangs: nobody is
# woken there any more. (The state of its timers is in the log, too.)
sub timers_are_dead {
	my ($out) = @_;
	my ($console) = glob("$tmp/results/*/console.log");

	return $out =~ /no byte from the guest for \d/ && $console &&
	       slurp($console) !~ /sysrq: Show/;
}

# One guest, for so long at most: what it said, how long it was at it, and how it ended.
sub stress {
	my ($left) = @_;
	my ($began, %run) = (undef, out => '', seconds => 0);

	open(my $tap, '-|', "'$top/run_vmtests.sh' -k '$kernel' --append '$append' --tap " .
	     "--results '$tmp/results' --timeout " . ($left + 600) .
	     " -- stress --seed $seed --time $left 2>&1")
		or die "run_vmtests.sh: $!\n";
	while (my $line = <$tap>) {
		$began //= time() if $line =~ /^# \d+ of \d+ combinations of kind and provider/;
		$run{out} .= $line;
		# Until it was last heard of, or as it says itself in the end.
		$run{seconds} = time() - $began
			if $began && !$run{ended} && $line =~ /^(?:(?:not )?ok |# at scenario )/;
		$run{seconds} = $run{ended} = $1 if $line =~ /^# seed \d+: .* in ([\d.]+) s$/;
	}
	close($tap);
	$run{code} = $? >> 8;
	# It trips over code that is being patched, too (see vm/boot); that is no finding.
	$run{tripped} = $run{out} =~ /Oops: int3/ || timers_are_dead($run{out});
	return \%run;
}

# The findings that are no known issues, whole.
sub unknown {
	my ($run) = @_;
	my @failed = grep { /\Anot ok (?!.* # TODO )/ } split(/^(?=(?:not )?ok )/m, $run->{out});

	return grep { !/^  reason: 'guest-crash'$/m && !/\Anot ok \d+ - stress$/m } @failed;
}

my ($left, $idle) = ($seconds, 0);
while ($left >= 1 && $idle < 3) {
	my $run = stress(int($left));
	my @scenarios = $run->{out} =~ /^# (?:seed \d+:|at scenario) (\d+)/mg;

	note(sprintf('seed %d: %d s, %s scenarios%s', $seed, $run->{seconds}, $scenarios[-1] // 'no',
		     $run->{tripped} ? ', then the emulated CPU failed' : ''));
	note($_) for $run->{out} =~ /^(not ok \d+ - \S+ # TODO .*)$/mg;
	is(join('', unknown($run)), '', "seed $seed: nothing but known issues");
	unlike($run->{out}, qr/^# left behind/m, "seed $seed: nothing is left behind");
	if (!$run->{tripped}) {
		is($run->{code}, 0, "seed $seed: exit code 0") or diag($run->{out});
		cmp_ok($run->{seconds}, '>=', int($left), "seed $seed: to its end");
		$left = 0;
	}
	$idle = $run->{seconds} < 1 ? $idle + 1 : 0;
	$left -= $run->{seconds};
	$seed++;
}
cmp_ok($left, '<', 1, "$seconds s of stress on $kernel");

done_testing();
