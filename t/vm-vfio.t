#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# Devices behind an IOMMU (pins/vfio.c): what they read is what 6.12 promises and 6.1 does not
# keep; what they may not write is a fault; each check fails where it must; and the devices
# are given back, however the run ends.

use strict;
use warnings;
use Test::More;
use FindBin;

require "$FindBin::Bin/vm-helper.pl";
our ($tmp);

# Those of TESTS that did not pass, and why.
sub failures {
	return { map { $_->{id} => reason($_) } grep { !$_->{ok} } @{$_[0]} };
}

# --- the fault, and who has the devices ---

my $owners = <<'EOS';
devices() { grep -l 0x11e8 /sys/bus/pci/devices/*/device | sed 's|/device$||'; }
drivers() { for d in $(devices); do readlink $d/driver; cat $d/driver_override; done |
	sed 's|.*/||' | sort -u | tr '\n' ' '; }
taken() { [ "$(drivers)" = 'vfio-pci ' ]; }
given() { [ "$(drivers)" = '(null) ' ] && nothing; }
pinned() { [ "$(pins)" -gt 0 ]; }
faults() { dmesg | grep -c 'DMAR: .*DMA Write.*fault reason'; }
await given
cow exec 'fill P; pin P rw vfio; poke P' >/tmp/tap && echo written
[ "$(faults)" = 0 ] && echo 'no fault'
cow exec 'fill P; pin P ro vfio; poke P' >/tmp/tap && echo refused
[ "$(faults)" -gt 0 ] && echo 'fault'
await given
cow exec -n 200 'fill P; pin P rw vfio; poke P; fork P C; write C; poke P' >/tmp/tap 2>&1 &
await taken
await pinned
kill -KILL $!
await given
cow exec -n 200 'fill P; pin P rw vfio; poke P; fork P C; write C; poke P' >/tmp/tap 2>&1 &
await taken
await pinned
kill -TERM $!
await given
EOS

sub given_back {
	is_deeply($_[0], ['given', 'written', 'no fault', 'refused', 'fault', 'given',
			  'taken', 'pinned', 'given', 'taken', 'pinned', 'given'],
		  'a forbidden write is a fault; devices and pins are given back')
		or diag(slurp("$tmp/err"));
}

# --- a device's time is no CPU's ---

# Others go on while one waits for its device; with a single job nothing runs beside anything.
my $beside = <<'EOS';
# beside JOBS: how many tests end while the one of VFIO runs
beside() {
	COWPIN_CONTROL=4 cow -j $1 --run "vfio.fork.anon,fork.basic.*,!*.1G" 4>/tmp/control \
		>/tmp/tap 2>&1
	v=$(grep '^plan ' /tmp/control | grep -n vfio | cut -d: -f1)
	sed -n "/^run $v\$/,/^done $v /p" /tmp/control | grep -v "^done $v " | grep -c '^done '
}
[ "$(beside 1)" = 0 ] && echo alone
n=$(beside 2)
[ "$n" -gt 3 ] && echo together || echo "$n beside"
EOS

sub together {
	is_deeply($_[0], ['alone', 'together'],
		  'what waits for a device runs beside what needs a CPU') or diag(slurp("$tmp/err"));
}

# Faults of the IOMMU are counted: before tests that make some.
in_one_guest('debian:6.12', [$owners, \&given_back], [$beside, \&together],
	     pass_there(15, 'vfio.*'),
	     noticed_there('stale-pin', ['vfio.fork.anon', 'vfio.through.anon',
					 'vfio.last.thp.pmd'],
			   qr/\A(?:stale-pin|stale-data|alien-data)\z/),
	     noticed_there('writable', ['vfio.no-write.anon', 'vfio.no-write-not-anon.memfd'],
			   qr/\Anot-refused\z/));

# Before 6.2, R/O long-term pins were of zeropages and of files' pages.
my $got = cow_on('debian:6.1', ['vfio.not-anon.*', 'vfio.limit*.*']);
is_deeply(failures($got->{tests}),
	  { 'vfio.not-anon.zeropage' => 'stale-pin', 'vfio.not-anon.memfd' => 'stale-pin',
	    'vfio.limit-zeropage.zeropage' => 'pin-refused' },
	  '6.1: pins of what is not the process\'s own, which do not count') or diag($got->{out});
like($got->{out}, qr/beyond RLIMIT_MEMLOCK/, '6.1: and that is what is said');

done_testing();
