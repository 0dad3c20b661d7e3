# SPDX-License-Identifier: GPL-2.0-only
#
# Results for programs: for each kernel a header, then one object a test, each on its line.

package Cowpin::Json;

use strict;
use warnings;
use JSON::PP;

use constant FORMAT => 1;

my @environment = qw(kernel config cmdline page-sizes memory swap cpu module);
my @fields = qw(title message steps pin_pfn table_pfn reason todo);
my $json = JSON::PP->new->canonical->allow_nonref;

sub environment {
	my ($env) = @_;
	my %env = ((map { $_ => undef } @environment), %$env);

	for my $list (qw(kinds providers)) {
		$env{$list} = [split(' ', $env{$list})] if defined $env{$list};
	}
	return \%env;
}

# Numbers as numbers: "ms": 14
sub number {
	my ($text) = @_;

	return defined $text && $text =~ /^\d{1,15}$/ ? 0 + $text : $text;
}

sub object_of {
	my ($test) = @_;
	my %object = map { $_ => $test->{$_} } qw(id scenario provider kind verdict);

	for my $field (@fields) {
		$object{$field} = "$test->{$field}" if defined $test->{$field};
	}
	for my $field (qw(number step ms)) {
		$object{$field} = number($test->{$field}) if defined $test->{$field};
	}
	$object{diagnosis} = join("\n", @{$test->{log}}) if @{$test->{log}};
	return \%object;
}

sub header_of {
	my ($run) = @_;

	return (name => $run->{name}, environment => environment($run->{env}),
		status => $run->{status}, counts => $run->{counts}, absent => $run->{absent},
		notes => $run->{notes}, planned => number($run->{planned}),
		complete => $run->{cut} ? JSON::PP::false : JSON::PP::true);
}

sub text_of_run {
	my ($run) = @_;
	my @header = header_of($run);
	my $text = "{\n";

	while (my ($key, $value) = splice(@header, 0, 2)) {
		$text .= $json->encode($key) . ': ' . $json->encode($value) . ",\n";
	}
	return "$text\"tests\": [\n" .
	       join(",\n", map { $json->encode(object_of($_)) } @{$run->{tests}}) . "\n]}";
}

sub report {
	my @runs = @_;

	return '{"format": ' . FORMAT . ', "program": "cowpin", "kernels": [' . "\n" .
	       join(",\n", map { text_of_run($_) } @runs) . "\n]}\n";
}

1;
