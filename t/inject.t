#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# Negative controls: each oracle notices what it is there for, and says so in words that
# help. A fault of --inject without a line in the table below is itself a failure.

use strict;
use warnings;
use FindBin;
use Test::More;

require "$FindBin::Bin/cow-helper.pl";
our ($tmp, $cow);

plan(skip_all => 'cow is not built (make)') if !-x $cow;
plan(skip_all => 'no-root: nothing runs for an ordinary user') if !is_root();
alone();

# All of a process is known by its environment: what a run leaves behind bears this.
my $mark = "COWPIN_T_RUN=$$";
$ENV{COWPIN_T_RUN} = $$;

# Who wrote what, in words.
my $P2 = qr/what P wrote \(generation 2\)/;
my $P3 = qr/what P wrote \(generation 3\)/;

# Fault, tests that show it, reason code, and what the diagnosis must say. Of the tests
# those count that are not skipped: where all are, the line is.
my @table = (
	['stale-pin', 'iouring.fork.anon', 'stale-pin',
	 qr/pin 1 \(iouring, R\/W, long-term, taken by P\) sees: $P2/, qr/it must see: $P3/,
	 qr/process P reads: $P3/, qr/step 4 \(write P\)/, qr/page table of P: PFN 0x/],
	['stale-pin', 'iouring.fork.thp.pmd,iouring.fork.hugetlb.2M', 'stale-pin',
	 qr/(\d+) of \1 pages looked at differ, the first is cell 0/],
	['stale-pin', 'iouring.last.thp.pmd', 'stale-data',
	 qr/1 of \d+ pages looked at differ, the first is cell [1-9]\d*/],
	['stale-pin', 'ro-longterm.gup*.zeropage', 'stale-pin',
	 qr/page in the pin: +PFN 0x/],
	['wrong-pin', 'iouring.fork.anon,vmsplice.child-unmap.anon,fuse.unmap.anon', 'alien-data',
	 qr/the pin of [PC] sees/, qr/diverged at step (\d)\b/],
	['leak', 'fork.basic.anon', 'leak',
	 qr/process C reads: +$P3/, qr/process C must read: $P2/, qr/step 3 \(write P\)/,
	 qr/why: a child must not see what its parent writes/],
	['leak', 'fork.basic.thp.pmd,fork.basic.hugetlb.2M', 'leak',
	 qr/(\d+) of \1 pages looked at differ, the first is cell 0/],
	['leak', 'vmsplice.child-unmap.anon', 'leak',
	 qr/pin 1 \(vmsplice, R\/O, short-term, taken by C\) sees: $P3/,
	 qr/it must see: $P2, as when its owner lost the page/, qr/hint: CVE-2020-29374/],
	['leak', 'exec.vmsplice.anon', 'leak',
	 qr/pin 1 \(vmsplice, R\/O, short-term, taken by C\) sees: $P3/,
	 qr/it must see: $P2, as when its owner lost the page/],
	['wrong-page', 'fork.basic.anon,fork.basic.hugetlb.2M', 'wrong-page',
	 qr/process P reads: +content that belongs to page 1: $P2/, qr/step 1 \(fill P\)/],
	['other-test', 'fork.basic.anon,fork.basic.hugetlb.2M', 'alien-data',
	 qr/process P reads: +what another test left at byte 0: $P2/, qr/step 1 \(fill P\)/],
	['torn-page', 'fork.basic.anon', 'torn-page',
	 qr/process P reads: +a torn page: $P2, but at byte \d+ zeroes/],
	['lost-write', 'fork.basic.anon,iouring.fork.anon', 'stale-data',
	 qr/process P reads: +$P2/, qr/process P must read: $P3/],
	['hang', 'fork.basic.anon,iouring.fork.anon', 'actor-hung',
	 qr/P did not answer in time \(state S, in \S+\)/, qr/step \d \(write P\)/],
	['die', 'fork.basic.anon,iouring.fork.anon,vmsplice.child-unmap.anon', 'actor-died',
	 qr/P died of signal 7 \(Bus error\)/],
	['other-dies', 'fork.child-writes.anon', 'actor-died', qr/P died of signal 9/],
	['die-late', 'fork.basic.anon,iouring.fork.anon', 'actor-died', qr/P died of signal 9/],
	['die', 'fork.child-writes.anon', 'actor-died', qr/C died of signal 7/],
	['vanish', 'fork.basic.anon,iouring.fork.anon', 'actor-died',
	 qr/P exited with status 0, unasked/],
	['director-dies', 'fork.basic.anon,iouring.fork.hugetlb.2M', 'director-died',
	 qr/the director died of signal 9 \(Killed\) at step \d \(write P\)/],
	['setup', 'fork.basic.anon,cow.basic.memfd', 'setup',
	 qr/the memory is not as the title says: injected/],
	['wrong-kind', 'fork.basic.anon', 'setup', qr/not an anonymous base page: page 0 is PFN/],
	['wrong-kind', 'fork.basic.thp.pmd', 'setup', qr/as the title says: not /],
	['wrong-kind', 'fork.basic.hugetlb.2M', 'setup', qr/not a hugetlb page/],
	['wrong-kind', 'cow.basic.zeropage', 'setup', qr/not the shared zeropage/],
	['no-mprotect', 'mkdirty.force.memfd,mkdirty.migrate.anon', 'write-allowed',
	 qr/P could write where its mapping is read-only/],
	['no-unmap', 'vmsplice.child-unmap.anon', 'setup',
	 qr/this CPU still finds the page where it was/],
	['seal', 'fork.basic.anon', 'write-refused',
	 qr/P got SIGSEGV where its mapping is writable/],
	['lose', 'fork.basic.anon,fork.basic.thp.pmd', 'lost-at-fork',
	 qr/P wrote a page before fork, C has none there/, qr/page table of C: nothing there/],
	['lose', 'fork.thread.anon', 'lost-at-fork', qr/P wrote a page before fork, C has none/],
	['leak', 'fork.thread.anon', 'leak', qr/process C reads: +$P3/],
	['write-through', 'cow.basic.memfd', 'write-through',
	 qr/what is behind the memory has changed/],
	['private', 'race.sync.gup.ext4.shared', 'stale-data', qr/the disk sees write \d+, although/],
	['pretend', 'iouring.file-shared.ext4.*,iouring.file-shared.xfs.*', 'not-refused',
	 qr/the kernel gave a R\/W long-term pin/],
	['pretend', 'operation.seal-mapped.memfd.shared', 'not-refused',
	 qr/seal was not refused, although the file is mapped or pinned/],
	['populate', 'account.ro-short.*', 'rss',
	 qr/P has [1-9]\d* bytes of anonymous memory there, not 0/],
	['charge', 'account.ro-*,account.rw-*', 'charge', qr/\d+ bytes more are charged to P's cgroup/],
	['splat', 'fork.basic.anon', 'kernel',
	 qr/the kernel log says: WARNING: CPU: 0 PID: \d+ at injected by cowpin/,
	 qr/the kernel log says: WARNING: [^\n]*\n# +RIP: 0010:injected\+0x1\/0x2$/m],
	['leave-pin', 'fork.basic.anon,fork.child-writes.anon', 'kernel',
	 qr/left behind: .*pins that were not released: \d+, before \d+/],
	['leave-fd', 'fork.basic.anon,fork.child-writes.anon', 'kernel',
	 qr/left behind: descriptors of cow: \d+, before \d+$/m],
	['leave-process', 'fork.basic.anon,fork.child-writes.anon', 'kernel',
	 qr/left behind: process \d+ \(cow-actor\d\) is left over/],
	# Of a process that is gone when no test runs any more, and in a second run of a test.
	['exit-splat', 'fork.basic.anon', 'kernel',
	 qr/left behind: WARNING: CPU: 0 PID: [1-9]\d* at injected by cowpin\n# +RIP: 0010:injected/],
	['again-splat', 'fork.basic.anon', 'kernel',
	 qr/left behind: WARNING: CPU: 0 PID: 0 at injected by cowpin\n/],
	['leave-pool', 'fork.basic.anon', 'kernel',
	 qr/left behind: .*hugetlb pages in use \d+\w: \d+, before \d+/,
	 qr/left behind: .*size of the hugetlb pool \d+\w: \d+, before \d+/,
	 qr/left behind: .*hugetlb pages reserved \d+\w: \d+, before \d+/],
	['leave-swap', 'fork.basic.anon.swapped', 'kernel',
	 qr/left behind: swap areas: \d, before \d$/m],
	['lost-rest', 'fork.basic.anon,fork.basic.thp.pmd,cow.basic.memfd', 'lost-rest',
	 qr/a part of the page that no write touched has changed: zeroes/],
	['stray', 'ro-pin.dontfork.gup.thp-pte.pmd', 'leak',
	 qr/C has memory from its parent that MADV_DONTFORK kept from it/],
	['unnoticed', 'softdirty.fork.anon', 'unnoticed',
	 qr/a page of P was written or moved since soft-dirty bits were cleared, and is not marked/],
	['unnoticed', 'softdirty.force.anon', 'unnoticed', qr/at step 4 \(force P\)/],
	['unnoticed', 'softdirty.vmwrite.anon,softdirty.moved.anon', 'unnoticed',
	 qr/at step 3 \((?:vmwrite|remap) P\)/],
	['unnoticed', 'writeprotect.force.anon', 'unnoticed', qr/at step 4 \(force P\)/],
	['unnoticed', 'writeprotect.vmwrite.anon', 'unnoticed', qr/at step 3 \(vmwrite P\)/],
	['unnoticed', 'writeprotect.mprotect.anon', 'unnoticed',
	 qr/a page of P was written or moved, and is still as PAGEMAP_SCAN has protected it/],
	['unprotected', 'writeprotect.mprotect.anon,writeprotect.split.thp.pmd,' .
	 'writeprotect.shared.memfd.shared', 'unnoticed',
	 qr/a page of P is not write-protected any more, and nobody has written to it/],
	['unlocked', 'locked.reclaim.anon,locked.fork.thp.pmd', 'locked',
	 qr/the memory of P is not locked any more, and it has not unlocked it/],
	['child-locked', 'locked.fork.anon,locked.mprotect.anon', 'locked',
	 qr/the memory of C is locked, and it has not locked it/],
	['lock-count', 'locked.fork.anon,locked.mprotect.anon', 'counted',
	 qr/P has 4 kB of locked memory, and its VmLck says 8 kB/],
	['evict', 'locked.fork.anon,locked.remap.thp.pmd', 'reclaimed',
	 qr/P has locked a page, and it is not in memory any more/, qr/step \d \(pageout P\)/],
	['misserved', 'served.anon.anon,served.file.memfd.shared', 'setup',
	 qr/page 0, read by [^,]+, is not what was served/],
	['unasked', 'served.anon.anon,served.minor.memfd.shared,served.wp.anon', 'setup',
	 qr/1 userfaults should have come, 0 came/],
	['pretend', 'locked.reclaim.anon', 'not-refused',
	 qr/pageout was not refused, although the memory is locked/],
	['uncounted', 'pin-fork.unpinned.iouring.anon,iouring-segments.fork.anon', 'uncounted',
	 qr/VmPin of P lacks \d+ of the bytes that are pinned/],
	['counted', 'pin-fork.unpinned.iouring.anon', 'counted',
	 qr/P has no pins, and its VmPin says 4 kB/],
	['split', 'iouring.fork.thp.pmd', 'kind-changed',
	 qr/after the pin the memory is not what the title says any more: not PMD-mapped/],
	# Only one test: two would change it twice, which is not at all.
	['leave-setting', 'fork.basic.anon', 'kernel',
	 qr/left behind: \/proc\/sys\/vm\/swappiness: '\d+', before '\d+'$/m],
);

# Stdout of cow, as { id => { line, text } }.
sub results {
	my ($out) = @_;
	my (%results, $id);

	for my $line (split(/\n/, $out)) {
		if ($line =~ /^(?:not )?ok \d+ - (\S+)/) {
			$id = $1;
			$results{$id} = { line => $line, text => '' };
		} elsif ($line =~ /^# \[RUN\]|^# passed/) {
			undef $id;
		} elsif ($id) {
			$results{$id}{text} .= "$line\n";
		}
	}
	return \%results;
}

# What still runs of a run that has ended.
sub leftovers {
	return grep { slurp("$_/environ") =~ /(?:^|\0)$mark(?:\0|$)/ }
	       grep { $_ ne "/proc/$$" } glob('/proc/[0-9]*');
}

# One line for all that a failure must tell: what it does not tell is named.
sub check_result {
	my ($id, $result, $reason, @tells) = @_;
	my $text = $result->{text};

	# Who dies or what the kernel says is no divergence from the steps.
	push(@tells, qr/^#   steps: \S/m) if $reason !~ /^(?:director-died|kernel)$/;
	push(@tells, qr/^  reason: '\Q$reason\E'$/m, qr/^# \Q$reason\E: \S/m,
	     qr/^#   repeat: cow (?:--inject \S+ )?--run '\Q$id\E'$/m);
	like($result->{line}, qr/^not ok \d+ - \Q$id\E$/, "$id fails");
	my @missing = grep { $text !~ $_ } @tells;
	is_deeply(\@missing, [], "$id: $reason, and the diagnosis") or diag($text);
}

sub check_control {
	my ($fault, $globs, $reason, @tells) = @_;
	my @ids = ids('--run', $globs);
	my ($r, $results, @ran);

	SKIP: {
		skip("$fault on $globs: no such test in the plan", 1) if !@ids;
		skip("$fault: /dev/kmsg is not writable", 1)
			if $fault =~ /splat/ && !-w '/dev/kmsg';
		skip("$fault: there is swap that is not the run's own", 1)
			if $fault eq 'leave-swap' && slurp('/proc/swaps') =~ m{^/}m;
		$r = cow('--timeout', 2, '--inject', $fault, '--run', $globs);
		$results = results($r->{out});
		@ran = grep { $results->{$_} && $results->{$_}{line} !~ /# SKIP/ } @ids;
		skip("$fault on $globs: " . ($results->{$ids[0]}{line} =~ /# SKIP (.*)/)[0], 1)
			if !@ran && keys(%$results) == @ids;
		subtest "$fault on $globs" => sub {
			is($r->{code}, 1, 'exit code 1');
			is($r->{err}, '', 'nothing on stderr');
			is(scalar(keys(%$results)), scalar(@ids), 'each test has a result');
			check_result($_, $results->{$_}, $reason, @tells) for @ran;
			is_deeply([leftovers()], [], 'no process is left behind');
		};
	}
}

check_control(@$_) for @table;

my %listed = map { /^(\S+)/ ? ($1 => 1) : () } split(/\n/, cow('--inject', 'help')->{out});
delete $listed{none};
# The first is for good, the others need our module, a device, swap or nobody else: in a VM,
# t/vm-inject.t and t/vm-vfio.t.
delete @listed{qw(taint shared-pin movable writable leave-page forgotten leave-thp keep thaw
		  hold)};
# No test fails of these, but the run: t/health.t.
delete @listed{qw(late-splat leave-fd-once leave-process-once)};
is_deeply([sort keys %{{ map { $_->[0] => 1 } @table }}], [sort keys %listed],
	  'each fault has a control, each control a fault');

# --- without a fault, the same tests pass ---

my $good = cow('--run', join(',', map { split(/,/, $_->[1]) } @table));
is($good->{code}, 0, 'the same tests pass without a fault') or diag($good->{out});
my $none = cow('--inject', 'none', '--run', 'fork.basic.anon');
is($none->{code}, 0, 'fault "none" is none') or diag($none->{out});

# --- the run goes on ---

for my $fault (qw(hang die vanish director-dies)) {
	my @ids = ids('--run', 'fork.basic.anon,iouring.fork.anon');
	my $r = cow('-j', 1, '--timeout', 1, '--inject', $fault, '--run', join(',', @ids));
	my @numbers = $r->{out} =~ /^not ok (\d+) /mg;

	is_deeply(\@numbers, [1 .. @ids], "$fault: the run goes on to its end")
		or diag($r->{out});
}

# A fault that only a test with a fork can show: the test after it passes.
my $mixed = cow('-j', 1, '--inject', 'leak', '--run', 'fork.basic.anon,cow.basic.memfd');
like($mixed->{out}, qr/^not ok 1 - fork\.basic\.anon\n.*^ok 2 - cow\.basic\.memfd$/ms,
     'a failure takes no other test with it');

# With a prefix, for who repeats it somewhere else than here.
{
	local $ENV{COWPIN_REPEAT} = './run_vmtests.sh -k x --';
	like(cow('--inject', 'leak', '--run', 'fork.basic.anon')->{out},
	     qr/^#   repeat: \.\/run_vmtests\.sh -k x -- --run 'fork\.basic\.anon'$/m,
	     'the repeat line begins with COWPIN_REPEAT');
}

# A failure that is known is no failure; one of another kind is.
my $known = spew("$tmp/known", "fork.basic.anon leak * * waits for a backport\n");
my @known = ('--known-issues', $known, '--run', 'fork.basic.anon');
my $todo = cow(@known, '--inject', 'leak');
is($todo->{code}, 0, 'a known issue: exit code 0');
like($todo->{out}, qr/^not ok 1 - fork\.basic\.anon # TODO waits for a backport$/m,
     'a known issue: TODO with its reason');
my $other = cow(@known, '--inject', 'lost-write');
is($other->{code}, 1, 'a failure that is not the known one: exit code 1');
unlike($other->{out}, qr/TODO/, 'a failure that is not the known one: no TODO');
is(cow(@known)->{code}, 0, 'a known issue that passes: exit code 0');
is(cow(@known, '--strict')->{code}, 1, 'a known issue that passes, --strict: exit code 1');

done_testing();
