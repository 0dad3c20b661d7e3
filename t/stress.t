#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# cow stress: the same scenarios for the same seed, only what was asked for, nothing wrong
# where nothing is wrong; and each oracle notices its fault within a hundred scenarios, told
# in a few steps that fail when they are pasted.

use strict;
use warnings;
use File::Basename qw(dirname);
use FindBin;
use Test::More;

require "$FindBin::Bin/cow-helper.pl";
our ($tmp, $top, $cow);

plan(skip_all => 'cow is not built (make)') if !-x $cow;

# So many steps are few.
use constant STEPS => 8;

# --- what is refused ---

sub refused {
	my ($args, $re) = @_;
	my $r = cow('stress', @$args);

	subtest "refused: @$args" => sub {
		is($r->{code}, 2, 'exit code 2');
		is($r->{out}, '', 'nothing on stdout');
		like($r->{err}, qr/\Acow: [^\n]+\n\z/, 'one line on stderr');
		like($r->{err}, $re, 'which says what is wrong');
	};
}

my @refused = (
	[['--frobnicate'], qr/--frobnicate/],
	[['stray'], qr/'stray'/],
	[['--print', '--', 'stray'], qr/'stray'/],
	[['--seed'], qr/--seed needs an argument/],
	[['-t'], qr/-t needs an argument/],
	[['--seed', '0'], qr/--seed.*'0'/],
	[['--seed', '4294967296'], qr/--seed.*'4294967296'/],
	[['--seed', 'x'], qr/--seed.*'x'/],
	[['--time', '0'], qr/--time.*'0'/],
	[['--time', '1.5'], qr/--time.*'1\.5'/],
	[['--count', '-1'], qr/--count.*'-1'/],
	[['--jobs', '0'], qr/--jobs.*'0'/],
	[['--jobs', '64'], qr/--jobs.*63.*'64'/],
	[['--timeout', '0'], qr/--timeout.*'0'/],
	[['--kinds', 'nope', '--print'], qr/--kinds: nothing matches 'nope'/],
	[['--by', 'nope', '--print'], qr/--by: nothing matches 'nope'/],
	[['--ops', 'write,nope', '--print'], qr/--ops: nothing matches 'nope'/],
	[['--inject', 'nope'], qr/--inject.*'nope'/],
	[['--known-issues', "$tmp/missing"], qr/missing: No such file/],
	[['--known-issues', spew("$tmp/bad", "stress.* leak\n")], qr/line 1/],
);
refused(@$_) for @refused;

my $help = cow('stress', '--help');
is($help->{code}, 0, '--help: exit code 0');
for my $option (qw(--seed --time --timeout --count --ops --kinds --by --jobs --print --verbose
		   --known --known-issues --inject --help)) {
	like($help->{out}, qr/(?:^|\s)\Q$option\E\b/m, "--help tells of $option");
}

# --- the scenarios ---

# "cow exec" lines of scenarios, without a run.
sub scenarios {
	my $r = cow_as_nobody('stress', '--print', @_);

	is($r->{code}, 0, "@_: exit code 0");
	is($r->{err}, '', "@_: nothing on stderr");
	return split(/\n/, $r->{out});
}

# { kind, by, steps } of such a line.
sub parsed {
	my ($line) = @_;

	$line =~ /\Acow exec --kind (\S+)(?: --by (\S+))?(?: --account)? '([^']+)'\z/
		or return { kind => '?', by => '?', steps => [$line] };
	return { kind => $1, by => $2, steps => [split(/; /, $3)] };
}

# Values that CODE finds in the lines, which RE does not match.
sub strangers {
	my ($re, $code, @lines) = @_;

	return [grep { $_ !~ $re } map { $code->(parsed($_)) } @lines];
}

my @count = ('--count', 200);
my @first = scenarios('--seed', 11, @count);
is(scalar(@first), 200, 'as many as asked for');
is_deeply([grep { parsed($_)->{kind} eq '?' } @first], [], 'each is a cow exec line');
is_deeply([scenarios('--seed', 11, @count)], \@first, 'the same seed: the same scenarios');
my %first = map { $_ => 1 } @first;
cmp_ok(scalar(grep { $first{$_} } scenarios('--seed', 12, @count)), '<', 5,
       'another seed: others');
is_deeply([scenarios('--seed', 11, '--count', 50)], [@first[0 .. 49]],
	  'less of them: the first ones');
is_deeply([scenarios('--seed', 11, '--jobs', 7, @count)], \@first,
	  'the number of jobs makes no difference');

my @some = scenarios('--seed', 3, '--kinds', 'memfd*,anon', @count);
is_deeply(strangers(qr/^(?:memfd.*|anon)$/, sub { $_[0]{kind} }, @some), [],
	  '--kinds: these, and no others');
