#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# Pins that a server in user space holds (FUSE and ublk, scenarios/held.c): on a kernel that gets
# everything right all pass, stale pins are noticed; and whoever is killed while such a pin is
# held, or when its connection is aborted, leaves no pin, connection, mount or process.

use strict;
use warnings;
use Test::More;
use FindBin;

require "$FindBin::Bin/vm-helper.pl";
our ($stale, $top, $tmp);

use constant KERNEL => 'debian:6.12';

# What is done in the one guest that all this needs, and what is made of that.
my @parts;

my @noticed = qw(fuse.fork.anon fuse.reuse.thp.pmd fuse.twice.hugetlb.2M fuse.half.thp.pmd
		      fuse-in.fork.anon fuse-in.late.thp.pmd fuse-in.half.thp.pmd
		      ublk.fork.anon ublk.twice.thp.pmd ublk-in.late.anon ublk-in.again.hugetlb.2M);

# Files on btrfs have a known issue (docs/findings.md).
push(@parts, pass_there(60, 'fuse.*', 'fuse-in.*', 'ublk.*', 'ublk-in.*',
			'!*-in.shared.btrfs.shared'),
     noticed_there('stale-pin', \@noticed, $stale));

# --- scenarios, and how they end ---

# Of read requests whose owner gives the page up before they are answered:
# [steps, options, reason of a failure, exit code]
my @lost = (
	['fill P; pin P %s; dontunmap P; discard P; write P', '', 'exit 0'],
	['fill P; fork P C; pin P %s; unmap P; write C', '', 'exit 0'],
	['fill P; pin P %s; discard P; poke P; write P; poke P', '', 'exit 0'],
	['fill P; pin P %s; mprotect P r; fork P C', '', 'exit 0'],
	# Left out: it would be filled up with what its owner does not have any more.
	['read P; pin P %s; fork P C; unmap P; poke P', '--kind memfd.shared', 'exit 0'],
	# What comes in must be in its owner's memory, and in no other.
	['fill P; pin P %s; dontunmap P; write P', '--inject stale-pin', 'alien-data', 'exit 1'],
	['fill P; fork P C; pin P %s; unmap P; write C', '--inject leak', 'alien-data', 'exit 1'],
);
# And of memory that is not to be accessed:
my @none = (
	['fill P; mprotect P none; pin P %s; mprotect P rw; write P', '', 'exit 0'],
	['fill P; mprotect P none; pin P %s; mprotect P rw; write P', '--inject pretend',
	 'not-refused', 'exit 1'],
);

my @large = (
	# Of more pages than one bio has room for, a disk says EIO.
	['read P; mprotect P none; pin P ublk', '--kind memfd.hugetlb.shared.2M', 'exit 0'],
	['fill P; mprotect P none; pin P dmdio', '--kind thp.pmd', 'exit 0'],
	# Once the first pin has been looked at, nobody can put back what was there.
	['fill P; pin P dmdio-in; pin P dmdio-in; mprotect P none', '--kind hugetlb.2M', 'exit 0'],
);

