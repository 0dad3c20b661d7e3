#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# The head of a run, "# env KEY: VALUE": on what it was made, so that an archived stream says so.
# Each line against where it comes from. The module is in t/vm-inject.t: here there is none.

use strict;
use warnings;
use FindBin;
use Test::More;

require "$FindBin::Bin/cow-helper.pl";
our ($tmp, $cow);

plan(skip_all => 'cow is not built (make)') if !-x $cow;

sub line { my ($path) = @_; return (split(/\n/, slurp($path)))[0] // '' }

# Of stdout, the head as { KEY => [ VALUE... ] }.
sub env_of {
	my ($out) = @_;
	my %env;

	push(@{$env{$1}}, $2) while $out =~ /^# env ([a-z-]+): (.*)$/mg;
	return \%env;
}

my @some = ('--run', 'fork.basic.anon,fork.basic.thp.pmd,cow.basic.memfd');
my $out = cow_as_nobody(@some)->{out};
my $env = env_of($out);

is_deeply([grep { @{$env->{$_}} > 1 } sort keys %$env], [], 'each line is there once');
like($out, qr/\ATAP version 13\n1\.\.3\n(?:# env .*\n)+(?!.*^# env )# \[RUN\]/ms,
     'after the plan, before the first test, and in no other place');

# What the file says, if there is one.
sub env_is {
	my ($key, $expected) = @_;

	is(($env->{$key} // ['nothing'])->[0], $expected, "env $key");
}

chomp(my $uname = `uname -r -v -m`);
env_is('kernel', $uname);
env_is('cmdline', line('/proc/cmdline'));

my $meminfo = slurp('/proc/meminfo');
my ($total, $swap) = map { $meminfo =~ /^$_: +(\d+) kB$/m } qw(MemTotal SwapTotal);
env_is('memory', int($total / 1024) . ' MiB');
# Others may change that meanwhile.
like($env->{swap}[0] // '', qr/^\d+ MiB$/, 'env swap');
SKIP: {
	skip('the swap of this machine has changed', 1)
		if slurp('/proc/meminfo') !~ /^SwapTotal: +$swap kB$/m;
	env_is('swap', int($swap / 1024) . ' MiB');
}

chomp(my $cpus = `getconf _NPROCESSORS_ONLN`);
my ($model) = slurp('/proc/cpuinfo') =~ /^model name\s*: (.*)$/m;
env_is('cpu', "$cpus x " . ($model // 'unknown'));

# The sizes as ids spell them: ascending.
chomp(my $page = `getconf PAGESIZE`);
my $pmd = line('/sys/kernel/mm/transparent_hugepage/hpage_pmd_size');
my @huge = sort { $a <=> $b }
	   map { /hugepages-(\d+)kB$/ } glob('/sys/kernel/mm/hugepages/hugepages-*kB');

sub token {
	my ($kib) = @_;

	return $kib % (1 << 20) ? $kib % (1 << 10) ? "${kib}k" : ($kib >> 10) . 'M'
				: ($kib >> 20) . 'G';
}

env_is('page-sizes', join(' ', token($page / 1024), $pmd ? 'thp=' . token($pmd / 1024) : (),
			  map { 'hugetlb=' . token($_) } @huge));

# --- the configuration of the kernel ---

my $config = -r "/boot/config-" . (split(/ /, $uname))[0]
	   ? `sha256sum <"/boot/config-@{[(split(/ /, $uname))[0]]}"`
	   : -r '/proc/config.gz' ? `zcat /proc/config.gz | sha256sum` : '';
if ($config) {
	env_is('config', substr($config, 0, 12));
} else {
	is($env->{config}, undef, 'env config: not told where it cannot be had');
}
{
	local $ENV{COWPIN_CONFIG_HASH} = '0123456789ab';

	is(env_of(cow_as_nobody(@some)->{out})->{config}[0], '0123456789ab',
	   'env config: what COWPIN_CONFIG_HASH says');
}

# --- module, seed, the parts of ids ---

my $module = '/sys/module/cowpin/srcversion';
is($env->{module} && $env->{module}[0], -e $module ? line($module) : undef,
   'env module: of which source, if it is loaded');
is($env->{seed}, undef, 'env seed: only of a run that is shuffled');
is(env_of(cow_as_nobody(@some, '--shuffle', '--seed', 5)->{out})->{seed}[0], 5, 'env seed');
is_deeply([sort split(' ', $env->{kinds}[0])], [qw(anon memfd thp.pmd)], 'env kinds');

my %providers = map { $_ => 1 } split(' ', $env->{providers}[0]);
my @lines = split(/\n/, cow('--list', '--json', '--run', '*')->{out});
my %used = map { /"provider": ?"([^"]+)"/ ? ($1 => 1) : () } @lines;
cmp_ok(scalar(keys(%used)), '>', 2, 'ids have providers');
is_deeply([grep { !$providers{$_} } sort keys %used], [], 'env providers: all that ids have');

done_testing();
