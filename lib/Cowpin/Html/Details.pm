# SPDX-License-Identifier: GPL-2.0-only
#
# What a click on a cell shows. Hundreds of tests fail in one way: what the failures of a
# scenario have in common is in the page once, and so is each reason of a skip.

package Cowpin::Html::Details;

use strict;
use warnings;

# The steps have their list, and need not be in the text as well.
sub lines_of {
	my ($test) = @_;

	return grep { !/^  steps: / || !defined $test->{steps} } @{$test->{log}};
}

# Lines that all of these tests have, but for the first, which says what happened.
sub common_lines {
	my @tests = @_;
	my %times;

	return {} if @tests < 2;
	for my $test (@tests) {
		my (undef, @lines) = lines_of($test);
		my %seen;

		$times{$_}++ for grep { !$seen{$_}++ } @lines;
	}
	return { map { $_ => 1 } grep { $times{$_} == @tests } keys %times };
}

# One test of a group: its own lines only.
sub member {
	my ($test, $common) = @_;
	my @own = grep { !$common->{$_} } lines_of($test);

	return { id => $test->{id}, anchor => $test->{anchor}, title => $test->{title},
		 verdict => $test->{verdict}, todo => $test->{todo}, step => $test->{step},
		 ms => $test->{ms}, own => join("\n", @own) };
}

sub group {
	my ($run, @tests) = @_;
	my $common = common_lines(@tests);
	my @shared = grep { $common->{$_} } lines_of($tests[0]);

	return { run => $run, steps => [split(/\s*;\s*/, $tests[0]{steps} // '')],
		 common => join("\n", @shared), tests => [map { member($_, $common) } @tests] };
}

# Failures, and those that are known: by scenario, provider and steps.
sub failure_groups {
	my ($run) = @_;
	my (%groups, @order);

	for my $test (@{$run->{tests}}) {
		next if $test->{verdict} !~ /^(?:failed|todo)$/ && !defined $test->{todo};
		my $key = join("\0", map { $_ // '' } @$test{qw(scenario provider steps)});

		$test->{anchor} = "$run->{slug}/$test->{id}";
		push(@order, $key) if !$groups{$key};
		push(@{$groups{$key}}, $test);
	}
	return map { group($run, @{$groups{$_}}) } @order;
}

# Skips by reason: { anchor, run, reason, message, ids }
sub skip_groups {
	my ($run) = @_;
	my (%groups, @order);

	for my $test (grep { $_->{verdict} eq 'skipped' } @{$run->{tests}}) {
		my $key = join("\0", map { $_ // '' } @$test{qw(reason message)});

		if (!$groups{$key}) {
			push(@order, $key);
			$groups{$key} = { run => $run, reason => $test->{reason},
					  message => $test->{message}, ids => [],
					  anchor => "$run->{slug}/skip/" . @order };
		}
		push(@{$groups{$key}{ids}}, $test->{id});
		$test->{anchor} = $groups{$key}{anchor};
	}
	return map { $groups{$_} } @order;
}

# One for all tests that did not get their turn.
sub not_run {
	my ($run) = @_;
	my @tests = grep { $_->{verdict} eq 'not-run' } @{$run->{tests}};
	my $anchor = "$run->{slug}/not-run";

	return if !@tests;
	$_->{anchor} = $anchor for @tests;
	return { run => $run, anchor => $anchor, count => scalar(@tests) };
}

# Gives each test that has something to tell its anchor, too.
sub details {
	my @runs = @_;

	return { failures => [map { failure_groups($_) } @runs],
		 skips => [map { skip_groups($_) } @runs],
		 not_run => [map { not_run($_) } @runs] };
}

1;
