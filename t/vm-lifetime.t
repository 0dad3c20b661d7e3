#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# QEMU never outlives the run, whatever ends it: SIGTERM, SIGKILL of any of
# the processes in between. And a QEMU that dies is told from a guest that
# does.

use strict;
use warnings;
use Test::More;
use FindBin;
use IO::Select;
use POSIX qw(setsid);
use Time::HiRes qw(time);

require "$FindBin::Bin/vm-helper.pl";
our ($top, $tmp);

use constant PATIENCE => 60;

my $guest = guest_script('silent', 'read x </dev/ttyS1');
my $runs = 0;

# The output of a run up to PATTERN, or to its end; undef if that takes too
# long or, with a pattern, if the end comes first.
sub read_until {
	my ($run, $pattern) = @_;
	my $until = time() + PATIENCE;
	my $select = IO::Select->new($run->{out});
	my $text = '';

	while ($until > time() && $select->can_read($until - time())) {
		sysread($run->{out}, $text, 4096, length $text)
			or return $pattern ? undef : $text;
		return $text if $pattern && $text =~ $pattern;
	}
	return;
}

# Starts a run with its stdout in a pipe.
sub launch {
	my @args = @_;
	my $results = "$tmp/results" . ++$runs;
	my $pid = open(my $out, '-|') // die "fork: $!\n";

	if (!$pid) {
		setsid();
		open(STDERR, '>', "$tmp/stderr");
		exec("$top/run_vmtests.sh", '-k', 'debian:6.12', '--mem', 1024,
		     '--results', $results, '--guest-prog', $guest, @args)
			or exit 126;
	}
	return { pid => $pid, out => $out, results => $results };
}

# As soon as it has output: it is running.
sub started {
	my ($run) = @_;

	ok(defined read_until($run, qr/the second/), 'a run starts');
	return $run;
}

# The processes whose command line has TEXT, as seen in /proc.
sub processes {
	my ($text) = @_;
	my @found;

	for my $dir (glob('/proc/[0-9]*')) {
		my ($pid) = $dir =~ /(\d+)/;

		push @found, $pid if index(slurp("$dir/cmdline"), $text) >= 0;
	}
	return @found;
}

sub process {
	my ($run, $name) = @_;

	for my $pid (processes($run->{results})) {
		return $pid if slurp("/proc/$pid/comm") =~ /^\Q$name\E/;
	}
	return;
}

# Sends SIGNAL to the process NAME of a run, which must be there: a signal to
# nobody would be told as a run that does not end.
sub kill_ok {
	my ($run, $signal, $name) = @_;

	ok(my $pid = process($run, $name), "there is a process '$name'") or return;
	kill($signal, $pid);
}

# The output ends when the last process that could write to it has ended.
sub drain {
	my ($run) = @_;

	return read_until($run, undef);
}

sub ends_ok {
	my ($run, $name) = @_;

	ok(defined drain($run), "$name: the run ends");
	close($run->{out});
	wait_for(sub { !processes($run->{results}) }, PATIENCE);
	is_deeply([processes($run->{results})], [], "$name: nothing is left");
}

# Both ways boot side by side.
sub both {
	my %runs = (prove => launch(), '--tap' => launch('--tap'));

	started($_) for values %runs;
	return %runs;
}

my %runs = both();
for my $label (sort keys %runs) {
	ok(process($runs{$label}, 'qemu'), "$label: QEMU runs");
	kill('TERM', $runs{$label}{pid});
	ends_ok($runs{$label}, "$label, SIGTERM");
}

%runs = both();
for my $label (sort keys %runs) {
	kill('KILL', $runs{$label}{pid});
	ends_ok($runs{$label}, "$label, SIGKILL of run_vmtests.sh");
}

%runs = both();
for my $label (sort keys %runs) {
	kill_ok($runs{$label}, 'KILL', 'boot');
	ends_ok($runs{$label}, "$label, SIGKILL of the supervisor");
}

my $run = started(launch('--tap'));
kill_ok($run, 'KILL', 'qemu');
my $rest = drain($run);
close($run->{out});
is($? >> 8, 1, 'SIGKILL of QEMU: exit code 1');
like($rest, qr/QEMU was killed by signal 9/, 'told as such');
like($rest, qr/not run: t\.three/, 'what was not run is named');

done_testing();
