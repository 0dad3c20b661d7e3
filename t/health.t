#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel's health, and ours, where no test can be blamed: then all tests pass, but the run
# fails and says of what. And the kernel's log tells which test was running.

use strict;
use warnings;
use Fcntl qw(O_RDONLY O_NONBLOCK SEEK_END);
use FindBin;
use Test::More;

require "$FindBin::Bin/cow-helper.pl";
our ($cow);

plan(skip_all => 'cow is not built (make)') if !-x $cow;
plan(skip_all => 'no-root: nothing runs for an ordinary user') if !is_root();
alone();

# cow() where the run as a whole fails, and nothing else does.
sub run_fails {
	my ($fault, @tells) = @_;
	my $r = cow('-j', 1, '--inject', $fault, '--run', 'fork.basic.anon,fork.siblings.anon');

	is($r->{code}, 1, "$fault: exit code 1") or diag($r->{err});
	is(scalar(() = $r->{out} =~ /^ok \d+ - \S+$/mg), 2, "$fault: both tests pass");
	like($r->{out}, qr/^# passed 2, failed 0, /m, "$fault: and count as passed");
	like($r->{out}, $_, "$fault: what is wrong is told") or diag($r->{err}) for @tells;
	return $r;
}

SKIP: {
	skip('/dev/kmsg is not writable', 6) if !-w '/dev/kmsg';
	my $r = run_fails('late-splat', qr/^# the kernel complained while no test ran:
# WARNING: CPU: 0 PID: 0 at injected by cowpin
# +RIP: 0010:injected/m);

	# Before the results of the tests that ran last are printed, and when all is undone.
	my $complaint = qr/^# the kernel complained/m;
	like($r->{out}, qr/$complaint.*^ok 1 -.*^# passed.*$complaint/ms, 'before the end, and after');
	is(scalar(() = $r->{out} =~ /$complaint/g), 2, 'each once');
}
my $once = qr/^# left behind, but by none of the last 2 tests when run again: /m;
run_fails('leave-fd-once', qr/${once}descriptors of cow: \d+, before \d+$/m);
run_fails('leave-process-once', qr/${once}process \d+ \(cow\) is left over$/m);

# --- the log ---

SKIP: {
	skip('/dev/kmsg cannot be used', 2) if !-w '/dev/kmsg';
	sysopen(my $log, '/dev/kmsg', O_RDONLY | O_NONBLOCK) or skip("/dev/kmsg: $!", 2);
	sysseek($log, 0, SEEK_END);
	my $r = cow('-j', 1, '--run', 'fork.basic.anon,fork.siblings.anon');
	my @records;

	# EPIPE: some were overwritten.
	for (;;) {
		my $got = sysread($log, my $record, 8192);

		next if !defined($got) && $!{EPIPE};
		last if !$got;
		push(@records, $1) if $record =~ /^[^;]*;cowpin: run (\S+)\n/;
	}
	is($r->{code}, 0, 'a run: exit code 0') or diag($r->{out});
	# Before and after, the log may be somebody else's.
	like("@records", qr/(?:^| )fork\.basic\.anon fork\.siblings\.anon(?: |$)/,
	     'the log names each test, in order');
}

done_testing();
