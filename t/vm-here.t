#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# The running kernel: vm/here keeps what a command prints and how it ends, results on the disk
# before the next test begins. And prove: on the tests that "make install" puts somewhere, here
# and not in a VM; and on the tests of this directory, with its .proverc.

use strict;
use warnings;
use File::Path qw(make_path);
use FindBin;
use Test::More;

require "$FindBin::Bin/cow-helper.pl";
require "$FindBin::Bin/vm-helper.pl";
our ($top, $tmp, $cow);

plan(skip_all => 'cow is not built (make)') if !-x $cow;
alone();
delete @ENV{qw(COWPIN_KERNEL COWPIN_VM_ARGS COWPIN_ARGS COWPIN_CONTROL HARNESS_OPTIONS)};
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};

my $dir = "$tmp/results";
mkdir($dir);

sub here { return run_line("$top/vm/here", $dir, @_) }

sub verdict {
	return slurp("$dir/status") =~ /\Averdict (\S+)\nexit (\d+)\n/ ? "$1 $2" : 'none';
}

# --- what is kept

my $lines = join('', map { "ok $_ - t\n" } 1 .. 20_000);
my $got = here('cat', spew("$tmp/lines", $lines));
ok($got->{out} eq $lines, 'all that is printed is shown');
ok(slurp("$dir/tap") eq $lines, 'and kept');
is(verdict(), 'passed 0', 'how it ended') or diag($got->{err});
like(slurp("$dir/status"), qr/^kernel \S+\naccel none\nseconds [\d.]+$/m, 'on what');

for my $case (['exit 1', 1, 'failed 1'], ['exit 2', 2, 'not-run 2'],
	      ['kill -9 $$', 137, 'failed 137']) {
	my ($command, $code, $verdict) = @$case;

	is(here('sh', '-c', "echo 1..1; $command")->{code}, $code, "$command: exit code $code");
	is(verdict(), $verdict, "and the verdict $verdict");
	is(slurp("$dir/tap"), "1..1\n", 'an earlier run is gone');
}

# What is printed is shown at once, not at the end: the command waits for somebody who saw it.
system('mkfifo', "$tmp/go") == 0 or die "mkfifo\n";
my $pid = open(my $out, '-|') // die "fork: $!\n";
exec("$top/vm/here", $dir, 'sh', '-c', "echo first; read x <$tmp/go; echo \$x") if !$pid;
my @seen = scalar(<$out>);
spew("$tmp/go", "second\n");
push(@seen, <$out>);
close($out);
is(join('', @seen), "first\nsecond\n", 'what is printed is shown at once');

# Nobody looks any more: it ends, and so does what it runs.
$pid = open($out, '-|') // die "fork: $!\n";
exec("$top/vm/here", $dir, 'sh', '-c', "echo \$\$; read x <$tmp/go") if !$pid;
my ($command) = scalar(<$out>) =~ /(\d+)/;
kill('KILL', $pid);
close($out);
ok(wait_for(sub { return !kill(0, $command) }, 20), 'when it is killed, its command ends');

# --- what is on the disk

SKIP: {
	skip('no-root: all tests are skipped, which is nothing to wait for the disk for', 3)
		if !is_root();
	# Of cow itself, when it is between a result and the next one. A file a process: in one of
	# all, lines have a process number of some width, and calls are cut in two.
	$got = here(qw(strace -ff -y -e), 'trace=write,fdatasync', '-o', "$tmp/trace",
		    $cow, '--run', 'fork.*.anon');
	is($got->{code}, 0, 'cow, traced') or diag($got->{out}, $got->{err});
	my @calls = map { /^(write|fdatasync)\(1<\Q$dir\E\/tap>(?:, "(.*)", \d+)?\) += (\d+)/ ?
			  $1 eq 'write' ? ($2 =~ /(?:^|\\n)(ok|not ok) \d/ ? 'result' : ()) :
			  $3 == 0 ? 'synced' : 'not synced' : () }
		    map { split(/\n/, slurp($_)) } glob("$tmp/trace.*");
	my $results = grep { $_ eq 'result' } @calls;

	cmp_ok($results, '>', 3, 'there are results');
	is_deeply([grep { $calls[$_] eq 'result' && ($calls[$_ + 1] // '') ne 'synced' }
		   0 .. $#calls], [], 'each is on the disk before anything else comes')
		or diag("@calls");
}

# --- prove, on what is installed

$got = run('make', '-s', '-C', $top, 'install', "DESTDIR=$tmp/root", 'PREFIX=/usr');
is($got->{code}, 0, 'make install') or diag($got->{out}, $got->{err});
{
	local $ENV{COWPIN_ARGS} = '--run *.zeropage,fork.*.anon';
	local $ENV{COWPIN_VM_ARGS} = "--results $tmp/installed";
	my $r = run_line('prove', '--norc', '-v', "$tmp/root/usr/lib/cowpin/t/kselftest.t");

	# A user who is not root has nothing tested, which is a failure.
	is($r->{code} == 0, is_root(), 'prove -v kselftest.t, on the running kernel')
		or diag($r->{out}, $r->{err});
	like($r->{out}, qr/^ok 1 - \S+\.(?:zeropage|anon)/m, 'results are shown');
	my ($tap) = glob("$tmp/installed/*/tap");
	is(join('', map { "$_\n" } $r->{out} =~ /^(ok \d.*)$/mg),
	   join('', map { "$_\n" } slurp($tap // '') =~ /^(ok \d.*)$/mg),
	   'and kept');
}

# --- what becomes of old results

{
	my $kept = "$tmp/cache/cowpin/results";
	local $ENV{XDG_CACHE_HOME} = "$tmp/cache";

	make_path(map { sprintf('%s/20200101-0000%02d-1', $kept, $_) } 0 .. 21);
	my $pid = open(my $holder, '-|', "exec flock -F '$kept/20200101-000000-1/lock' " .
		       "sh -c 'echo held; exec sleep 1000'") // die "flock: $!\n";
	scalar(<$holder>);
	run_line("$top/run_vmtests.sh", '--', '--run', 'fork.basic.anon');
	kill('TERM', $pid);
	my @left = map { /(\d\d)-1\z/ ? $1 : () } glob("$kept/2020*");

	is_deeply(\@left, ['00', map { sprintf('%02d', $_) } 3 .. 21],
		  'the last ones are kept, and what a run that goes on writes');
}

# --- prove, on what is here

my $one = spew("$tmp/one.t", "print qq(1..1\\nok 1\\n);\n");
$got = run('env', '-C', $top, 'prove', $one);
is($got->{code}, 0, '.proverc is one for prove') or diag($got->{err});
like($got->{out}, qr/^\[\d\d:\d\d:\d\d\] .*\bok +\d+ ms\b/m, 'each test has its time');
unlike(run('env', '-C', $top, 'prove', '--norc', $one)->{out}, qr/^\[\d\d:\d\d/m,
       'which it would not have without');

done_testing();
