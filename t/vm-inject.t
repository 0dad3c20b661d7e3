#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# Negative controls on a kernel that gets everything right, with cowpin.ko:
# an injected fault is noticed by the oracle that is there for it, and
# without one the same tests pass.

use strict;
use warnings;
use Test::More;
use FindBin;

require "$FindBin::Bin/vm-helper.pl";

my @pins = map { ("ro-longterm.$_.zeropage", "ro-longterm.$_.memfd",
		  "ro-longterm.$_.memfd.hugetlb.2M") } qw(gup gup-fast);
my @shared = map { ("ro-pin.shared.$_.anon", "ro-pin.shared.$_.thp.pmd",
		    "ro-pin.shared.$_.hugetlb.2M") } qw(gup gup-fast);

# All IDS fail, with a reason that REASON matches.
sub noticed_ok {
	my ($fault, $ids, $reason) = @_;
	my $got = cow_on('debian:6.12', $ids, '--inject', $fault);

	subtest "--inject $fault" => sub {
		is($got->{code}, 1, 'exit code 1') or diag($got->{err});
		is(scalar(@{$got->{tests}}), scalar(@$ids), 'all have run');
		for my $test (@{$got->{tests}}) {
			ok(!$test->{ok}, "$test->{id} fails");
			like(reason($test), $reason, 'for the right reason')
				or diag($test->{text});
			like($test->{text}, qr/-- --inject $fault --run /,
			     'the line to repeat it has the fault');
		}
	};
}

my $got = cow_on('debian:6.12', [@pins, @shared]);

is($got->{code}, 0, 'without a fault: exit code 0') or diag($got->{err});
is(scalar(grep { $_->{ok} && !$_->{skip} } @{$got->{tests}}),
   @pins + @shared, 'all pass, nothing is skipped') or diag($got->{out});

noticed_ok('stale-pin', \@pins, qr/^(?:stale-pin|pfn-differs)$/);
# Memory that is really shared is missing in the child until it is touched:
# which of the two is noticed first does not matter.
noticed_ok('leak', \@shared, qr/^(?:leak|lost-at-fork)$/);
noticed_ok('leak', ['exec.child.gup.anon'], qr/^(?:leak|lost-at-fork)$/);
noticed_ok('torn-page', \@shared, qr/^torn-page$/);
noticed_ok('shared-pin', ['ro-pin.shared.gup.anon', 'ro-pin.shared.gup-fast.thp.pmd'],
	   qr/^not-exclusive$/);
# Within the kernel references are taken instead of pins, and fork() shares the page.
noticed_ok('shared-pin', ['race.fork.gup-fast.anon'], qr/^(?:not-exclusive|pfn-differs)$/);
noticed_ok('movable', ['ro-pin.shared.gup.anon'], qr/^movable$/);
noticed_ok('taint', ['ro-pin.shared.gup.anon'], qr/^kernel$/);
noticed_ok('splat', ['ro-pin.shared.gup.anon'], qr/^kernel$/);

done_testing();
