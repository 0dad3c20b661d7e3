# SPDX-License-Identifier: GPL-2.0-only
#
# What the tests of vm/ share.

use strict;
use warnings;
use File::Basename qw(dirname);
use Test::More;

require(dirname(__FILE__) . '/files.pl');
our ($top, $tmp);

my $runs = 0;

# The process that runs COMMAND, to be waited for by finish().
sub begin {
	my @command = @_;
	my $out = "$tmp/run" . ++$runs;
	my $pid = fork() // die "fork: $!\n";

	if (!$pid) {
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>', "$out.out");
		open(STDERR, '>', "$out.err");
		exec(@command) or exit 126;
	}
	return { pid => $pid, file => $out };
}

# Where a kernel of Debian is whose module was built by this machine's own compiler: for days
# the latest of a series may be there for another release of Debian only.
sub kernel_for_this_compiler {
	for my $series ('6.12', '6.1') {
		my ($dir) = run("$top/vm/kernel.sh", "debian:$series")->{out} =~ /(.*)/;
		my $version = $dir =~ s/.*_//r;
		my @of = map { s/\n//r } slurp("$dir/release"), slurp("$dir/suite"), $version;

		run("$top/vm/module.sh", "$dir/build", @of);
		my ($rest) = slurp("$dir/build/Makefile") =~ m{^include (/\S*/linux-headers-\S+)}m;
		return $dir if !$rest || -e $rest;
	}
	die "no kernel that this compiler builds modules for\n";
}

# -> { out, err, code }
sub finish {
	my ($run) = @_;

	waitpid($run->{pid}, 0);
	return { out => slurp("$run->{file}.out"), err => slurp("$run->{file}.err"),
		 code => $? & 127 ? 128 + ($? & 127) : $? >> 8 };
}

# run(COMMAND...) -> { out, err, code }
sub run {
	return finish(begin(@_));
}

# run() of a guest: again if its emulated CPU tripped over code that was being patched, which
# happens now and then (see vm/boot).
sub run_guest {
	my $got;

	for my $try (1 .. 3) {
		$got = run(@_);
		last if $got->{err} !~ /Oops: int3/;
	}
	return $got;
}

# Several runs, each [[COMMAND...], sub that gets what run() returns]. While one is
# looked at, the next one runs: two guests are as many as two slow CPUs bear.
sub run_ahead {
	my @runs = @_;
	my $next = begin(@{$runs[0][0]});

	for my $nr (0 .. $#runs) {
		my $this = $next;

		$next = begin(@{$runs[$nr + 1][0]}) if $nr < $#runs;
		$runs[$nr][1]->(finish($this));
	}
}

# A program for the guest, as a script: what cow would tell of three tests,
# then LAST instead of the rest.
sub guest_script {
	my ($name, $last) = @_;

	return spew("$tmp/$name", <<"EOF", 0755);
#!/bin/sh
for id in t.one t.two t.three; do echo "plan \$id" >&3; done
echo 'TAP version 13'
echo '1..3'
echo '# [RUN] the first'
echo 'ok 1 - t.one'
echo '# [RUN] the second'
# As cow does: wait until the serial port has sent it all (TCSADRAIN).
busybox stty raw </dev/ttyS1
$last
EOF
}

# In the place of QEMU: a script that finds the guest's channels in $console, $control and
# $tap, and the kernel's file in $kernel. Its arguments are in FILE.args.
sub qemu_stand_in {
	my ($file, $script) = @_;

	return spew($file, <<'EOQ' . $script, 0755);
#!/bin/bash
# Asked what it can do, it has nothing to say.
case " $* " in *' -kernel '*) ;; *) exit 0 ;; esac
echo "$@" >"$0.args"
while [ $# -gt 0 ]; do
	case $1 in
	-kernel)			kernel=$2 ;;
	file,id=control,path=*)		control=${1#*path=} ;;
	file,id=tap,path=*)		tap=${1#*path=} ;;
	file,id=console,path=*)		console=${1#*path=} ;;
	esac
	shift
done
panic() {
	echo 'Kernel panic - not syncing: x' >"$console"
}
EOQ
}

# As much of a kernel image as tells its RELEASE; LINE is its last line.
sub bzimage {
	my ($release, $line) = @_;
	my $text = "\0" x 4096;

	substr($text, 0x1f1, 1) = pack('C', 1);
	substr($text, 0x1fe, 2) = pack('v', 0xaa55);
	substr($text, 0x202, 4) = 'HdrS';
	substr($text, 0x206, 2) = pack('v', 0x020f);
	substr($text, 0x20e, 2) = pack('v', 0x0100);
	substr($text, 0x300, 64) = pack('Z64', "$release (me\@here) #1");
	return "$text\n$line\n";
}

# Boots KERNEL from scratch, runs cow there on the tests IDS, with its options
# ARGS. What comes back from run() has also the results.
sub cow_on {
	my ($kernel, $ids, @args) = @_;
	my @run = ("$top/run_vmtests.sh", '-k', $kernel, '--tap', '--results', "$tmp/results",
		   '--', @args, '--run', join(',', @$ids));
	my $got = run_guest(@run);

	$got->{tests} = tap_tests($got->{out});
	return $got;
}

