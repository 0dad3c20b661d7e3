#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# A guest that goes down takes nothing with it but the tests that ran: those
# are named, and --resume goes on after them. First a script in the place of
# cow, which panics twice, then cow itself, whose QEMU is killed, and whose guest
# panics.

use strict;
use warnings;
use Test::More;
use Fcntl qw(LOCK_EX);
use FindBin;

require "$FindBin::Bin/vm-helper.pl";
our ($top, $tmp);

my $front = "$top/run_vmtests.sh";
my @vm = ('-k', 'debian:6.12', '--mem', 1024);
my $slug = 'debian-6.12';

# As cow does it: two tests side by side, results in the plan's order. With
# t.b and t.e the guest goes down, while t.c runs as well.
my $guest = spew("$tmp/guest", <<'EOG', 0755);
#!/bin/sh
except=/dev/null
while [ $# -gt 0 ]; do
	case $1 in --exclude-from) except=$2; shift ;; esac
	shift
done
ids=
for id in t.a t.b t.c t.d t.e t.f t.g; do
	busybox grep -q "^$id " $except || ids="$ids $id"
done
for id in $ids; do echo "plan $id" >&3; done
echo 'TAP version 13'
set -- $ids
echo "1..$#"
echo '# env kernel: of the script'
busybox stty raw </dev/ttyS1
nr=0
for id in $ids; do
	nr=$((nr + 1))
	echo "run $id" >&3
	[ $id != t.b ] || echo 'run t.c' >&3
	echo "# [RUN] the title of $id"
	case $id in
	t.b|t.e)
		busybox stty raw </dev/ttyS1
		busybox stty raw </dev/ttyS3
		echo c >/proc/sysrq-trigger ;;
	esac
	echo "ok $nr - $id"
	[ $id != t.d ] || echo '# a comment of t.d'
	echo "done $id ok" >&3
done
echo "# passed $nr, failed 0, todo 0, skipped 0 of $nr"
EOG

my $mine = spew("$tmp/mine", "# not these\nt.g takes too long\n");
my $dir = "$tmp/crash";

# --- the crash

my $got = run($front, @vm, '--tap', '--results', $dir, '--guest-prog', $guest,
	      '--', '--exclude-from', $mine);
is($got->{code}, 1, 'a panic: exit code 1') or diag($got->{err});
like($got->{out}, qr/^1\.\.6$/m, 'a file that an option of cow names is there');
like($got->{out}, qr/^ok 1 - t\.a$/m, 'what was done has its result');
like($got->{err}, qr/panicked.*during 't\.b', 't\.c'\)/, 'all that ran are named');
for my $test ([2, 't.b'], [3, 't.c']) {
	my ($nr, $id) = @$test;

	like($got->{out}, qr/^not ok $nr - \Q$id\E\n  ---\n  reason: 'guest-crash'$/m,
	     "$id ran then: not ok, with the reason");
	like($got->{out}, qr/^#   repeat: .*-k debian:6\.12 .*--run '\Q$id\E'$/m,
	     'and how to repeat it');
}
like($got->{out}, qr/^# not run: t\.d\n# not run: t\.e\n# not run: t\.f\n\z/m,
     'the rest was not run');
like(slurp("$dir/$slug/status"), qr/^verdict crashed$/m, 'the verdict');

# --- going on, twice

open(my $lock, '>', "$dir/lock") or die "$dir/lock: $!\n";
flock($lock, LOCK_EX) or die "flock: $!\n";
$got = run($front, '--resume', $dir);
is($got->{code}, 2, 'what still runs cannot be resumed');
like($got->{err}, qr/another run is writing there/, 'and it says so');
close($lock);

unlink($mine);
$got = run($front, '--resume', $dir, '--tap');
is($got->{code}, 1, '--resume: exit code 1, as a test crashed') or diag($got->{err});
like($got->{err}, qr/3 tests have a result, 2 of them ran when .* to run: 3$/m,
     'it says what there is to do');
