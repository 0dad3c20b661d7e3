# SPDX-License-Identifier: GPL-2.0-only
#
# Results for CI servers. A test keeps class and name whatever its place in the plan, and
# what was skipped says so: a server can follow it over the builds.

package Cowpin::JUnit;

use strict;
use warnings;
use POSIX qw(strftime);
use XML::Writer;

require Cowpin::Results;

sub seconds {
	my ($ms) = @_;

	return sprintf('%.3f', ($ms // '') =~ /^\d+$/ ? $ms / 1000 : 0);
}

sub message {
	my ($test) = @_;

	return $test->{message} // $test->{log}[0] // '';
}

my %outcome = (
	failed => sub {
		my ($xml, $test) = @_;

		$xml->dataElement('failure', join("\n", @{$test->{log}}),
				  type => $test->{reason} // 'failed', message => message($test));
	},
	skipped => sub {
		my ($xml, $test) = @_;

		$xml->emptyTag('skipped', message =>
			join(': ', grep { defined } @$test{qw(reason message)}));
	},
	# The servers have no word for it: it failed, and that is known.
	todo => sub {
		my ($xml, $test) = @_;

		$xml->emptyTag('skipped', message => 'TODO ' . ($test->{todo} // ''));
		$xml->dataElement('system-out', join("\n", @{$test->{log}})) if @{$test->{log}};
	},
	'not-run' => sub {
		my ($xml, undef, $run) = @_;

		$xml->emptyTag('error', type => 'not-run',
			       message => $run->{why} // 'the run was cut short');
	},
);

sub write_test {
	my ($xml, $run, $test) = @_;
	my @attributes = (classname => $test->{scenario}, name => $test->{id},
			  time => seconds($test->{ms}));
	my $write = $outcome{$test->{verdict}};

	return $xml->emptyTag('testcase', @attributes) if !$write;
	$xml->startTag('testcase', @attributes);
	$write->($xml, $test, $run);
	$xml->endTag;
}

sub write_trouble {
	my ($xml, $run, $why) = @_;

	$xml->startTag('testcase', classname => 'cowpin', name => 'run', time => '0.000');
	$xml->dataElement('error', join("\n", @{$run->{notes}}), type => 'run', message => $why);
	$xml->endTag;
}

sub write_properties {
	my ($xml, $run) = @_;
	my %all = (%{$run->{env}}, map { ("status.$_" => $run->{status}{$_}) }
		   grep { !defined $run->{env}{$_} } keys %{$run->{status}});

	$xml->startTag('properties');
	$xml->emptyTag('property', name => $_, value => $all{$_}) for sort keys %all;
	$xml->endTag;
}

sub write_run {
	my ($xml, $run) = @_;
	my $counts = $run->{counts};
	# In a test of its own: a suite that is empty, or has passes only, would be taken for good.
	my $why = Cowpin::Results::trouble($run);

	$xml->startTag('testsuite', name => $run->{name},
		tests => @{$run->{tests}} + !!defined $why, failures => $counts->{failed},
		errors => $counts->{'not-run'} + !!defined $why,
		skipped => $counts->{skipped} + $counts->{todo},
		time => ($run->{status}{seconds} // '') =~ /^([\d.]+)$/ ? $1 : 0,
		timestamp => strftime('%Y-%m-%dT%H:%M:%S', gmtime($run->{time} // 0)));
	write_properties($xml, $run);
	write_trouble($xml, $run, $why) if defined $why;
	write_test($xml, $run, $_) for @{$run->{tests}};
	$xml->endTag;
}

sub report {
	my @runs = @_;
	my $xml = XML::Writer->new(OUTPUT => 'self', DATA_MODE => 1, DATA_INDENT => 1);

	$xml->xmlDecl('UTF-8');
	$xml->startTag('testsuites', name => 'cowpin');
	write_run($xml, $_) for @runs;
	$xml->endTag;
	$xml->end;
	return $xml->to_string;
}

1;
