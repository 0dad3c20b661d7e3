#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# What cow prints, as TAP::Parser and prove understand it: also when it is killed in the
# middle, and in the wording of the kernel's own suite.

use strict;
use warnings;
use FindBin;
use TAP::Parser;
use Test::More;

require "$FindBin::Bin/cow-helper.pl";
our ($tmp, $cow);

plan(skip_all => 'cow is not built (make)') if !-x $cow;
alone();

# Needs nothing but root; 1 GiB pages would take seconds, and memory.
use constant SOME => 'fork.basic.*,cow.basic.*,iouring.fork.*,vmsplice.child-unmap.*,!*.1G';

# --- the stream ---

# Everything that must hold of any run in TAP.
sub check_stream {
	my ($what, $r, @ids) = @_;
	my $parser = TAP::Parser->new({ tap => $r->{out} });
	my (@kinds, @tests, @bad_skips);

	while (my $result = $parser->next) {
		push(@kinds, $result->type);
		next if !$result->is_test;
		push(@tests, $result);
		push(@bad_skips, $result->raw)
			if $result->has_skip && $result->explanation !~ /\A[a-z-]+: \S/;
	}
	is_deeply([$parser->parse_errors], [], "$what: TAP without errors");
	is("@kinds[0, 1]", 'version plan', "$what: version, then the plan");
	is($parser->version, 13, "$what: a version that prove 3.44 takes");
	is($parser->tests_planned, scalar(@ids), "$what: as many planned as listed");
	is_deeply([map { $_->description } @tests], [map { "- $_" } @ids],
		  "$what: ids as names, in the order of the list");
	is_deeply(\@bad_skips, [], "$what: skips give a code and a reason");
	is_deeply([grep { $_ eq 'unknown' } @kinds], [], "$what: no line that is no TAP");
	is($r->{err}, '', "$what: nothing on stderr");
	return @tests;
}

my @some = ids('--run', SOME);
my @tests = check_stream('skipped', cow_as_nobody('--run', SOME), @some);
is_deeply([grep { !$_->has_skip || $_->explanation !~ /\Ano-root: / } @tests], [],
	  'an ordinary user: all is skipped, no-root');
is(cow_as_nobody('--run', SOME)->{code}, 1, 'all skipped: nothing ran, exit code 1');

my @full = ids();
check_stream('the whole plan', cow_as_nobody(), @full);

