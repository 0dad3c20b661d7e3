#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# What vm/boot makes of what a guest has told when it goes down: cow holds results back, and a
# run may go through its plan many times. In the place of QEMU is a script, so that each case
# happens as often as it is tried.

use strict;
use warnings;
use Test::More;
use FindBin;

require "$FindBin::Bin/vm-helper.pl";
our ($top, $tmp);

my $image = spew("$tmp/bzImage", bzimage('6.1.0', 'x'));

$ENV{XDG_CACHE_HOME} = "$tmp/cache";
$ENV{COWPIN_QEMU} = "$tmp/qemu";
$ENV{COWPIN_ACCEL} = 'tcg';

# What is told of a run with this plan: TAP, and on the control channel, then a panic.
sub tells {
	my ($plan, $control, $tap) = @_;
	my $told = join("\n", 'boot 1', 'start', map({ "plan $_" } @$plan), @$control);

	return "cat >\"\$control\" <<'E'\n$told\nE\ncat >\"\$tap\" <<'E'\nTAP version 13\n" .
	       join('', map { "$_\n" } @$tap) . "E\n";
}

my $runs = 0;

# vm/boot alone, with a guest that does as SCRIPT says; called by COMMAND, if there is one.
sub boot {
	my ($script, @command) = @_;
	my $results = "$tmp/boot" . ++$runs;

	mkdir($results);
	qemu_stand_in("$tmp/qemu", $script);
	return run(@command, "$top/vm/boot", '--name', 'k', '--kernel', $image, '--initrd', $image,
		   '--results', $results, '--qemu', "$tmp/qemu", '--mem', 512);
}

