#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# Negative controls on a kernel that gets everything right, with cowpin.ko:
# an injected fault is noticed by the oracle that is there for it, and
# without one the same tests pass.

use strict;
use warnings;
use JSON::PP;
use Test::More;
use FindBin;

require "$FindBin::Bin/vm-helper.pl";
our ($stale, $top, $tmp);

my @pins = map { ("ro-longterm.$_.zeropage", "ro-longterm.$_.memfd",
		  "ro-longterm.$_.memfd.hugetlb.2M") } qw(gup gup-fast);
my @shared = map { ("ro-pin.shared.$_.anon", "ro-pin.shared.$_.thp.pmd",
		    "ro-pin.shared.$_.hugetlb.2M") } qw(gup gup-fast);

# Of each provider of pins/ a test, and a fault that it must notice. What promises a snapshot only
# may well be stale, and a virtual machine goes with its owner to the copy: these must not leak.
my %controls = (
	'stale-pin' => [$stale, {
		gup => 'ro-pin.shared.gup.anon', 'gup-fast' => 'ro-pin.shared.gup-fast.anon',
		'gup-remote' => 'gup-remote.ro-fork.anon', iouring => 'iouring.fork.anon',
		(map { ("iouring-$_" => "iouring-$_.fork.anon") } qw(segments update clone rings)),
		(map { ($_ => "$_.fork.anon") } qw(dmdio dmdio-in fuse fuse-in ublk xdp xdp-in
						   vfio)),
		'ublk-in' => 'ublk-in.late.anon', udmabuf => 'udmabuf.fork.memfd.shared',
		'vfio-limit' => 'vfio.limit.anon' }],
	# What the machine of a child writes, its parent reads.
	leak => [qr/^(?:leak|stale-data)$/, {
		(map { ($_ => "$_.child-unmap.anon") } qw(vmsplice vmsplice-tee zerocopy sendzc
							  splice-unix splice-tcp)),
		dio => 'dio.anon.anon', kvm => 'kvm.child.anon' }],
);
my %control_of = map { %{$_->[1]} } values %controls;

# What is to go wrong: of each the fault, the tests, the reason they fail for, and what they say.
my @faults;

sub noticed_ok {
	push @faults, [@_];
}

