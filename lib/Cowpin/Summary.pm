# SPDX-License-Identifier: GPL-2.0-only
#
# What failed on each kernel, then the kernels side by side: for a terminal.

package Cowpin::Summary;

use strict;
use warnings;

require Cowpin::Compare;
require Cowpin::Results;

my @counts = qw(passed failed todo skipped not-run);

sub print_failures {
	my ($run) = @_;
	my @failed = grep { $_->{verdict} eq 'failed' } @{$run->{tests}};

	my $trouble = Cowpin::Results::trouble($run);
	my $why = $run->{why} // $trouble;

	return if !defined $why && !@failed;
	print "\n$run->{name}:\n";
	print "  $why\n" if defined $why;
	# A gate that did not hold says so at the end.
	print map { "    $_\n" } @{$run->{notes}} if defined $trouble;
	for my $test (@failed) {
		print "  not ok - $test->{id}\n";
		print "    $test->{log}[0]\n" if @{$test->{log}};
	}
}

sub print_row {
	my ($width, $names, $label, @cells) = @_;

	printf('%-*s', $width, $label);
	printf('  %*s', length($names->[$_]) < 10 ? 10 : length($names->[$_]), $cells[$_])
		for 0 .. $#cells;
	print "\n";
}

sub print_counts {
	my ($row, @runs) = @_;

	print "\n";
	$row->('', map { $_->{name} } @runs);
	for my $verdict (@counts) {
		$row->($verdict, map { $_->{counts}{$verdict} } @runs);
	}
	$row->('seconds', map { $_->{status}{seconds} // '-' } @runs);
}

sub print_differences {
	my ($row, $found) = @_;

	for my $class (Cowpin::Compare::classes()) {
		next if !@{$found->{$class}};
		print "\n$class:\n";
		$row->($_->{id}, map { $_ // '-' } @{$_->{verdicts}}) for @{$found->{$class}};
	}
}

sub print_summary {
	my @runs = @_;
	my $found = Cowpin::Compare::differences(\@runs);
	my @different = map { @{$found->{$_}} } Cowpin::Compare::classes();
	my ($width) = sort { $b <=> $a } 10, map { length($_->{id}) } @different;
	my @names = map { $_->{name} } @runs;
	my $row = sub { print_row($width, \@names, @_) };

	print_failures($_) for @runs;
	print_counts($row, @runs);
	print_differences($row, $found);
	return if @different || @runs < 2;
	print "\n", @{$found->{same}} ? 'all verdicts are the same' : 'nothing was tested', "\n";
}

1;
