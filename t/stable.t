#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# The ids are the same on every machine: one whose kernel has no THP, no hugetlb pages, or does
# not show what it has. What it lacks is skipped there, and the skip says of what. Such a machine
# is played in a mount namespace, by an empty directory in place of what sysfs has.

use strict;
use warnings;
use FindBin;
use Test::More;

require "$FindBin::Bin/cow-helper.pl";
our ($tmp, $cow, $top);

use constant MM => '/sys/kernel/mm';

plan(skip_all => 'cow is not built (make)') if !-x $cow;
alone();

my @unshare = ('unshare', is_root() ? '-m' : '-rm', '--propagation', 'private');

# cow() where the directory HIDDEN is empty.
sub cow_without {
	my ($hidden, @args) = @_;

	return run_as(0, @unshare, 'sh', '-c',
		      'dir=$1; shift; mount -t tmpfs none "$dir" && exec "$@"', 'sh', $hidden,
		      $cow, @args);
}

# No empty list may pass for that of such a machine.
plan(skip_all => 'no mount namespace to be had (unshare, mount)')
	if run_as(0, @unshare, 'mount', '-t', 'tmpfs', 'none', MM)->{code};

my @all = ids('--run', '*');
my @listed = grep { !/^(?:#|$)/ } split(/\n/, slurp("$top/t/ids.expected"));

cmp_ok(scalar(@all), '>', 10000, 'there are ids');

# The check of the list (t/unit-plan.c) fails for each thing that may be wrong with it.
my $check = "$top/" . ($ENV{O} // 'build/static') . '/t/unit-plan';
system('make', '-s', '-C', $top, 'O=' . ($ENV{O} // 'build/static'), $check =~ s{\Q$top\E/}{}r);

sub checked {
	my ($name, $ok, $re, @ids) = @_;
	my $list = @ids ? spew("$tmp/ids", join('', map { "$_\n" } @ids)) : "$tmp/nope";
	my $r = run_as(0, $check, $list);

	is($r->{code}, $ok ? 0 : 1, "the check of the list: $name") or diag($r->{err});
	like($r->{out}, $re, "$name: and says why");
}

SKIP: {
	skip('the list is of x86-64', 11) if `uname -m` ne "x86_64\n";
	is_deeply([grep { $listed[$_ - 1] ge $listed[$_] } 1 .. $#listed], [],
		  't/ids.expected is sorted, and has nothing twice');
	checked('as it is', 1, qr/^ok \d+ - all ids of /m, @listed);
	checked('one is gone', 0, qr/^#   gone: fork\.once\.anon$/m, @listed, 'fork.once.anon');
	checked('one is renamed', 0, qr/^#   gone: x\.\Q$listed[7]\E\n#   not in the list: \Q$listed[7]\E$/m,
		@listed[0 .. 6], "x.$listed[7]", @listed[8 .. $#listed]);
	checked('one is new', 0, qr/^#   not in the list: \Q$listed[-1]\E$/m,
		@listed[0 .. $#listed - 1]);
	checked('no list', 0, qr/^not ok \d+ - \S+ is there$/m);
}

for my $dir (grep { -d } MM . '/transparent_hugepage', MM . '/hugepages', MM) {
	my $r = cow_without($dir, '--list', '--run', '*');
	my %there = map { $_ => 1 } split(/\n/, $r->{out});
	my @gone = grep { !$there{$_} } @all;

	is($r->{code}, 0, "without $dir: exit code 0") or diag($r->{err});
	is(scalar(@gone), 0, "without $dir: no id is gone") or diag("@gone");
	is($r->{out}, join('', map { "$_\n" } @all), "without $dir: the same list");
}

# Nothing is run on memory that is not what the title says.
SKIP: {
	skip('no-root: nothing runs', 6) if !is_root();
	skip('there is no THP', 6) if !-d MM . '/transparent_hugepage';
	my $globs = '*.thp.pmd,collapse.*,*.zeropage.huge,*.memfd.range,*.memfd.range.shared,' .
		    '*.thp-pte.64k';
	my $r = cow_without(MM . '/transparent_hugepage', '--run', $globs);
	my @results = $r->{out} =~ /^((?:not )?ok .*)/mg;

	is($r->{code}, 1, 'tests of THP without THP: nothing was run, exit code 1');
	is(scalar(@results), scalar(ids('--run', $globs)), 'each has a result');
	my @thp = grep { /^ok \d+ - \S+ # SKIP no-thp: the kernel has no PMD-sized THP$/ } @results;
	cmp_ok(scalar(@thp), '>', 100, 'many are skipped for want of THP');
	# What lacks more than that names what is looked for first.
	is(scalar(@thp) + grep({ /^ok \d+ - \S+ # SKIP no-(?!thp)\S+: \S/ } @results),
	   scalar(@results), 'and none has run') or diag(grep { !/# SKIP/ } @results);

	$r = cow_without(MM . '/transparent_hugepage', '--run', 'fork.basic.anon',
			 '--require', 'thp,collapse');
	is($r->{code}, 1, '--require thp, without: exit code 1');
	like($r->{out}, qr/^ok 1 - fork\.basic\.anon\n# required, but absent: thp: the kernel has no/m,
	     'what needs none has run, and what is missing is told') or diag($r->{err});
}

done_testing();
