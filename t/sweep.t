#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# What t/full/ makes of the results of a sweep: negative controls for sweep-helper.pl. Sweeps
# themselves take too long to be in here.

use strict;
use warnings;
use FindBin;
use Test::More;

require "$FindBin::Bin/sweep-helper.pl";

my $whole = <<'EOT';
TAP version 13
1..7
ok 1 - f.a
ok 2 - f.b # SKIP no-swap: no swap
ok 3 - f.c # SKIP who knows
not ok 4 - f.d
  ---
  reason: 'leak'
  ...
not ok 5 - f.e # TODO waits
  ---
  reason: 'stale-pin'
  ...
not ok 6 - f.f
# the guest went down before it could be printed
not ok 7 - race.pageout.gup.anon # TODO comes and goes
  ---
  reason: 'stale-data'
  ...
EOT

my $sweep = sweep_of('6.12', $whole);
ok(!$sweep->{cut}, 'a whole sweep') or diag($sweep->{cut});
is_deeply(not_ok($sweep->{seen}),
	  { 'f.b' => 'skip no-swap', 'f.c' => 'skip without a code', 'f.d' => 'fail leak',
	    'f.e' => 'todo stale-pin', 'f.f' => 'fail' },
	  'what does not simply pass, a skip without a code and a failure without a reason included');
is(scalar(keys %{$sweep->{seen}}), 7, 'and what does');

is_deeply([told($sweep, 'f.d: fail leak, not ok', 'f.a: ok, not todo leak')],
	  ["not ok 4 - f.d\n  ---\n  reason: 'leak'\n  ...\n"], 'a failure, with its diagnosis');

my %want = %{not_ok($sweep->{seen})};
is_deeply([alarms($sweep->{seen}, \%want)], [], 'all as expected: no alarm');
delete $want{'f.d'};
is_deeply([alarms($sweep->{seen}, \%want)], ['f.d: fail leak, not ok'],
	  'a failure that is always there is one');
$want{'f.d'} = 'fail stale-pin';
is_deeply([alarms($sweep->{seen}, \%want)], ['f.d: fail leak, not fail stale-pin'],
	  'so is another reason');
$want{'f.d'} = 'todo leak';
is_deeply([alarms($sweep->{seen}, \%want)], ['f.d: fail leak, not todo leak'],
	  'and another verdict');
@want{qw(f.d f.a)} = ('fail leak', 'todo leak');
is_deeply([alarms($sweep->{seen}, \%want)], ['f.a: ok, not todo leak'], 'and a pass');

$want{'f.a'} = 'fail leak|stale-pin';
is_deeply([alarms({ 'f.a' => $_ }, \%want)], [], "one of two reasons: $_")
	for 'fail leak', 'fail stale-pin';
is_deeply([alarms({ 'f.a' => $_ }, \%want)], ["f.a: $_, not fail leak|stale-pin"], "neither: $_")
	for 'fail torn-page', 'todo leak', 'ok', 'fail leak|stale-pin';

$want{'f.a'} = 'todo setup|ok';
is_deeply([alarms({ 'f.a' => $_ }, \%want)], [], "now and then: $_") for 'ok', 'todo setup';
is_deeply([alarms({ 'f.a' => $_ }, \%want)], ["f.a: $_, not todo setup|ok"], "never: $_")
	for 'fail setup', 'fail ok', 'skip no-fuse';

my ($rest) = $whole =~ /\A(.*?)not ok 7/s;
is(sweep_of('6.12', $rest)->{cut}, '7 tests planned, 6 done', 'the last one is missing');
is(sweep_of('6.12', "$rest# not run: g.a\n# not run: g.b\n")->{cut}, 'g.a was not run',
   'and named');
ok(sweep_of('6.12', '')->{cut}, 'nothing is no sweep');

ok(emulators_fault("boot: debian:6.12: the kernel panicked: x after 'Oops: int3: 0000'\n"),
   'the emulator patches code');
ok(emulators_fault("boot: debian:6.12: no byte from the guest for 180 seconds\n"),
   'the emulator is too slow');
ok(!emulators_fault("boot: debian:6.12: the kernel panicked: Fatal exception\n"),
   'a panic is not its fault');

done_testing();
