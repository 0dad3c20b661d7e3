#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# vm/accel.sh: KVM is used only where a guest has run with it, it is tried
# once, and the reason for emulation is told. QEMU is replaced by a stand-in.

use strict;
use warnings;
use Test::More;
use FindBin;
use File::Path qw(make_path);

require "$FindBin::Bin/vm-helper.pl";
our ($top, $tmp);

my $log = "$tmp/qemu.log";

$ENV{XDG_CACHE_HOME} = "$tmp/cache";
$ENV{COWPIN_QEMU} = "$tmp/qemu";
$ENV{COWPIN_KVM_DEVICE} = "$tmp/kvm";
delete $ENV{COWPIN_ACCEL};
make_path("$tmp/cache", "$tmp/root");
spew("$tmp/root/init", "init\n", 0755);
system("cd '$tmp/root' && echo init | cpio --quiet -o -H newc " .
       ">'$tmp/base.cpio'") == 0 or die "cpio failed\n";

# fake_qemu(VERSION, ACTION): ACTION is what happens instead of booting. The
# serial ports are the pipes that -chardev names.
sub fake_qemu {
	my ($version, $action) = @_;

	spew("$tmp/qemu", <<"EOF", 0755);
#!/bin/bash
if [ "\$1" = --version ]; then
	echo 'QEMU $version'
	exit
fi
# Asked which devices it has: none.
[ "\$1 \$2" != '-device help' ] || exit 0
echo boot >>$log
for arg; do
	case \$arg in *id=control,path=*) control=\${arg#*path=} ;; esac
done
$action
EOF
}

sub accel {
	my $got = run("$top/vm/accel.sh", '/dev/null', "$tmp/base.cpio");

	chomp(my $answer = $got->{out});
	return ($answer, $got->{err}, $got->{code});
}

sub boots {
	return scalar(() = slurp($log) =~ /^boot$/mg);
}

my $works = 'printf "boot 1\nstart\nexit 0\npoweroff\n" >"$control"';
my ($answer, $said, $code);

fake_qemu(1, $works);
($answer, $said) = accel();
is($answer, 'tcg', 'no /dev/kvm: emulation');
like($said, qr/tcg \(no .*kvm\)/, 'the reason is told');
is(boots(), 0, 'without a trial');

spew("$tmp/kvm", '');
($answer, $said) = accel();
is($answer, 'kvm', 'KVM is used where a guest runs');
like($said, qr/^accel: kvm$/m, 'which is told');
is(boots(), 1, 'after a trial');
($answer) = accel();
is($answer, 'kvm', 'the second time as well');
is(boots(), 1, 'without another trial');

fake_qemu(2, 'echo "kvm: MSR 0x48 failed" >&2; kill -ABRT $$');
($answer, $said) = accel();
is($answer, 'tcg', 'another QEMU that aborts: emulation');
like($said, qr/signal 6.*MSR 0x48 failed/, 'with what QEMU said');
is(boots(), 2, 'another QEMU is tried again');
($answer, $said) = accel();
like($said, qr/signal 6.*MSR 0x48 failed/, 'the reason is remembered');
is(boots(), 2, 'and not tried again');

fake_qemu(3, 'exit 0');
is((accel())[0], 'tcg', 'a guest that never says a thing is no success');

fake_qemu(4, "exec <&-; $works");
is((accel())[0], 'kvm', 'a QEMU that hears nobody any more has run the guest all the same');

$ENV{COWPIN_ACCEL} = 'kvm';
is((accel())[0], 'kvm', 'COWPIN_ACCEL decides');
is(boots(), 4, 'without a trial');
delete $ENV{COWPIN_ACCEL};

$ENV{COWPIN_QEMU} = "$tmp/no-such-qemu";
($answer, $said, $code) = accel();
is($code, 2, 'no QEMU: exit code 2');
like($said, qr/no-such-qemu: not found/, 'and one line');

done_testing();
