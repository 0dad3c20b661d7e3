# SPDX-License-Identifier: GPL-2.0-only
#
# What all tests share: where the project is, a directory that goes away, files, and waiting
# for a state with a limit.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Time::HiRes qw(time);

our $top = abs_path(dirname(__FILE__) . '/..');
our $tmp = tempdir('cowpin-t-XXXXXX', TMPDIR => 1, CLEANUP => 1);

# '' if there is no such file.
sub slurp {
	my ($path) = @_;

	open(my $fh, '<', $path) or return '';
	local $/;
	return <$fh> // '';
}

sub spew {
	my ($path, $text, $mode) = @_;

	open(my $fh, '>', $path) or die "$path: $!\n";
	print $fh $text;
	close($fh) or die "$path: $!\n";
	chmod($mode, $path) if defined $mode;
	return $path;
}

# Wait until CODE is true; false if it is not within SECONDS.
sub wait_for {
	my ($code, $seconds) = @_;
	my $deadline = time() + $seconds;

	until ($code->()) {
		return 0 if time() > $deadline;
		select(undef, undef, undef, 0.005);
	}
	return 1;
}

1;