# The results, and what was not run.
sub lines_of {
	my ($tap) = @_;

	return [$tap =~ /^((?:not )?ok .*|1\.\..*|# not run: .*)$/mg];
}

my @abc = qw(t.a t.b t.c);
my @round = ('ok 1 - t.a', 'ok 2 - t.b', 'ok 3 - t.c');
my @told = map { ("run $_", "done $_ ok") } 1 .. 3;

# --- results that were held back

my $got = boot(tells(\@abc, ['run 1', 'done 1 ok', 'run 2', 'done 2 ok', 'run 3'],
		     ['1..3', 'ok 1 - t.a']) . 'panic');
is($got->{code}, 1, 'a crash: exit code 1') or diag($got->{err});
is_deeply(lines_of($got->{out}), ['1..3', 'ok 1 - t.a', 'ok 2 - t.b', 'not ok 3 - t.c'],
	  'what was done has its result, what ran is blamed') or diag($got->{out});
like($got->{out}, qr/^ok 2 - t\.b\n# the guest went down before it could be printed$/m,
     'what had not been printed, says so');
like($got->{err}, qr/panicked: x \(after test 1 \(t\.a\), during 't\.c'\)$/m, 'why, and where');

$got = boot(tells(\@abc, ['run 1', 'done 1 skip', 'run 2', 'done 2 not-ok', 'run 3'], ['1..3']) .
	    'panic');
is_deeply(lines_of($got->{out}),
	  ['1..3', 'not ok 3 - t.c', '# not run: t.a', '# not run: t.b'],
	  'a failure without a diagnosis is no result') or diag($got->{out});
like($got->{out}, qr/^# k: t\.b was not ok, but the guest went down/m, 'but it is told');

# --- rounds

$got = boot(tells(\@abc, [@told, 'run 1', 'done 1 ok', 'run 2'],
		  ['1..6', @round, 'ok 4 - t.a']) . 'panic');
is_deeply(lines_of($got->{out}), ['1..6', @round, 'ok 4 - t.a', 'not ok 5 - t.b',
				  '# not run: t.c'],
	  '--repeat: what ran in the second round is blamed') or diag($got->{out});
like($got->{err}, qr/after test 4 \(t\.a\), during 't\.b'\)$/m, 'and named');

$got = boot(tells(\@abc, [@told, 'run 1', 'done 1 ok', 'run 3', 'run 2', 'done 2 ok'],
		  ['1..6', @round]) . 'panic');
is_deeply(lines_of($got->{out}), ['1..6', @round, 'ok 4 - t.a', 'ok 5 - t.b', 'not ok 6 - t.c'],
	  'results of the second round that were held back') or diag($got->{out});

$got = boot(tells(\@abc, [@told, 'run 1', 'done 1 ok', 'run 2'], [@round]) . 'panic');
is_deeply(lines_of($got->{out}), [@round, '1..5', 'ok 4 - t.a', 'not ok 5 - t.b'],
	  '--until-fail: so it is without a plan in TAP') or diag($got->{out});

$got = boot(tells(\@abc, ['run 1', 'run 2', 'done 2 ok'], []) . 'panic');
is_deeply(lines_of($got->{out}), ['1..2', 'ok 2 - t.b', 'not ok 1 - t.a'],
	  'and in the first round') or diag($got->{out});

# By the ids, as scripts tell it.
$got = boot(tells(\@abc, [map({ ("run $_", "done $_ ok") } @abc), 'run t.a'],
		  ['1..6', @round]) . 'panic');
is_deeply(lines_of($got->{out}),
	  ['1..6', @round, 'not ok 4 - t.a', '# not run: t.b', '# not run: t.c'],
	  'told by ids') or diag($got->{out});

# --- what is on the disk, and when

# What the last boot() left unsynced of what it wrote, as it goes: calls CHECK with the name of
# what is synced, or "stdout" and the text for what is shown, and with what is not on the disk.
sub follow_disk {
	my ($check) = @_;
	my %dirty;

	for my $line (split(/\n/, slurp("$tmp/trace"))) {
		my ($call, $fd, $path, $text) =
			$line =~ /^(write|fsync)\((\d+)<([^>]*)>(?:, "(.*)")?/ or next;
		my ($name) = $path =~ m{\Q$tmp\E/boot$runs/([^/]*)\z};

		$check->($name // 'stdout', $text, \%dirty) if $call eq 'fsync' || $fd == 1;
		$dirty{$name} = $call eq 'write' if defined $name;
	}
	return [grep { $dirty{$_} } sort keys %dirty];
}

my (@shown, @early, @without);
boot(tells(\@abc, [@told, 'exit 0', 'poweroff'], ['1..3']) . <<'EOS',
echo booting >"$console"
for nr in 1 2; do printf '# [RUN] %d\nok %d - t.x\n' $nr $nr >"$tap"; done
printf 'not ok 3 - t.c\n' >"$tap"
EOS
     qw(strace -y -s 4096 -e), 'trace=write,fsync', '-o', "$tmp/trace");
my $left = follow_disk(sub {
	my ($name, $text, $dirty) = @_;

	if ($name eq 'tap') {
		push(@without, grep { $dirty->{$_} } qw(control.log console.log));
	} elsif ($name eq 'stdout' && $text =~ /(?:^|\\n)((?:not )?ok \d)/) {
		push(@shown, $1);
		push(@early, $1) if $dirty->{tap};
	}
});
ok(@shown > 0, 'results are shown') or diag(slurp("$tmp/trace"));
is_deeply(\@early, [], 'each is on the disk then');
is_deeply(\@without, [], 'and before it what tells whose it is');
is_deeply($left, [], 'at the end all is: logs, TAP and status') or diag(slurp("$tmp/trace"));
is_deeply([map { -s "$tmp/boot$runs/$_" ? () : $_ } qw(tap control.log console.log status)], [],
	  'of which there is something');

# --- --resume runs again what failed without a diagnosis

my @front = ("$top/run_vmtests.sh", '--tap');
my $dir = "$tmp/resume";
my $guest = spew("$tmp/guest", "#!/bin/sh\n", 0755);

qemu_stand_in("$tmp/qemu", tells(\@abc, ['run 1', 'done 1 ok', 'run 2', 'done 2 not-ok', 'run 3'],
				 ['1..3']) . 'panic');
$got = run(@front, '-k', $image, '--mem', 512, '--guest-prog', $guest, '--results', $dir);
is($got->{code}, 1, 'a run that is cut off') or diag($got->{err});
my ($kernel) = map { s{/status\z}{}r } glob("$dir/*/status");

qemu_stand_in("$tmp/qemu", tells(['t.b'], ['run 1', 'done 1 not-ok', 'exit 0', 'poweroff'],
	['1..1', '# [RUN] the title', 'not ok 1 - t.b # TODO waits', '# stale-pin: old data']));
$got = run(@front, '--resume', $dir);
is(slurp("$kernel/guest/files/resume"), "t.a has a result\nt.c has a result\n",
   'what has a result is not run again, and the failure is');
my $tap = slurp("$kernel/tap");
is_deeply(lines_of($tap), ['1..3', 'ok 1 - t.a', 'not ok 2 - t.b # TODO waits', 'not ok 3 - t.c'],
	  'it is a known issue') or diag($tap);
like($tap, qr/^not ok 2 .*\n# stale-pin: old data$/m, 'and has its diagnosis');

# --- several kernels: worse, or never looked at

# What happens is the last line of the kernel.
qemu_stand_in("$tmp/qemu", <<'EOS');
says() {
	printf 'boot 1\nstart\nplan t.a\nexit %d\npoweroff\n' "$1" >"$control"
	printf 'TAP version 13\n1..1\n%s\n' "$2" >"$tap"
}
case $(tail -n 1 "$kernel") in
good)	says 0 'ok 1 - t.a' ;;
fails)	says 1 'not ok 1 - t.a' ;;
todo)	says 0 'not ok 1 - t.a # TODO waits' ;;
unmet)	says 1 "ok 1 - t.a"$'\n''# required, but not there: pin' ;;
skips)	says 1 "ok 1 - t.a # SKIP no-pin: no pins"$'\n''# nothing was tested' ;;
strict)	says 1 "not ok 1 - t.a # TODO waits"$'\n''# it should not pass' ;;
esac
EOS

