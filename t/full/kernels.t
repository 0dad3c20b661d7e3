#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# The whole catalogue on stock Debian kernels, against the results stored in
# expected/KERNEL: every test that does not simply pass there, with its verdict and reason.
# COWPIN_STORE=1 stores what is seen now instead (then read the difference in git).

use strict;
use warnings;
use Test::More;
use FindBin;

my $top = "$FindBin::Bin/../..";

# Passes and failures of these come and go with what the kernel finds in a page.
sub fickle {
	my ($kernel, $id, $what) = @_;

	# Before 5.19 pins lost their pages, in a race at times.
	return $id =~ /^race\./ && $kernel eq '5.10' && $what =~ /^fail (?:stale-pin|pfn-differs|leak)$/ ||
	       $id =~ /\.hugetlb\.1G$/ && $what eq 'todo lost-at-fork' ||
	       $id =~ /^race\.pageout\./ && $what eq 'todo stale-data' ||
	       $id =~ /^operation\.sync-pinned\..*\.btrfs\./ && $what eq 'todo setup';
}

# id -> "skip CODE", "fail REASON" or "todo REASON", of tests that do not pass.
sub results_of {
	my ($kernel) = @_;
	my (%seen, $id, $what, $missing);

	open(my $tap, '-|', "$top/run_vmtests.sh", '-k', "debian:$kernel", '--tap', '--', '-g',
	     'full') or die "run_vmtests.sh: $!";
	while (<$tap>) {
		$missing = $1 if /^# not run: (\S+)/;
		if (/^ok \d+ - (\S+)(?: # SKIP ([\w-]+):)?/) {
			$seen{$1} = $2 ? "skip $2" : 'ok';
		} elsif (/^not ok \d+ - (\S+)( # TODO)?/) {
			($id, $what) = ($1, $2 ? 'todo' : 'fail');
		} elsif (defined $id && /^  reason: '(.*)'/) {
			$seen{$id} = fickle($kernel, $id, "$what $1") ? 'ok' : "$what $1";
			undef $id;
		}
	}
	close($tap);
	return ($missing, \%seen);
}

# An emulated CPU trips over code that is being patched now and then (vm/boot): once more.
sub whole_results_of {
	my ($kernel) = @_;
	my ($missing, $seen) = results_of($kernel);

	($missing, $seen) = results_of($kernel) if defined $missing;
	ok(!defined $missing, "$kernel: to the end") or diag("not run: $missing ...");
	return $seen;
}

sub stored {
	my ($file) = @_;
	my %want;

	open(my $in, '<', $file) or return;
	while (<$in>) {
		next if /^#/;
		$want{$1} = $2 if /^(\S+) (.+)$/;
	}
	return \%want;
}

sub store {
	my ($file, $kernel, $seen) = @_;

	open(my $out, '>', $file) or die "$file: $!";
	print $out "# Debian $kernel, group full: what does not simply pass.\n";
	print $out "$_ $seen->{$_}\n" for grep { $seen->{$_} ne 'ok' } sort keys %$seen;
	close($out);
}

for my $kernel (split ' ', $ENV{COWPIN_KERNELS} // '5.10 6.1 6.12 newest') {
	my $file = "$FindBin::Bin/expected/$kernel";
	my $seen = whole_results_of($kernel);

	store($file, $kernel, $seen) if $ENV{COWPIN_STORE};
	my $want = stored($file);

	cmp_ok(scalar keys %$seen, '>', 4000, "$kernel: the catalogue was run");
	ok($want, "$kernel: there are stored results") or next;
	my %not_ok = map { $_ => $seen->{$_} } grep { $seen->{$_} ne 'ok' } keys %$seen;
	is_deeply(\%not_ok, $want, "$kernel: results as stored");
}

done_testing();
