#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# SIGKILL of cow at random points of a sweep, in a guest: the next start puts all settings
# back, and no pin, process, mount, swap area or loop device is left. COWPIN_KILLS: how often.

use strict;
use warnings;
use FindBin;
use Test::More;

require "$FindBin::Bin/../vm-helper.pl";
our ($top, $tmp);

my $kills = $ENV{COWPIN_KILLS} // 100;
my $kernel = $ENV{COWPIN_TEST_KERNEL} // 'debian:6.12';

# What must be as it was. A pin of a dead process is released in the kernel's own time, so
# there is patience for that, and for nothing else.
my $script = spew("$tmp/script", <<"EOF");
state() {
	for f in /sys/kernel/mm/transparent_hugepage/* \\
		 /sys/kernel/mm/transparent_hugepage/hugepages-*/enabled \\
		 /sys/kernel/mm/transparent_hugepage/khugepaged/pages_to_scan \\
		 /sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs \\
		 /sys/kernel/mm/hugepages/*/nr_hugepages \\
		 /sys/kernel/mm/hugepages/*/free_hugepages /sys/kernel/mm/ksm/run \\
		 /proc/sys/kernel/printk_devkmsg /proc/sys/vm/swappiness \\
		 /sys/fs/cgroup/cgroup.subtree_control; do
		test -f "\$f" && echo "\$f: \$(cat "\$f")"
	done
	tail -n +2 /proc/swaps | cut -d' ' -f1
	cut -d' ' -f2,3 /proc/mounts
	cat /sys/block/loop*/loop/backing_file 2>/dev/null
	ls -d /sys/fs/cgroup/cowpin* 2>/dev/null
	ls /run/cowpin 2>/dev/null | grep -v lock
	ps -o comm | grep '^cow'
}
pins() {
	cat /proc/sys/vm/stat_refresh
	awk '/nr_foll_pin_acquired/ { a = \$2 } /nr_foll_pin_released/ { r = \$2 }
	     END { print a - r }' /proc/vmstat
}
pins_back() {
	n=0
	while test "\$(pins)" != "\$1" && test \$n -lt 100; do n=\$((n + 1)); usleep 100000; done
	test "\$(pins)" = "\$1"
}
state >/tmp/before
before=\$(pins)
i=0
while test \$i -lt $kills; do
	i=\$((i + 1))
	cow --group quick --shuffle --seed \$i >/tmp/out 2>&1 &
	pid=\$!
	usleep \$(( (\$RANDOM * 32768 + \$RANDOM) % 6000000 ))
	kill -9 \$pid 2>/dev/null
	wait \$pid
	# The guardian is at it: the lock is held until it is done.
	n=0
	until cow --restore 2>/dev/null || test \$n -gt 100; do n=\$((n + 1)); usleep 100000; done
	state >/tmp/after
	tests=\$(grep -c '^ok\\|^not ok' /tmp/out)
	if cmp -s /tmp/before /tmp/after && pins_back "\$before"; then
		echo "kill \$i: after \$tests tests: fine"
	else
		echo "kill \$i: after \$tests tests: left: \$(diff /tmp/before /tmp/after |
			tr '\\n' ' ') pins \$(pins), before \$before"
	fi
done
EOF

open(my $guest, '-|', "'$top/run_vmtests.sh' -k $kernel --shell <'$script' 2>'$tmp/err'")
	or die "run_vmtests.sh: $!\n";
my @lines = grep { /^kill \d+:/ } map { s/\r?\n//r } <$guest>;
close($guest);

is(scalar(@lines), $kills, "$kills kills") or diag(slurp("$tmp/err"));
is_deeply([grep { !/: fine$/ } @lines], [], 'nothing is ever left behind');
my @after = map { /after (\d+) tests/ } @lines;
cmp_ok(scalar(grep { $_ } @after), '>', $kills / 2, 'most kills hit a run in the middle');
note("tests done when killed: @after");

done_testing();
