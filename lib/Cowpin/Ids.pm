# SPDX-License-Identifier: GPL-2.0-only
#
# SCENARIO[.PROVIDER].KIND, taken apart. All three have dots in their names: only the lists
# of kinds and providers tell where one ends.

package Cowpin::Ids;

use strict;
use warnings;
use JSON::PP;

# The longest end of the name that is in the set, with at least one part before it.
sub known_end {
	my ($name, $known) = @_;
	my @parts = split(/\./, $name, -1);

	for my $from (1 .. $#parts) {
		my $end = join('.', @parts[$from .. $#parts]);

		return (join('.', @parts[0 .. $from - 1]), $end) if $known->{$end};
	}
	return;
}

# split_id(ID, { kinds => {...}, providers => {...} }) -> (scenario, provider, kind)
sub split_id {
	my ($id, $axes) = @_;
	my ($rest, $kind) = known_end($id, $axes->{kinds});

	($rest, $kind) = $id =~ /^(.+)\.([^.]+)$/ if !defined $kind && $id !~ /\s/;
	return ($id, undef, undef) if !defined $kind;
	my ($scenario, $provider) = known_end($rest, $axes->{providers});

	return ($scenario // $rest, $provider, $kind);
}

# All that `cow --list --json` names: whatever is around the objects.
sub collect {
	my ($data, $axes) = @_;

	if (ref($data) eq 'ARRAY') {
		collect($_, $axes) for @$data;
	} elsif (ref($data) eq 'HASH') {
		for my $axis (qw(kind provider)) {
			my $name = $data->{$axis} // '';

			$axes->{"${axis}s"}{$name} = 1 if !ref($name) && $name ne '';
		}
		collect($_, $axes) for grep { ref } values %$data;
	}
}

# From the program at hand; it may be missing, too old, or not for this machine.
sub axes_of_program {
	my ($cow) = @_;
	my %axes = (kinds => {}, providers => {});

	return \%axes if !-x $cow;
	my $pid = open(my $pipe, '-|') // return \%axes;
	if (!$pid) {
		open(STDERR, '>', '/dev/null');
		exec { $cow } $cow, '--list', '--json' or exit 127;
	}
	my $text = do { local $/; <$pipe> };

	close($pipe);
	collect(eval { decode_json($text) }, \%axes) if defined $text;
	return \%axes;
}

sub axes_of_env {
	my ($env) = @_;

	return if !defined $env->{kinds};
	return { map { my $axis = $_; $axis => { map { $_ => 1 } split(' ', $env->{$axis} // '') } }
		 qw(kinds providers) };
}

# Puts scenario, provider and kind into each test of these runs.
sub split_all {
	my ($cow, @runs) = @_;
	my $fallback;

	for my $run (@runs) {
		my $axes = axes_of_env($run->{env}) //
			   ($fallback //= axes_of_program($cow));

		for my $test (@{$run->{tests}}) {
			@$test{qw(scenario provider kind)} = split_id($test->{id}, $axes);
		}
	}
}

1;
