#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# The consumers of pins that applications have (scenarios/consumers.c): on a kernel that
# gets everything right they pass, with a pin that is made stale they fail; and whoever is
# killed while he holds such a pin leaves no pin, disk, mount or process behind.

use strict;
use warnings;
use Test::More;
use FindBin;

require "$FindBin::Bin/vm-helper.pl";
our ($stale, $top, $tmp);

use constant KERNEL => 'debian:6.12';

# The families of scenarios/consumers.c, each with what makes it fail. References and what
# looks at a file's pages promise less: a stale pin is nothing that these could notice.
my @noticed = qw(iouring-segments.fork.anon iouring-rings.child.anon
	iouring-rings.last.thp.pmd xdp-in.fork.anon xdp-in.last.thp.pmd xdp.fork.anon iouring-update.fork.thp.pmd
	iouring-clone.fork.hugetlb.2M gup-remote.ro-fork.anon dmdio.fork.anon dmdio.reuse.thp.pmd
	dmdio-in.fork.anon dmdio-in.late.thp.pmd udmabuf.fork.memfd.shared);
my @families = qw(iouring-segments.* iouring-update.* iouring-clone.* iouring-rings.* dmdio.* dmdio-in.*
		  zerocopy.* sendzc.* udmabuf.* xdp.* gup-remote.* xdp-in.* kvm.*
		  splice-unix.* splice-tcp.* vmsplice-tee.*);

# --- killed while a disk is stopped ---

# In the guest, besides what all such scripts have.
my $functions = <<'EOS';
stopped() { grep -qs 1 /sys/block/dm-*/dm/suspended; }
going() { ! stopped; }
# The test goes no further, with its disk stopped and nobody about to resume it.
holding() { stopped; }
# Before there is a director, cow has stopped a disk to see what direct I/O takes.
cow exec -n 200 'fill P; pin P dmdio; fork P C; write P; write C' >/tmp/tap 2>&1 &
run=$!
await director
await stopped
EOS

# [what happens, how, what is said]
my @deaths = (
	['SIGKILL of cow: no pin, disk, setting or process is left', <<'EOS',
kill -KILL $run
await nothing
EOS
	 ['nothing']],
	['SIGKILL of who has the pin: its disk goes on, the run as well', <<'EOS',
await held
kill -KILL $(named cow-actor0)
await going
kill -CONT $director
wait $run
echo "exit $?"
await nothing
sed -n "s/^  message: '\(.*\)'/\1/p; s/^# passed.*failed \([0-9]*\),.*/failed \1/p" /tmp/tap
EOS
	 ['held', 'going', 'exit 1', 'nothing', 'P died of signal 9 (Killed)', 'failed 1']],
	['SIGTERM of cow: nothing is left', <<'EOS',
kill -TERM $run
wait $run
echo "exit $?"
await nothing
EOS
	 ['exit 143', 'nothing']],
);

sub death {
	my ($what, $script, $said) = @_;

	return [$functions . $script, sub {
		is_deeply($_[0], ['director', 'stopped', @$said], $what) or diag(slurp("$tmp/err"));
	}];
}

# Pages of 1 GiB have a known issue of their own, whoever pins them; so has btrfs
# (docs/findings.md).
in_one_guest(KERNEL,
	     pass_there(70, @families, '!*.hugetlb.1G', '!*-unmap-hugetlb.*',
			'!*-in.shared.btrfs.shared'),
	     noticed_there('stale-pin', \@noticed, $stale),
	     map { death(@$_) } @deaths);

done_testing();
