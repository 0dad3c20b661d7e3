#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# cowpin.ko keeps what kmod/cowpin.h promises, on every kernel that it is made
# for: t/kmod-abi.c runs in a guest with each. Pins taken and released are
# equal in number afterwards, and the kernel's log has nothing to complain.
#
# The newest kernel has to be downloaded, with a compiler of its own: only if
# it is in the cache already, or COWPIN_TEST_NEWEST=1.

use strict;
use warnings;
use Test::More;
use FindBin;

require "$FindBin::Bin/vm-helper.pl";
our ($top, $tmp);

my $program = "$tmp/kmod-abi";
my $splat = qr/WARNING: |BUG: |Oops|Call Trace|refcount_t|tainted by/;

sub kernels {
	my @kernels = map { "debian:$_" } qw(5.10 6.1 6.12);
	my $newest;

	{
		local $ENV{COWPIN_OFFLINE} = $ENV{COWPIN_TEST_NEWEST} ? '' : 1;
		$newest = run("$top/vm/kernel.sh", 'debian:newest');
	}
	push @kernels, 'debian:newest'
		if !$newest->{code} && $newest->{out} !~ m{/(?:5\.10|6\.1|6\.12)\.};
	return @kernels;
}

is(system($ENV{CC} // 'gcc', qw(-std=gnu11 -O2 -Wall -Wextra -Werror -static
	  -o), $program, "$top/t/kmod-abi.c"), 0, 'kmod-abi.c compiles')
	or BAIL_OUT('no test program');

for my $kernel (kernels()) {
	my @run = ("$top/run_vmtests.sh", '-k', $kernel, '--tap', '--results',
		      "$tmp/results", '--guest-prog', $program);
	my $got = run_guest(@run);
	my $log = slurp("$tmp/results/" . $kernel =~ tr/:/-/r . '/console.log');
	my ($planned) = $got->{out} =~ /^1\.\.(\d+)$/m;

	subtest $kernel => sub {
		is($got->{code}, 0, 'exit code 0') or diag($got->{err});
		is(scalar(() = $got->{out} =~ /^ok \d+/mg), $planned // 'many',
		   'all tests pass');
		unlike($got->{out}, qr/^not ok/m, 'none fails');
		unlike($log, $splat, 'the kernel does not complain');
	} or diag(grep { /^(?:not ok|#)/ } map { "$_\n" }
		  split /\n/, $got->{out});
}

done_testing();
