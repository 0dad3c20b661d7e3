# SPDX-License-Identifier: GPL-2.0-only
#
# The matrix of the page: for each pin provider a table of scenarios and kinds, in each cell
# one letter a kernel. Most of the page is this, so it is put together here, not in the
# template, with as few bytes a cell as can be.

package Cowpin::Html::Matrix;

use strict;
use warnings;

my %letter = (passed => 'P', failed => 'F', todo => 'T', skipped => 'S', 'not-run' => 'N');

use constant NARROW => 7;	# columns that the name of a family needs to lie flat

sub letter { return \%letter }

sub escape {
	my ($text) = @_;

	$text =~ s/&/&amp;/g;
	$text =~ s/</&lt;/g;
	$text =~ s/>/&gt;/g;
	$text =~ s/"/&quot;/g;
	$text =~ s/'/&#39;/g;
	return $text;
}

# What passed has nothing more to tell: no link.
sub cell {
	my ($run, $test) = @_;

	return '<a>-</a>' if !$test;
	my $class = lc($letter{$test->{verdict}});
	my $link = defined $test->{anchor} ? ' href="#' . escape($test->{anchor}) . '"' : '';

	return "<a class=$class$link>$letter{$test->{verdict}}</a>";
}

# thp-pte.128k -> (thp-pte, 128k)
sub split_kind {
	my ($kind) = @_;

	return $kind =~ /^(.+)\.([^.]+)$/ ? ($1, $2) : ($kind, '');
}

# Sizes by value, with what is no size (pmd) behind.
sub size_of {
	my ($leaf) = @_;
	my %unit = (k => 1, M => 1 << 10, G => 1 << 20);

	return $leaf =~ /^(\d+)([kMG])$/ ? $1 * $unit{$2} : $leaf eq '' ? 0 : 1 << 30;
}

# Kinds that differ in their last part only stand under one head: [[family, kind...]...]
sub families {
	my @kinds = @_;
	my (%members, @order);

	for my $kind (@kinds) {
		my ($family) = split_kind($kind);

		push(@order, $family) if !$members{$family};
		push(@{$members{$family}}, $kind);
	}
	return map {
		my $family = $_;

		[$family, sort { size_of((split_kind($a))[1]) <=> size_of((split_kind($b))[1]) ||
				 $a cmp $b } @{$members{$family}}]
	} @order;
}

sub heading {
	my ($text, $vertical, $attributes) = @_;
	my $name = escape($text);

	return "<th scope=col$attributes" . ($vertical ? ' class=v' : '') . "><span>$name</span>";
}

sub head {
	my @families = @_;
	my ($first, $second) = ('', '');

	for my $family (@families) {
		my ($name, @kinds) = @$family;

		if (@kinds == 1) {
			$first .= heading($kinds[0], 1, ' rowspan=2 data-k="' .
					  escape($kinds[0]) . '"');
			next;
		}
		$first .= heading($name, @kinds < NARROW && length($name) >= 3 * @kinds,
				  ' colspan=' . @kinds);
		$second .= heading((split_kind($_))[1] || '(plain)', 1,
				   ' data-k="' . escape($_) . '"') for @kinds;
	}
	return "<tr><th rowspan=2 class=c>scenario$first\n<tr>$second\n";
}

# One row: the name, the kernels under each other, and so in each cell.
sub row {
	my ($scenario, $labels, $runs, $kinds, $found) = @_;
	my $name = escape($scenario);
	my $html = "<tr><th scope=row><div><b>$name</b><i>$labels</i></div>";

	for my $kind (@$kinds) {
		my $tests = $found->{$kind};

		$html .= '<td>';
		next if !$tests;
		$html .= join('', map { cell($runs->[$_], $tests->[$_]) } 0 .. $#$runs);
	}
	return "$html\n";
}

# Tests by place: {provider}{scenario}{kind}[kernel], each level in the order of the plan.
sub place {
	my @runs = @_;
	my (%at, %order, @providers);

	for my $nr (0 .. $#runs) {
		for my $test (@{$runs[$nr]{tests}}) {
			my ($p, $s, $k) = map { $_ // '' } @$test{qw(provider scenario kind)};

			push(@providers, $p) if !$at{$p};
			push(@{$order{$p}{s}}, $s) if !$at{$p}{$s};
			push(@{$order{$p}{k}}, $k) if !$order{$p}{seen}{$k}++;
			$at{$p}{$s}{$k}[$nr] = $test;
		}
	}
	return (\%at, \%order, sort @providers);
}

sub short_names {
	my @names = @_;
	my ($prefix) = $names[0] =~ /^([^:]*:)/;

	return @names if !defined $prefix || grep { index($_, $prefix) } @names;
	return map { substr($_, length($prefix)) } @names;
}

# tables(RUN...) -> [{ provider, tests, head, rows }]
sub tables {
	my @runs = @_;
	my ($at, $order, @providers) = place(@runs);
	my @names = short_names(map { $_->{name} } @runs);
	my $labels = join('', map { '<u>' . escape($_) . '</u>' } @names);

	return [map {
		my $provider = $_;
		my @families = families(@{$order->{$provider}{k}});
		my @kinds = map { @$_[1 .. $#$_] } @families;
		my @rows = map { row($_, $labels, \@runs, \@kinds, $at->{$provider}{$_}) }
			   @{$order->{$provider}{s}};

		{ provider => $provider, head => head(@families), rows => join('', @rows),
		  names => join(' ', @kinds),
		  scenarios => scalar(@rows), kinds => scalar(@kinds),
		  tests => scalar(map { values %$_ } values %{$at->{$provider}}) };
	} @providers];
}

1;
