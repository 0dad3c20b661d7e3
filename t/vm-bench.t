#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# cow bench: what a pin costs, each way, and by which path. cow bench consumers: it sees what is
# known of a few consumers (docs/consumers.md), on two kernels that differ in it; and it measures.

use strict;
use warnings;
use JSON::PP;
use Test::More;
use FindBin;

require "$FindBin::Bin/vm-helper.pl";
our ($tmp);

# The rows of "cow bench COMMAND --json OPTIONS" in a guest, of each [COMMAND, OPTIONS].
sub benches {
	my ($kernel, @commands) = @_;
	my $script = join('; echo ----; ', map { "cow bench $_->[0] --json $_->[1]" } @commands);
	my @lists;

	for my $out (split(/^----\n/m, join("\n", @{guest_says($kernel, $script)}))) {
		push(@lists, eval { decode_json($out) } // []);
		diag($out, slurp("$tmp/err")) if !@{$lists[-1]};
	}
	return @lists;
}

# What FIELDS of the row of CONSUMER are, as one word.
sub seen {
	my ($rows, $consumer, @fields) = @_;
	my ($row) = grep { $_->{consumer} eq $consumer } @$rows;

	return join(' ', map { $row->{$_} // '-' } @fields);
}

# --- what a pin costs ---

# The rows of KIND, one way, in the order of how many pages a call.
sub rows_of {
	my ($rows, $kind, $way) = @_;

	return [sort { $a->{pages} <=> $b->{pages} }
		grep { $_->{kind} eq $kind && !defined $_->{absent} && $_->{way} eq $way } @$rows];
}

my @ways = map { my $of = $_; map { "$of $_" } 'GUP', 'GUP-fast' }
	   'R/O short', 'R/O long', 'R/W short', 'R/W long';
my ($cost, $rows, $timed) = benches('debian:6.12',
	['', q(--kinds 'anon,memfd,memfd.shared,ext4.shared,hugetlb.2M')],
	['consumers', q(--look --kinds anon --by 'gup,iouring-segments,vmsplice,dmdio,xdp,vfio')],
	['consumers', q(--kinds anon,zeropage --by 'iouring,vmsplice,udmabuf')]);

for my $kind ('anon', 'memfd', 'memfd.shared', 'ext4.shared', 'hugetlb.2M') {
	is_deeply([grep { "@{[map { $_->{pages} } @{rows_of($cost, $kind, $_)}]}" ne '1 8 64 512' }
		   @ways], [], "$kind: each way, by the number of pages");
}
my ($refused, @done) = (0);
for my $row (@$cost) {
	if (defined $row->{error} && $row->{kind} eq 'ext4.shared' && $row->{way} =~ m{\AR/W long }) {
		$refused++;
	} else {
		push(@done, $row);
	}
}
is($refused, 8, 'R/W long-term pins of a shared file: refused, which is said');
is_deeply([grep { !($_->{ns} && $_->{ns} > 0 && $_->{samples} >= 15 && $_->{q1} <= $_->{ns} &&
		    $_->{ns} <= $_->{q3}) } @done], [],
	  'each is measured, the median between the quartiles');
is_deeply([grep { $_->{kind} eq 'memfd.shared' ^ !!$_->{shared} }
	   grep { $_->{kind} =~ /\Amemfd/ } @done], [], 'private, and shared');
is_deeply([map { $_->{path} } @{rows_of($cost, 'anon', 'R/O short GUP-fast')}], [('fast') x 4],
	  'R/O short, of anonymous memory: the fast path');
# Pages of a file that wants to know of writes are mapped read-only until then: of a shared mapping
# or of a private one, where COW must be broken?
is_deeply([map { $_->{path} } @{rows_of($cost, $_, 'R/O long GUP-fast')}], [('slow') x 4],
	  "R/O long-term, of $_: the slow one") for 'memfd', 'ext4.shared';
is_deeply([map { $_->{path} } @{rows_of($cost, 'memfd.shared', 'R/O long GUP-fast')}],
	  [('fast') x 4], 'of a page that is mapped writable: the fast one');
is_deeply([map { $_->{path} } @{rows_of($cost, 'ext4.shared', 'R/O short GUP-fast')}],
	  [('fast') x 4], 'R/O short: the fast one');

# --- consumers ---

my @taken = qw(pages pin acquired held left page);

is(seen($rows, 'gup', @taken), '1 R/O short 1 1 0 same', '6.12: GUP pins');
is(seen($rows, 'iouring-segments', @taken), '1 R/W long 3 3 0 same',
   '6.12: three segments, three pins');
is(seen($rows, 'vmsplice', @taken), '1 R/O short 0 0 0 same', '6.12: vmsplice does not');
is(seen($rows, 'dmdio', @taken), '1 R/O short 1 1 0 same', '6.12: O_DIRECT does');
# One is the device's own page.
is(seen($rows, 'vfio', @taken), '1 R/O long 2 2 0 same', '6.12: VFIO does');
is(seen($rows, 'vmsplice', 'pins'), '0', '6.12: a reference is no pin');
cmp_ok(seen($rows, 'xdp', 'refs'), '>=', 1000, '6.12: a pin is many references');
like(seen($rows, 'vmsplice', 'calls'), qr/\Aget_user_pages_fast 1\z/, '6.12: by this call');
like(seen($rows, 'xdp', 'calls'), qr/\Apin_user_pages 1, __get_user_pages 1\z/,
     '6.12: a slow one');
like(seen($rows, 'vfio', 'calls'), qr/\bpin_user_pages_remote\b/, '6.12: one for another process');
is(scalar(grep { exists $_->{take} } @$rows), 0, '--look: nothing is timed');

my @timed = grep { $_->{consumer} ne 'udmabuf' } @$timed;
cmp_ok(scalar(@timed), '>=', 8, 'two consumers, by the number of pages');
is_deeply([grep { !($_->{take}{ns} > 0 && $_->{release}{ns} > 0 && $_->{samples} >= 15 &&
		    $_->{take}{q1} <= $_->{take}{ns} && $_->{take}{ns} <= $_->{take}{q3}) } @timed],
	  [], 'each is timed, the median between the quartiles');
is(seen([grep { $_->{kind} eq 'zeropage' } @timed], 'iouring', 'page'), 'new',
   'memory never written: the pin is of a new page');
is(seen([grep { $_->{kind} eq 'zeropage' } @timed], 'vmsplice', 'page'), 'zeropage',
   'a reference is to the zeropage');
like(seen($timed, 'udmabuf', 'error'), qr/file behind the memory/, 'what cannot be is said');

($rows, $cost) = benches('debian:6.1', ['consumers', q(--look --kinds anon --by dmdio,iouring)],
			 ['', q(--kinds thp-pte.64k)]);
is_deeply([map { "$_->{kind} $_->{absent}" } @{$cost // []}], ['thp-pte.64k no-mthp'],
	  '6.1: a kind that is left out is named, with the reason');
is(seen($rows, 'dmdio', @taken), '1 R/O short 0 0 0 same', '6.1: O_DIRECT takes no pin');
like(seen($rows, 'iouring', 'calls'), qr/\Apin_user_pages 1, __get_user_pages/,
     '6.1: slow where 6.12 is fast');

done_testing();
