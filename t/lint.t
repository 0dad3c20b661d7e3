#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# What tools say of us: the sweep with the sanitizers, and sparse on the module.

use strict;
use warnings;
use Test::More;
use FindBin;

require "$FindBin::Bin/vm-helper.pl";
our ($top, $tmp);

# The output of a command, and whether it ended with exit code 0.
sub output {
	my $out = `@_ 2>&1`;

	return ($out, $? == 0);
}

my ($out, $ok) = output("make -s -C $top sanitize");
ok($ok, 'the user space builds with the sanitizers') or diag($out);

# As root it tests, else it skips its way through: both ways must be clean.
($out, $ok) = output("$top/build/sanitize/cow", '--run',
	"'*.anon,*.memfd,*.memfd.shared,*.thp.pmd,*.thp-pte.64k,*.zeropage,*.hugetlb.2M'");
ok($ok, 'the sweep with the sanitizers passes') or diag($out =~ s/^ok.*\n//gmr);
unlike($out, qr/Sanitizer|runtime error/, 'and they find nothing');

my $kernel = kernel_for_this_compiler();
($out, $ok) = output("make -C $top/kmod KDIR=$kernel/build OUT=$tmp C=2 CC=gcc",
		     'CROSS_COMPILE=');
like($out, qr/CHECK/, 'sparse looked at the module');
unlike($out, qr/(?:cowpin|compat)\S*:\d+:\d+: (?:warning|error)/, 'and has nothing to say')
	or diag($out);

done_testing();
