# SPDX-License-Identifier: GPL-2.0-only
#
# What changed from one run to the next: worse, better, new, gone. "Changed" is what is
# neither good nor bad news, as a failure that could not be run any more.

package Cowpin::Compare;

use strict;
use warnings;

my @classes = qw(worse gone new changed better);

# In the order of their weight.
sub classes { return @classes }

my %bad = (failed => 1, 'not-run' => 1);

# Of a run that was cut short, what has no result was not run: it did not go away.
sub verdict_in {
	my ($run, $id) = @_;
	my $test = $run->{by_id}{$id};

	return $test ? $test->{verdict} : $run->{cut} ? 'not-run' : undef;
}

# One step; undef is "there is no such test".
sub class_of {
	my ($from, $to, %opt) = @_;

	return 'same' if ($from // '') eq ($to // '');
	return 'new' if !defined $from;
	return 'gone' if !defined $to;
	return $bad{$from} ? 'changed' : 'worse' if $bad{$to};
	return 'better' if $to eq 'passed';
	return 'worse' if $from eq 'passed' && $to eq 'skipped' && !$opt{allow_skips};
	return 'changed';
}

# Over several kernels, the worst step counts.
sub class_of_all {
	my ($verdicts, %opt) = @_;
	my %steps = map { class_of(@$verdicts[$_ - 1, $_], %opt) => 1 } 1 .. $#$verdicts;
	my ($worst) = grep { $steps{$_} } @classes;

	return $worst // 'same';
}

# In the order of the first run that has them.
sub all_ids {
	my %seen;

	return grep { !$seen{$_}++ } map { map { $_->{id} } @{$_->{tests}} } @_;
}

# differences([RUN...], OPTIONS) -> { CLASS => [{ id, verdicts }], same => [...] }
sub differences {
	my ($runs, %opt) = @_;
	my %found = map { $_ => [] } @classes, 'same';

	for my $id (all_ids(@$runs)) {
		my @verdicts = map { verdict_in($_, $id) } @$runs;

		push(@{$found{class_of_all(\@verdicts, %opt)}},
		     { id => $id, verdicts => \@verdicts });
	}
	return \%found;
}

# Why a test is not a pass, in one line.
sub why {
	my ($run, $id) = @_;
	my $test = $run->{by_id}{$id};
	my $verdict = verdict_in($run, $id) // return;

	return $run->{why} // 'the run was cut short' if $verdict eq 'not-run';
	return if $verdict eq 'passed';
	return $test->{log}[0] // join(': ', grep { defined } @$test{qw(reason message)})
		if $verdict ne 'todo';
	return join(': ', 'known', $test->{todo} // ());
}

sub print_class {
	my ($class, $to, @changes) = @_;

	print "$class: ", scalar(@changes), "\n";
	for my $change (sort { $a->{id} cmp $b->{id} } @changes) {
		my $why = $class eq 'gone' ? undef : why($to, $change->{id});

		printf("  %s: %s\n", $change->{id},
		       join(' -> ', map { $_ // '-' } @{$change->{verdicts}}));
		print "    $why\n" if defined $why && $why ne '';
	}
}

# Prints one comparison; true if something is worse.
sub print_pair {
	my ($from, $to, %opt) = @_;
	my $found = differences([$from, $to], %opt);
	my $failing = grep { $bad{$_->{verdicts}[1] // ''} } @{$found->{same}};

	print "$from->{name} -> $to->{name}\n";
	for my $class (@classes) {
		print_class($class, $to, @{$found->{$class}}) if @{$found->{$class}};
	}
	printf("same: %d%s\n", scalar(@{$found->{same}}),
	       $failing ? " ($failing of them failed or not run)" : '');
	return @{$found->{worse}} > 0;
}

# Without a single result a comparison would be all "gone", and no news is not good news.
sub must_have_tests {
	my ($path, @runs) = @_;

	for my $run (@runs) {
		next if @{$run->{tests}};
		die("$path: $run->{name}: no test was run" .
		    (defined $run->{why} ? ": $run->{why}" : '') . "\n");
	}
}

# Kernels that both have; one alone on each side is meant, whatever its name.
sub pairs {
	my ($from, $to) = @_;
	my %to = map { $_->{name} => $_ } @$to;

	return [$from->[0], $to->[0]] if @$from == 1 && @$to == 1;
	return map { [$_, $to{$_->{name}}] } grep { $to{$_->{name}} } @$from;
}

sub print_alone {
	my ($path, $runs, @paired) = @_;
	my %paired = map { $_ => 1 } @paired;

	printf("%s: only in %s (%d tests)\n", $_->{name}, $path, scalar(@{$_->{tests}}))
		for grep { !$paired{$_} } @$runs;
}

# compare(PATH, [RUN...], PATH, [RUN...], OPTIONS) -> exit code
sub compare {
	my ($path1, $from, $path2, $to, %opt) = @_;
	my @pairs = pairs($from, $to);
	my $worse = 0;

	die("$path1 and $path2 have no kernel in common\n") if !@pairs;
	must_have_tests($path1, map { $_->[0] } @pairs);
	must_have_tests($path2, map { $_->[1] } @pairs);
	for my $nr (0 .. $#pairs) {
		print "\n" if $nr;
		$worse = 1 if print_pair(@{$pairs[$nr]}, %opt);
	}
	print_alone($path1, $from, map { $_->[0] } @pairs);
	print_alone($path2, $to, map { $_->[1] } @pairs);
	return $worse;
}

1;
