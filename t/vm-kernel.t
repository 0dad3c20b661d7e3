#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# vm/kernel.sh: which kernel is meant, and what stays in the cache when the
# network fails, the download breaks off, or two runs want the same. Apt is
# replaced by a stand-in that serves packages made here.

use strict;
use warnings;
use Test::More;
use FindBin;
use File::Path qw(make_path);

require "$FindBin::Bin/vm-helper.pl";
our ($top, $tmp);

my $cache = "$tmp/cache/cowpin";
my $bin = "$tmp/bin";
my $debs = "$tmp/debs";
my $log = "$tmp/apt.log";

make_path($cache, $bin, $debs);
$ENV{XDG_CACHE_HOME} = "$tmp/cache";
$ENV{COWPIN_MIRROR} = 'file:///nowhere';
$ENV{PATH} = "$bin:$ENV{PATH}";

# --- stand-ins for apt

sub index_line {
	my ($version, $release, $suite) = @_;

	return "linux-image-$release | $version | " .
	       "file:///nowhere $suite/main amd64 Packages\n";
}

spew("$tmp/madison", join('',
	index_line('6.1.99-1', '6.1.0-30-cloud-amd64', 'bookworm'),
	index_line('6.1.176-1', '6.1.0-50-cloud-amd64', 'bookworm'),
	index_line('6.12.9-1', '6.12.9+deb13-cloud-amd64', 'trixie'),
	index_line('6.12.43-1', '6.12.43+deb13-cloud-amd64', 'trixie'),
	index_line('6.12.43-1~bpo12+1', '6.12.43+deb12-cloud-amd64',
		   'bookworm-backports'),
	index_line('6.18.1-1', '6.18.1+deb14-cloud-amd64', 'sid')));

spew("$bin/apt-cache", <<"EOF", 0755);
#!/bin/sh
echo "cache \$1" >>$log
case \$1 in
pkgnames)	sed 's/ .*//' $tmp/madison
		echo linux-image-cloud-amd64
		echo linux-image-6.12.43+deb13-cloud-amd64-dbg ;;
madison)	if [ "\$2" = linux-kbuild-6.1 ]; then cat $tmp/kbuild
		else cat $tmp/madison; fi ;;
show)		echo "Package: \${2%=*}"
		case \$2 in
		linux-headers-6.1.*) echo 'Depends: gcc-12, linux-kbuild-6.1 (>= 6.1.99-1)' ;;
		esac ;;
esac
EOF

