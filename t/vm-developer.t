#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# What a kernel developer does with a tree of his own: tests it, with its
# modules and with cowpin.ko built against it; stops it in gdb; looks around in
# a shell. The tree is one of $COWPIN_TEST_TREE, or looks like one: a kernel of
# Debian and its headers.

use strict;
use warnings;
use Test::More;
use FindBin;
use File::Path qw(make_path);

require "$FindBin::Bin/vm-helper.pl";
our ($top, $tmp);

my $front = "$top/run_vmtests.sh";
my $tree = $ENV{COWPIN_TEST_TREE} // fake_tree();
my @vm = ('--tree', $tree, '--mem', 1024);
my ($slug) = "tree:$tree" =~ s/[^A-Za-z0-9._+-]/-/gr;

# Links to all that is in the headers, and in their places: the image, the
# configuration and the modules.
sub fake_tree {
	my $dir = kernel_for_this_compiler();
	chomp(my $release = slurp("$dir/release"));
	my $made = "$tmp/linux";

	make_path($made);
	system('cp', '-rsL', glob("$dir/build/*"), "$dir/build/.config", $made);
	make_path("$made/arch/x86/boot", "$made/include/config");
	symlink("$dir/bzImage", "$made/arch/x86/boot/bzImage");
	unlink("$made/modules.order", "$made/include/config/kernel.release");
	spew("$made/include/config/kernel.release", "$release\n");
	my @modules = slurp("$dir/modules/modules.order") =~ /^(kernel\S+\.ko)/mg;
	my @wanted = grep { m{/(?:zram|loop|zsmalloc|lzo-rle|842.*|lz4.*|zstd)\.ko} } @modules;

	for my $module (@wanted) {
		my ($file) = glob("$dir/modules/$module*");
		my $place = "$made/$module" =~ s{/kernel/}{/}r;

		make_path($place =~ s{/[^/]*\z}{}r);
		system($file =~ /\.xz\z/ ? "xz -dc '$file' >'$place'"
					 : "cp '$file' '$place'");
	}
	spew("$made/modules.order", join('', map { s{^kernel/(.*)\.ko}{$1.o\n}r } @wanted));
	symlink("$dir/modules/modules.builtin", "$made/modules.builtin");
	return $made;
}

# --- the tree

my $guest = spew("$tmp/guest", <<'EOG', 0755);
#!/bin/sh
echo 'plan t.a' >&3
echo 'TAP version 13'
echo '1..1'
echo "# config $COWPIN_CONFIG_HASH"
echo "# control $COWPIN_CONTROL"
echo "# zram $(test -e /sys/block/zram0 && echo yes)"
echo "# module $(test -c /dev/cowpin && echo yes)"
echo 'ok 1 - t.a'
EOG
my $got = run($front, @vm, '--tap', '--results', "$tmp/r", '--guest-prog', $guest);

is($got->{code}, 0, '--tree: exit code 0') or diag($got->{err});
like($got->{out}, qr/^# module yes$/m, 'cowpin.ko was built against it and is loaded')
	or diag($got->{err});
like($got->{out}, qr/^# zram yes$/m, 'its own modules are there');
like($got->{out}, qr/^# control 3$/m, 'the control channel is where the program is told');
my ($config) = `sha256sum <'$tree/.config'` =~ /^(.{12})/;
like($got->{out}, qr/^# config \Q$config\E$/m, 'the configuration is known in the guest');
my $status = slurp("$tmp/r/$slug/status");
like($status, qr/^config-hash \Q$config\E$/m, 'and in the results');
like($status, qr/^module-version [0-9A-F]{8,}$/m, 'with the module');
like($status, qr/^tests 1\nskipped 0$/m, 'and the number of tests');

# --- gdb

my $pid = fork() // die "fork: $!\n";
if (!$pid) {
	open(STDOUT, '>', "$tmp/gdb.out");
	open(STDERR, '>', "$tmp/gdb.err");
	# No second of silence is too long, no run: gdb has all the time.
	exec($front, @vm, '--gdb', '--tap', '--silence', 1, '--timeout', 1, '--results',
	     "$tmp/g", '--guest-prog', $guest) or exit 126;
}
my $socket = "$tmp/g/$slug/gdb";
wait_for(sub { -S $socket && slurp("$tmp/gdb.err") =~ /waits for gdb.*\n/ }, 60);
my ($command) = slurp("$tmp/gdb.err") =~ /waits for gdb: gdb (-ex .*)$/m;
like($command // '', qr/^-ex 'target remote \Q$socket\E'/, '--gdb: what to type is shown')
	or diag(slurp("$tmp/gdb.err"));
SKIP: {
	skip('gdb is not installed', 4) if system('command -v gdb >/dev/null');
	my $gdb = `gdb -batch -nx $command -ex 'print 6 * 7' -ex 'info registers rip' -ex detach 2>&1`;

	like($gdb, qr/^\$1 = 42$/m, 'gdb is attached');
	like($gdb, qr/^rip +0xfff0/m, 'before the first instruction');
	waitpid($pid, 0);
	is($? >> 8, 0, 'and detached: the run goes on to its end')
		or diag(slurp("$tmp/gdb.err"));
	like(slurp("$tmp/gdb.out"), qr/^ok 1 - t\.a$/m, 'with its results');
}

# --- a shell

spew("$tmp/commands", <<'EOC');
echo "kernel $(uname -r)"
test -c /dev/cowpin && which cow
cow; echo on stderr >&2
mount | grep -c ' on /proc '
exit 7
EOC
open(my $in, '<', "$tmp/commands") or die "$tmp/commands: $!\n";
$pid = fork() // die "fork: $!\n";
if (!$pid) {
	open(STDIN, '<&', $in);
	open(STDOUT, '>', "$tmp/shell.out");
	open(STDERR, '>', "$tmp/shell.err");
	exec($front, @vm, '--shell', '--guest-prog', $guest) or exit 126;
}
waitpid($pid, 0);
is($? >> 8, 7, '--shell: runs what is on stdin, and has its exit code')
	or diag(slurp("$tmp/shell.err"));
my $out = slurp("$tmp/shell.out");
like($out, qr{\Akernel [0-9].*\n/bin/cow\nTAP version 13\n}, 'in the guest, with everything');
like($out, qr/^1\n\z/m, '/proc is there');
like(slurp("$tmp/shell.err"), qr/^on stderr$/m, 'stderr is stderr');

# With a terminal: script(1) makes one. It hears "exit" once there is a prompt.
SKIP: {
	skip('no script(1) here', 3) if system('command -v script >/dev/null');
	my $type = "$tmp/typescript";
	my $run = join(' ', $front, @vm, '--shell', '--guest-prog', $guest);

	spew($type, '');
	open(my $keys, '|-', "script -qefc '$run' '$type' >/dev/null 2>&1")
		or die "script: $!\n";
	$keys->autoflush(1);
	my $limit = time() + 90;
	for my $step ([qr{/tmp # }, 'tty; echo $((6 * 7)); sleep 1000'],
		      [qr/^42\b/m, "\cC"], [qr/\^C/, 'exit 3']) {
		my ($sign, $answer) = @$step;

		wait_for(sub { slurp($type) =~ $sign }, $limit - time());
		print $keys $answer =~ /\cC/ ? $answer : "$answer\r";
	}
	close($keys);
	is($? >> 8, 3, '--shell on a terminal: has the exit code of the shell');
	like(slurp($type), qr{^/dev/ttyS1\r*$}m, 'there is a terminal in the guest');
	like(slurp($type), qr/\^C/, 'to which ^C goes');
}

done_testing();
