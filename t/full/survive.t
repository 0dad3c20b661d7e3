#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# SIGKILL of cow at random points of a sweep, in a guest: the next start puts all settings
# back, and no pin, process, mount, swap area, disk or driver is left. The points are counted in
# tests, not in seconds, so that a slow machine is hit where a fast one is: some while cow sets
# things up, most after a random number of tests, some while it puts things back.
# COWPIN_KILLS: how often.

use strict;
use warnings;
use FindBin;
use Test::More;

require "$FindBin::Bin/../vm-helper.pl";
our ($top, $tmp, $guest_functions);

my $kills = $ENV{COWPIN_KILLS} // 100;
my $kernel = $ENV{COWPIN_TEST_KERNEL} // 'debian:6.12';

# Whatever cow sets up for a test is set up for one of these: hugetlb pools, THP settings, swap,
# KSM, cgroups, file systems, stopped disks, servers of FUSE and ublk, drivers, a network.
my $globs = join(',', qw(
	fork.basic.anon fork.basic.anon.swapped fork.basic.hugetlb.2M fork.basic.thp*.pmd
	pin-fork.*.gup.thp-swapped.pmd operation.ksm*.gup.anon softdirty.ksm.anon account.*.gup.zeropage
	ro-longterm.gup.ext4 dio.anon.anon dio.anon.*.pmd dmdio*.anon ublk*.anon fuse*.anon
	vfio.*.anon udmabuf.* xdp*.anon zerocopy.*.anon kvm.*.anon));

# How much later than what is waited for, in microseconds at most: about the length of a test.
my $jitter = 40_000;

my $script = $guest_functions . <<"EOF" . <<'EOF';
kills=$kills
globs='$globs'
jitter=$jitter
EOF
# What the next start has put back when it is done.
settings() {
	for f in /sys/kernel/mm/transparent_hugepage/* \
		 /sys/kernel/mm/transparent_hugepage/hugepages-*/enabled \
		 /sys/kernel/mm/transparent_hugepage/khugepaged/pages_to_scan \
		 /sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs \
		 /sys/kernel/mm/hugepages/*/nr_hugepages \
		 /sys/kernel/mm/ksm/run /sys/kernel/mm/ksm/pages_to_scan \
		 /sys/kernel/mm/ksm/sleep_millisecs /sys/kernel/mm/ksm/use_zero_pages \
		 /proc/sys/kernel/printk_devkmsg /proc/sys/vm/swappiness \
		 /proc/sys/vm/memfd_noexec /proc/sys/vm/overcommit_memory \
		 /sys/fs/cgroup/cgroup.subtree_control \
		 /sys/bus/pci/devices/*/driver_override; do
		test -f "$f" && echo "$f: $(cat "$f")"
	done
	for device in /sys/bus/pci/devices/*; do
		echo "$device: $(basename "$(readlink $device/driver)")"
	done
	tail -n +2 /proc/swaps | cut -d' ' -f1
	cut -d' ' -f2,3 /proc/self/mounts
	cat /sys/block/loop*/loop/backing_file 2>/dev/null
	ls /sys/block | grep '^dm-'
	ls /dev | grep '^ublk[bc]'
	ls -d /sys/fs/cgroup/cowpin* 2>/dev/null
	ls /run/cowpin 2>/dev/null | grep -v lock
	ls /sys/class/net
}
# What the kernel lets go of in its own time, and whoever dies.
others() {
	echo "pins $(pins)"
	echo "hugetlb" $(cat /sys/kernel/mm/hugepages/*/free_hugepages)
	echo "connections" $(ls /tmp/fusectl)
	echo "processes" $(grep -hs '^cow' /proc/[0-9]*/comm)
}
others_back() { others >/tmp/others.now; cmp -s /tmp/others /tmp/others.now; }
random() { echo $(( (RANDOM * 32768 + RANDOM) % $1 )); }
now_us() { read -r up idle </proc/uptime; echo ${up}0000 | tr -d .; }
told() { grep -c "^$1 " /tmp/control; }
# Who has come to an end has no command line any more.
ended() { ! grep -q . /proc/$pid/cmdline 2>/dev/null; }
# Has it told that of as many tests, or come to its end?
has_told() { [ "$(told $1)" -ge $2 ] || ended; }
noted() { cat /run/cowpin/settings 2>/dev/null | wc -l; }
has_noted() { [ "$(noted)" -ge $1 ] || has_told run 1; }
until_noted() { until has_noted $1; do usleep 5000; done; }
until_told() { until has_told $1 $2; do usleep 5000; done; }
start() {
	: >/tmp/control
	COWPIN_CONTROL=4 cow --run "$globs" --shuffle --seed $1 4>>/tmp/control >/tmp/out 2>&1 &
	pid=$!
}
restored() { cow --restore >/tmp/restore 2>&1; }