spew("$bin/apt-get", <<"EOF", 0755);
#!/bin/sh
echo "get \$*" >>$log
case " \$* " in
*' update '*)	exit 0 ;;
*' download '*)	if [ -e $tmp/missing ] && echo "\$*" | grep -q -f $tmp/missing; then
			echo 'E: Version was not found' >&2
			exit 100
		fi
		if [ -e $tmp/broken ]; then
			echo half >half.deb
			echo 'E: Connection reset' >&2
			exit 100
		fi
		cp $debs/*.deb . ;;
esac
EOF

# One package with what kernel.sh expects to find after unpacking.
sub make_deb {
	my ($release) = @_;
	my $root = "$tmp/deb";

	make_path("$root/DEBIAN", "$root/boot", "$root/lib/modules/$release",
		  "$root/usr/src/linux-headers-$release");
	spew("$root/boot/vmlinuz-$release", "kernel\n");
	spew("$root/lib/modules/$release/modules.$_", '')
		for qw(order builtin);
	spew("$root/DEBIAN/control", "Package: linux-image\nVersion: 1\n" .
	     "Architecture: amd64\nMaintainer: x <x\@x.x>\nDescription: x\n");
	system("dpkg-deb -b '$root' '$debs/image.deb' >/dev/null") == 0
		or die "dpkg-deb failed\n";
	system('rm', '-rf', $root);
}

sub kernel {
	unlink($log);
	return run("$top/vm/kernel.sh", @_);
}

sub fresh_cache {
	system('rm', '-rf', $cache);
	unlink("$tmp/broken", "$tmp/missing", "$tmp/kbuild");
	spew("$tmp/kbuild", '');
	make_path($cache);
}

sub downloads {
	return scalar(() = slurp($log) =~ /^get .*download /mg);
}

# --- which one

sub chosen_ok {
	my ($spec, $release) = @_;
	my $got;

	fresh_cache();
	make_deb($release);
	$got = kernel($spec);
	is($got->{code}, 0, "$spec: found") or diag($got->{err});
	like($got->{out}, qr{/kernels/\Q$release\E_[^/]*\n\z},
	     "$spec is $release");
	unlink("$debs/image.deb");
}

my $native = slurp('/etc/os-release') =~ /^VERSION_CODENAME=bookworm$/m ?
	'6.12.43+deb12-cloud-amd64' : '6.12.43+deb13-cloud-amd64';

chosen_ok('debian:6.1', '6.1.0-50-cloud-amd64');
chosen_ok('debian:6.1.99', '6.1.0-30-cloud-amd64');
chosen_ok('debian:6.12', $native);
chosen_ok('debian:6.12.43-1', '6.12.43+deb13-cloud-amd64');
chosen_ok('debian:newest', '6.18.1+deb14-cloud-amd64');

fresh_cache();
my $none = kernel('debian:6.2');
is($none->{code}, 2, 'a version that Debian does not have: exit code 2');
like($none->{err}, qr/debian:6\.2: no such .*6\.1 6\.12 6\.18/,
     'the message tells which there are');

# --- what is in the cache is used as it is

fresh_cache();
make_deb('6.18.1+deb14-cloud-amd64');
my $first = kernel('debian:newest');
my ($dir) = $first->{out} =~ /(.*)/;
is(slurp("$dir/bzImage"), "kernel\n", 'the kernel was unpacked');
is(slurp("$dir/release"), "6.18.1+deb14-cloud-amd64\n", 'and its release');
ok(-e "$dir/modules/modules.dep", 'and its modules have dependencies');
is(downloads(), 1, 'one download');

my $second = kernel('debian:newest');
is($second->{out}, $first->{out}, 'the same kernel the second time');
is(slurp($log), '', 'without calling apt');

unlink("$cache/index", "$cache/index.tried");
spew("$bin/apt-get", slurp("$bin/apt-get"), 0644);
$ENV{COWPIN_OFFLINE} = 1;
my $third = kernel('debian:6.18');
is($third->{out}, $first->{out}, 'and without package lists, offline');
is($third->{err}, '', 'silently');
delete $ENV{COWPIN_OFFLINE};
chmod(0755, "$bin/apt-get");

# --- a download that breaks off

fresh_cache();
spew("$tmp/broken", '');
my $broken = kernel('debian:newest');
is($broken->{code}, 2, 'broken download: exit code 2');
like($broken->{err}, qr/Connection reset/, 'the reason is told');
is_deeply([glob("$cache/kernels/*")], [], 'nothing half is left');
unlink("$tmp/broken");
is(kernel('debian:newest')->{code}, 0, 'the next run gets it');

# --- an archive in the middle of an upload

# One linux-kbuild-6.1 for all releases of 6.1: the one for the next is there already.
sub asked { return join(' ', sort(slurp($log) =~ /linux-\w+-6\.1=\S+/g)) }
sub kbuild {
	my (@versions) = @_;

	fresh_cache();
	make_deb('6.1.0-50-cloud-amd64');
	spew("$tmp/kbuild", join('', map { "linux-kbuild-6.1 | $_ | file:///nowhere " .
					   "bookworm/main amd64 Packages\n" } @versions));
	return kernel('debian:6.1');
}

is(kbuild(qw(6.1.176-1 6.1.99-1))->{code}, 0, 'kbuild of this version is there');
is(asked(), 'linux-kbuild-6.1=6.1.176-1', 'and taken');
is(kbuild(qw(6.1.177-3 6.1.177-2 6.1.99-1))->{code}, 0, 'only later and older ones are');
is(asked(), 'linux-kbuild-6.1=6.1.177-2', 'the next is taken');
kbuild('6.1.99-1');
is(asked(), 'linux-kbuild-6.1=6.1.176-1', 'an older one is not');

# The newest kernel is not whole.
fresh_cache();
make_deb('6.1.0-30-cloud-amd64');
spew("$tmp/missing", "6\\.1\\.176-1\n");
my $older = kernel('debian:6.1');
is($older->{code}, 0, 'the newest cannot be had: the one before it');
like($older->{out}, qr{/kernels/6\.1\.0-30-cloud-amd64_6\.1\.99-1\n\z}, 'is it');
like($older->{err}, qr/6\.1\.176-1: E: Version was not found\n.*downloading \S+ 6\.1\.99-1 /,
     'which is told');
is(kernel('debian:6.1.176')->{code}, 2, 'no other than the one that was asked for');
{
	local $ENV{COWPIN_OFFLINE} = 1;
	my $kept = kernel('debian:6.12');

	is($kept->{code}, 2, 'offline, nothing in the cache: exit code 2');
	is($kept->{out}, '', 'and no kernel');
}

# --- two runs at the same time

fresh_cache();
make_deb('6.18.1+deb14-cloud-amd64');
my $run = "'$top/vm/kernel.sh' debian:newest";
unlink($log);
my $both = run('sh', '-c', "$run & a=\$!; $run; b=\$?; wait \$a && exit \$b");
is($both->{code}, 0, 'two runs at once: both succeed') or diag($both->{err});
is($both->{out}, $first->{out} x 2, 'with the same kernel');
is(downloads(), 1, 'downloaded once');

done_testing();
