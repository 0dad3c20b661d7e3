#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# The command line of cow: what is wrong is said in one line, with exit code 2, before
# anything was printed or changed; and what needs no root works without.

use strict;
use warnings;
use FindBin;
use Test::More;

require "$FindBin::Bin/cow-helper.pl";
our ($tmp, $cow, $top);

plan(skip_all => 'cow is not built (make)') if !-x $cow;

# --- what is refused ---

sub refused {
	my ($args, $re) = @_;
	my $r = cow(@$args);
	my $name = @$args ? join(' ', map { length ? $_ : "''" } @$args) : 'no arguments';

	subtest "refused: $name" => sub {
		is($r->{code}, 2, 'exit code 2');
		is($r->{out}, '', 'nothing on stdout');
		like($r->{err}, qr/\Acow: [^\n]+\n\z/, 'one line on stderr');
		like($r->{err}, $re, 'which says what is wrong');
	};
}

my $files = 0;

sub known_issues { return ['--known-issues', spew("$tmp/known" . $files++, $_[0])] }

my @refused = (
	[['--frobnicate'], qr/--frobnicate/],
	[['-x'], qr/-x\b/],
	[['-vx'], qr/x/],
	[['--list=yes'], qr/--list/],
	[['--run'], qr/--run needs an argument/],
	[['-r'], qr/-r needs an argument/],
	[['--jobs'], qr/--jobs needs an argument/],
	[['--timeout'], qr/--timeout needs an argument/],
	[['--format'], qr/--format needs an argument/],
	[['--group'], qr/--group needs an argument/],
	[['--inject'], qr/--inject needs an argument/],
	[['--known-issues'], qr/--known-issues needs an argument/],
	[['stray'], qr/'stray'/],
	[['--list', 'stray'], qr/'stray'/],
	[['--list', '--', 'stray'], qr/'stray'/],
	[['--run', 'nope'], qr/'nope'/],
	[['--run', 'nope.*'], qr/'nope\.\*'/],
	[['--run', ''], qr/''/],
	[['--run', 'fork.*,!*'], qr/'fork\.\*,!\*'/],
	[['--list', '--run', 'nope'], qr/'nope'/],
	[['--jobs', '0'], qr/--jobs.*'0'/],
	[['--jobs', '65'], qr/--jobs.*64.*'65'/],
	[['--jobs', '-1'], qr/--jobs.*'-1'/],
	[['--jobs', '2x'], qr/--jobs.*'2x'/],
	[['--jobs', ''], qr/--jobs.*''/],
	[['--jobs', '1.5'], qr/--jobs.*'1\.5'/],
	[['--timeout', '0'], qr/--timeout.*'0'/],
	[['--timeout', 'soon'], qr/--timeout.*'soon'/],
	[['--timeout', '99999999999999999999'], qr/--timeout.*'9+'/],
	[['--format', 'junit'], qr/--format.*'junit'/],
	[['--format', ''], qr/--format.*''/],
	[['--group', 'nope'], qr/--group.*'nope'/],
	[['--group', 'quick,nope'], qr/--group.*'nope'/],
	[['--group', 'quick,'], qr/--group.*''/],
	[['--inject', 'nope'], qr/--inject.*'nope'/],
	[['--inject', ''], qr/--inject.*''/],
	[['--known-issues', "$tmp/missing"], qr/missing: No such file/],
	[['--known-issues', $tmp], qr/--known-issues: \Q$tmp\E: /],
	[known_issues("fork.* leak\n"), qr/line 1/],
	[known_issues("# fine\nfork.* leak * * because\nfork.* leak\n"), qr/line 3/],
	[known_issues("fork.* leak * *  \n"), qr/line 1/],
	[known_issues("fork.* leak yesterday * because\n"), qr/line 1/],
	[known_issues("fork.* leak 6.x-6.1 * because\n"), qr/line 1/],
);
refused(@$_) for @refused;

