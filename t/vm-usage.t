#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# What cannot be run says so in one line, ends with 2 and changes nothing.
# No VM is booted here.

use strict;
use warnings;
use Test::More;
use FindBin;

require "$FindBin::Bin/vm-helper.pl";
our ($top, $tmp);

my $front = "$top/run_vmtests.sh";

# A cache of our own, and no network: what is tested is what is said.
$ENV{XDG_CACHE_HOME} = "$tmp/cache";
$ENV{COWPIN_OFFLINE} = 1;

sub fails_ok {
	my ($name, $message, @args) = @_;
	my $got = run($front, @args);

	subtest $name => sub {
		is($got->{code}, 2, 'exit code 2');
		is($got->{out}, '', 'nothing on stdout');
		like($got->{err}, $message, 'says what');
		is($got->{err} =~ tr/\n//, 1, 'in one line')
			or diag($got->{err});
	};
}

my $guest = guest_script('guest', 'true');
my @vm = ('--guest-prog', $guest);

fails_ok('unknown option', qr/--frob: unknown option/, '--frob');
fails_ok('stray argument', qr/debian:6\.12: unexpected/, 'debian:6.12');
fails_ok('option without value', qr/-k: needs a value/, '-k');
fails_ok('VM options without VM', qr/no kernel/, '--mem', '4096');
fails_ok('memory', qr/--mem lots: not a positive number/,
	 '-k', 'debian:6.12', '--mem', 'lots');
fails_ok('no CPUs', qr/--cpus 0: not a positive/,
	 '-k', 'debian:6.12', '--cpus', '0');
fails_ok('--tap with two kernels', qr/--tap takes one kernel/,
	 '--tap', '-k', 'debian:6.1', '-k', 'debian:6.12');
fails_ok('a kernel twice', qr/given twice/,
	 '-k', 'debian:6.1', '-k', 'debian:6.1');
fails_ok('--modules that is not there', qr{/nowhere: no such directory},
	 '-k', 'debian:6.12', '--modules', '/nowhere');
fails_ok('--guest-prog that is not there', qr{/nowhere: no such file},
	 '-k', 'debian:6.12', '--guest-prog', '/nowhere');
fails_ok('bzImage that is not there', qr{/nowhere/bzImage: no such file},
	 '-k', '/nowhere/bzImage', @vm);
fails_ok('not a bzImage', qr/guest: not a bzImage/, '-k', $guest, @vm);
fails_ok('a directory', qr/not a file/, '-k', $tmp, @vm);
fails_ok('unknown kind of kernel', qr/fedora:40: unknown kind/,
	 '-k', 'fedora:40', @vm);
fails_ok('not a version', qr/debian:latest: not a kernel version/,
	 '-k', 'debian:latest', @vm);
fails_ok('a tree that is none', qr/\Q$tmp\E: no kernel tree/, '--tree', $tmp, @vm);
fails_ok('a tree that is not there', qr{--tree /nowhere: no such directory},
	 '--tree', '/nowhere', @vm);
mkdir("$tmp/tree");
spew("$tmp/tree/Makefile", '');
fails_ok('a tree that is not built', qr/build it first/, '--tree', "$tmp/tree", @vm);
fails_ok('--gdb with two kernels', qr/--gdb takes one kernel/,
	 '--gdb', '-k', 'debian:6.1', '-k', 'debian:6.12');
fails_ok('--gdb with a strange port', qr/--gdb=x: not a port/,
	 '--gdb=x', '-k', 'debian:6.12');
fails_ok('--shell without a kernel', qr/--shell takes one kernel/, '--shell');
fails_ok('--shell and arguments for cow', qr/--shell takes neither/,
	 '--shell', '-k', 'debian:6.12', '--', '--list');
fails_ok('--resume with a kernel', qr/--resume takes --tap and no other/,
	 '--resume', $tmp, '-k', 'debian:6.12');
fails_ok('--resume of nothing', qr/no results of kernels/, '--resume', $tmp);
fails_ok('--resume of what is not there', qr{/nowhere: no such directory},
	 '--resume', '/nowhere');
for my $option ('--known-issues', '--exclude-from') {
	fails_ok("$option that is not there", qr{$option /nowhere: no such file},
		 '-k', 'debian:6.12', '--', $option, '/nowhere');
	fails_ok("$option= that is not there", qr{$option /nowhere: no such file},
		 '-k', 'debian:6.12', '--', "$option=/nowhere");
}
fails_ok('offline with an empty cache', qr/debian:6\.12: not in the cache/,
	 '-k', 'debian:6.12', @vm);
ok(!-e "$tmp/cache/cowpin/results" ||
   !glob("$tmp/cache/cowpin/results/*/*"), 'no results were left');

# git bisect run: wrong options must not look like a kernel to skip.
for my $args (['--frob', '--bisect-run'], ['--bisect-run'],
	      ['--bisect-run', '--gdb', '-k', 'debian:6.12']) {
	my $got = run($front, @$args);

	is($got->{code}, 129, "@$args: ends a bisection") or diag($got->{err});
}
is(run($front, '--bisect-run', '-k', 'debian:6.12', @vm)->{code}, 125,
   'a kernel that cannot be had is skipped');

my $help = run($front, '--help');
is($help->{code}, 0, '--help: exit code 0');
is($help->{err}, '', '--help: nothing on stderr');
for my $option (qw(-k --append --mem --cpus --timeout --silence --results
		   --tap --modules --build --update --guest-prog --help
		   --tree --bisect-run --gdb --gdb=PORT --shell --resume),
		'-- COW-ARGS', 'debian:newest', 'COWPIN_MIRROR', 'Exit code') {
	like($help->{out}, qr/\Q$option\E/, "--help tells of $option");
}

done_testing();
