# SPDX-License-Identifier: GPL-2.0-only
#
# A sweep: a group of the catalogue in a guest, as { id => verdict and reason }; and what is
# stored of one in full/expected/. For t/full/kernels.t and t/full/flakes.t.

use strict;
use warnings;
use File::Basename qw(dirname);

require(dirname(__FILE__) . '/vm-helper.pl');
our ($top, $tmp);

# Passes and failures of these come and go with what the kernel finds in a page.
sub fickle {
	my ($kernel, $id, $what) = @_;

	# Before 5.19 pins lost their pages, in a race at times.
	return $id =~ /^race\./ && $kernel eq '5.10' && $what =~ /^fail (?:stale-pin|pfn-differs|leak)$/ ||
	       $id =~ /\.hugetlb\.1G$/ && $what eq 'todo lost-at-fork' ||
	       $id =~ /^race\.(?:fork-)?pageout\./ && $what eq 'todo stale-data' ||
	       $id =~ /^operation\.sync-pinned\..*\.btrfs\./ && $what eq 'todo setup';
}

# What TAP says of a sweep on KERNEL: {
#	seen	id -> 'ok', 'skip CODE', 'fail REASON' or 'todo REASON'
#	told	id -> what it said, whole, if it did not pass
#	planned, done	how many tests
#	cut	why it is not whole: the first test that was not run, or the numbers
# }
sub sweep_of {
	my ($kernel, $tap) = @_;
	my (%seen, %told);
	my $sweep = { seen => \%seen, told => \%told, planned => 0, done => 0 };
	my ($id, $failed) = ('', 0);

	for (split(/\n/, $tap)) {
		if (/^((?:not )?)ok \d+ - (\S+)/) {
			($failed, $id) = (length($1), $2);
			$sweep->{done}++;
		}
		$told{$id} .= "$_\n" if $failed;
		if (/^ok \d+ - \S+(?: # (SKIP)(?: ([\w-]+):)?)?/) {
			# Each skip has its code; one that has none hides what happened.
			$seen{$id} = $1 ? 'skip ' . ($2 // 'without a code') : 'ok';
		} elsif (/^not ok \d+ - \S+( # TODO)?/) {
			$seen{$id} = $1 ? 'todo' : 'fail';
		} elsif (/^  reason: '(.*)'/) {
			$seen{$id} .= " $1";
			$seen{$id} = 'ok' if fickle($kernel, $id, $seen{$id});
		} elsif (/^1\.\.(\d+)/) {
			$sweep->{planned} = $1;
		} elsif (/^# not run: (\S+)/) {
			$sweep->{cut} //= "$1 was not run";
		}
	}
	$sweep->{cut} //= "$sweep->{planned} tests planned, $sweep->{done} done"
		if !$sweep->{planned} || $sweep->{planned} != $sweep->{done};
	return $sweep;
}

# Was it the emulated CPU that ended it, by code that was being patched (see vm/boot), or by
# being too slow? That is neither the kernel's doing nor the suite's. ERR: stderr of the run.
sub emulators_fault {
	my ($err) = @_;

	return $err =~ /Oops: int3|no byte from the guest for \d|not done after \d+ seconds/;
}

# One that nothing has cut off, of two more tries if it was the emulator; with the exit code, and
# how often it was begun again. ARGS are those of cow.
sub whole_sweep {
	my ($kernel, @args) = @_;
	my $sweep;

	for my $again (0 .. 2) {
		my $run = begin("$top/run_vmtests.sh", '-k', "debian:$kernel", '--tap',
				'--results', "$tmp/results", '--', @args);
		my $got = finish($run);

		unlink("$run->{file}.out", "$run->{file}.err");
		$sweep = sweep_of($kernel, $got->{out});
		@$sweep{qw(code err again)} = (@$got{qw(code err)}, $again);
		last if !$sweep->{cut} || !emulators_fault($got->{err});
	}
	return $sweep;
}

# id -> verdict and reason, of what does not simply pass.
sub not_ok {
	my ($seen) = @_;

	return { map { $_ => $seen->{$_} } grep { $seen->{$_} ne 'ok' } keys %$seen };
}

# Of a kernel's bug two reasons may be seen, as it comes, "fail stale-pin|leak"; or nothing, if it is
# known to show now and then only: "todo setup|ok".
sub as_stored {
	my ($seen, $want) = @_;
	my ($verdict, $reasons) = $want =~ /\A(\S+) (\S+\|\S+)\z/ or return $seen eq $want;

	return scalar grep { $seen eq ($_ eq 'ok' ? $_ : "$verdict $_") } split(/\|/, $reasons);
}

# What is not as it must be, a line each. Tests that were not in the sweep do not count.
sub alarms {
	my ($seen, $want) = @_;
	my @other = grep { !as_stored($seen->{$_}, $want->{$_} // 'ok') } sort keys %$seen;

	return map { "$_: $seen->{$_}, not " . ($want->{$_} // 'ok') } @other;
}

# What the tests of these lines said.
sub told {
	my ($sweep, @alarms) = @_;

	return map { $sweep->{told}{s/:.*//r} // () } @alarms;
}

sub expected_file { return "$top/t/full/expected/$_[0]" }

# What is stored under NAME, as not_ok() gives it; nothing if there is no such file.
sub expected {
	my ($name) = @_;
	my %want;

	open(my $in, '<', expected_file($name)) or return;
	while (<$in>) {
		next if /^#/;
		$want{$1} = $2 if /^(\S+) (.+)$/;
	}
	return \%want;
}

sub store_expected {
	my ($name, $kernel, $group, $seen) = @_;
	my $not_ok = not_ok($seen);

	spew(expected_file($name),
	     join('', "# Debian $kernel, group $group: what does not simply pass.\n",
		  map { "$_ $not_ok->{$_}\n" } sort keys %$not_ok));
}

1;