sub side_by_side {
	my @kernels = map { spew("$tmp/$runs-$_", bzimage('6.1.0', $_[$_])) } 0 .. $#_;

	$runs++;
	return run("$top/run_vmtests.sh", map({ ('-k', $_) } @kernels), '--mem', 512,
		   '--guest-prog', $guest, '--results', "$tmp/side$runs");
}

my %code = ('good good' => 0, 'fails fails' => 0, 'todo todo' => 0, 'good fails' => 1,
	    'unmet unmet' => 1, 'skips skips' => 1, 'good unmet' => 1, 'unmet good' => 1,
	    'strict todo' => 1);
for my $case (sort keys %code) {
	$got = side_by_side(split(' ', $case));
	is($got->{code}, $code{$case}, "$case: exit code $code{$case}") or diag($got->{err});
	like($got->{out}, qr/^\S+-0:\n  exit code 1\n    nothing was tested$/m, 'and why')
		if $case eq 'skips skips';
}

# --- colours

# What run_vmtests.sh writes to a terminal when a test fails.
sub on_terminal {
	my ($env) = @_;
	my $kernel = spew("$tmp/red", bzimage('6.1.0', 'fails'));

	delete local @ENV{qw(NO_COLOR COWPIN_PROVE_OPTS HARNESS_OPTIONS)};
	run('script', '-qefc', "exec env TERM=xterm $env $top/run_vmtests.sh -k $kernel --mem 512 " .
	    "--guest-prog $guest --results $tmp/terminal", "$tmp/typescript");
	return slurp("$tmp/typescript");
}

my $red = on_terminal('');
like($red, qr/\e\[31m.*not ok 1 - t\.a/, 'on a terminal a failure is red');
# Term::ANSIColor before 5.01 does not know it: a prove that is as old.
mkdir("$tmp/old") or die "mkdir: $!\n";
my ($prove) = run('sh', '-c', 'command -v prove')->{out} =~ /(.*)/;
spew("$tmp/old/prove", "#!/bin/sh\nexec env -u NO_COLOR $prove \"\$@\"\n", 0755);
my $plain = on_terminal("NO_COLOR=1 PATH=$tmp/old:\$PATH");
like($plain, qr/^not ok 1 - t\.a/m, 'NO_COLOR: it is there');
unlike($plain, qr/\e\[\d+m/, 'and not red');

done_testing();
