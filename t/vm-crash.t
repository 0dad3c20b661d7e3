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

my @front = ("$top/run_vmtests.sh", '-k', 'debian:6.12', '--mem', 1024);
my $not_run = "# not run: t.two\n# not run: t.three\n";

sub boot {
	my ($name, $last, @args) = @_;

	return run(@front, '--tap', '--guest-prog',
		   guest_script($name, $last), @args);
}

# Dies after one of three tests, because of MESSAGE.
sub crash_ok {
	my ($name, $last, $message, @args) = @_;
	my $got = boot($name, $last, @args);

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
	return $got;
}

my $all = 'echo "ok 2 - t.two"; echo "ok 3 - t.three"';
my $good = boot('good', "echo 'on stderr' >&2; $all");
is($good->{code}, 0, 'a guest that ends well: exit code 0')
	or diag($good->{err});
is($good->{out}, <<'EOF', '--tap: TAP on stdout, byte for byte');
TAP version 13
1..3
# [RUN] the first
ok 1 - t.one
# [RUN] the second
ok 2 - t.two
ok 3 - t.three
EOF
like($good->{err}, qr/^on stderr$/m, 'stderr of the guest is on stderr');
unlike($good->{err}, qr/not run/, 'nothing is said to be missing');

my $panic = crash_ok('panic', 'echo c >/proc/sysrq-trigger',
		     'the kernel panicked: sysrq triggered crash');
like($panic->{err}, qr/console: .*Kernel panic/, 'the console is shown');
crash_ok('panic that hangs', 'echo c >/proc/sysrq-trigger',
	 'the kernel panicked', '--append', 'panic=0');
crash_ok('panic in a line', 'printf "ok 2 - t.two"; ' .
	 'echo c >/proc/sysrq-trigger', 'the kernel panicked');
crash_ok('reset', 'echo b >/proc/sysrq-trigger', 'the machine was reset');
crash_ok('silence', 'read x </dev/ttyS1',
	 'no byte from the guest for 3 seconds', '--silence', 3);
crash_ok('timeout', 'while :; do echo "# alive"; done | head -c 100000000',
	 'not done after 15 seconds', '--timeout', 15);
crash_ok('killed', 'kill -9 $$', 'the program was killed by signal 9');

my $early = run(@front, '--tap', '--guest-prog',
		spew("$tmp/early", "#!/bin/sh\necho c >/proc/sysrq-trigger\n"));
is($early->{code}, 2, 'panic before the plan: could not be run');
is($early->{out}, '', 'no TAP');
like($early->{err}, qr/panicked.*before the first test/, 'but a reason');

my $garbage = run(@front, '--tap', '--guest-prog',
		  spew("$tmp/garbage", "no program\n"));
is($garbage->{code}, 2, 'a program that cannot run: exit code 2');
like($garbage->{err}, qr{/bin/cow: Exec format error}, 'with the reason');

my $short = boot('short', 'exit 0');
is($short->{code}, 1, 'exit code 0 with results missing is not believed');
like($short->{out}, qr/\Q$not_run\E\z/, 'what is missing is named');

my $lie = boot('lie', 'echo "not ok 2 - t.two"; echo "ok 3 - t.three"');
is($lie->{code}, 1, 'exit code 0 with a failed test is not believed');

my $qemu = boot('qemu', 'true', '--cpus', 99999);
is($qemu->{code}, 2, 'QEMU that does not start: exit code 2');
like($qemu->{err}, qr/QEMU ended with exit code 1: .*CPUs/i,
     'with what QEMU says');

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
for arg in "\$@"; do
	case \$arg in file,id=console,path=*) console=\${arg#*path=} ;; esac
done
[ ! -e $tmp/tripped ] || exec qemu-system-x86_64 "\$@"
touch $tmp/tripped
printf 'Oops: int3: 0\\n[1] Kernel panic - not syncing: x\\n' >"\$console"
EOF
{
	local $ENV{COWPIN_QEMU} = $trip;
	local $ENV{COWPIN_ACCEL} = 'tcg';
	my $again = boot('again', 'echo "ok 2 - t.two"; echo "ok 3 - t.three"; exit 0');

	is($again->{code}, 0, 'a boot that an emulated CPU broke is repeated');
	like($again->{err}, qr/once more/, 'and it says so');
}

done_testing();