sub with_provider {
	my ($by, @rows) = @_;

	return map { [sprintf($_->[0], $by), @$_[1 .. $#$_]] } @rows;
}

my @rows = ((map { with_provider($_, @lost) } qw(fuse-in ublk-in)),
	    (map { with_provider($_, @none) } qw(dio dmdio dmdio-in fuse fuse-in ublk ublk-in)),
	    @large);
push(@parts, map { my ($steps, $options, @how) = @$_; [<<"EOS", sub {
cow exec --timeout 20 $options '$steps' >/tmp/tap 2>&1
code=\$?
sed -n "s/^  reason: '\\(.*\\)'/\\1/p" /tmp/tap
echo "exit \$code"
EOS
	is_deeply($_[0], \@how, "$steps $options") or diag(slurp("$tmp/err"));
}] } @rows);

# --- killed while a request is held ---

# A run that goes no further with a request under way, of what pins by $1; then $2 happens.
my $functions = <<'EOS';
mkdir -p /tmp/fusectl
grep -q ' /tmp/fusectl ' /proc/self/mounts || mount -t fusectl none /tmp/fusectl
holding() {
	grep -qx 1 /tmp/fusectl/*/waiting 2>/dev/null ||
	grep -q '[1-9]' /sys/block/ublkb*/inflight 2>/dev/null
}
connections() { [ "$(ls /tmp/fusectl | wc -l)" = "$1" ]; }
released() { [ "$(pins)" = 0 ]; }
# Before there is a director, cow has had a server to see what FUSE takes.
begin() {
	cow exec -n 40 "fill P; pin P $1; fork P C; $many" >/tmp/tap 2>&1 &
	run=$!
	await director
	await held
}
# The test goes on, and fails; the others pass.
ends() {
	await released
	kill -CONT $director
	wait $run
	echo "exit $?"
	await nothing
	await connections 0
	sed -n "s/^  message: '\(.*\)'/\1/p; s/^# passed.*failed \([0-9]*\),.*/failed \1/p" /tmp/tap
}
EOS

# [what happens, by what command, how the test fails]
my $gone = qr/the (?:FUSE|ublk) server is gone|direct I.O moved/;
my @server = ('its server is killed', 'kill -KILL $(named cow-server)', $gone);
my @disk = ('who serves the disk is killed', 'kill -KILL $(named cow-ublk)', $gone);
my @abort = ('its connection is aborted', 'echo 1 | tee /tmp/fusectl/*/abort >/dev/null', $gone);
my @owner = ('its owner is killed', 'kill -KILL $(named cow-actor0)', qr/P died of signal 9/);
my %deaths = (
	fuse => [\@server, \@abort, \@owner],
	'fuse-in' => [\@server, \@abort, \@owner],
	ublk => [\@disk, \@server, \@owner],
	'ublk-in' => [\@disk, \@server, \@owner],
);

sub death {
	my ($code, $by, $what, $command, $message) = @_;

	return [$functions . "begin $by\n$command\nends\n", sub {
		$code->($_[0], $by, $what, $command, $message);
	}];
}

sub death_ok {
	my ($lines, $by, $what, undef, $message) = @_;
	my $why = @$lines > 6 ? splice(@$lines, 6, 1) : '';

	is_deeply($lines, ['director', 'held', 'released', 'exit 1', 'nothing', 'connections 0',
			   'failed 1'], "$by, $what: nothing is left") or diag(slurp("$tmp/err"));
	like($why, $message, "$by, $what: told as such");
}

# A test that is stopped between its last look and its end has passed already: once more, then.
my @again;

sub death_or_early {
	my ($lines, @death) = @_;

	if (grep { $_ eq 'exit 0' } @$lines) {
		push(@again, death(\&death_ok, @death));
	} else {
		death_ok($lines, @death);
	}
}

for my $by (sort keys %deaths) {
	push(@parts, map { death(\&death_or_early, $by, @$_) } @{$deaths{$by}});
}

# [how the run ends, which pin there is, by what command, its exit code]
my @ends = (
	['SIGKILL of cow', 'fuse-in', 'kill -KILL $run', 137],
	['SIGKILL of cow', 'ublk-in', 'kill -KILL $run', 137],
	['SIGTERM of cow', 'fuse-in', 'kill -TERM $run', 143],
	['SIGTERM of cow', 'ublk', 'kill -TERM $run', 143],
	['SIGKILL of who starts servers', 'fuse', 'kill -KILL $(named cow-servers)', 1],
);
push(@parts, map { my ($how, $by, $command, $code) = @$_; [$functions . <<"EOS", sub {
begin $by
$command
kill -CONT \$director 2>/dev/null
wait \$run
echo "exit \$?"
await nothing
await connections 0
EOS
	is_deeply($_[0], ['director', 'held', "exit $code", 'nothing', 'connections 0'],
		  "$how, $by: nothing is left") or diag(slurp("$tmp/err"));
}] } @ends);

in_one_guest(KERNEL, @parts);
in_one_guest(KERNEL, @again) if @again;

done_testing();
