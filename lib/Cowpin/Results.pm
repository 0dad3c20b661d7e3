# SPDX-License-Identifier: GPL-2.0-only
#
# Results as run_vmtests.sh leaves them: a directory with one of its own for each kernel,
# such a one alone, or just a file of TAP. Each kernel is a run: see read_run().

package Cowpin::Results;

use strict;
use warnings;
use File::Basename qw(basename);

require Cowpin::Tap;

use constant LOG_LINES => 60;	# of a log, its end

sub slurp {
	my ($path) = @_;

	open(my $fh, '<:raw', $path) or return '';
	local $/;
	return <$fh> // '';
}

sub slug {
	my ($name) = @_;

	return $name =~ s/[^A-Za-z0-9._+-]/-/gr;
}

# What was given as -k, for people; the directory has it with other letters.
sub name_of {
	my ($dir) = @_;

	return $1 if slurp("$dir/command") =~ /(?:^|\0)--name\0([^\0]+)\0/;
	return basename($dir) =~ s/^debian-(?=\d|newest)/debian:/r;
}

# The last lines of each log that is not empty.
sub logs {
	my ($dir) = @_;
	my %logs;

	for my $name (qw(stderr.log console.log)) {
		my @lines = grep { /\S/ } split(/\n/, Cowpin::Tap::clean(slurp("$dir/$name")));

		splice(@lines, 0, @lines - LOG_LINES, '...') if @lines > LOG_LINES;
		$logs{$name} = \@lines if @lines;
	}
	return \%logs;
}

sub count {
	my ($run) = @_;
	my %counts = map { $_ => 0 } qw(passed failed todo skipped not-run);

	$counts{$_->{verdict}}++ for @{$run->{tests}};
	return \%counts;
}

# What the status of the boot tells where TAP has no environment yet.
sub complete_env {
	my ($run) = @_;

	$run->{env}{$_} //= $run->{status}{$_}
		for grep { defined $run->{status}{$_} } qw(kernel cmdline);
}

# read_run(TAP FILE, name => ..., dir => ...) -> all that is known of this kernel
sub read_run {
	my ($tap, %run) = @_;
	my $dir = $run{dir};

	%run = (%{Cowpin::Tap::parse(slurp($tap))}, %run);
	$run{slug} = slug($run{name});
	$run{status} = defined $dir
		? { Cowpin::Tap::clean(slurp("$dir/status")) =~ /^(\S+) (.*)$/mg } : {};
	$run{why} = $run{status}{reason};
	$run{logs} = defined $dir ? logs($dir) : {};
	$run{time} = (stat($tap))[9];
	$run{counts} = count(\%run);
	complete_env(\%run);
	return \%run;
}

# What went wrong with the run itself where no test tells of it; undef if nothing did.
sub trouble {
	my ($run) = @_;
	my $bad = $run->{counts}{failed} + $run->{counts}{'not-run'};

	return if $bad;
	return $run->{why} // 'no test was run' if !@{$run->{tests}};
	return 'the run was cut short' if $run->{cut};
	return $run->{why} // "exit code $run->{status}{exit}" if $run->{status}{exit};
	return;
}

sub read_dir {
	my ($dir, $name) = @_;

	return read_run("$dir/tap", dir => $dir, name => $name // name_of($dir));
}

sub has_results {
	my ($dir) = @_;

	return -f "$dir/tap" || -f "$dir/status";
}

# 6.1 before 6.12: numbers by value.
sub by_version {
	my ($x, $y) = map { s/(\d+)/sprintf('%09d', $1)/ger } @_;

	return $x cmp $y;
}

sub read_file {
	my ($file) = @_;
	my $run = read_run($file, name => basename($file) =~ s/\.(?:tap|txt|log)$//r);

	die("$file: no TAP in it\n") if !@{$run->{tests}} && !defined $run->{planned};
	return $run;
}

# find(PATH) -> runs; dies with one line if there are none
sub find {
	my ($path) = @_;

	die("$path: no such file or directory\n") if !-e $path;
	die("$path: cannot be read\n") if !-r $path;
	return read_file($path) if !-d $path;
	return read_dir($path) if has_results($path);
	opendir(my $dh, $path) or die("$path: $!\n");
	my @dirs = sort { by_version($a, $b) }
		   grep { !/^\./ && has_results("$path/$_") } readdir($dh);

	die("$path: no results in it (KERNEL/tap, as run_vmtests.sh --results writes)\n")
		if !@dirs;
	return map { read_dir("$path/$_") } @dirs;
}

# Two archives of one kernel side by side: the directory above tells them apart.
sub distinguish {
	my @runs = @_;
	my (%times, %taken);

	$times{$_->{name}}++ for @runs;
	for my $run (grep { $times{$_->{name}} > 1 } @runs) {
		my @above = split(m{/+}, $run->{dir} // '');

		$run->{name} = (@above > 1 ? "$above[-2]/" : '') . $run->{name};
	}
	for my $run (@runs) {
		my $nr = ++$taken{$run->{name}};

		$run->{name} .= " ($nr)" if $nr > 1;
		$run->{slug} = slug($run->{name});
	}
}

1;
