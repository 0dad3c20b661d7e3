#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# What "make install" puts somewhere else works there, alone: a wrapper in t/,
# under prove, tests a kernel in a VM.

use strict;
use warnings;
use Test::More;
use FindBin;

require "$FindBin::Bin/vm-helper.pl";
our ($top, $tmp);

delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};
my $got = run('make', '-s', '-C', $top, 'install', "DESTDIR=$tmp/root", 'PREFIX=/usr');
is($got->{code}, 0, 'make install') or diag($got->{out}, $got->{err});

my $lib = "$tmp/root/usr/lib/cowpin";
for my $file (qw(cow run_vmtests.sh report vm/boot build/init t/quick.t
		 t/kselftest.t t/full.t t/huge.t t/fork.t t/ro-longterm.t)) {
	ok(-x "$lib/$file", "$file is there");
}
ok(-e "$lib/kmod/$_", "kmod/$_ is there") for qw(Kbuild Makefile cowpin_main.c cowpin.h);
is(join('', map { slurp($_) =~ /\Q$top\E/ ? "$_\n" : () } glob("$lib/{vm,t,kmod}/* $lib/*.sh")),
   '', 'nothing leads back to where it was made');
for my $program (qw(cowpin cowpin-vmtests cowpin-report)) {
	my $help = run("$tmp/root/usr/bin/$program", '--help');

	is($help->{code}, 0, "$program --help") or diag($help->{err});
}
is(run("$tmp/root/usr/bin/cowpin", '--list')->{out}, run("$top/cow", '--list')->{out},
   'the same tests');

$ENV{COWPIN_KERNEL} = 'debian:6.12';
$ENV{COWPIN_VM_ARGS} = "--mem 1024 --results $tmp/results";
$ENV{COWPIN_ARGS} = '--run *.zeropage,*.memfd';
$got = run('prove', '--norc', '-v', "$lib/t/kselftest.t");
is($got->{code}, 0, 'prove -v kselftest.t, in a VM') or diag($got->{out}, $got->{err});
like($got->{out}, qr/^ok 1 - ro-longterm\.gup\.zeropage$/m, 'tests have run');
unlike($got->{out}, qr/^ok \d+ - (?!\S+\.(?:zeropage|memfd)( |$))/m, 'those of COWPIN_ARGS');

# A family: all ids that begin with its name.
$ENV{COWPIN_ARGS} = '--list';
$got = run("$lib/t/ro-longterm.t");
is($got->{code}, 0, 'ro-longterm.t') or diag($got->{err});
my @all = split(/^/, run("$top/cow", '--list', '--run', '*')->{out});
is($got->{out}, join('', grep { /^ro-longterm\./ } @all),
   'is the family of this name');

done_testing();