# For the shell of a guest: what there is when somebody holds a pin, and when not. Everything is
# waited for by looking again, for at most a minute: an emulated guest beside others is slow.
our $guest_functions = <<'EOS';
pins() {
	cat /proc/sys/vm/stat_refresh
	awk '/^nr_foll_pin_acquired/ { n += $2 } /^nr_foll_pin_released/ { n -= $2 }
	     END { print n }' /proc/vmstat
}
named() { grep -lx "$1" /proc/[0-9]*/comm 2>/dev/null | tr -dc '0-9\n'; }
nothing() {
	[ "$(pins)" = 0 ] && [ ! -e /run/cowpin/settings ] && ! pidof cow >/dev/null &&
	! grep -qs '^cow' /proc/[0-9]*/comm && ! ls /sys/block /dev | grep -qE '^(dm-|ublk[bc])' &&
	! grep -qs . /sys/block/loop*/loop/backing_file && ! grep -q ' fuse ' /proc/self/mounts
}
seconds() { cut -d. -f1 /proc/uptime; }
await() {
	end=$(($(seconds) + 60))
	until "$@"; do
		[ $(seconds) -lt $end ] || { echo "never: $*"; return 1; }
		usleep 10000
	done
	echo "$*"
}
director() { director=$(named cow-director); [ -n "$director" ]; }
# The director is stopped while holding() is so, which each test defines. An actor ends what it
# does, and waits for its director: what is still there after some looks is held. Each time at
# another moment of a test, for they all take as long.
held() {
	phase=$(((phase + 7) % 64))
	usleep ${phase}000
	director && kill -STOP $director || return 1
	for look in 1 2 3 4 5 6 7 8 9 10; do
		holding || { kill -CONT $director; return 1; }
		usleep 10000
	done
}
many="write P; write C; write P; write C; write P; write C; write P; write C; write P; write C"
EOS

# What SCRIPT says in a guest with KERNEL; its stderr goes to $tmp/err.
sub guest_says {
	my ($kernel, $script) = @_;
	my $commands = spew("$tmp/commands", $guest_functions . $script);
	my $got = run_guest('sh', '-c', "'$top/run_vmtests.sh' -k $kernel --shell <'$commands'");

	spew("$tmp/err", $got->{err});
	return [split(/\n/, $got->{out})];
}

# Several scripts in one guest, for a boot takes longer than most: each [SCRIPT, sub that gets
# what it says]. A script is a subshell, and what it sets is its own. Each calls held() at a phase
# of its own.
sub in_one_guest {
	my ($kernel, @parts) = @_;
	my $script = join('', map { "phase=$_\n(\n$parts[$_][0]\n)\necho '== end'\n" }
			  0 .. $#parts);
	my @said = split(/^== end\n/m, join("\n", @{guest_says($kernel, $script)}, ''));

	$parts[$_][1]->([split(/\n/, $said[$_] // '')]) for 0 .. $#parts;
}

# For in_one_guest(): cow on the tests IDS, with its options ARGS, for CODE, which gets what
# cow_on() returns.
sub cow_there {
	my ($code, $ids, @args) = @_;

	return ["cow @args --run '" . join(',', @$ids) . "'; echo \"== code \$?\"", sub {
		my $exit = pop(@{$_[0]}) // '';
		my $out = join('', map { "$_\n" } @{$_[0]});

		$code->({ tests => tap_tests($out), out => $out, err => slurp("$tmp/err"),
			  code => $exit =~ /^== code (\d+)$/ ? $1 : "none, but '$exit'" });
	}];
}

# tap_tests(TAP) -> [ { number, ok, id, skip, title, text } ]: the title is the
# [RUN] comment before, the text what comes after until the next test.
sub tap_tests {
	my ($tap) = @_;
	my (@tests, $title);

	for my $line (split /\n/, $tap) {
		if ($line =~ /^# \[RUN\] (.*)/) {
			$title = $1;
		} elsif ($line =~ /^(not )?ok (\d+) - (\S+)( # SKIP.*)?/) {
			push @tests, { number => $2, ok => !$1, id => $3,
				       skip => $4, title => $title, text => '' };
		} elsif (@tests) {
			$tests[-1]{text} .= "$line\n";
		}
	}
	return \@tests;
}

# The reason code of a failed test, from its YAML block.
sub reason {
	my ($test) = @_;

	return $test->{text} =~ /^  reason: '(.*)'$/m ? $1 : 'none';
}

# What is said of pins that --inject stale-pin has replaced.
our $stale = qr/\A(?:stale-pin|stale-data|alien-data|pfn-differs)\z/;

# All tests IDS fail with --inject FAULT, with a reason that REASON matches, and say TOLD; GOT is of
# cow_on().
sub fault_ok {
	my ($got, $fault, $ids, $reason, $told) = @_;

	subtest("--inject $fault" => sub {
		is($got->{code}, 1, 'exit code 1') or diag($got->{err});
		is_deeply([sort map { $_->{id} } @{$got->{tests}}], [sort @$ids], 'all have run');
		for my $test (@{$got->{tests}}) {
			ok(!$test->{ok}, "$test->{id} fails");
			like(reason($test), $reason, 'for the right reason')
				or diag($test->{text});
			like($test->{text}, $told, 'it says so') if $told;
		}
	});
}

# For in_one_guest(): that.
sub noticed_there {
	my ($fault, $ids, @how) = @_;

	return cow_there(sub { fault_ok($_[0], $fault, $ids, @how) }, $ids, '--inject', $fault);
}

# For in_one_guest(): the tests IDS, which are globs, of more than MANY, pass all.
sub pass_there {
	my ($many, @ids) = @_;

	return cow_there(sub {
		my ($got) = @_;

		is($got->{code}, 0, 'all of them: exit code 0') or diag($got->{err});
		cmp_ok(scalar(@{$got->{tests}}), '>', $many, 'there are many');
		is_deeply([map { $_->{id} } grep { !$_->{ok} || $_->{skip} } @{$got->{tests}}], [],
			  'all pass, nothing is skipped') or diag($got->{out});
	}, [@ids]);
}

1;