mkdir -p /tmp/fusectl
mount -t fusectl none /tmp/fusectl
echo 0 >/proc/sys/vm/nr_hugepages
swapoff /dev/zram0 2>/dev/null
# Once to its end: some of what it sets up stays, as modules do, but no setting: those are compared
# with what they were before it, too. And it tells how many tests there are, how much is noted to be
# put back before the first one, and how long it takes from the last one to the end.
settings >/tmp/first
start 1
until_told run 1
total=$(told plan)
notes=$(noted)
{ settings; others; } >/tmp/during
until_told 'done' $total
from=$(now_us)
wait $pid
echo "whole: exit $?, $total tests"
sed -n '/ # TODO /d; s/^not ok/failed:/p; s/^  message:/said:/p; s/^# skipped/skipped/p' /tmp/out
last=$(( $(now_us) - from + jitter ))
echo "noted $notes before the first test, $last us after the last"
settings >/tmp/settings
others >/tmp/others
diff /tmp/first /tmp/settings | sed -n 's/^</gone:/p; s/^>/new:/p'
# That much is seen while it runs: what nobody sees, nobody misses.
echo "seen:" $(cat /tmp/settings /tmp/others | grep -vxFf - /tmp/during)

i=$done
while test $i -lt $kills; do
	i=$((i + 1))
	start $i
	case $((i % 10)) in
	3|6)	until_noted $(random $notes); usleep $(random $jitter) ;;
	7)	until_told 'done' $total; usleep $(random $last) ;;
	*)	until_told 'done' $((1 + $(random $((total - 1))))); usleep $(random $jitter) ;;
	esac
	kill -9 $pid 2>/dev/null
	wait $pid
	code=$?
	begun=$(told run)
	over=$(told 'done')
	# The guardian is at it: the lock is held until it is done.
	await restored >/dev/null || cat /tmp/restore
	settings >/tmp/settings.now
	remains=$(diff /tmp/settings /tmp/settings.now | grep '^[-+][^-+]' | tr '\n' ' ')
	await others_back >/dev/null || remains="$remains $(diff /tmp/others /tmp/others.now |
		grep '^[-+][^-+]' | tr '\n' ' ')"
	echo "kill $i: exit $code, $begun begun, $over done: ${remains:-fine}"
done
EOF

# What a guest says that goes on after so many kills.
sub guest_after {
	my ($done) = @_;
	my $file = spew("$tmp/script", "done=$done\n$script");

	open(my $guest, '-|', "'$top/run_vmtests.sh' -k $kernel --timeout " .
	     (600 + 60 * $kills) . " --shell <'$file' 2>'$tmp/err'")
		or die "run_vmtests.sh: $!\n";
	return map { s/\r?\n//r } <$guest>;
}

# An emulated CPU trips over code that is being patched now and then (see vm/boot), in a run of
# that length more likely than not: then another guest goes on, as long as one of three gets any
# further.
my @lines = guest_after(0);
my ($done, $idle) = (0, 0);
while ((my $now = grep { /^kill \d+:/ } @lines) < $kills) {
	$idle = $now == $done ? $idle + 1 : 0;
	last if slurp("$tmp/err") !~ /Oops: int3/ || $idle == 3;
	$done = $now;
	push @lines, guest_after($done);
}

my ($total) = map { /^whole: exit 0, (\d+) tests$/ } @lines;
ok($total, 'a run that nobody kills') or diag(join("\n", @lines));
is_deeply([grep { /^(?:failed|skipped)/ } @lines], [], 'has all that its tests need')
	or diag(map { "$_\n" } grep { /^said:/ } @lines);

is_deeply([grep { /^(?:gone|new):/ } @lines], [], 'a whole run leaves all settings as they were');

my ($seen) = map { /^seen: (.*)/ } @lines;
like($seen // '', $_, "while it runs, there is $_") for
	qr/nr_hugepages: /, qr/zram0/, qr{ksm/run: 1}, qr/memfd_noexec: 1/, qr/: vfio-pci/,
	qr/dm-\d/, qr/cow-servers/, qr{/run/cowpin/\S+ ext4}, qr/subtree_control: memory/;

my @kills = grep { /^kill \d+:/ } @lines;
is(scalar(@kills), $kills, "$kills kills") or diag(slurp("$tmp/err"));
is_deeply([grep { !/: fine$/ } @kills], [], 'nothing is ever left behind');

# Where they hit it. Who came too late to kill anything did not test anything.
my %hits = map { $_ => 0 } qw(start middle end late);
my @after;
for my $kill (@kills) {
	my ($code, $begun, $ended) = $kill =~ /exit (\d+), (\d+) begun, (\d+) done/;
	my $where = $code != 137 ? 'late' : !$begun ? 'start' :
		    $ended < ($total // 0) ? 'middle' : 'end';

	$hits{$where}++;
	push @after, $ended if $where eq 'middle';
}
note(join(', ', map { "$_ $hits{$_}" } sort keys %hits));
note("tests done when killed: @after");
cmp_ok($hits{start}, '>=', int($kills / 20), 'some kills hit the start');
cmp_ok($hits{middle}, '>=', $kills * 2 / 3, 'most kills hit a run in the middle');
cmp_ok($hits{end}, '>=', int($kills / 50), 'some kills hit the end');

done_testing();
