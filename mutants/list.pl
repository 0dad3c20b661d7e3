# SPDX-License-Identifier: GPL-2.0-only
#
# Reads mutants/list; for mutants/run and t/mutants.t.

use strict;
use warnings;

# mutants FILE: a list of hashes, by field.
sub mutants {
	my ($file) = @_;
	my @mutants;

	open(my $fh, '<', $file) or die("$file: $!\n");
	my $text = join('', grep { !/^#/ } <$fh>);
	close($fh);
	for my $record (split(/\n{2,}/, $text)) {
		my %fields;

		for my $line (grep { /\S/ } split(/\n/, $record)) {
			my ($field, $value) = $line =~ /^([a-z]+):\s+(\S.*)/
				or die("$file: not a field: $line\n");
			die("$file: $field: twice in a record\n") if exists $fields{$field};
			$fields{$field} = $value;
		}
		push(@mutants, \%fields) if %fields;
	}
	return @mutants;
}

1;
