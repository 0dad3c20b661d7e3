#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# A run changes settings of the machine and puts them back, in whatever way it ends. To
# see that, this test sets them to what no run can work with, and in the end puts back
# what it found.

use strict;
use warnings;
use FindBin;
use Test::More;

require "$FindBin::Bin/cow-helper.pl";
our ($tmp, $cow, $own_group);

plan(skip_all => 'cow is not built (make)') if !-x $cow;
plan(skip_all => 'no-root: settings are root\'s') if !is_root();
alone();

my $journal = '/run/cowpin/settings';
my $thp = '/sys/kernel/mm/transparent_hugepage';
my $ksm = '/sys/kernel/mm/ksm';
my $pool_2M = '/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages';
my $pool_1G = '/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages';
my %setting = (
	"$thp/enabled" => 'never',
	"$thp/defrag" => 'never',
	"$thp/shmem_enabled" => 'never',
	"$thp/use_zero_page" => 0,
	(map { ($_ => 'never') } glob("$thp/hugepages-*/enabled")),
	"$thp/khugepaged/pages_to_scan" => 4095,
	"$thp/khugepaged/scan_sleep_millisecs" => 10001,
	"$ksm/run" => 0,
	"$ksm/pages_to_scan" => 101,
	"$ksm/sleep_millisecs" => 21,
	"$ksm/use_zero_pages" => 0,
	'/proc/sys/kernel/printk_devkmsg' => 'ratelimit',
	$pool_2M => 1,
	$pool_1G => 0,
);
delete @setting{grep { !-w } keys %setting};
plan(skip_all => 'kernel: neither THP nor hugetlb pages of 2 MiB')
	if !$setting{"$thp/enabled"} && !$setting{$pool_2M};
plan(skip_all => "a run is under way, or has left $journal behind") if -e $journal;

# What makes a run change all of these.
use constant RUN => 'fork.basic.thp.*,fork.basic.hugetlb.2M,cow.basic.zeropage.huge,' .
		    'cow.basic.ext4,fork.basic.anon.swapped,fork.basic.anon.swapcache,' .
		    'softdirty.ksm.anon';

# For the largest pages the kernel must find room in one piece: in one run only, and it is no
# failure if there is none.
use constant GIGANTIC => 'fork.basic.hugetlb.1G';

# As one would write it: the word in brackets of a choice.
sub value {
	my $text = slurp($_[0]);

	return $1 if $text =~ /\[(.*?)\]/;
	chomp($text);
	return $text;
}

# Where a run may put files, and what it may attach.
$ENV{COWPIN_SCRATCH} = $tmp;

sub settings {
	my %now = map { $_ => value($_) } keys %setting;

	$now{mounts} = join('', grep { /cowpin/ } split(/^/, slurp('/proc/self/mounts')));
	$now{swaps} = join('', map { /^(\S+)/ } split(/^/, slurp('/proc/swaps')));
	$now{loops} = join('', map { slurp($_) } glob('/sys/block/loop*/loop/backing_file'));
	$now{groups} = join(' ', glob('/sys/fs/cgroup/cowpin*'));
	$now{files} = join(' ', grep { !m{/lock$} }
			   glob("/run/cowpin/* /var/tmp/cowpin* $tmp/cowpin.*"));
	return \%now;
}

my $found = settings();

sub put {
	my ($values) = @_;

	for my $path (keys %setting) {
		open(my $fh, '>', $path) or next;
		print $fh "$values->{$path}\n";
		close($fh);
	}
}

END { put($found) if $found }
$SIG{$_} = sub { exit(1) } for qw(INT TERM HUP QUIT);

# Some of what ends a run here also writes a core.
system('prlimit', '--pid', $$, '--core=0');

put(\%setting);
my $before = settings();
is_deeply({ %$before{keys(%setting)} }, \%setting, 'settings that no run can work with');

# Processes of a run are known by their environment.
my $mark = "COWPIN_T_RUN=$$";
$ENV{COWPIN_T_RUN} = $$;

sub leftovers {
	return grep { slurp("$_/environ") =~ /(?:^|\0)$mark(?:\0|$)/ }
	       grep { $_ ne "/proc/$$" } glob('/proc/[0-9]*');
}

# Everything as before, soon: pages that were in use go when their users have gone.
sub all_as_before {
	my ($what) = @_;

	ok(wait_for(sub { !-e $journal }, 30), "$what: the journal is gone");
	wait_for(sub { explain_settings() eq explain_settings($before) }, 30);
	is_deeply(settings(), $before, "$what: settings are as before");
	ok(wait_for(sub { !leftovers() }, 30), "$what: no process is left");
}

sub explain_settings {
	my $s = $_[0] // settings();

	return join("\n", map { "$_ $s->{$_}" } sort keys %$s);
}

# --- a run that ends by itself ---

my $r = cow('--run', RUN . (-w $pool_1G ? ',' . GIGANTIC : ''));
is($r->{code}, 0, 'a run: exit code 0') or diag($r->{out});
is($r->{err}, '', 'a run: nothing on stderr');
unlike($r->{out}, qr/(?<!1G) # SKIP no-(?:hugetlb|thp|huge-zeropage|ksm)/,
       'a run: provides what its tests need');
all_as_before('a run');

is(cow('--inject', 'die', '--run', RUN)->{code}, 1, 'a run that fails: exit code 1');
all_as_before('a run that fails');

cow('--list');
cow('--run', 'nope');
cow_as_nobody('--run', RUN);
all_as_before('list, refused options, ordinary user');

# --- a run that is ended ---

