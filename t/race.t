#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# cow race: what it is told, that its invariants can be violated, and that they are not where
# nothing is wrong.

use strict;
use warnings;
use FindBin;
use Test::More;

require "$FindBin::Bin/cow-helper.pl";
our ($tmp, $cow);

plan(skip_all => 'cow is not built (make)') if !-x $cow;
alone();

for my $case ([['nope'], qr/'nope'/], [['fork', 'ksm'], qr/one name/],
	      [['--time', '0'], qr/--time.*'0'/], [['--by', 'nope'], qr/'nope'/],
	      [['--kinds', 'nope'], qr/'nope'/], [['--by'], qr/--by needs an argument/],
	      [['--frobnicate'], qr/--frobnicate/]) {
	my ($args, $re) = @$case;
	my $r = cow('race', @$args);

	is($r->{code}, 2, "@$args: exit code 2");
	like($r->{err}, qr/\Acow: [^\n]+\n\z/, "@$args: one line");
	like($r->{err}, $re, "@$args: says what is wrong");
}

my $help = cow('race', '--help');
for my $option (qw(--list --time --kinds --by --verbose --inject --help)) {
	like($help->{out}, qr/(?:^|\s)\Q$option\E\b/m, "--help tells of $option");
}

my @names = map { /^(\S+) +\S/ ? $1 : () } split(/\n/, cow_as_nobody('race', '--list')->{out});
cmp_ok(scalar(@names), '>=', 8, '--list: names and what they do');
is_deeply([grep { my $name = $_; !grep { /^race\.\Q$name\E\./ } ids('-g', 'full') } @names], [],
	  'each is in the catalogue');

my $nobody = cow_as_nobody('race', '--by', 'iouring', 'fork');
like($nobody->{out}, qr/^ok 1 - race\.fork\.iouring\.anon # SKIP no-root: /m,
     'an ordinary user: skipped, no-root');

# Fault, race, and the reasons for which it may fail.
my @faults = (
	['none', 'fork'],
	['none', 'mprotect'],
	['stale-pin', 'fork', qr/^(?:stale-(?:pin|data)|lost-write|leak)$/],
	['leak', 'fork', qr/^leak$/],
	['lost-write', 'mprotect', qr/^lost-write$/],
	['no-mprotect', 'mprotect', qr/^(?:write-allowed|not-refused)$/],
	# What is pinned in the end is as much as in the beginning. All others: t/vm-exec.t.
	['leave-pin', 'fork', qr/^kernel$/],
);

sub check_fault {
	my ($fault, $name, $reasons) = @_;
	my $r = run_line($cow, 'race', '-v', '--by', 'iouring', '--kinds', 'anon', '--inject', $fault,
			 $name);
	my ($reason) = $r->{out} =~ /^  reason: '(.*)'$/m;

	subtest "$fault, $name" => sub {
		is($r->{err}, '', 'nothing on stderr');
		is($r->{code}, $reasons ? 1 : 0, 'exit code') or diag($r->{out});
		like($r->{out}, $reasons ? qr/^not ok 1 - race\.\Q$name\E\.iouring\.anon$/m
					 : qr/^ok 1 - race\.\Q$name\E\.iouring\.anon$/m, 'verdict');
		like($reason // '', $reasons, 'reason') if $reasons;
		like($r->{out}, qr/left behind: pins that were not released: \d+, before \d+/,
		     'pins are counted') if $fault eq 'leave-pin';
		like($r->{out}, qr/^#   \d+ rounds, \d+ writes, /m, 'and how much it was');
		unlike($r->{out}, qr/ 0 writes| 0 reads| 0 pins/, 'there was something of each')
			if !$reasons;
	};
}

SKIP: {
	skip('no-root: nothing runs', 8) if !is_root();
	check_fault(@$_) for @faults;
	my $r = run_line($cow, 'race', '-v', '-t', 1, '--by', 'iouring', '--kinds', 'anon', 'fork');
	my ($ms) = $r->{out} =~ /^  ms: (\d+)$/m;

	cmp_ok($ms // 0, '>=', 900, '-t 1: a second');
}

done_testing();
