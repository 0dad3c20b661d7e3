#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# report summary: what failed, with its reason, then kernels side by side, and
# which verdicts differ. From results as vm/boot leaves them.

use strict;
use warnings;
use Test::More;
use FindBin;
use File::Path qw(make_path);

require "$FindBin::Bin/vm-helper.pl";
our ($top, $tmp);

sub results {
	my ($slug, $tap, $status) = @_;

	make_path("$tmp/r/$slug");
	spew("$tmp/r/$slug/tap", $tap);
	spew("$tmp/r/$slug/status", $status);
}

sub summary {
	my $got = run("$top/report", 'summary', "$tmp/r", @_);

	is($got->{code}, 0, 'exit code 0');
	is($got->{err}, '', 'nothing on stderr');
	return $got->{out};
}

results('debian-6.1', <<'EOT', "verdict crashed\nreason it panicked\nseconds 7.0\n");
TAP version 13
1..5
ok 1 - same
not ok 2 - stale
  ---
  reason: 'stale-pin'
  ...
# stale-pin: the pin sees old data
#   more of it
not ok 3 - known # TODO waits for a backport
# debian:6.1: it panicked
# not run: absent
# not run: late
EOT
results('debian-6.12', <<'EOT', "verdict passed\nseconds 5.5\n");
TAP version 13
1..5
ok 1 - same
ok 2 - stale
ok 3 - known
ok 4 - absent # SKIP no-swap: no swap
ok 5 - late
EOT

is(summary('debian:6.1', 'debian:6.12'), <<'EOT', 'two kernels');

debian:6.1:
  it panicked
  not ok - stale
    stale-pin: the pin sees old data

            debian:6.1  debian:6.12
passed               1            4
failed               1            0
todo                 1            0
skipped              0            1
not-run              2            0
seconds            7.0          5.5

changed:
absent         not-run      skipped

better:
stale           failed       passed
known             todo       passed
late           not-run       passed
EOT

like(summary('debian:6.12', 'debian:6.12'), qr/^all verdicts are the same$/m,
     'nothing different');
like(summary('debian:6.12', 'debian:6.1'), qr/^worse:\n(?:\S.*\n)*late +passed +not-run$/m,
     'what is worse, said so');
like(summary('debian:6.12', 'debian:5.10'), qr/^gone:\nsame +passed +-$/m,
     'a kernel without results');

done_testing();
