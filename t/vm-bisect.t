#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# --tree and --bisect-run: "git bisect run" finds the commit that broke it, and
# skips those that cannot be tested. In a small repository, whose "kernels" a
# stand-in for QEMU understands.

use strict;
use warnings;
use Test::More;
use FindBin;
use File::Path qw(make_path);

require "$FindBin::Bin/vm-helper.pl";
our ($top, $tmp);

my $front = "$top/run_vmtests.sh";
my $tree = "$tmp/linux";
my $image = 'arch/x86/boot/bzImage';
my @vm = ('--mem', 512, '--guest-prog', spew("$tmp/guest", "#!/bin/sh\n", 0755));

$ENV{XDG_CACHE_HOME} = "$tmp/cache";
$ENV{COWPIN_QEMU} = "$tmp/qemu";
$ENV{COWPIN_ACCEL} = 'tcg';
$ENV{GIT_CONFIG_GLOBAL} = '/dev/null';
$ENV{GIT_CONFIG_NOSYSTEM} = 1;
make_path("$tree/arch/x86/boot", "$tree/include/config");

# What happens in the guest is written in the image.
qemu_stand_in("$tmp/qemu", <<'EOQ');
begin() {
	printf 'boot 1\nstart\nplan t.a\n' >"$control"
	printf 'TAP version 13\n1..1\n' >"$tap"
}
end() {
	echo "$1" >"$tap"
	printf 'exit %d\npoweroff\n' "$2" >"$control"
}
case $(tail -n 1 "$kernel") in
good)		begin; end 'ok 1 - t.a' 0 ;;
bad)		begin; end 'not ok 1 - t.a' 1 ;;
crash)		begin; panic ;;
skip)		begin; end 'ok 1 - t.a # SKIP no-pin: no' 1 ;;
no-boot)	panic ;;
usage)		printf 'boot 1\nstart\nexit 2\npoweroff\n' >"$control" ;;
esac
EOQ

sub set_tree {
	my ($release, $what) = @_;

	spew("$tree/Makefile", "# a kernel\n");
	spew("$tree/.config", "# CONFIG_MODULES is not set\n");
	spew("$tree/include/config/kernel.release", "$release\n");
	unlink("$tree/$image");
	spew("$tree/$image", bzimage($release, $what)) if $what ne 'broken';
}

sub git {
	my $got = run('git', '-C', $tree, '-c', 'user.name=x', '-c', 'user.email=x@x.x', @_);

	is($got->{code}, 0, "git $_[0]") or diag($got->{out}, $got->{err});
	return $got->{out};
}

# --- exit codes

my @front = ($front, '--tree', $tree, '--bisect-run', @vm);
my %code = (good => 0, bad => 1, crash => 1, skip => 125, 'no-boot' => 125, usage => 125,
	    broken => 125);
for my $what (sort keys %code) {
	set_tree('6.1.0', $what);
	my $got = run(@front);

	is($got->{code}, $code{$what}, "$what: exit code $code{$what}") or diag($got->{err});
	next if $what !~ /bad|usage/;
	$got = run(@front, '--tap');
	is($got->{code}, $code{$what}, "$what with --tap, too") or diag($got->{err});
}
is(run(@front, '--frob')->{code}, 129, 'a wrong option: exit code 129');

set_tree('6.1.0', 'good');
spew("$tree/include/config/kernel.release", "6.1.0-next\n");
my $got = run(@front);
is($got->{code}, 125, 'an image that is not of the tree: exit code 125');
like($got->{err}, qr/build it first: the tree is 6\.1\.0-next, its bzImage 6\.1\.0$/m, 'why');

# --- gdb on a port

set_tree('6.1.0', 'good');
spew("$tree/vmlinux", '');
$got = run($front, '--tree', $tree, @vm, '--tap', '--gdb=1234');
is($got->{code}, 0, '--gdb=PORT: exit code 0') or diag($got->{err});
like(slurp("$tmp/qemu.args"), qr/ -S -gdb tcp:127\.0\.0\.1:1234 /, 'QEMU listens there');
like($got->{err}, qr/gdb -ex 'target remote localhost:1234' \Q$tree\E\/vmlinux$/m,
     'what to type names the port and the symbols');
unlink("$tree/vmlinux");

# --- a bisection

my @history = qw(good good broken good crash no-boot skip bad bad);
git('init', '-q');
for my $nr (0 .. $#history) {
	set_tree("6.1.$nr", $history[$nr]);
	git('add', '-A', '-f');
	git('commit', '-q', '-m', "$nr is $history[$nr]");
}
git('bisect', 'start', 'HEAD', 'HEAD~' . $#history);
my $out = git('bisect', 'run', @front);
like($out, qr/is the first bad commit/, 'git bisect run finds a commit') or diag($out);
is(git('show', '-s', '--format=%s', 'bisect/bad'), "4 is crash\n", 'the right one');
git('bisect', 'reset');

done_testing();
