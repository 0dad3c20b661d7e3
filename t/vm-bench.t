#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# cow bench consumers: it sees what is known of a few consumers (docs/consumers.md), on two
# kernels that differ in it; and it measures.

use strict;
use warnings;
use JSON::PP;
use Test::More;
use FindBin;

require "$FindBin::Bin/vm-helper.pl";
our ($tmp);

# The rows of "cow bench consumers --json OPTIONS" in a guest.
sub bench {
	my ($kernel, $options) = @_;
	my $out = join("\n", @{guest_says($kernel, "cow bench consumers --json $options")});
	my $rows = eval { decode_json($out) };

	diag($out, slurp("$tmp/err")) if !$rows;
	return $rows // [];
}

# What FIELDS of the row of CONSUMER are, as one word.
sub seen {
	my ($rows, $consumer, @fields) = @_;
	my ($row) = grep { $_->{consumer} eq $consumer } @$rows;

	return join(' ', map { $row->{$_} // '-' } @fields);
}

my @taken = qw(pages pin acquired held left page);
my $look = q(--look --kinds anon --by 'gup,iouring-segments,vmsplice,dmdio,xdp,vfio');
my $rows = bench('debian:6.12', $look);

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

$rows = bench('debian:6.1', q(--look --kinds anon --by dmdio,iouring));
is(seen($rows, 'dmdio', @taken), '1 R/O short 0 0 0 same', '6.1: O_DIRECT takes no pin');
like(seen($rows, 'iouring', 'calls'), qr/\Apin_user_pages 1, __get_user_pages/,
     '6.1: slow where 6.12 is fast');

$rows = bench('debian:6.12', q(--kinds anon,zeropage --by 'iouring,vmsplice,udmabuf'));
my @timed = grep { $_->{consumer} ne 'udmabuf' } @$rows;
cmp_ok(scalar(@timed), '>=', 8, 'two consumers, by the number of pages');
is_deeply([grep { !($_->{take}{ns} > 0 && $_->{release}{ns} > 0 && $_->{samples} >= 15 &&
		    $_->{take}{q1} <= $_->{take}{ns} && $_->{take}{ns} <= $_->{take}{q3}) } @timed],
	  [], 'each is timed, the median between the quartiles');
is(seen([grep { $_->{kind} eq 'zeropage' } @timed], 'iouring', 'page'), 'new',
   'memory never written: the pin is of a new page');
is(seen([grep { $_->{kind} eq 'zeropage' } @timed], 'vmsplice', 'page'), 'zeropage',
   'a reference is to the zeropage');
like(seen($rows, 'udmabuf', 'error'), qr/file behind the memory/, 'what cannot be is said');

done_testing();