SKIP: {
	skip('no-root: the rest of the stream', 1) if !is_root();
	subtest 'as root' => sub {
		my $r = cow('--run', SOME);
		my @tests = check_stream('run', $r, @some);

		is($r->{code}, 0, 'run: exit code 0') or diag($r->{out});
		is_deeply([map { $_->raw } grep { !$_->is_ok } @tests], [], 'run: all passes');
		is(scalar(() = $r->{out} =~ /^# \[RUN\] \S/mg), scalar(@some),
		   'run: a [RUN] line for each');
		like($r->{out}, qr/^# \[RUN\] Basic COW after fork\(\) \.\.\. with base page\n
				   ok\ \d+\ -\ fork\.basic\.anon$/mx, 'run: the title, then the result');

		# Side by side or one by one, the order is that of the plan.
		check_stream('-j 1', cow('-j', '1', '--run', SOME), @some);
		check_stream('-j 8', cow('-j', '8', '--run', SOME), @some);

		my $bad = cow('--inject', 'lost-write', '--run', SOME);
		my @failed = grep { !$_->is_ok } check_stream('failures', $bad, @some);
		is($bad->{code}, 1, 'failures: exit code 1');
		is(scalar(@failed), scalar(grep { !$_->has_skip } @tests), 'failures: all');
		like($bad->{out}, qr/^\ \ ---\n(?:\ \ \S.*\n)+\ \ \.\.\.\n/mx,
		     'failures: details as YAML');
	};
}

# --- prove ---

# prove on a program, or on a file with TAP in it.
sub prove {
	my $r = run_as(0, '/bin/sh', '-c', 'exec prove --norc "$@"', 'sh', @_);

	return ($r->{code}, $r->{out} . $r->{err});
}

sub prove_text { return prove('--exec', 'cat', spew("$tmp/stream.tap", $_[0])) }

my ($code, $text) = prove('--exec', '', $cow, '::', '--run', 'fork.basic.anon');
is($code, 0, 'prove takes it') or diag($text);

SKIP: {
	skip('no-root: nothing hangs for an ordinary user', 5) if !is_root();

	# Tests that hang one after the other: when the first is printed, so are those that ended
	# with it in two seconds, and the last ones did not.
	my @hang = qw(basic mprotect grandchild siblings child-writes child-exits parent-exits);
	my ($pid, $pipe) = cow_start('-j', 1, '--timeout', 1, '--inject', 'hang', '--run',
				     join(',', map { "fork.$_.anon" } @hang));
	my $stream = read_until($pipe, qr/^(?:not )?ok 1 /);

	ok(defined($stream), 'killed in the middle: a result was there') or skip('none', 4);
	kill('KILL', $pid);
	$stream .= $_ while <$pipe>;
	close($pipe);
	is($? & 127, 9, 'killed in the middle: by SIGKILL');
	like($stream, qr/^1\.\.7$/m, 'killed in the middle: the plan is there');
	($code, $text) = prove_text($stream);
	isnt($code, 0, 'killed in the middle: prove fails');
	like($text, qr/Bad plan\.\s+You planned 7 tests but ran [1-6]\b/,
	     'killed in the middle: prove says what is missing');
}

# With the plan last, this would pass.
my @lines = split(/^/, cow_as_nobody('--run', SOME)->{out});
($code, $text) = prove_text(join('', @lines[0 .. 3]));
like($text, qr/Bad plan/, 'cut off after the first result: prove notices');

# --- the wording of the kernel's suite ---

my $ksft = cow_as_nobody('--format', 'kselftest', '--run', 'fork.basic.anon,cow.basic.memfd');
is($ksft->{code}, 4, 'kselftest: exit code 4 if all is skipped');
like($ksft->{out}, qr/\ATAP version 13\n1\.\.2\n/, 'kselftest: the head');
like($ksft->{out}, qr/^ok 1 # SKIP \S/m, 'kselftest: a skip');
like($ksft->{out}, qr/^# Totals: pass:0 fail:0 xfail:0 xpass:0 skip:2 error:0\n\z/m,
     'kselftest: totals');

SKIP: {
	skip('no-root: passes and failures in the wording of the kernel', 1) if !is_root();
	subtest 'kselftest, as root' => sub {
		my @run = ('--format', 'kselftest', '--run', 'fork.basic.anon,iouring.fork.anon');
		my $good = cow(@run);
		is($good->{code}, 0, 'passed: exit code 0') or diag($good->{out});
		like($good->{out}, qr/^# \[RUN\] Basic COW after fork\(\) \.\.\. with base page$/m,
		     'passed: the title');
		like($good->{out}, qr/^ok 1 No leak from parent into child$/m, 'passed: no leak');
		like($good->{out}, qr/^ok 2 Longterm R\/W pin is reliable$/m, 'passed: a pin');
		like($good->{out}, qr/^# Totals: pass:2 fail:0 /m, 'passed: totals');
		unlike($good->{out}, qr/^\s+---/m, 'passed: no YAML, the suite has none');

		my $leak = cow(@run, '--inject', 'leak');
		is($leak->{code}, 1, 'failed: exit code 1');
		like($leak->{out}, qr/^not ok 1 Leak from parent into child$/m, 'failed: a leak');

		my $stale = cow(@run, '--inject', 'stale-pin');
		like($stale->{out}, qr/^not ok 2 Longterm R\/W pin is not reliable$/m,
		     'failed: a pin');
		like($stale->{out}, qr/^# Totals: pass:1 fail:1 /m, 'failed: totals');

		# The suite's words for a leak would be a lie about an actor that died.
		my $died = cow(@run, '--inject', 'die');
		unlike($died->{out}, qr/^not ok 1 Leak/m, 'failed otherwise: no leak is claimed');
		like($died->{out}, qr/^not ok 1 .*died of signal 7/m, 'failed otherwise: how');
	};
}

done_testing();
