#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# bench/compare_report: what it makes of the output of the two suites, and that a ratio of two
# that have not done the same is told from one of two that have.

use strict;
use warnings;
use FindBin;
use Test::More;

require "$FindBin::Bin/cow-helper.pl";
our ($top, $tmp);

# One heading, two tests, and one of gup_longterm; and the same of ours.
my %kernel = (cow => <<'EOT', longterm => <<'EOT');
5 TAP version 13
10 # [RUN] Basic COW after fork() ... with base page
20 ok 1 No leak from parent into child
30 # [RUN] vmsplice() before fork() ... with hugetlb (2048 kB)
50 ok 2 # XFAIL Leak from parent into child
60 # [RUN] Non-anonymous memory tests in private mappings
61 # [RUN] Basic COW ... with memfd
99 ok 3 Other mapping not modified
100 # Totals: pass:2 fail:0 xfail:1 xpass:0 skip:0 error:0
EOT
1 # [RUN] R/W longterm GUP pin in MAP_SHARED file mapping ... with local tmpfile
39 ok 1 Should have worked
40 # Totals: pass:1 fail:0 xfail:0 xpass:0 skip:0 error:0
EOT
my $ours = <<'EOT';
2 # [RUN] Basic COW after fork() ... with base page
2 ok 1 - fork.basic.anon
2   ---
2   ms: 20
50 # [RUN] vmsplice() before fork() ... with hugetlb (2048 kB)
50 not ok 2 - vmsplice.before.hugetlb.2M # TODO no released kernel has fixed it
50   ms: 20
60 # [RUN] Basic COW ... with memfd
60 ok 3 - cow.basic.memfd
60   ms: 20
70 # [RUN] R/W longterm GUP pin in MAP_SHARED file mapping ... with local tmpfile
70 ok 4 - longterm.rw-shared.gup.ext4.shared
70   ms: 20
EOT

sub report {
	my ($cow, $longterm, $mine, @options) = @_;
	my $text = "== kernel-cow outside 4\n$cow== kernel-longterm outside 1\n$longterm" .
		   "== ours outside 2\n$mine";

	return run_as(0, "$top/bench/compare_report", @options, spew("$tmp/output", $text));
}

my $r = report(@kernel{qw(cow longterm)}, $ours);
is($r->{code}, 0, 'the same: exit code 0') or diag($r->{out}, $r->{err});
like($r->{out}, qr/^wall time +140 +70 +0\.50$/m, 'the ratio');
like($r->{out}, qr/^tests: kernel 4 \(3 ok, 1 not ok, 0 skip\), cowpin 4 \(3 ok, 1 not ok, 0 skip\)$/m,
     'a heading is no test; what is known to fail fails');
like($r->{out}, qr/^Basic COW +39 +\d+ /m, 'a test of the kernel goes on until the next title');
unlike($r->{out}, qr/^differs/m, 'nothing differs');

# What one of the two did not do, or with another end.
my $title = 'R/W longterm GUP pin in MAP_SHARED file mapping ... with local tmpfile';
for my $case (
	['the kernel\'s fails', 'kernel not ok, cowpin ok',
	 $kernel{longterm} =~ s/ok 1 .*/not ok 1 mkstemp() failed/r, $ours],
	['the kernel\'s skips', 'kernel skip, cowpin ok',
	 $kernel{longterm} =~ s/ok 1 .*/ok 1 # SKIP no file/r, $ours],
	['ours skips', 'kernel ok, cowpin skip', $kernel{longterm},
	 $ours =~ s/(ext4\.shared)/$1 # SKIP no-fs: none/r],
	['ours fails', 'kernel ok, cowpin not ok', $kernel{longterm},
	 $ours =~ s/ok (4 .*)/not ok $1/r],
	['ours has none', 'kernel ok, cowpin has none', $kernel{longterm},
	 $ours =~ s/^70.*\n//mgr],
) {
	my ($name, $how, $longterm, $mine) = @$case;
	my $got = report($kernel{cow}, $longterm, $mine);

	is($got->{code}, 1, "$name: exit code 1");
	like($got->{out}, qr/^differs: \Q$title\E: \Q$how\E$/m, "$name: is told");
}
is(report($kernel{cow}, '', '')->{code} > 0, 1, 'a guest that did not get to the end');

# --- several rounds: the median counts, and each is looked at

sub rounds {
	my ($last, @slower) = @_;
	my $one = "== kernel-cow outside 4\n$kernel{cow}== kernel-longterm outside 1\n$kernel{longterm}";
	my @ours = map { my $by = $_; $ours =~ s/^70/70 * $by/megr } @slower;

	return run_as(0, "$top/bench/compare_report", spew("$tmp/output", join('', map {
		"$one== ours outside 2\n$_" } @ours, $last)));
}

$r = rounds($ours, 3, 2);
is($r->{code}, 0, 'three rounds: exit code 0') or diag($r->{out}, $r->{err});
like($r->{out}, qr/^wall time +140 +140 +1\.00$/m, 'three rounds: the median');
like($r->{out}, qr/^ratio of each round: 1\.50 1\.00 0\.50$/m, 'three rounds: each ratio');
$r = rounds($ours =~ s/ok (4 .*)/not ok $1/r, 1, 1);
is($r->{code}, 1, 'three rounds: the last one has another end');
is(rounds('', 1, 1)->{code} > 0, 1, 'three rounds: the last one did not get to its end');

# --- on the host: what both run

$r = report(@kernel{qw(cow longterm)}, $ours =~ s/^70.*\n//mgr, '--host');
is($r->{code}, 0, '--host: what ours cannot run does not count') or diag($r->{out});
like($r->{out}, qr/^wall time +89 +60 +0\.67$/m, '--host: nor does the time for it');
unlike($r->{out}, qr/outside/, '--host: nothing of the time outside');
$r = report($kernel{cow}, $kernel{longterm} =~ s/ok 1 .*/ok 1 # SKIP no gup_test/r, '', '--ran');
is($r->{out}, <<'EOT', '--ran: titles that were not skipped');
Basic COW after fork() ... with base page
vmsplice() before fork() ... with hugetlb (2048 kB)
Basic COW ... with memfd
EOT

done_testing();
