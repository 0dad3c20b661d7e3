#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# For somebody who sits in front of it: on a terminal a line that says how far the run is,
# and colours, which NO_COLOR turns off; elsewhere TAP and nothing else.

use strict;
use warnings;
use FindBin;
use Test::More;

require "$FindBin::Bin/cow-helper.pl";
our ($tmp, $cow);

plan(skip_all => 'cow is not built (make)') if !-x $cow;
alone();

# The same on a pseudo-terminal of 80 columns; everything that was written to it.
sub on_terminal {
	my ($env, @args) = @_;
	my $command = join(' ', "stty cols 80; exec env TERM=xterm $env $cow",
			   map { "'$_'" } @args);

	delete local $ENV{COWPIN_CONTROL};
	delete local $ENV{NO_COLOR};
	system('script', '-qefc', $command, "$tmp/typescript") == -1 and die "script: $!\n";
	return slurp("$tmp/typescript");
}

open(my $stdout, '>&', \*STDOUT);
open(STDOUT, '>', '/dev/null');
my @some = ('--run', 'fork.*.anon,ro-longterm.*.memfd');
my $shown = on_terminal('', @some);
my $failing = on_terminal('', '--run', 'fork.basic.anon', '--inject', 'leak');
my $plain = on_terminal('NO_COLOR=1', '--run', 'fork.basic.anon', '--inject', 'leak');
my $verbose = on_terminal('', '-v', @some);
my $dumb = on_terminal('TERM=dumb', @some);
open(STDOUT, '>&', $stdout);

my @progress = $shown =~ m{\r\e\[K(\d+/\d+  failed[^\r\n\e]+)}g;
ok(@progress > 0, 'there is a progress line');
my $total = () = ids(@some);
like($progress[0] // '', qr{^\d+/$total  failed \d+  todo \d+  skipped \d+  \d+/s  \d+:\d\d left},
     'with counts, rate and the time left');
like($progress[-1] // '', qr/slowest [a-z]/, 'and the slowest test');
is_deeply([grep { length > 79 } @progress], [], 'it is never wider than the terminal');
unlike($shown, qr/^ok /m, 'what passes is only counted');
like($shown, qr/^# passed \d+, failed 0/m, 'the totals are there');

SKIP: {
	skip('no-root: nothing fails', 3) if !is_root();
	like($failing, qr/^\e\[31mnot ok 1 - fork\.basic\.anon\e\[0m\r?$/m, 'a failure is red');
	like($failing, qr/^#   repeat: /m, 'with its diagnosis');
	like($plain, qr/^not ok 1 - fork\.basic\.anon\r?$/m, 'NO_COLOR: it is not');
}
like($verbose, qr/ok \d+ - /, '-v: all results are shown');
unlike($verbose, qr/ left  /, '-v: no progress line');
unlike($dumb, qr/\e/, 'a dumb terminal gets no escape sequences');
unlike(cow(@some)->{out}, qr/\e|\r/, 'a pipe gets TAP and nothing else');

done_testing();