like($got->{out}, qr/^1\.\.3\n.*^ok 1 - t\.d\n.*^not ok 2 - t\.e\n.*^# not run: t\.f\n/ms,
     'only what had no result is run');
like(slurp("$dir/$slug/tap"), qr/^1\.\.6\n.*^not ok 5 - t\.e\n.*^# not run: t\.f\n/ms,
     'another crash is merged');

$got = run($front, '--resume', $dir);
is($got->{code}, 1, 'again, under prove: exit code 1') or diag($got->{err});
note($got->{out}, $got->{err});
my $tap = slurp("$dir/$slug/tap");
is(join("\n", $tap =~ /^((?:not )?ok .*|1\.\..*)$/mg), <<'EOT' =~ s/\n\z//r,
1..6
ok 1 - t.a
not ok 2 - t.b
not ok 3 - t.c
ok 4 - t.d
not ok 5 - t.e
ok 6 - t.f
EOT
   'the results are those of one run') or diag($tap);
like($tap, qr/^# \[RUN\] the title of t\.d\nok 4 - t\.d\n# a comment of t\.d\n# \[RUN\]/m,
     'titles and comments are at their tests');
is(scalar(() = $tap =~ /^# env kernel/mg), 1, 'what stands at the top stands once');
like($tap, qr/^# passed 3, failed 3, .* of 6\n\z/m, 'the count is of all');
unlike($tap, qr/not run: /, 'nothing is open');
for my $log (qw(tap.1 tap.2 tap.3 console.log console.log.1 console.log.2 status.1)) {
	ok(-s "$dir/$slug/$log", "$log is kept");
}
like(slurp("$dir/$slug/status"),
     qr/\Averdict failed\nexit 1\n(?!.*^reason).*^tests 6\n.*^boots 3\n/ms, 'the status, too');
ok(!-e "$dir/$slug/initramfs", 'no big file is left');

my $before = $tap;
$got = run($front, '--resume', $dir);
is($got->{code}, 1, 'nothing to resume: the exit code of the results');
like($got->{err}, qr/nothing to resume/, 'and it says so');
is(slurp("$dir/$slug/tap"), $before, 'which stay as they are');

# --- cow, cut off from outside

# Results are printed every two seconds: enough for longer than that, as are a few tests with a
# device that takes a second for a look.
my $glob = 'ro-longterm.gup.*,vfio.fork.*,vfio.through.*,vfio.child.*,!*.1G,!*.ext4';
my $pid = open(my $out, '-|') // die "fork: $!\n";
if (!$pid) {
	open(STDERR, '>', "$tmp/stderr");
	exec($front, '-k', 'debian:6.12', '--mem', 2048, '--tap', '--results', "$tmp/cow",
	     '--', '-j1', '--run', $glob) or exit 126;
}
my $seen = '';
while (my $line = <$out>) {
	$seen .= $line;
	next if $line !~ /^ok 1 /;
	# The parent of QEMU is boot, whose command line has the results as well.
	for my $proc (glob('/proc/[0-9]*')) {
		kill('KILL', $proc =~ /(\d+)/)
			if slurp("$proc/comm") =~ /^qemu/ &&
			   slurp("$proc/cmdline") =~ /\Q$tmp\E\/cow/;
	}
}
close($out);
is($? >> 8, 1, 'cow, whose QEMU is killed: exit code 1') or diag(slurp("$tmp/stderr"));
my @open = $seen =~ /^# not run: (\S+)$/mg;
cmp_ok(@open, '>', 0, 'not all was run');
unlike($seen, qr/^not ok/m, 'no test is blamed for it');

$got = run($front, '--resume', "$tmp/cow");
is($got->{code}, 0, '--resume: exit code 0') or diag($got->{out}, $got->{err});
my $tests = tap_tests(slurp("$tmp/cow/$slug/tap"));
my ($plan) = $seen =~ /^1\.\.(\d+)$/m;
is_deeply([map { $_->{number} } @$tests], [1 .. $plan], 'numbers go on');
is_deeply([map { $_->{id} } grep { $_->{number} > $plan - @open } @$tests], \@open,
	  'what was not run has been') or diag($got->{out});
is(scalar(grep { !$_->{title} } @$tests), 0, 'and its title');
is(run($front, '--resume', "$tmp/cow")->{code}, 0, 'nothing to resume: exit code 0');

# --- cow, whose guest panics

# cow comes along as a file, and writes TAP and the control channel to one pipe, so that their
# order is known: some results are printed, some are held back, when a test begins, and that
# is all that gets out. cow holds back no more than 512, and no longer than two seconds: of more
# tests than that some are printed, be the machine as fast as it may, and there are some behind
# them. A run that is told what not to run is one that goes on.
my $watch = spew("$tmp/watch", <<'EOG', 0755);
#!/bin/sh
panic=yes
for word; do
	shift
	case $word in
	/cowpin/files/0)	cow=$word; continue ;;
	--known-issues)		continue ;;
	--exclude-from)		panic=no ;;
	esac
	set -- "$@" "$word"
