#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# cow stress is told nothing of what was wrong with older kernels, and finds it: for at least
# nine of ten seeds within a minute in an emulated guest, in a few steps. COWPIN_SEEDS: how
# many seeds (10); COWPIN_SECONDS: of each (60).

use strict;
use warnings;
use FindBin;
use POSIX qw(setpgid);
use Test::More;

my $top = "$FindBin::Bin/../..";
my $seeds = $ENV{COWPIN_SEEDS} // 10;
my $seconds = $ENV{COWPIN_SECONDS} // 60;

# So many steps are few.
use constant STEPS => 5;

# What, kernel, more options, and what the finding must be: reason, kind, steps.
my @bugs = (
	# A R/O long-term pin of what nobody has written yet lost the page with the first write.
	['unreliable R/O long-term pins', '6.1', [],
	 qr/^(?:stale-pin|pfn-differs)$/, qr/^(?:zeropage|memfd|tmpfile|ext4|xfs|btrfs)/,
	 qr/; pin \w (?!.*\brw\b)(?:ro )?longterm\b/],
	# References do not keep a hugetlb page from being reused; by design, and known.
	['hugetlb and vmsplice', '6.12', ['--known'],
	 qr/^leak$/, qr/hugetlb/, qr/\bvmsplice\b/],
	# A pinned base page was copied by a later write fault of its owner, and R/O pins of
	# shared ones were of the page that others see.
	['pins of anonymous base pages', '5.10', [],
	 qr/^(?:stale-pin|leak|pfn-differs)$/, qr/^anon(?:$|\.)/, qr/; pin /],
);

# Reads findings until CODE takes one: { reason, kind, steps, scenario }.
sub first_finding {
	my ($tap, $code) = @_;
	my %f;

	while (my $line = <$tap>) {
		%f = (kind => $1) if $line =~ /^not ok \d+ - stress\.(\S+)\.[\w-]+(?: # |$)/;
		$f{$1} = $2 if $line =~ /^  (reason|steps|scenario): '?(.*?)'?$/;
		if ($line =~ /^#   repeat: cow exec --kind (\S+)/ && $f{steps}) {
			$f{kind} = $1;
			return \%f if $code->(\%f);
		}
	}
	return;
}

sub hunt {
	my ($kernel, $seed, $options, $code) = @_;
	my $pid = open(my $tap, '-|') // die "fork: $!";

	if (!$pid) {
		setpgid(0, 0);
		open(STDERR, '>', '/dev/null');
		exec("$top/run_vmtests.sh", '-k', "debian:$kernel", '--tap', '--', 'stress',
		     '--seed', $seed, '--time', $seconds, @$options) or POSIX::_exit(127);
	}
	my $found = first_finding($tap, $code);

	kill('TERM', -$pid) if $found;
	close($tap);
	return $found;
}

for my $bug (@bugs) {
	my ($what, $kernel, $options, $reason, $kind, $steps) = @$bug;
	my $is_it = sub {
		my ($f) = @_;

		return $f->{reason} =~ $reason && $f->{kind} =~ $kind && $f->{steps} =~ $steps;
	};
	my ($found, $longest) = (0, 0);

	next if ($ENV{COWPIN_KERNELS} // $kernel) !~ /(?:^| )\Q$kernel\E(?: |$)/;
	for my $seed (1 .. $seeds) {
		my $f = hunt($kernel, $seed, $options, $is_it);
		my $nr = $f ? () = $f->{steps} =~ /[^;]+/g : 0;

		note("$kernel, seed $seed: ", $f ? "scenario $f->{scenario}, $f->{reason} on " .
						   "$f->{kind}: $f->{steps}" : 'not found');
		$found++ if $f;
		$longest = $nr if $nr > $longest;
	}
	cmp_ok($found, '>=', $seeds - int($seeds / 10), "$kernel: $what, of $seeds seeds");
	cmp_ok($longest, '<=', STEPS, "$kernel: $what, in a few steps");
}

done_testing();
