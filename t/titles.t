#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# Nobody has a reason to run the kernel's own cow and gup_longterm any more: each of the titles
# that they print on Debian 6.12 with huge pages of 2 MiB and 1 GiB (titles.expected) is that of
# a test of the group kselftest. Also on a machine that lacks some of it, for what --list tells
# is the same on each, but for the sizes that belong to the architecture.

use strict;
use warnings;
use FindBin;
use JSON::PP;
use POSIX qw(uname);
use Test::More;

require "$FindBin::Bin/cow-helper.pl";
our ($cow);

plan(skip_all => 'cow is not built (make)') if !-x $cow;
plan(skip_all => 'the sizes are those of x86-64') if (uname())[4] ne 'x86_64';

my @titles = map { $_->{title} }
	     @{decode_json(cow_as_nobody('--list', '--json', '--group', 'kselftest')->{out})};

# Those of WANTED that no test of ours has.
sub missing {
	my (@wanted) = @_;
	my %ours = map { $_ => 1 } @titles;

	return grep { !$ours{$_} } @wanted;
}

my @theirs = split(/\n/, slurp("$FindBin::Bin/titles.expected"));
my %count;

$count{$_}++ for @theirs, map { "ours: $_" } @titles;
is(scalar(@theirs), 828, 'titles of the kernel\'s suite');
is_deeply([grep { $count{$_} > 1 } sort keys %count], [], 'each is there once, in ours as well');
is_deeply([missing(@theirs)], [], 'none is missing in group kselftest');

# Negative control: one more, that differs in a word only.
my $more = $theirs[0] =~ s/\.\.\. with/... without/r;
is_deeply([missing(@theirs, $more)], [$more], 'one that is missing is named');

done_testing();
