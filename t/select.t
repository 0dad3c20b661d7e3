#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# Which tests run, how often, in what order; and what a gate can demand of a run: that
# nothing it relies on is missing, that not too much is skipped, that anything ran.

use strict;
use warnings;
use FindBin;
use JSON::PP;
use Test::More;

require "$FindBin::Bin/cow-helper.pl";
our ($tmp, $cow);

plan(skip_all => 'cow is not built (make)') if !-x $cow;
alone();

sub results { return $_[0]{out} =~ /^(?:not )?ok (\d+ - \S+)/mg }

# --- the list as JSON ---

my $tests = decode_json(cow_as_nobody('--list', '--json')->{out});
my @ids = ids();
is_deeply([map { $_->{id} } @$tests], \@ids, '--list --json: the same tests');
is_deeply([grep { !$_->{title} || !$_->{scenario} || !$_->{steps} || !@{$_->{groups}} ||
		  !@{$_->{needs}} } @$tests], [], '--list --json: each field of each');
is_deeply([grep { $_->{id} ne join('.', grep { defined } @$_{qw(scenario provider kind)}) }
		@$tests], [], '--list --json: the parts of an id');

# --- exclusions ---

my $files = 0;
sub file { return spew("$tmp/file" . $files++, $_[0]) }

my $some = 'fork.*.anon';
my $excluded = file("# not here\n\nfork.basic.* bug #42, not fixed here\n" .
		    "fork.siblings.anon slow\n");
my @rest = grep { !/^fork\.(?:basic|siblings)\./ } ids('--run', $some);
is_deeply([ids('--run', $some, '--exclude-from', $excluded)], \@rest, '--exclude-from');
my $r = cow_as_nobody('--run', $some, '--exclude-from', $excluded);
like($r->{out}, qr/^# excluded 1: fork\.basic\.\*: bug #42, not fixed here\n# excluded 1: /m,
     '--exclude-from: what and why is told, and how many tests that are');

sub refused {
	my ($name, $re, @args) = @_;
	my $got = cow(@args);

	is($got->{code}, 2, "$name: exit code 2");
	like($got->{err}, qr/\Acow: [^\n]+\n\z/, "$name: one line");
	like($got->{err}, $re, "$name: says what is wrong");
}

refused('an exclusion without a reason', qr/line 2: .*reason/,
	'--exclude-from', file("# x\nfork.basic.anon\n"), '--list');
refused('an exclusion of nothing', qr/line 1: no test has an id/,
	'--exclude-from', file("fork.nope.* because\n"), '--list');
refused('no such file', qr/No such file/, '--exclude-from', "$tmp/nope", '--list');
refused('all excluded', qr/leaves no test/, '--exclude-from', file("* all of it\n"), '--list');

# --- order and repetition ---