# --- what is told ---

my $help = cow('--help');
is($help->{code}, 0, '--help: exit code 0');
is($help->{err}, '', '--help: nothing on stderr');
for my $option (qw(--list --run --group --format --jobs --timeout --known-issues --strict
		   --inject --restore --verbose --help --version)) {
	like($help->{out}, qr/(?:^|\s)\Q$option\E\b/m, "--help tells of $option");
}
is_deeply([grep { length > 88 } split(/\n/, $help->{out})], [], '--help fits a terminal');
is(cow('-h')->{out}, $help->{out}, '-h is --help');

my $version = cow('--version');
is($version->{code}, 0, '--version: exit code 0');
like($version->{out}, qr/\Acow \d+\.\d+\S*\n\z/, '--version: name and number');

# --- the list: for everybody, and nothing changes ---

sub machine {
	return join('', map { "$_: " . slurp($_) } glob(
		'/sys/kernel/mm/hugepages/*/nr_hugepages /proc/sys/vm/nr_hugepages ' .
		'/sys/kernel/mm/transparent_hugepage/{enabled,use_zero_page}'));
}

alone();
my $before = machine();
my $list = cow_as_nobody('--list');
is($list->{code}, 0, '--list as an ordinary user: exit code 0');
is($list->{err}, '', '--list: nothing on stderr');
my @ids = split(/\n/, $list->{out});
cmp_ok(@ids, '>', 100, '--list: there is much to do');
is_deeply([grep { !/\A[A-Za-z0-9_.-]+\z/ } @ids], [], '--list: ids and nothing else');
is($list->{out}, cow('--list')->{out}, '--list: root and others get the same');
is(machine(), $before, '--list changes nothing');

my @verbose = split(/\n/, cow_as_nobody('--list', '-v')->{out});
is(scalar(@verbose), 3 * @ids, '--list -v: three lines a test');
is_deeply([@verbose[map { 3 * $_ } 0 .. $#ids]], \@ids, '--list -v: the first is the id');
is_deeply([grep { $verbose[$_] !~ ($_ % 3 ? qr/\A\t\S/ : qr/\A\S/) } 0 .. $#verbose], [],
	  '--list -v: title and steps are indented');

is(cow('--list', '--run', 'fork.basic.anon')->{out}, "fork.basic.anon\n", '--list --run');
is(cow('-l', '-r', 'fork.basic.anon', '-r', 'cow.basic.memfd')->{out},
   "fork.basic.anon\ncow.basic.memfd\n", 'several --run add up, in the order of the plan');
is(cow('--list', '--run', 'fork.basic.anon,fork.basic.thp.pmd,!*.thp.*')->{out},
   "fork.basic.anon\n", '--run with "!"');
my @order = ids('--group', 'quick,full', '--run', 'fork.*');
my @quick = ids('--group', 'quick', '--run', 'fork.*');

is_deeply([@order[0 .. $#quick]], \@quick, '--group A,B: those of A come first');
is_deeply([sort @order], [sort(ids('--group', 'full', '--run', 'fork.*'))], 'and each test once');
is_deeply([ids('--group', 'quick', '--run', 'fork.basic.anon')], ['fork.basic.anon'],
	  '--group and --run: in both');

my $faults = cow('--inject', 'help');
is($faults->{code}, 0, '--inject help: exit code 0');
is_deeply([grep { !/\A[a-z-]+ +\S/ } split(/\n/, $faults->{out})], [],
	  '--inject help: a fault a line, and what it does');

my $known = cow(@{known_issues("# a comment\n\nfork.* leak 6.1-6.3 x86_64 waits\n")}, '--list');
is($known->{code}, 0, '--known-issues: comments and empty lines are fine');

# Else what is kept of a run (mutants/run) would be of another program in each clone.
unlike(slurp($cow), qr/\Q$top\E/, 'it is the same program wherever it is built');

done_testing();
