# SPDX-License-Identifier: GPL-2.0-only
#
# What the tests of cow and its engine share: running it, and as whom.

use strict;
use warnings;
use Cwd qw(abs_path);
use Fcntl qw(:flock);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use IO::Select;
use POSIX qw(setgid setpgid setuid);
use Time::HiRes qw(time);

require(dirname(__FILE__) . '/files.pl');
our ($top, $tmp);

# What is tested: COW=build/sanitize/cow prove t/ tests another build.
our $cow = abs_path($ENV{COW} // "$top/cow") // '';

# With sanitizers, actors must still die of the signals that they are to die of.
$ENV{ASAN_OPTIONS} //= 'handle_sigbus=0:handle_segv=0';

# A run of cow changes settings of the whole machine: one test at a time, also under
# prove -j. Held until the process ends.
my $lock;

sub alone {
	open($lock, '<', __FILE__) or die __FILE__ . ": $!\n";
	flock($lock, LOCK_EX) or die "flock: $!\n";
}

sub is_root { return $> == 0 }

# Exec in a child; does not return.
sub become {
	my ($uid, @command) = @_;

	open(STDIN, '<', '/dev/null');
	if ($uid) {
		$) = "$uid $uid";
		setgid($uid);
		setuid($uid);
	}
	{ no warnings 'exec'; exec { $command[0] } @command; }
	print STDERR "exec $command[0]: $!\n";
	POSIX::_exit(126);
}

sub run_as {
	my ($uid, @command) = @_;
	my $pid = fork() // die "fork: $!\n";

	if (!$pid) {
		open(STDOUT, '>', "$tmp/stdout");
		open(STDERR, '>', "$tmp/stderr");
		become($uid, @command);
	}
	waitpid($pid, 0);
	return { out => slurp("$tmp/stdout"), err => slurp("$tmp/stderr"),
		 code => $? & 127 ? 128 + ($? & 127) : $? >> 8 };
}

# cow(ARGUMENTS) -> { out, err, code }
sub cow { return run_as(0, $cow, @_) }

# The same as an ordinary user, from a copy that an ordinary user can reach.
sub cow_as_nobody {
	return cow(@_) if !is_root();
	if (!-e "$tmp/cow") {
		chmod(0755, $tmp);
		copy($cow, "$tmp/cow") or die "copy: $!\n";
		chmod(0755, "$tmp/cow");
	}
	return run_as(65534, "$tmp/cow", @_);
}

# Run COMMAND, which finds cow in its path; somebody else's run may be under way for a moment.
sub run_line {
	my (@command) = @_;
	my $r;

	local $ENV{PATH} = dirname($cow) . ":$ENV{PATH}";
	wait_for(sub {
		$r = run_as(0, @command);
		return $r->{err} !~ /another run is under way/;
	}, 60);
	return $r;
}

# Start cow with its output in a pipe: (pid, handle). With $own_group, in a process
# group of its own.
our $own_group = 0;

sub cow_start {
	my $pid = open(my $pipe, '-|') // die "fork: $!\n";

	if (!$pid) {
		setpgid(0, 0) if $own_group;
		open(STDERR, '>', '/dev/null');
		become(0, $cow, @_);
	}
	return ($pid, $pipe);
}

# Read lines until one matches; all that was read, or undef at the end of the stream.
sub read_until {
	my ($pipe, $re) = @_;
	my $all = '';

	while (my $line = <$pipe>) {
		$all .= $line;
		return $all if $line =~ $re;
	}
	return undef;
}

# The ids that cow has for these arguments.
sub ids { return split(/\n/, cow('--list', @_)->{out}) }

1;
