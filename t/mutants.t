#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# The list of mutants and the patch agree; each entry says all that it has to.

use strict;
use warnings;
use FindBin;
use Test::More;

require "$FindBin::Bin/cow-helper.pl";
our ($top, $cow, $tmp);
require "$top/mutants/list.pl";
require "$top/mutants/record.pl";

my @patches = glob("$top/mutants/0*.patch");
my @mutants = mutants("$top/mutants/list");
my @names = map { $_->{name} } @mutants;
my @wanted = qw(name file function breaks sees tests needs class);
my @classes = qw(missing-check off-by-one lost-flag wrong-page lost-ref lost-flush wrong-state
		 accounting);
my @sample = qw(
	reuse-mapcount fork-share-pinned-batch fork-share-pinned-pmd fork-batch-first-only
	fork-share-pinned-hugetlb no-has-pinned-fast no-unshare-anon no-unshare-fast-pte
	no-unshare-fast-pmd no-unshare-file no-unshare-file-ro-vma swap-fork-keeps-exclusive
	copy-pinned-head-page fork-batch-keeps-writable thp-reuse-mapcount ksm-merges-pinned
	mprotect-writable-shared hugetlb-reuse-shared force-write-file private-file-write-through
	collapse-pinned iouring-offset-in-folio pin-count-off-by-one unshare-marks-exclusive);

# --- the list

is(scalar(@patches), 1, 'there is one patch');
cmp_ok(scalar(@names), '>=', @sample + 25, 'there are mutants enough');
my %count;
$count{$_}++ for @names;
is_deeply([grep { $count{$_} > 1 } sort keys %count], [], 'names are unique');
is_deeply([grep { !$count{$_} } @sample], [], 'all of the sample are there');
is_deeply([sort map { $_->{name} } grep { ($_->{sample} // '') eq 'yes' } @mutants],
	  [sort @sample], 'the sample is marked');
is_deeply([grep { $_ ne 'yes' } map { $_->{sample} // () } @mutants], [], 'and nothing else is');
is_deeply([grep { !/\A[a-z0-9-]+\z/ } @names], [], 'names are of letters, digits and dashes');
for my $m (@mutants) {
	my %fields = %$m;

	delete(@fields{@wanted, 'sample'});
	my @bad = ((grep { !defined $m->{$_} } @wanted), sort keys %fields);

	push(@bad, $m->{class}) if !grep { $_ eq ($m->{class} // '') } @classes;
	is("@bad", '', "$m->{name}: all fields, and no others");
}

# --- the patch

my %site;	# name -> { file => 1, ... }
my %in_table;
my $file = '';
my $text = slurp($patches[0]);
for my $line (split(/\n/, $text)) {
	$file = $1 if $line =~ m{^\+\+\+ b/(\S+)};
	$in_table{$1} = 1 if $line =~ /^\+\tM\((\w+)\)/;
	next if $line !~ /^\+/ || $file =~ m{cow_mutant\.[ch]\z};
	$site{$1}{$file} = 1 while $line =~ /\bcow_mutant\((\w+)\)/g;
}
my @table = sort map { (my $name = $_) =~ tr/_/-/; $name } keys %in_table;
my @used = sort map { (my $name = $_) =~ tr/_/-/; $name } keys %site;

is_deeply(\@table, [sort @names], 'the table of names in the patch is that of the list');
is_deeply(\@used, [sort @names], 'each is asked for somewhere, and no other');
for my $m (@mutants) {
	(my $symbol = $m->{name}) =~ tr/-/_/;
	ok($site{$symbol}{$m->{file}}, "$m->{name} is in $m->{file}");
}
like($text, qr/^License: GPL-2\.0-only$/m, 'the patch has its licence');
like($text, qr/^\+\t\tpanic\("cow_mutant=%s: there is no such mutant"/m,
     'a name that does not exist is a panic');

# --- the tests that should notice

my @ids = split(/\n/, run_as(0, $cow, '--list')->{out});

# Globs as cow has them: "*" is everything.
sub hits {
	my ($glob) = @_;
	my $re = join('.*', map { quotemeta } split(/\*/, $glob, -1));

	return scalar(grep { /\A$re\z/ } @ids);
}

for my $m (grep { $_->{tests} ne '-' } @mutants) {
	is_deeply([grep { !hits($_) } split(/,\s*/, $m->{tests})], [],
		  "$m->{name}: there are such tests");
}

# --- the record of what each came to

my $record = read_record("$top/mutants/record");
my %known = map { $_ => 1 } @names;

is(record_text($record), slurp("$top/mutants/record"), 'the record is as it is written');
for my $key (sort keys %$record) {
	my $part = $record->{$key};

	like($key, qr/\A(?:cowpin|kernel)-[0-9a-f]{16}\z/, "$key: of a suite");
	is_deeply([grep { !$known{$_} && !/^baseline-/ } sort keys %$part], [],
		  "$key: there are such mutants");
	is_deeply([grep { $part->{$_} !~ /^(?:caught|kernel|survived)\t/ } sort keys %$part], [],
		  "$key: verdicts that there are");
	is_deeply([grep { /^baseline-/ && $part->{$_} !~ /^survived\t/ } sort keys %$part], [],
		  "$key: nothing fails without a mutant");
}
for my $line ("reuse-mapcount\tcaught", '[cowpin]', 'reuse-mapcount caught') {
	my $file = "$tmp/record";

	spew($file, "$line\n");
	ok(!eval { read_record($file) }, "no record: $line");
	like($@, qr/:1: neither \[SUITE-KEY\] nor a result: /, 'and it says where');
}

# --- the configuration

my $config = slurp("$top/mutants/kernel.config");
like($config, qr/^CONFIG_$_=y$/m, "the kernel has $_")
	for qw(GUP_TEST IO_URING KSM USERFAULTFD TRANSPARENT_HUGEPAGE HUGETLBFS ZRAM MEMCG NUMA_EMU
	       CROSS_MEMORY_ATTACH);
like($config, qr/^CONFIG_DEBUG_VM=n$/m, 'no assertions');

# --- the runner's command line, without a guest

for my $r (run_as(0, "$top/mutants/run", 'no-such-mutant')) {
	is($r->{code}, 2, 'an unknown name is refused');
	like($r->{err}, qr/no-such-mutant: no such mutant/, 'and named');
}

done_testing();
