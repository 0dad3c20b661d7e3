# SPDX-License-Identifier: GPL-2.0-only
#
# mutants/record: what each mutant came to, as far as it is known. It is kept with the source, so
# that another machine goes on where one was stopped, and so that what docs/detection.md says can
# be looked up. By what was run: "[SUITE-KEY]", KEY of the kernel, the program and its arguments;
# then a line a mutant: its name and the fields of its result, between tabs.

use strict;
use warnings;

# read_record FILE: by SUITE-KEY, then by name, the fields; nothing if there is no such file.
sub read_record {
	my ($file) = @_;
	my (%parts, $part);

	open(my $fh, '<', $file) or return \%parts;
	while (my $line = <$fh>) {
		chomp($line);
		next if $line =~ /^#/;
		if ($line =~ /^\[(\w+-\w+)\]$/) {
			$part = $parts{$1} = {};
			next;
		}
		my ($name, $fields) = $line =~ /^([\w-]+)\t(.+)$/;

		die("$file:$.: neither [SUITE-KEY] nor a result: $line\n")
			if !$part || !defined $name;
		$part->{$name} = $fields;
	}
	return \%parts;
}

# record_text PARTS: what is read by read_record.
sub record_text {
	my ($parts) = @_;
	my $text = "# What each mutant came to; written by mutants/run --record, read by record.pl.\n" .
		   "# name, verdict, test, seconds, reason, reached, tests that failed only once\n";

	for my $key (sort keys %$parts) {
		my $part = $parts->{$key};

		$text .= "[$key]\n" . join('', map { "$_\t$part->{$_}\n" } sort keys %$part);
	}
	return $text;
}

# record_survivors PARTS: a hash of the names of those that our suite did not notice.
sub record_survivors {
	my ($parts) = @_;
	my %survived;

	for my $part (map { $parts->{$_} } grep { /^cowpin-/ } keys %$parts) {
		$survived{$_} = 1 for grep { $part->{$_} =~ /^survived\t/ } keys %$part;
	}
	return %survived;
}

1;