# Without a fault.
sub clean {
	my ($got) = @_;
	my @ids = (@pins, @shared, values %control_of);
	my %passed = map { $_->{id} => 1 } grep { $_->{ok} && !$_->{skip} } @{$got->{tests}};

	is($got->{code}, 0, 'without a fault: exit code 0') or diag($got->{err});
	is_deeply([grep { !$passed{$_} } @ids], [], 'all pass, nothing is skipped')
		or diag($got->{out});

	# The one thing of the head of a run that a machine without the module cannot show.
	like($got->{out}, qr/^# env module: [0-9A-F]{16,}$/m,
	     'the head tells the version of the module');

	# What cow has, it tells itself: a new one cannot be forgotten here.
	is_deeply([sort keys %control_of],
		  [sort split(' ', ($got->{out} =~ /^# env providers: (.*)/m)[0])],
		  'each provider has a negative control');
}

for my $by (sort keys %control_of) {
	my $steps = run("$top/cow", '--list', '-v', '--run', $control_of{$by})->{out};

	like("$control_of{$by} $steps", qr/\.\Q$by\E\.|pin [PC][^;]* \Q$by\E\b(?!-)/,
	     "$control_of{$by} is a test of $by");
}
noticed_ok($_, [sort values %{$controls{$_}[1]}], $controls{$_}[0]) for sort keys %controls;

# Of each kind a test, which must see that the memory is of another one.
my %of_kind;

for my $test (@{decode_json(run("$top/cow", '--list', '--json', '--group', 'full')->{out})}) {
	my ($kind) = $test->{kind} =~ /\A(.*?)(?:\.(?:\d+[kMG]|pmd))?\z/;

	$of_kind{$kind} //= $test->{id} if $test->{steps} =~ /\A(?:fill|read) P;/;
}
cmp_ok(scalar(keys %of_kind), '>=', 25, 'there are kinds');
noticed_ok('wrong-kind', [sort values %of_kind], qr/^setup$/,
	   qr/the memory is not as the title says: /);

noticed_ok('stale-pin', \@pins, qr/^(?:stale-pin|pfn-differs)$/);
# Memory that is really shared is missing in the child until it is touched:
# which of the two is noticed first does not matter.
noticed_ok('leak', \@shared, qr/^(?:leak|lost-at-fork)$/);
noticed_ok('leak', ['exec.child.gup.anon'], qr/^(?:leak|lost-at-fork)$/);
noticed_ok('torn-page', \@shared, qr/^torn-page$/);
noticed_ok('shared-pin', ['ro-pin.shared.gup.anon', 'ro-pin.shared.gup-fast.thp.pmd'],
	   qr/^not-exclusive$/);
# Within the kernel references are taken instead of pins, and fork() shares the page.
noticed_ok('shared-pin', ['race.fork.gup-fast.anon'], qr/^(?:not-exclusive|pfn-differs)$/);
noticed_ok('private', ['race.sync.gup.ext4.shared', 'race.tonode-file.gup-fast.xfs.shared'],
	   qr/^stale-data$/, qr/page \d+: the disk sees write \d+, although write \d+ was done/);
noticed_ok('movable', ['ro-pin.shared.gup.anon'], qr/^movable$/);
# A page with a reference too many is in nobody's memory, and never free again.
noticed_ok('leave-page', ['fork.basic.anon', 'ro-pin.shared.gup.anon'], qr/^kernel$/,
	   qr/left behind: .*pages that nobody has, and that are not free: \d+, before \d+/);
noticed_ok('forgotten', ['fork.basic.anon', 'fork.child-writes.anon'], qr/^kernel$/,
	   qr/left behind: .*pages that gave way to others, and that are not free: \d+, before \d+/);
noticed_ok('hold', ['operation.fork-reclaim.gup.anon', 'operation.ksm-reclaim.anon'], qr/^setup$/,
	   qr/memory\.reclaim leaves a page in memory/);
# From a zeropage zeroes are stored, whatever is written meanwhile: where the device is stopped, for
# a write that is not held may be done before the page is written.
noticed_ok('thaw', [map { "dmdio.zeropage.$_" } 'zeropage', 'zeropage.huge', 'zeropage.range'],
	   qr/^(?:stale-data|alien-data|stale-pin)$/);
noticed_ok('keep', [map { "account.ro-longterm.$_.zeropage.range" } qw(gup gup-fast)],
	   qr/^charge$/);
noticed_ok('taint', ['ro-pin.shared.gup.anon'], qr/^kernel$/);
noticed_ok('splat', ['ro-pin.shared.gup.anon'], qr/^kernel$/);
# One test: two would change it twice, which is not at all.
noticed_ok('leave-thp', ['fork.basic.thp-pte.64k'], qr/^kernel$/,
	   qr{left behind:.*/khugepaged/max_ptes_swap: '\d+', before.*/hugepages-64kB/enabled: });

# A kernel that does not come back from a step (docs/findings.md, 19) is not waited for for long.
sub hangs {
	my ($got) = @_;
	my ($test) = @{$got->{tests}};
	my ($ms) = $test->{text} =~ /^  ms: (\d+)$/m;

	is(reason($test), 'actor-hung', 'a pin that does not end') or diag($got->{out});
	ok($ms >= 5000 && $ms < 30000, 'is told in less time than others have') or diag($ms);
	like($got->{out}, qr/^not ok 1 - \S+ # TODO .* GUP asks for ever$/m, 'as known');
	unlike($got->{out}, qr/left behind/, 'and leaves nothing');
}

in_one_guest('debian:6.12', cow_there(\&hangs, ['ro-longterm.filecollapse.gup.memfd.range']),
	     cow_there(\&clean, [@pins, @shared, values %control_of]),
	     map { noticed_there(@$_) } @faults);

# As somebody types it.
my $typed = cow_on('debian:6.12', $faults[0][1], '--inject', $faults[0][0]);

fault_ok($typed, @{$faults[0]});
like($_->{text}, qr/-- --inject $faults[0][0] --run /, "$_->{id}: the line to repeat it has the fault")
	for @{$typed->{tests}};

done_testing();