done
busybox mkfifo /tmp/told
COWPIN_CONTROL=1 $cow "$@" >/tmp/told &
shown=no
held=0
while IFS= read -r line; do
	case $line in
	'plan '*|'run '*|'done '*)	echo "$line" >&3 ;;
	*)				echo "$line" ;;
	esac
	case $line in
	'ok '*)		shown=yes held=0 ;;
	'done '*)	held=$((held + 1)) ;;
	'run '*)
		[ $panic$shown = yesyes ] && [ $held -ge 3 ] || continue
		busybox stty raw </dev/ttyS1
		busybox stty raw </dev/ttyS3
		echo c >/proc/sysrq-trigger ;;
	esac
done </tmp/told
wait $!
EOG

$dir = "$tmp/panic";
$got = run_guest($front, '-k', 'debian:6.12', '--mem', 2048, '--tap', '--results', $dir,
		 '--guest-prog', $watch, '--', '--known-issues', "$top/cow", '-j1',
		 '--group', 'quick', '--run', '*,!operation.*,!race.*,!*.2M');
is($got->{code}, 1, 'cow, whose guest panics: exit code 1') or diag($got->{err});
my @ids = slurp("$dir/$slug/control.log") =~ /^plan (\S+)$/mg;
my ($last) = slurp("$dir/$slug/control.log") =~ /^run (\d+)\n\z/m;
cmp_ok(scalar(@ids), '>', 512 + 3, 'tests are more than cow holds back') or diag($got->{err});
my $held = () = $got->{out} =~ /^ok .*\n# the guest went down before it could be printed$/mg;
my @results = map { /^((?:not )?ok \d+ - \S+)/ } split(/\n/, $got->{out});

cmp_ok($held, '>=', 3, 'results were held back') or diag($got->{out});
cmp_ok($last, '>', $held + 1, 'others had been printed');
cmp_ok($last, '<', scalar(@ids), 'and others were still to be run');
is_deeply(\@results,
	  [map({ "ok $_ - $ids[$_ - 1]" } 1 .. $last - 1), "not ok $last - $ids[$last - 1]"],
	  'all before the panic have their result, and the one that ran is named');
is(reason(tap_tests($got->{out})->[-1]), 'guest-crash', 'as such');
is_deeply([$got->{out} =~ /^# not run: (\S+)$/mg], [@ids[$last .. $#ids]], 'the rest was not run');

$got = run_guest($front, '--resume', $dir);
is($got->{code}, 1, '--resume: exit code 1, as a test crashed') or diag($got->{err});
$tests = tap_tests(slurp("$dir/$slug/tap"));
is_deeply([map { $_->{id} } @$tests], \@ids, 'all have a result') or diag($got->{out});
is_deeply([map { $_->{ok} ? () : $_->{id} } @$tests], [$ids[$last - 1]], 'and one is bad')
	or diag($got->{out});
is_deeply([slurp("$dir/$slug/control.log") =~ /^plan (\S+)$/mg], [@ids[$last .. $#ids]],
	  'what had one has not been run again');

done_testing();
