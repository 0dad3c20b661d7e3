# SPDX-License-Identifier: GPL-2.0-only
#
# What one TAP stream of cow says: environment, plan, tests, notes. Archives may be of any
# age, cut anywhere, or have bytes of a dying machine in them: all of it is read, none of
# it is believed to be well-formed.

package Cowpin::Tap;

use strict;
use warnings;
use Encode qw(decode);
use TAP::Parser;

# What neither XML nor a terminal takes becomes U+FFFD.
sub clean {
	my ($bytes) = @_;
	my $text = decode('UTF-8', $bytes);

	$text =~ s/\r//g;
	$text =~ s/[^\t\n\x20-\x7e\xa0-\x{d7ff}\x{e000}-\x{fffd}\x{10000}-\x{10ffff}]/\x{fffd}/g;
	return $text;
}

# A crash may cut a YAML block, or tear a line of it. TAP::Parser would give up on all that
# follows: a torn line goes, the block gets its end.
sub mend {
	my ($text) = @_;
	my (@lines, $open);

	for my $line (split(/\n/, $text)) {
		if (defined $open && $line !~ /^\s/) {
			push(@lines, '  ...');
			undef $open;
		}
		next if defined $open && $line !~ /^  (?:---|\.\.\.|[\w-]+: (?:'.*'|[^'].*))$/;
		$open = 1 if $line =~ /^  ---$/;
		undef $open if $line =~ /^  \.\.\.$/;
		push(@lines, $line);
	}
	push(@lines, '  ...') if defined $open;
	# Without its version in front TAP has no such blocks.
	return join("\n", 'TAP version 13', (grep { !/^TAP version / } @lines), '');
}

sub verdict_of {
	my ($result) = @_;

	return 'skipped' if $result->has_skip;
	return 'passed' if $result->is_actual_ok;	# a known issue may pass: see todo
	return $result->has_todo ? 'todo' : 'failed';
}

# The kernel's own format has no ids: there, the title is the name that stays.
sub name_of {
	my ($result, $title) = @_;
	my $name = $result->description =~ s/^- //r;

	return $name if $name =~ /^\S+$/;
	return $title // ($name ne '' ? $name : 'test ' . $result->number);
}

sub take_test {
	my ($run, $result) = @_;
	my $title = delete $run->{title};
	my %test = (id => name_of($result, $title), title => $title,
		    number => $result->number, verdict => verdict_of($result), log => []);

	$test{todo} = $result->explanation if $result->has_todo;
	@test{qw(reason message)} = $result->explanation =~ /^(?:([\w-]+): )?(.*)$/s
		if $result->has_skip;
	$run->{now} = \%test;
	add($run, \%test);
}

my %rank = ('not-run' => 0, failed => 1, todo => 2, passed => 3, skipped => 4);

# A run that repeats its tests says more than once how one went: the worst counts. What was
# not run, and then was, has a result.
sub add {
	my ($run, $test) = @_;
	my $old = $run->{by_id}{$test->{id}};

	$run->{results}++;
	if (!$old) {
		push(@{$run->{tests}}, $test);
		$run->{by_id}{$test->{id}} = $test;
	} elsif ($old->{verdict} eq 'not-run' ||
		 $rank{$test->{verdict}} < $rank{$old->{verdict}}) {
		%$old = %$test;
		$run->{now} = $old;
	}
}

sub take_yaml {
	my ($run, $result) = @_;
	my $test = $run->{now} // return;
	my $data = $result->data;

	return if ref($data) ne 'HASH';
	for my $key (qw(reason message step pin_pfn table_pfn steps ms)) {
		$test->{$key} = $data->{$key} if defined $data->{$key} && !ref($data->{$key});
	}
}

# A failure has one, and so has a known one that passes unexpectedly.
sub has_diagnosis {
	my ($test) = @_;

	return $test->{verdict} eq 'failed' || defined $test->{todo};
}

# The first comment behind a result is its diagnosis, with the indented ones that follow.
sub take_diagnosis {
	my ($run, $text) = @_;
	my $log = $run->{now} && $run->{now}{log} // return 0;

	return 0 if @$log ? $text !~ /^ / : !has_diagnosis($run->{now});
	push(@$log, $text);
	return 1;
}

# Comments that have a meaning of their own: [pattern, what to do]. The first that fits.
my @comments = (
	[qr/^\[RUN\] (.*)$/, sub { $_[0]{title} = $_[1] }],
	[qr/^env ([\w.-]+): ?(.*)$/, sub { $_[0]{env}{$_[1]} = $_[2] }],
	[qr/^not run: (\S.*)$/, sub {
		add($_[0], { id => $_[1], verdict => 'not-run', log => [] });
	}],
	[qr/^passed \d+, failed \d+/, sub { $_[0]{totals} = 1 }],
	[qr/^skipped (\d+): (\S+)$/, sub { $_[0]{skipped}{$_[2]} = $_[1] }],
	[qr/^skipped (\S+): (\d+)$/, sub { $_[0]{skipped}{$_[1]} = $_[2] }],
	[qr/^absent:? ([^\s:(]+)(?::| )\s*(.*)$/, sub { $_[0]{absent}{$_[1]} = $_[2] }],
);

sub take_comment {
	my ($run, $raw) = @_;
	my $text = $raw =~ s/^#\s?//r;

	for my $kind (@comments) {
		my ($pattern, $code) = @$kind;

		if (my @found = $text =~ $pattern) {
			delete $run->{now};
			return $code->($run, @found);
		}
	}
	return if take_diagnosis($run, $text);
	delete $run->{now};
	push(@{$run->{notes}}, $text) if $text =~ /\S/;
}

sub take {
	my ($run, $result) = @_;

	if ($result->is_test) {
		take_test($run, $result);
	} elsif ($result->is_yaml) {
		take_yaml($run, $result);
	} elsif ($result->is_comment) {
		take_comment($run, $result->raw);
	} elsif ($result->is_plan) {
		$run->{planned} = $result->tests_planned;
	} elsif ($result->is_bailout) {
		push(@{$run->{notes}}, 'bailed out: ' . $result->explanation);
	}
}

# { env, planned, results, tests => [...], by_id => {...}, notes => [...], cut, ... }
sub parse {
	my ($bytes) = @_;
	my %run = (env => {}, tests => [], by_id => {}, notes => [], results => 0,
		   skipped => {}, absent => {});
	my $tap = mend(clean($bytes));
	my $parser = TAP::Parser->new({ tap => $tap });

	while (my $result = $parser->next) {
		take(\%run, $result);
	}
	delete @run{qw(now title)};
	# Cut short, and nobody was left to say which tests were not run.
	$run{cut} = 1 if ($run{planned} // 0) > $run{results} ||
			 ($run{results} && !defined $run{planned});
	return \%run;
}

1;
