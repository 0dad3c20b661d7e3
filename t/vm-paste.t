#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# The catalogue is not special: what "cow --list -v" prints for a test has the same verdict when
# it is pasted, in each family of scenarios where all can be tried (6.12), and where the kernel
# fails (6.1).

use strict;
use warnings;
use Test::More;
use FindBin;

require "$FindBin::Bin/vm-helper.pl";
our ($top, $tmp);

my @list = split(/\n/, run("$top/cow", '--list', '-v')->{out});
my (@ids, %line);
for my $i (0 .. @list / 3 - 1) {
	my ($id, $line) = ($list[3 * $i], $list[3 * $i + 2] =~ s/^\t//r);

	# Races are pasted as "cow race", for as long as one likes.
	next if $line !~ /^cow exec / || $id =~ /1G$/;
	push(@ids, $id);
	$line{$id} = $line;
}

# { id => 'ok', 'skip' or the reason of the failure }
sub verdicts {
	return map { my ($t) = @$_;
		     $t->{id} => $t->{skip} ? 'skip' : $t->{ok} ? 'ok' : reason($t) }
	       map { [$_] } @{tap_tests(join("\n", @_) . "\n")};
}

# ([verdict in the catalogue, when pasted, id] ...)
sub both {
	my ($kernel, @tests) = @_;
	my $said = guest_says($kernel, join("\n", "cow --run '" . join(',', @tests) . "' 2>&1",
					    map({ "echo 'pasted $_'; $line{$_} -v 2>&1" }
						@tests), ''));
	my ($whole, %pasted) = split(/^pasted (.*)\n/m, join("\n", @$said) . "\n");
	my %catalogue = verdicts($whole);

	# Whose steps the catalogue carries out, those are not left out when they are pasted.
	is_deeply([grep { $pasted{$_} =~ /: left out/ } sort keys %pasted], [],
		  "$kernel: no step is left out");
	return map { [$catalogue{$_} // 'none', {verdicts($pasted{$_} // '')}, $_] } @tests;
}

sub same {
	my ($kernel, @tests) = @_;
	my %seen;

	for my $test (both($kernel, @tests)) {
		my ($catalogue, $pasted, $id) = @$test;

		is_deeply([values(%$pasted)], [$catalogue], "$kernel: $id: $catalogue, and so by "
			  . 'cow exec');
		$seen{$catalogue}++;
	}
	return %seen;
}

# One of each family, by GUP where it has that.
my %family;
for my $id (grep({ $line{$_} =~ /--by gup / } @ids), @ids) {
	$family{$id =~ s/\..*//r} //= $id;
}
my @one = map { $family{$_} } sort keys %family;
cmp_ok(scalar(@one), '>', 40, 'there are many families');
my %seen = same('debian:6.12', @one, 'softdirty.ksm.anon');
cmp_ok($seen{ok} // 0, '>', 35, 'most pass');

%seen = same('debian:6.1', qw(ro-longterm.gup.zeropage ro-longterm.gup.memfd
			      ro-longterm.gup-fast.tmpfile ro-short.gup.memfd
			      softdirty.ksminto.anon
			      operation.uprobe.gup.memfd operation.takeback-swapped.gup.anon
			      operation.sync-pinned.gup.ext4.shared
			      exec.vmsplice.hugetlb.2M pin-fork.mprotect.gup.hugetlb.2M
			      pin-collapse.gup.thp.pmd ro-pin.shared.gup.anon));
cmp_ok($seen{'stale-pin'} // 0, '>=', 2, 'the R/O long-term pins of 6.1 fail');
is($seen{unnoticed}, 1, 'and so does what KSM forgets');

done_testing();
