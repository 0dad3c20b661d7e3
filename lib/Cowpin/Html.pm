# SPDX-License-Identifier: GPL-2.0-only
#
# One page with all that it needs. What is in it: Html/Matrix.pm, Html/Details.pm and
# Compare.pm; how it looks: Html/page.{tt,css,js}.

package Cowpin::Html;

use strict;
use warnings;
use File::Basename qw(dirname);
use Template;

require Cowpin::Compare;
require Cowpin::Html::Details;
require Cowpin::Html::Matrix;

my @verdicts = qw(passed failed todo skipped not-run);
my @environment = qw(kernel config cmdline page-sizes memory swap cpu module);

# What the kernels ran on, one row a key; those that differ stand out.
sub environment {
	my @runs = @_;
	my %hidden = map { $_ => 1 } @environment, qw(kinds providers);
	my %other = map { $_ => 1 } grep { !$hidden{$_} } map { keys %{$_->{env}} } @runs;
	my @rows;

	for my $key (@environment, sort keys %other) {
		my @values = map { $_->{env}{$key} // '' } @runs;
		my %seen = map { $_ => 1 } @values;

		push(@rows, { key => $key, values => \@values, differs => keys %seen > 1 })
			if grep { $_ ne '' } @values;
	}
	return \@rows;
}

# One change: what each kernel said, with a link to where that is told.
sub change {
	my ($change, @runs) = @_;
	my $letter = Cowpin::Html::Matrix::letter();
	my @cells;

	for my $nr (0 .. $#runs) {
		my $verdict = $change->{verdicts}[$nr];
		my $test = $runs[$nr]{by_id}{$change->{id}};

		push(@cells, { verdict => $verdict, anchor => $test && $test->{anchor},
			       letter => $verdict ? $letter->{$verdict} : '-' });
	}
	return { id => $change->{id}, cells => \@cells };
}

# Changes of a class, by scenario: thousands may be of a handful.
sub by_scenario {
	my ($runs, @changes) = @_;
	my (%found, @order);

	for my $change (@changes) {
		my ($test) = grep { defined } map { $_->{by_id}{$change->{id}} } @$runs;

		push(@order, $test->{scenario}) if !$found{$test->{scenario}};
		push(@{$found{$test->{scenario}}}, change($change, @$runs));
	}
	return [map { { scenario => $_, changes => $found{$_} } } @order];
}

sub differences {
	my @runs = @_;
	my $found = Cowpin::Compare::differences(\@runs);

	return [map {
		{ class => $_, count => scalar(@{$found->{$_}}),
		  scenarios => by_scenario(\@runs, @{$found->{$_}}) }
	} grep { @{$found->{$_}} } Cowpin::Compare::classes()];
}

# { REASON => [names of what was not there] }
sub absent_by_reason {
	my ($run) = @_;
	my %found;

	push(@{$found{$run->{absent}{$_}}}, $_) for sort keys %{$run->{absent}};
	return \%found;
}

# The first word of `uname -rv`: the rest is in the environment.
sub release {
	my ($run) = @_;

	return (split(' ', $run->{env}{kernel} // ''))[0];
}

# For the strip of colours: how much of each, in thousandths.
sub shares {
	my ($run) = @_;
	my $all = @{$run->{tests}} || 1;

	return [map { { verdict => $_, count => $run->{counts}{$_},
			share => int(1000 * $run->{counts}{$_} / $all + 0.5) } }
		grep { $run->{counts}{$_} } @verdicts];
}

sub report {
	my @runs = @_;
	my $dir = dirname(__FILE__) . '/Html';
	my $template = Template->new(INCLUDE_PATH => $dir, ENCODING => 'utf8', STRICT => 0);
	my $details = Cowpin::Html::Details::details(@runs);
	my %page = (
		runs => \@runs, verdicts => \@verdicts, details => $details,
		letter => Cowpin::Html::Matrix::letter(),
		short => [Cowpin::Html::Matrix::short_names(map { $_->{name} } @runs)],
		names => [map { $_->{slug} } @runs],
		shares => [map { shares($_) } @runs], environment => environment(@runs),
		release => \&release, absent_by_reason => \&absent_by_reason,
		differences => @runs > 1 ? differences(@runs) : [],
		tables => Cowpin::Html::Matrix::tables(@runs),
	);
	my $html = '';

	$template->process('page.tt', \%page, \$html) or die($template->error . "\n");
	return $html;
}

1;