is_deeply([map { my $kind = $_; grep { parsed($_)->{kind} eq $kind } @some[0 .. 99] ? () : $kind }
	   qw(memfd memfd.shared anon)], [], '--kinds: all of these');
@some = scenarios('--seed', 3, '--by', 'iouring', @count);
is_deeply(strangers(qr/^(?:iouring)$/, sub { $_[0]{by} // 'iouring' }, @some), [],
	  '--by: this one, and no other');
@some = scenarios('--seed', 3, '--ops', 'write,fork,pop*', @count);
is_deeply(strangers(qr/^(?:write|fork|popread|popwrite) /,
		    sub { @{$_[0]{steps}}[1 .. $#{$_[0]{steps}}] }, @some), [],
	  '--ops: these, and no others');
is_deeply([grep { !parsed($_)->{steps}[0] =~ /^(?:fill|read) P$/ } @some], [],
	  'the first step fills or reads');

SKIP: {
	skip('no-root: nothing runs for an ordinary user', 1) if !is_root();
	alone();
	run_all();
}

done_testing();

# --- as root ---

sub stress { return run_line($cow, 'stress', @_) }

sub run_all {
	test_clean();
	test_sequence();
	test_known();
	test_list();
	test_fault(@$_) for faults();
	test_left_behind();
	test_unset($_) for unset();
}

sub test_clean {
	my $r = stress('--seed', 5, '--time', 3);
	my ($scenarios, $rate) =
		$r->{out} =~ /^# seed 5: (\d+) scenarios \((\d+)\/s\), \d+ steps \(\d+\/s\)/m;

	is($r->{code}, 0, '3 seconds without a fault: exit code 0') or diag($r->{out});
	is($r->{err}, '', 'nothing on stderr');
	like($r->{out}, qr/^ok \d+ - stress$/m, 'passes');
	is_deeply([grep { !/ # TODO / } $r->{out} =~ /^(not ok .*)$/mg], [], 'nothing new');
	cmp_ok($scenarios // 0, '>', 20, 'scenarios were tried: ' . ($scenarios // 'none'));
	cmp_ok($rate // 0, '>', 5, 'it says how many a second: ' . ($rate // 'not'));
	like($r->{out}, qr/^# coverage: [1-9]\d* pairs of steps, [1-9]\d* with kind/m,
	     'and what was covered');
	like($r->{out}, qr/^# time in steps: (?:[a-z-]+(?: [a-z-]+)? \d+ % \(\d+\.\d ms\)(?:, |$)){8}/m,
	     'and which steps took the time');
	my ($plan) = $r->{out} =~ /^1\.\.(\d+)$/m;
	is($plan, scalar(() = $r->{out} =~ /^(?:not )?ok /mg), 'the plan is the number of results');

	my $count = stress('--seed', 5, '--count', 20);
	like($count->{out}, qr/^# seed 5: 20 scenarios /m, '--count 20: twenty, and no more');
	test_steps();
}

# Steps that were left out are not counted, nor what they are next to.
sub test_steps {
	my @run = ('--seed', 2, '--count', 20, '--kinds', 'anon', '--ops', 'lazyfree,write');
	my @steps = map { @{parsed($_)->{steps}} } split(/\n/, stress(@run, '--print')->{out});
	my $r = stress(@run);

	# Nobody has anything pinned.
	my @done = grep { !/^lazyfree / } @steps;
	cmp_ok(scalar(@done), '<', scalar(@steps), 'some steps make no sense');
	like($r->{out}, qr/^# seed 2: 20 scenarios .*, ${\scalar(@done)} steps /m,
	     'those are not counted') or diag($r->{out});
	like($r->{out}, qr/^# coverage: 2 pairs of steps, /m,
	     'fill and write, write and write: nor is what they are next to');
}

# What is printed is what is run, however many at a time; a finding tells its own number.
sub test_sequence {
	my @run = ('--seed', 9, '--count', 40);
	my @print = split(/\n/, stress(@run, '--print')->{out});
	my %number;

	is(scalar(@print), 40, '--print as root: as many as asked for');
	for my $jobs (1, 3) {
		my $r = stress(@run, '-v', '--jobs', $jobs);

		is_deeply([$r->{out} =~ /^# scenario \d+: (cow exec .*)$/mg], \@print,
			  "--jobs $jobs: those that are run are those that --print prints");
	}
	my $r = stress('--seed', 1, '--count', 60, '--jobs', 3, '--inject', 'stale-pin', '-v');
	$number{$2} //= $1 while $r->{out} =~ /^# scenario (\d+): cow exec .* '(.*)'$/mg;
	my @found = $r->{out} =~ /^  found_as: '(.*)'\n  scenario: (\d+)$/mg;
	cmp_ok(scalar(@found), '>', 0, 'there are findings');
	while (my ($steps, $said) = splice(@found, 0, 2)) {
		is($said, $number{$steps}, "the number of '$steps'");
	}
}

# A failure that is known is no failure.
sub test_known {
	my @run = ('--seed', 7, '--count', 30, '--kinds', 'anon', '--inject', 'seal');
	my $known = spew("$tmp/known", "stress.* write-refused * * waits for a backport\n");
	my $other = spew("$tmp/other", "stress.* leak * * waits for a backport\n");
	my $r = stress(@run, '--known-issues', $known);

	is($r->{code}, 0, 'known issues: exit code 0');
	like($r->{out}, qr/^not ok 1 - stress\.\S+\.write-refused # TODO waits for a backport$/m,
	     'known issues: TODO with the reason');
	like($r->{out}, qr/^ok \d+ - stress$/m, 'known issues: the run passes');
	$r = stress(@run, '--known-issues', $known, '--known');
	is($r->{code}, 1, '--known: a failure like others');
	like($r->{out}, qr/^not ok 1 - stress\.\S+\.write-refused$/m, '--known: no TODO');
	$r = stress(@run, '--known-issues', $other);
	is($r->{code}, 1, 'a failure that is not the known one: exit code 1');
	unlike($r->{out}, qr/# TODO waits/, 'a failure that is not the known one: no TODO');
}

# Fault, the reason that it is there for, and options, as the kinds on which it shows or the verbs
# that it needs; it may have other reasons, too.
sub faults {
	my @locked = ('--ops', 'write,fork,mlock*,munlock');

	return (
		['stale-pin', 'stale-pin'],
		['leak', 'leak'],
		['torn-page', 'torn-page'],
		['wrong-page', 'wrong-page'],
		['other-test', 'alien-data'],
		['lost-write', 'stale-data'],
		['lost-rest', 'lost-rest'],
		['lose', 'lost-at-fork'],
		['stray', 'leak', '--ops', 'write,fork,dontfork,pin'],
		['no-mprotect', 'write-allowed'],
		['no-unmap', 'setup', '--ops', 'write,fork,unmap'],
		['seal', 'write-refused'],
		['unlocked', 'locked', @locked],
		['child-locked', 'locked', @locked],
		['lock-count', 'counted', @locked],
		['evict', 'reclaimed', '--ops', 'write,fork,mlock*,pageout'],
		['wrong-pin', 'alien-data', '--kinds', 'anon,memfd'],
		['write-through', 'write-through', '--kinds', 'memfd,zeropage'],
		['split', 'kind-changed', '--kinds', 'thp.pmd', '--by', 'iouring'],
		['pretend', 'not-refused', '--kinds', 'anon,memfd'],
		['die', 'actor-died', '--kinds', 'anon,memfd'],
		['other-dies', 'actor-died', '--kinds', 'anon,memfd', '--ops', 'write,fork'],
		['die-late', 'actor-died', '--kinds', 'anon,memfd', '--ops', 'write,fork'],
		['vanish', 'actor-died', '--kinds', 'anon,memfd'],
		['director-dies', 'director-died', '--kinds', 'anon,memfd'],
		# Each look of these waits for what will not come.
		['hang', 'actor-hung', '--kinds', 'memfd', '--ops', 'write', '--timeout', 1,
		 '--count', 1],
		['uncounted', 'uncounted', '--kinds', 'anon', '--by', 'iouring', '--ops', 'pin,unpin',
		 '--count', 3],
		['counted', 'counted', '--kinds', 'anon', '--by', 'iouring', '--ops', 'pin,unpin',
		 '--count', 3],
		# One at a time, or others are asked for a line of the log that is not theirs.
		['splat', 'kernel', '--ops', 'write,fork', '--jobs', 1, '--count', 10],
	);
}

# What no scenario owns is found by the run, which says so.
sub left_behind {
	return ('leave-fd' => qr/descriptors of cow: \d+, before \d+/,
		'leave-process' => qr/process \d+ \(cow-actor\d\) is left over/,
		'leave-pin' => qr/pins that were not released: \d+, before \d+/,
		'late-splat' => qr/WARNING: /,
		# An odd number of scenarios: each undoes what the one before did.
		'leave-setting' => qr/swappiness: '\d+', before '\d+'/);
}

# That memory does not come about is no failure of a scenario; nothing was tried if it never does.
sub unset { return qw(setup wrong-kind) }

# Where each of the others has its control, or why it has none.
sub elsewhere {
	return (
		none => 'test_clean()',
		(map { ($_ => 't/vm-exec.t: takes our module') } qw(shared-pin movable)),
		taint => 't/vm-exec.t: until the next boot',
		(map { ($_ => 't/inject.t: a userfault that comes out wrong takes the whole test') }
		 qw(misserved unasked)),
		(map { ($_ => 't/vm-inject.t: takes a machine without others') }
		 qw(leave-page forgotten)),
		(map { ($_ => 't/vm-inject.t: of costs, and of writes that are held back') }
		 qw(keep thaw)),
		hold => 't/vm-inject.t: there may be a reason in a random scenario',
		private => 't/vm-inject.t: of a race, by a pin of our module',
		(map { ($_ => 't/health.t: of the run, not of a scenario') }
		 qw(exit-splat again-splat leave-fd-once leave-process-once)),
		(map { ($_ => 't/inject.t: of what a run has set up for its tests') }
		 qw(leave-pool leave-swap leave-thp)),
		writable => 't/vm-vfio.t: takes a device, and VFIO is in no random scenario',
		(map { ($_ => 't/inject.t: random scenarios keep no account of costs') }
		 qw(populate charge)),
		(map { ($_ => 't/vm-exec.t: takes a kernel that is known to forget no marks') }
		 qw(unnoticed unprotected)),
	);
}

sub test_list {
	my @listed = map { /^(\S+)/ } split(/\n/, stress('--inject', 'help')->{out});
	my %left = left_behind();
	my %elsewhere = elsewhere();
	my @controls = ((map { $_->[0] } faults()), keys(%left), unset(), keys(%elsewhere));

	is_deeply([sort @controls], [sort @listed], 'each fault has one control');
}

# The parts of a finding: reason, replays that failed, the line to paste, its steps.
sub findings {
	my ($out) = @_;
	my @findings;

	for my $block (split(/^(?=not ok )/m, $out)) {
		my ($line) = $block =~ /^#   repeat: (cow exec .*)$/m or next;
		my ($reason) = $block =~ /^  reason: '(.*)'$/m;
		my ($failed) = $block =~ /^  replays_failed: (\d+)$/m;

		push(@findings, { reason => $reason, failed => $failed, line => $line,
				  text => $block, steps => scalar @{parsed($line)->{steps}} });
	}
	return @findings;
}

sub test_fault {
	my ($fault, $reason, @more) = @_;

	SKIP: {
		skip("$fault: /dev/kmsg is not writable", 1)
			if $fault eq 'splat' && !-w '/dev/kmsg';
		subtest "--inject $fault @more" => sub { check_fault($fault, $reason, @more) };
	}
}

sub check_fault {
	my ($fault, $reason, @more) = @_;
	# Not those on disks and in swap, which take ten times as long. What is named later, counts.
	my $r = stress('--seed', 1, '--count', 100, '--inject', $fault,
		       '--kinds', 'anon,thp.pmd,memfd,zeropage,hugetlb.2M', @more);
	my @findings = sort { $a->{steps} <=> $b->{steps} } findings($r->{out});
	my @right = grep { $_->{reason} eq $reason } @findings;

	is($r->{code}, 1, 'exit code 1');
	like($r->{out}, qr/^not ok \d+ - stress$/m, 'the run fails');
	cmp_ok(scalar(@right), '>', 0, "within 100 scenarios: $reason") or return;
	is_deeply([map { $_->{line} } grep { $_->{steps} > STEPS } @findings], [],
		  'in a few steps each');
	is_deeply([map { $_->{line} }
		   grep { ($_->{failed} < 5) != ($_->{text} =~ /flaky: of 5 replays/) }
		   @findings], [], 'flaky is what is called so');
	check_pasted($fault, $_) for grep { $_ && $_->{failed} == 5 } @right[0 .. 1];
}

sub check_pasted {
	my ($fault, $finding) = @_;
	my $limit = $fault eq 'hang' ? 1 : 60;
	my $line = $finding->{line} =~ s/^cow exec/cow exec --timeout $limit --inject $fault/r;
	my $r = run_line('/bin/sh', '-c', $line);

	is($r->{code}, 1, "pasted, it fails: $line");
	like($r->{out}, qr/^  reason: '\Q$finding->{reason}\E'$/m, 'for the same reason')
		or diag($r->{out});
}

sub test_left_behind {
	my %left = left_behind();

	delete $left{'late-splat'} if !-w '/dev/kmsg';
	for my $fault (sort keys %left) {
		my $r = stress('--seed', 1, '--count', 7, '--inject', $fault);

		is($r->{code}, 1, "--inject $fault: exit code 1");
		like($r->{out}, qr/^# left behind by one of .*$left{$fault}/m,
		     "--inject $fault: it is said what");
	}
}

sub test_unset {
	my ($fault) = @_;
	my $r = stress('--seed', 1, '--count', 20, '--kinds', 'anon,memfd', '--inject', $fault);

	is($r->{code}, 1, "--inject $fault: exit code 1");
	like($r->{out}, qr/^# 20 scenarios were not tried: their memory did not come about$/m,
	     "--inject $fault: it is said that nothing was tried");
	like($r->{out}, qr/^not ok 1 - stress$/m, "--inject $fault: the run fails");
}
