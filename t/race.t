#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# cow race: what it is told, that it finds a pin whose page is replaced, and that it has
# nothing to say of a kernel that is right.

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
	      [['--by'], qr/--by needs an argument/], [['--frobnicate'], qr/--frobnicate/]) {
	my ($args, $re) = @$case;
	my $r = cow('race', @$args);

	is($r->{code}, 2, "@$args: exit code 2");
	like($r->{err}, qr/\Acow: [^\n]+\n\z/, "@$args: one line");
	like($r->{err}, $re, "@$args: says what is wrong");
}

my @names = map { /^(\S+) +\S/ ? $1 : () } split(/\n/, cow_as_nobody('race', '--list')->{out});
cmp_ok(scalar(@names), '>=', 8, '--list: names and what they do');

my $nobody = cow_as_nobody('race', '-t', 1);
is(scalar(() = $nobody->{out} =~ /^ok \d+ - \S+ # SKIP no-root: /mg), scalar(@names),
   'an ordinary user: all is skipped, no-root');

SKIP: {
	skip('no-root: nothing runs', 6) if !is_root();
	my $r = cow('race', '-t', 1);

	is($r->{code}, 0, 'all of them, a second each: exit code 0') or diag($r->{out});
	is(scalar(() = $r->{out} =~ /^ok \d+ - race\./mg), scalar(@names), 'each has a result');
	unlike($r->{out}, qr/^# \d+ rounds, 0 writes|, 0 pins/m, 'there were writes, and pins');
	$r = cow('race', '-t', 5, '--inject', 'stale-pin', 'fork');
	is($r->{code}, 1, 'a page that is replaced: exit code 1') or diag($r->{out});
	like($r->{out}, qr/^# race: page \d+: /m, 'and what was seen');
	like($r->{out}, qr/^not ok 1 - race\.fork\./m, 'by name');
}

done_testing();