# A run whose first test hangs for longer than we wait: (pid, pipe).
sub start_hanging {
	my ($pid, $pipe) = cow_start('--timeout', 300, '--inject', 'hang', '--run', RUN);

	# Settings come before the first test.
	ok(defined(read_until($pipe, qr/^# \[RUN\]/)), 'it runs');
	return ($pid, $pipe);
}

sub ended {
	my ($pipe) = @_;

	1 while <$pipe>;
	close($pipe);
	return $? & 127;
}

# Of each setting: it is looked at in vain if no run changes it.
sub unchanged {
	my $now = settings();

	return grep { $now->{$_} eq $before->{$_} } grep { $_ ne $pool_1G } keys %setting;
}

for my $signal (qw(TERM INT HUP QUIT SEGV KILL)) {
	subtest "SIG$signal" => sub {
		my ($pid, $pipe) = start_hanging();

		ok(-e $journal, 'changes are in the journal');
		is_deeply([unchanged()], [], 'all settings were changed');
		kill($signal, $pid);
		isnt(ended($pipe), 0, 'it dies of the signal');
		all_as_before("SIG$signal");
	};
}

# As a terminal does it: the signal reaches all of the group.
for my $signal (qw(INT QUIT KILL)) {
	subtest "SIG$signal to the group" => sub {
		local $own_group = 1;
		my ($pid, $pipe) = start_hanging();

		kill($signal, -$pid);
		isnt(ended($pipe), 0, 'it dies of the signal');
		all_as_before("SIG$signal to the group");
	};
}

# --- what is somebody else's ---

# A name that is taken: what is not of this run is not for this run to remove.
my $mine = spew("$tmp/cowpin.ext4", 'mine');
cow('--run', 'cow.basic.ext4');
is(slurp($mine), 'mine', 'a file that has the name of an image is left alone');
unlink($mine);

# --- what a run and its guardian left behind ---

# The format of engine/settings.c, with files that nobody needs.
sub leave_behind {
	mkdir('/run/cowpin', 0700);
	spew($journal, $_[0]);
}

my ($one, $two) = ("$tmp/one", "$tmp/two");

sub spoil { spew($_, 'new') for $one, $two }

spoil();
leave_behind("set $one abc\nset $two xyz\nset $one def\n");
$r = cow('--restore');
is($r->{code}, 0, '--restore: exit code 0');
is($r->{out}, '', '--restore: nothing on stdout');
like($r->{err}, qr/\Acow: put back 3 settings of an earlier run\n\z/, '--restore: says so');
is(slurp($two), "xyz\n", '--restore: a setting');
is(slurp($one), "abc\n", '--restore: one that changed twice is as it was first');
ok(!-e $journal, '--restore: the journal is gone');

spoil();
$r = cow('--restore');
is($r->{code}, 0, '--restore, nothing to do: exit code 0');
is(slurp($one), 'new', '--restore, nothing to do: nothing done');

spoil();
leave_behind("set $one abc\n");
$r = cow('--run', 'fork.basic.anon');
is($r->{code}, 0, 'the next run: exit code 0');
like($r->{err}, qr/put back 1 settings of an earlier run/, 'the next run: says what it did');
is(slurp($one), "abc\n", 'the next run: puts back');
ok(!-e $journal, 'the next run: the journal is gone');

spoil();
leave_behind("set $one abc\n");
cow('--list');
cow('--run', 'nope');
cow_as_nobody('--run', 'fork.basic.anon');
is(slurp($one), 'new', 'who only lists, or may not, puts nothing back');

# The other verbs: what came about is undone, what did not is nobody's business.
mkdir("$tmp/dir");
spew("$tmp/file", '');
leave_behind("rmdir $tmp/dir\nunlink $tmp/file\nunlink $tmp/no-such\nrmdir $tmp/no-such\n" .
	     "umount $tmp\nswapoff $tmp/no-such\nloop $tmp/no-such\nrmmod cowpin_no_such\n");
$r = cow('--restore');
is($r->{code}, 0, 'other verbs: exit code 0');
like($r->{err}, qr/\Acow: put back 8 [^\n]*\n\z/, 'other verbs: no complaint');
ok(!-e "$tmp/dir" && !-e "$tmp/file", 'other verbs: directory and file are gone');

# What cannot be put back is named, and all else is.
spoil();
leave_behind("set $one abc\nset $tmp/no-such 1\nset $two xyz\n");
$r = cow('--restore');
like($r->{err}, qr/^cow: cannot undo: set \Q$tmp\E\/no-such\b.*: No such file/m,
     'what cannot be put back is named');
is(slurp($one) . slurp($two), "abc\nxyz\n", 'and the rest is put back');

# The machine stopped while a line was written: half a value is not to be believed.
spoil();
leave_behind("set $two xyz\nset $one a");
$r = cow('--restore');
is(slurp($two), "xyz\n", 'half a line at the end: those before it count');
is(slurp($one), 'new', 'half a line at the end: it does not');

# --- two at a time ---

# What a run that lives has changed is no leftover: taken away, its tests would fail.
subtest 'two at a time' => sub {
	my ($pid, $pipe) = start_hanging();
	my $during = explain_settings();

	for my $second (['--restore'], ['--run', 'fork.basic.anon']) {
		my $r = cow(@$second);

		is($r->{code}, 2, "@$second: exit code 2");
		is($r->{out}, '', "@$second: nothing on stdout");
		like($r->{err}, qr/\Acow: another run is under way[^\n]*\n\z/,
		     "@$second: one line says why");
		is(explain_settings(), $during, "@$second: the first run is left alone");
	}
	is(cow('--list')->{code}, 0, '--list works all the same');
	ok(-e $journal, 'the journal is still there');
	kill('KILL', $pid);
	ended($pipe);
	all_as_before('both have ended');
};

done_testing();
