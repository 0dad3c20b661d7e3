#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# Ways in which a guest can end too early are told apart; what was tested
# before keeps its result, what was not is named. Real boots of one kernel,
# with scripts in the place of cow.

use strict;
use warnings;
use Test::More;
use FindBin;

require "$FindBin::Bin/vm-helper.pl";
our ($top, $tmp);

use constant FLOOD => 150_000;	# lines: two megabytes

my @front = ("$top/run_vmtests.sh", '-k', 'debian:6.12', '--mem', 1024);
my $not_run = "# not run: t.two\n# not run: t.three\n";

sub command {
	my ($name, $last, @args) = @_;

	return (@front, '--tap', '--guest-prog', guest_script($name, $last), @args);
}

sub boot {
	return run(command(@_));
}

# GOT is of a guest that died after one of three tests, because of MESSAGE.
sub crash_ok {
	my ($name, $message, $got) = @_;

	subtest $name => sub {
		is($got->{code}, 1, 'exit code 1');
		like($got->{out}, qr/\ATAP version 13\n1\.\.3\n/, 'the plan');
		like($got->{out}, qr/^ok 1 - t\.one$/m, 'what was done');
		like($got->{out}, qr/\Q$not_run\E\z/, 'what was not');
		like($got->{out}, qr/^# debian:6\.12: $message/m, 'why');
		like($got->{err}, qr/$message.*during 'the second'/,
		     'why and where, on stderr');
		unlike($got->{out}, qr/^(?!TAP version|1\.\.|ok|#)/m,
		       'nothing but TAP on stdout');
	} or diag($got->{out}, $got->{err});
	like($got->{err}, qr/console: .*Kernel panic/, 'the console is shown')
		if $name eq 'panic';
	like(slurp("$tmp/silence-results/debian-6.12/console.log"), qr/\btask:cow\b.*\n.*Call Trace/,
	     'what hangs, and where, is in the log')
		if $name eq 'silence';
	like(slurp("$tmp/silence-results/debian-6.12/console.log"), qr/Kernel panic.*NMI/,
	     'and where the CPUs are, though its timers be dead')
		if $name eq 'silence';
	like(slurp("$tmp/silence-results/debian-6.12/console.log"),
	     qr/^qemu: .*local APIC state for CPU 1 *\n(?:qemu: .*\n)*?qemu: Timer\s/m,
	     'and what these timers are at')
		if $name eq 'silence';
}

# Name, how it ends, what is said of it, options.
my @crashes = (
	['panic', 'echo c >/proc/sysrq-trigger',
	 'the kernel panicked: sysrq triggered crash'],
	['panic that hangs', 'echo c >/proc/sysrq-trigger', 'the kernel panicked',
	 '--append', 'panic=0'],
	['panic in a line', 'printf "ok 2 - t.two"; echo c >/proc/sysrq-trigger',
	 'the kernel panicked'],
	['reset', 'echo b >/proc/sysrq-trigger', 'the machine was reset'],
	['silence', 'read x </dev/ttyS1', 'no byte from the guest for 6 seconds',
	 '--silence', 6, '--results', "$tmp/silence-results"],
	['timeout', 'while :; do echo "# alive"; usleep 100000; done',
	 'not done after 20 seconds', '--timeout', 20],
	['killed', 'kill -9 $$', 'the program was killed by signal 9'],
);
my @guests = map {
	my ($name, $last, $message, @args) = @$_;

	[[command($name, $last, @args)], sub { crash_ok($name, $message, @_) }]
} @crashes;

# --- and others

sub good_ok {
	my ($got) = @_;

	is($got->{code}, 0, 'a guest that ends well: exit code 0') or diag($got->{err});
	is($got->{out}, <<'EOF', '--tap: TAP on stdout, byte for byte');
TAP version 13
1..3
# [RUN] the first
ok 1 - t.one
# [RUN] the second
ok 2 - t.two
ok 3 - t.three
EOF
	like($got->{err}, qr/^on stderr$/m, 'stderr of the guest is on stderr');
	unlike($got->{err}, qr/not run/, 'nothing is said to be missing');
}

sub early_ok {
	my ($got) = @_;

	is($got->{code}, 2, 'panic before the plan: could not be run');
	is($got->{out}, '', 'no TAP');
	like($got->{err}, qr/panicked.*before the first test/, 'but a reason');
}

sub garbage_ok {
	my ($got) = @_;

	is($got->{code}, 2, 'a program that cannot run: exit code 2');
	like($got->{err}, qr{/bin/cow: Exec format error}, 'with the reason');
}

sub short_ok {
	my ($got) = @_;

	is($got->{code}, 1, 'exit code 0 with results missing is not believed');
	like($got->{out}, qr/\Q$not_run\E\z/, 'what is missing is named');
}

sub lie_ok {
	my ($got) = @_;

	is($got->{code}, 1, 'exit code 0 with a failed test is not believed');
}

# More than pipes hold, and faster than we keep it: it may be late, but it comes.
sub flood_ok {
	my ($got) = @_;
	my @lines = $got->{out} =~ /^# line (\d+)$/mg;

	is($lines[-1], FLOOD - 1, 'the last of many lines comes out');
	is(scalar(@lines), FLOOD, 'and so do all others');
}

sub qemu_ok {
	my ($got) = @_;

	is($got->{code}, 2, 'QEMU that does not start: exit code 2');
	like($got->{err}, qr/QEMU ended with exit code 1: .*CPUs/i, 'with what QEMU says');
}

my @tap = (@front, '--tap', '--guest-prog');
my $all = 'echo "ok 2 - t.two"; echo "ok 3 - t.three"';
my $flood = sprintf(q[busybox awk 'BEGIN { for (i = 0; i < %d; i++) print "# line", i }'], FLOOD);
push(@guests,
     [[command('good', "echo 'on stderr' >&2; $all")], \&good_ok],
     [[@tap, spew("$tmp/early", "#!/bin/sh\necho c >/proc/sysrq-trigger\n")], \&early_ok],
     [[@tap, spew("$tmp/garbage", "no program\n")], \&garbage_ok],
     [[command('short', 'exit 0')], \&short_ok],
     [[command('flood', $flood)], \&flood_ok],
     [[command('flood and panic', "$flood; echo c >/proc/sysrq-trigger")], \&flood_ok],
     [[command('lie', 'echo "not ok 2 - t.two"; echo "ok 3 - t.three"')], \&lie_ok],
     [[command('qemu', 'true', '--cpus', 99999)], \&qemu_ok]);
run_ahead(@guests);

# Under prove: a crash is a failure of that kernel.
my $prove = run(@front, '--results', "$tmp/results", '--guest-prog',
		guest_script('prove', 'echo c >/proc/sysrq-trigger'));
is($prove->{code}, 1, 'under prove: exit code 1');
like($prove->{out}, qr/^# \[RUN\] the first$/m, 'comments are seen');
like($prove->{out}, qr/Bad plan.*planned 3 tests but ran 1/s,
     'prove counts what is missing');
like(slurp("$tmp/results/debian-6.12/tap"), qr/^ok 1 - t\.one$/m,
     'TAP is kept');
like(slurp("$tmp/results/debian-6.12/console.log"), qr/Kernel panic/,
     'so is the console');

# An emulated CPU that trips over the booting kernel gets a second try, one.
my $trip = spew("$tmp/qemu", <<"EOF", 0755);
#!/bin/bash
# Asked what it can do, it says so.
case " \$* " in *' -kernel '*) ;; *) exec qemu-system-x86_64 "\$@" ;; esac
for arg in "\$@"; do
	case \$arg in file,id=console,path=*) console=\${arg#*path=} ;; esac
done
[ ! -e $tmp/tripped ] || cat "/proc/\$PPID/comm" >$tmp/parent
[ ! -e $tmp/tripped ] || exec qemu-system-x86_64 "\$@"
touch $tmp/tripped
printf 'Oops: int3: 0\\n[1] Kernel panic - not syncing: x\\n' >"\$console"
EOF
{
	local $ENV{COWPIN_QEMU} = $trip;
	local $ENV{COWPIN_ACCEL} = 'tcg';
	my $again = boot('again', <<'EOS');
echo "# CPUs $(cat /sys/devices/system/cpu/online)"
read -r _ _ _ _ _ _ tty _ </proc/self/stat
echo "# terminal $tty"
echo "ok 2 - t.two"
echo "ok 3 - t.three"
exit 0
EOS

	is($again->{code}, 0, 'a boot that an emulated CPU broke is repeated')
		or diag($again->{err});
	like($again->{err}, qr/once more/, 'and it says so');
	is(slurp("$tmp/parent"), "boot\n", 'by a process of the same name');
	# It trips less if one CPU boots, see boot. Tests have them all.
	like($again->{out}, qr/^# CPUs 0-1$/m, 'all CPUs are there');
	# Else what is still to be sent is lost when the program ends.
	like($again->{out}, qr/^# terminal 0$/m, 'the serial port is no terminal');
}

done_testing();
