#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# What reviewers would otherwise have to say again and again.

use strict;
use warnings;
use File::Find;
use FindBin;
use Test::More;

require "$FindBin::Bin/cow-helper.pl";
our ($top);

use constant FUNCTION_LINES => 60;
use constant COLUMNS => 100;

# What is built, kept or fetched is not ours to style.
sub sources {
	my @files;

	find({ no_chdir => 1, wanted => sub {
		$File::Find::prune = 1 if m{/(?:build|\.git)\z} || m{\Q$top\E/debian/cowpin\z};
		push(@files, $_) if -f && !-l && !/\.mod\.c\z/;
	} }, $top);
	return sort map { substr($_, length($top) + 1) } @files;
}

my @sources = sources();
my %text = map { $_ => slurp("$top/$_") } @sources;
my @c = grep { /\.[ch]\z/ } @sources;
my @shell = grep { $text{$_} =~ m{\A#! ?\S*\b(?:ba|da)?sh\b} || /\.sh\z/ } @sources;
my @perl = grep { $text{$_} =~ m{\A#! ?\S*\bperl\b} || /\.(?:t|pl|pm)\z/ } @sources;
my %script = map { $_ => 1 } @shell, @perl;

# One check of many files: those where CODE returns complaints are named, with them.
sub none_of {
	my ($name, $files, $code) = @_;

	is(join("\n", map { my $file = $_; map { "$file$_" } $code->($text{$file}) } @$files),
	   '', $name);
}

cmp_ok(@c, '>', 20, 'there is C');
cmp_ok(@perl, '>', 5, 'there is Perl');

# --- all files ---

# Built somewhere else than in build/, and committed with the rest.
none_of('nothing but text', [grep { $_ ne 'cow' } @sources], sub {
	return $_[0] =~ /\0/ ? ' is a binary' : ();
});

none_of('each source has its licence in the first two lines', [@c, sort keys %script], sub {
	my $head = join('', grep { defined } (split(/^/, $_[0]))[0, 1]);

	return $head =~ m{SPDX-License-Identifier: GPL-2\.0-only} ? () : ('');
});
none_of('no space at the end of a line', [@c, sort keys %script], sub {
	my $nr = 0;

	return map { $nr++; /[ \t]$/ ? ":$nr" : () } split(/\n/, $_[0]);
});
none_of('a newline at the end', [@c, sort keys %script],
	sub { return $_[0] =~ /[^\n]\n\z/ ? () : ('') });

# --- C ---

# With the tabs of the kernel.
sub columns {
	my ($line) = @_;

	1 while $line =~ s/^([^\t]*)\t/$1 . ' ' x (8 - length($1) % 8)/e;
	return length($line);
}

none_of('no line of C beyond ' . COLUMNS . ' columns', \@c, sub {
	my $nr = 0;

	return map { $nr++; columns($_) > COLUMNS ? ":$nr" : () } split(/\n/, $_[0]);
});

# Comments and strings by blanks of the same size: what is left is code.
sub code_of {
	my ($text) = @_;

	$text =~ s{(/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+')}
		  {(my $blank = $1) =~ s/[^\n]/ /g; $blank}gse;
	return $text;
}

# From "{" in the first column to "}": the kernel's style has no other in a function.
none_of('no function of more than ' . FUNCTION_LINES . ' lines', \@c, sub {
	my ($begin, $nr, @long) = (0, 0);

	for my $line (split(/\n/, code_of($_[0]))) {
		$nr++;
		$begin = $nr if $line =~ /^\{/;
		if ($line =~ /^\}/ && $begin) {
			my $lines = $nr - $begin - 1;

			push(@long, ":$begin: $lines") if $lines > FUNCTION_LINES;
			$begin = 0;
		}
	}
	return @long;
});

# Waiting for a time instead of an event is slow, or wrong on a slower machine.
none_of('nothing sleeps', \@c, sub {
	my $nr = 0;

	return map {
		$nr++;
		/\b(?:sleep|usleep|nanosleep|clock_nanosleep|msleep|ssleep|mdelay)\s*\(/
			? ":$nr" : ()
	} split(/\n/, code_of($_[0]));
});

# Each axis is a table of its own; a second row of one id would hide behind the first.
for my $axis (qw(kinds pins scenarios)) {
	my %seen;

	for my $file (grep { m{\A$axis/.*\.c\z} } @c) {
		# In arrays of known issues there are globs: those are .ids.
		push(@{$seen{$1}}, $file) while $text{$file} =~ /^\s*(?:\{\s*)?\.id\s*=\s*"([^"]*)"/mg;
	}
	cmp_ok(scalar(keys(%seen)), '>', 1, "$axis: there are ids");
	is_deeply([grep { @{$seen{$_}} > 1 } sort keys %seen], [], "$axis: ids are unique");
	is_deeply([grep { !/\A[A-Za-z0-9_.-]+\z/ } sort keys %seen], [],
		  "$axis: ids are of letters, digits, '_', '.' and '-'");
}

# Dependencies point one way (ARCHITECTURE.md): what each layer must not know.
my @layers = (
	['kinds/', qr/^kinds\//, 'engine|scenarios|pins'],
	['pins/', qr/^pins\//, 'engine|scenarios|kinds'],
	['scenarios/', qr/^scenarios\//, 'engine|pins'],
	['the bottom', qr/^(?:vm_util|content|needs|mem)\.[ch]$/, 'engine|scenarios|pins|kinds'],
);
for my $layer (@layers) {
	my ($name, $files, $above) = @$layer;

	none_of("$name includes nothing from above", [grep { $_ =~ $files } @c], sub {
		return map { " includes $_" } $_[0] =~ m{^#include\s+"((?:$above)/[^"]*)"}mg;
	});
}

# --- scripts ---

# A file that only root's machine has, or only this one, makes a test of one machine.
none_of('no path of a home directory', [grep { m{\At/} } @sources], sub {
	my $nr = 0;

	return map { $nr++; m{(?<!\w)/(?:home|root|work)/\w} ? ":$nr" : () }
	       split(/\n/, $_[0]);
});

for my $file (@perl) {
	my $r = run_as(0, '/bin/sh', '-c', 'exec perl -wc "$1"', 'sh', "$top/$file");

	ok($r->{code} == 0 && $r->{err} =~ /\A\S+ syntax OK\n\z/, "perl -wc $file")
		or diag($r->{err});
}

SKIP: {
	skip('shellcheck is not installed', 1)
		if run_as(0, '/bin/sh', '-c', 'command -v shellcheck')->{code};
	for my $file (@shell) {
		my $r = run_as(0, '/bin/sh', '-c', 'cd "$1" && exec shellcheck -x "$2"', 'sh',
			       $top, $file);

		is($r->{code}, 0, "shellcheck $file") or diag($r->{out} . $r->{err});
	}
}

done_testing();