# What swaps to a disk is the end of each group, or the first group would not be had first.
my %needs = map { $_->{id} => { map { $_ => 1 } @{$_->{needs}} } } @$tests;
my @quick = ids('--group', 'quick');
my ($before, $behind) = (0, 0);
$needs{$_}{'swap-disk'} ? $behind++ : $behind ? $before = -1 : $before++ for @quick;
ok($before > 0 && $behind > 0, 'what swaps to a disk is behind the rest of its group');
is_deeply([(ids('--group', 'quick,full'))[0 .. $#quick]], \@quick,
	  'and of several groups the first one is done first, all of it');

my @args = ('--run', $some, '--shuffle', '--seed', 7);
my @shuffled = ids(@args);
isnt("@shuffled", join(' ', ids('--run', $some)), '--shuffle: another order');
is_deeply([sort @shuffled], [sort(ids('--run', $some))], '--shuffle: the same tests');
is_deeply([ids(@args)], \@shuffled, '--seed: the same order again');
isnt("@shuffled", join(' ', ids('--run', $some, '--shuffle', '--seed', 8)),
     'another seed: another order');
like(cow_as_nobody('--run', $some, '--shuffle')->{out}, qr/^# env seed: \d+$/m,
     '--shuffle: the seed is told');

$r = cow_as_nobody('--run', 'fork.basic.anon,fork.siblings.anon', '--repeat', 3);
is_deeply([results($r)], [map { ((2 * $_ + 1) . ' - fork.basic.anon',
				 (2 * $_ + 2) . ' - fork.siblings.anon') } 0 .. 2],
	  '--repeat 3: each three times, in order, with numbers of their own');
like($r->{out}, qr/^1\.\.6$/m, '--repeat 3: the plan has them all');

SKIP: {
	skip('no-root: nothing runs', 9) if !is_root();
	$r = cow('--run', 'fork.basic.anon', '--until-fail', '--repeat', 5);
	is($r->{code}, 0, '--until-fail --repeat 5, no failure: exit code 0');
	like($r->{out}, qr/^ok 5 - .*\n1\.\.5$/m, 'five times, and the plan at the end');
	$r = cow('--run', 'fork.*.anon', '--until-fail', '--inject', 'leak', '-j', 1);
	is($r->{code}, 1, '--until-fail, a failure: exit code 1');
	like($r->{out}, qr/^not ok 1 - fork\.basic\.anon$/m, 'it is the first');
	is(scalar(results($r)), 1, 'and the last');
	like($r->{out}, qr/^1\.\.1$/m, 'the plan says so');
	$r = cow('--run', 'fork.*.anon', '--until-fail', '--inject', 'leak', '-j', 1,
		 '--known-issues', file("fork.basic.anon leak * * by design\n"));
	is(scalar(() = $r->{out} =~ m{^(?:not )?ok }mg), 2,
	   '--until-fail: what is known to fail does not end it');
	$r = cow('--run', 'fork.basic.anon', '--inject', 'hang', '--timeout', 10,
		 '--timeout-mul', 0.1);
	like($r->{out}, qr/^  reason: '(?:actor-hung|timeout)'/m, '--timeout-mul: less');
	cmp_ok(($r->{out} =~ /^  ms: (\d+)/m)[0], '<', 9000, '--timeout-mul: as said');
}

# --- what a gate demands ---

refused("--require $_->[0]", $_->[1], '--require', $_->[0]) for (
	['nope', qr/'nope' is no requirement \(root, pin, /],
	['', qr/'' is no requirement/],
	['swap,nope', qr/'nope'/],
	['hugetlb', qr/which size/],
	['hugetlb=2X', qr/no size/],
	['hugetlb=', qr/no size/],
	['swap=2M', qr/has no sizes/],
);
refused('--max-skip x', qr/--max-skip.*'x'/, '--max-skip', 'x');

$r = cow_as_nobody('--run', $some, '--require', 'root');
is($r->{code}, 1, '--require root, as an ordinary user: exit code 1');
is(scalar(() = $r->{out} =~ /^not ok /mg), scalar(ids('--run', $some)),
   '--require root: no test is skipped for it, all fail');
like($r->{out}, qr/^# required, but absent: root: not run as root$/m, 'and it is told');
like($r->{out}, qr/^  reason: 'no-root'$/m, 'with the reason code of the skip');

$r = cow_as_nobody('--run', $some);
is($r->{code}, 1, 'nothing ran: exit code 1');
like($r->{out}, qr/^# nothing was run: all \d+ tests were skipped$/m, 'and it is told');
like($r->{out}, qr/^# skipped \d+: no-root$/m, 'skips are counted by reason');
like($r->{out}, qr/^# absent: anon \(no-root\)$/m, 'kinds that never ran are named');

# A runner of the kernel's suite takes exit code 4 for "skipped", which is no failure: where more
# was demanded, it is none.
my @ksft = ('--format', 'kselftest', '--run', $some);
is(cow_as_nobody(@ksft)->{code}, 4, 'kselftest, all skipped, nothing demanded: exit code 4');
is(cow_as_nobody(@ksft, '--max-skip', 1000)->{code}, 4, 'as many as are allowed: exit code 4');
$r = cow_as_nobody(@ksft, '--max-skip', 0);
like($r->{out}, qr/^# too many skips: \d+, allowed are 0$/m, 'kselftest, --max-skip: it is told');
is($r->{code}, 1, 'and exit code 1');
$r = cow_as_nobody(@ksft, '--require', 'pin');
like($r->{out}, qr/^# required, but absent: pin: /m, 'kselftest, --require: it is told');
is($r->{code}, 1, 'and exit code 1');

# --- memory that the kernel has lost ---

# A stand-in for debugfs: commands overwrite the first line, the rest is the report.
sub leak {
	my ($jiffies) = @_;

	return "........\nunreferenced object 0xffff8880 (size 64):\n" .
	       qq(  comm "cow-actor0", pid 1, jiffies $jiffies\n  backtrace (crc 0):\n) .
	       "    [<0>] some_function+0x10/0x20\n";
}

sub jiffies { return (slurp('/proc/timer_list') =~ /^jiffies: (\d+)/m)[0] }

SKIP: {
	skip('no-root: nothing runs', 13) if !is_root();
	local $ENV{COWPIN_KMEMLEAK} = file("........\n");

	is(cow('--run', 'fork.basic.anon')->{code}, 0, 'kmemleak without a report: no failure');

	# One that was born before the run.
	spew($ENV{COWPIN_KMEMLEAK}, leak(jiffies() - 1000));
	$r = cow('--run', 'fork.basic.anon');
	unlike($r->{out}, qr/kmemleak/, 'kmemleak: what leaked before the run is not told');
	is($r->{code}, 0, 'and no failure');

	# One that is to be born, but when no test runs.
	spew($ENV{COWPIN_KMEMLEAK}, leak(jiffies() + 1000000));
	$r = cow('--run', 'fork.basic.anon');
	like($r->{out}, qr/^# kmemleak: unreferenced object 0xffff8880/m, 'by no test: told');
	like($r->{out}, qr/^# .*some_function/m, 'with the trace');
	is(scalar(() = $r->{out} =~ /^not ok /mg), 0, 'no test is blamed');
	is($r->{code}, 1, 'but the run fails');

	# One that is born while tests run. Who decides when has cow stop for that: its tests take
	# milliseconds, and the one that runs then ends when cow has noticed.
	spew($ENV{COWPIN_KMEMLEAK}, "........\n");
	my @tests = ids('--run', 'fork.*,!*.hugetlb.*,!*swapped*');
	my $text = file(leak('JIFFIES'));
	my $run = spew("$tmp/leak.run", <<"EOS", 0755);
#!/bin/bash
echo \$\$ >'$tmp/leak.pid'
COWPIN_CONTROL=9 exec '$cow' --run '@{[join(',', @tests)]}' -j 2 9>&1 >'$tmp/leak.tap'
EOS
	my $watch = spew("$tmp/leak.watch", <<"EOS", 0755);
#!/bin/bash
while read -r word nr; do
	[ "\$word \$nr" = "run 3" ] || continue
	read -r pid <'$tmp/leak.pid'
	kill -STOP "\$pid"
	jiffies=\$(sed -n "s/^jiffies: //p;T;q" /proc/timer_list)
	sed "s/JIFFIES/\$jiffies/" '$text' >"\$COWPIN_KMEMLEAK"
	kill -CONT "\$pid"
done
EOS

	cmp_ok(scalar(@tests), '>', 20, 'there are tests enough to be in time');
	system("{ '$run'; echo \$? >'$tmp/leak.code'; } | '$watch'");
	my $tap = slurp("$tmp/leak.tap");

	like($tap, qr/^not ok \d+ - fork\./m, 'by a test: it fails');
	like($tap, qr/^  reason: 'kernel'$/m, 'for the kernel');
	like($tap, qr/^  message: '[^\n]*kmemleak: unreferenced object/m, 'that says of what');
	like($tap, qr/^# .*some_function/m, 'and where it was allocated');
	is(slurp("$tmp/leak.code"), "1\n", 'exit code 1');
}

SKIP: {
	skip('no-root: nothing runs', 6) if !is_root();
	my @mixed = ('--run', 'fork.basic.anon,ro-longterm.gup.memfd');
	$r = cow(@mixed);
	skip('the module is there: nothing to skip', 6) if $r->{out} !~ /# SKIP/;
	is($r->{code}, 0, 'one test ran, one was skipped: exit code 0');
	is(cow(@mixed, '--max-skip', 1)->{code}, 0, '--max-skip 1: exit code 0');
	$r = cow(@mixed, '--max-skip', 0);
	is($r->{code}, 1, '--max-skip 0: exit code 1');
	like($r->{out}, qr/^# too many skips: 1, allowed are 0$/m, 'and it is told');
	is(cow('--run', 'fork.basic.anon', '--require', 'hugetlb=2M,root')->{code}, 0,
	   'what is required is set up, even if no test takes it');
	is(cow('--run', 'fork.basic.anon', '--require', 'pin')->{code}, 1,
	   'what cannot be had fails the run, even if no test takes it');
}

# On a machine that has no pages of a gigabyte, no tools for swap.
sub cow_lacking {
	my ($what, @args) = @_;

	return run_as(0, 'unshare', '-m', '--propagation', 'private', 'sh', '-c',
		      'for what in $1; do mount -t tmpfs none "$what" 2>/dev/null ||' .
		      ' mount --bind /dev/null "$what" || exit 126; done; shift; exec "$@"', 'sh',
		      $what, $cow, '--run', 'fork.basic.anon', @args);
}

SKIP: {
	skip('no-root: nothing runs', 6) if !is_root();
	skip('no mount namespace to be had (unshare, mount)', 6)
		if run_as(0, 'unshare', '-m', 'mount', '-t', 'tmpfs', 'none', '/sys')->{code};
	SKIP: {
		skip('the machine has no hugetlb pages to hide', 2)
			if !-d '/sys/kernel/mm/hugepages';
		$r = cow_lacking('/sys/kernel/mm/hugepages', '--require', 'hugetlb=1G');
		is($r->{code}, 1, '--require hugetlb=1G, absent: exit code 1');
		like($r->{out}, qr/^ok 1 .*
# required, but absent: hugetlb=1G: the machine has no hugetlb pages of 1048576 kB$/m, 'and told');
	}
	SKIP: {
		my ($mkswap) = grep { -x } map { "$_/mkswap" } qw(/usr/local/sbin /usr/sbin /sbin);

		skip('there is swap, whoever has set it up', 4) if slurp('/proc/swaps') =~ m{^/}m;
		skip('mkswap is not installed', 4) if !$mkswap;
		$r = cow_lacking($mkswap, '--require', 'swap');
		is($r->{code}, 1, '--require swap, absent: exit code 1');
		like($r->{out}, qr/^ok 1 .*\n# required, but absent: swap: no swap, or less than/m,
		     'and told');
		$r = cow('--run', 'fork.basic.anon', '--require', 'swap');
		is($r->{code}, 0, '--require swap, which is set up: exit code 0');
		unlike($r->{out}, qr/absent/, 'and nothing is missing');
	}
}

done_testing();
