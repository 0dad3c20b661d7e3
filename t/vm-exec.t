#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# cow exec, cow stress and cow race in guests, with all that they may need: the ten examples of
# docs/scenarios.md come out as told there, and faults that show nowhere else, or in races that
# need our module, are noticed.

use strict;
use warnings;
use FindBin;
use Test::More;

require "$FindBin::Bin/vm-helper.pl";
our ($top);

my @examples = slurp("$top/docs/scenarios.md") =~ /^    (cow exec .*)$/mg;
is(scalar(@examples), 10, 'ten examples');
my ($fixed_in_6_2) = grep { /--kind zeropage --by gup/ } @examples;
# What is pasted of that test fails on 6.1: t/vm-paste.t.
is($fixed_in_6_2, run("$top/cow", '--list', '-v', '--run', 'ro-longterm.gup.zeropage')->{out} =~
   /^\t(cow exec .*)$/m ? $1 : '', 'one is what 6.2 fixed');

# Fault, options of cow stress, and the reason or what is left; the last one is for good.
my @stress = (
	['shared-pin', '--kinds anon --by gup,gup-fast --ops pin,write,fork', 'not-exclusive'],
	['movable', '--kinds anon --by gup,gup-fast --ops pin,write,fork', 'movable'],
	['taint', '--kinds anon --ops write,fork', 'taint of the kernel'],
);

# Race, fault, and the reasons for which it may fail. Reclaim does so at times without a fault, too,
# and that is known (docs/findings.md, 6).
my $stale = qr/^exit 1: not ok (?:stale-(?:pin|data)|lost-write)$/;
my @races = (
	['pageout', 'anon', 'stale-pin',
	 qr/^exit (?:[01]: not ok stale-(?:pin|data)|1: not ok lost-write)$/],
	['ksm', 'anon', 'lost-write', $stale],
	['collapse', 'thp.pmd', 'stale-pin', $stale],
	['uffdmove', 'anon', 'lost-write', $stale],
	['tonode', 'anon', 'stale-pin', $stale],
	['compact', 'anon', 'leave-pin', qr/^exit 1: not ok kernel$/],
);

# What exec or stress did without: it must be able to fail, here and at random.
my $without = <<'EOS';
cow exec --inject unnoticed --kind anon 'fill P; clearrefs P; write P' >/tmp/tap 2>&1
sed -n "s/^  reason: '\\(.*\\)'/exec \\1/p" /tmp/tap
cow exec --kind anon 'fill P; wipeonfork P; clearrefs P; write P; fork P C; read C; write C' >/dev/null 2>&1
echo "wiped $?"
cow exec --inject thaw --kind zeropage 'read P; pin P dmdio; write P; write P' >/tmp/tap 2>&1
sed -n "s/^  reason: '\\(.*\\)'/exec \\1/p" /tmp/tap
for row in unnoticed:clearrefs unprotected:scanwp; do
	cow stress --inject ${row%:*} --kinds anon --ops ${row#*:},write,fork --seed 1 --count 100 \
		>/tmp/tap 2>&1
	sed -n "s/^  reason: '\\(.*\\)'/stress ${row%:*}: \\1/p" /tmp/tap | sort -u
done
cow stress --kinds anon --ops scanwp,takebackuffd --seed 2 --count 40 >/dev/null 2>&1
echo "refused $?"
for steps in 'pin P; punch P upper' 'pin P lower; servedfile P upper' 'pin P; truncate P last'; do
	cow exec --kind memfd.range.shared --by gup "read P; filecollapse P; $steps; write P" \
		>/dev/null 2>&1
	echo "cut $?"
done
EOS

sub without_ok {
	my ($said) = @_;

	is_deeply($said, ['exec unnoticed', 'wiped 0', 'exec stale-pin',
			  'stress unnoticed: unnoticed', 'stress unprotected: unnoticed',
			  'refused 0', ('cut 0') x 3],
		  'a write that leaves no trace is noticed, and so is protection that does not ' .
		  'come about; not what was written and refused then, nor a THP that is pinned ' .
		  'and so not split');
}

# For in_one_guest(): one line of the answer of each: the exit code, what failed and why.
sub said {
	my ($code, @commands) = @_;
	my $script = <<'EOS';
said() {
	echo "# $1" >&2
	sh -c "$1" >/tmp/out 2>&1
	code=$?
	echo "exit $code:" $(sed -n "s/^\(ok\|not ok\) [0-9]* - .*/\1/p; s/^  reason: '\(.*\)'/\1/p;
		s/^# left behind .*: \(taint of the kernel\): .*/\1/p" /tmp/out)
	case $2$code in pass[^0]*) cat /tmp/out >&2 ;; esac
}
EOS
	$script .= join('', map { "said \"$_->[0]\" $_->[1]\n" } @commands);
	return [$script, sub { $code->(grep { /^exit / } @{$_[0]}) }];
}

sub examples_ok {
	my @said = @_;

	is(shift(@said), 'exit 0: ok', "6.12: $_") for @examples;
}

sub races_ok {
	my @said = @_;

	for my $race (@races) {
		my ($name, undef, $fault, $why) = @$race;

		like(shift(@said), $name eq 'pageout' ? qr/^exit 0: (?:ok|not ok stale-data)$/ :
							qr/^exit 0: ok$/, "race $name passes");
		like(shift(@said), $why, "race $name, --inject $fault");
	}
}

sub stress_ok {
	my @said = @_;

	for my $row (@stress) {
		my ($fault, undef, $what) = @$row;

		like(shift(@said), qr/^exit 1: .*\b\Q$what\E\b.* not ok$/,
		     "stress --inject $fault: $what");
	}
}

in_one_guest('debian:6.12',
	     said(\&examples_ok, map { [$_, 'pass'] } @examples),
	     said(\&races_ok, map { my ($name, $kinds, $fault) = @$_;
				    my $race = "cow race --by gup-fast --kinds $kinds";

				    ["$race $name", 'pass'],
				    ["$race --inject $fault $name", 'fail'] } @races),
	     said(\&stress_ok, map { my ($fault, $options) = @$_;
				     ["cow stress --seed 1 --count 20 $options --inject $fault",
				      'fail'] } @stress),
	     [$without, \&without_ok]);

done_testing();
