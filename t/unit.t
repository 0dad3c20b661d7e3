#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# The unit tests in C, t/unit-*.c: builds them (make unit) and passes their results on.

use strict;
use warnings;
use FindBin;
use TAP::Parser;
use Test::More;

chdir("$FindBin::Bin/..") or BAIL_OUT("chdir: $!");

# As for make: O=build/sanitize prove t/unit.t
my $build = $ENV{O} // 'build/static';
my $made = `make -s O=$build unit 2>&1`;

is($?, 0, 'make unit') or diag($made);

for my $source (sort glob('t/unit-*.c')) {
	my ($name) = $source =~ m{t/(.*)\.c$};
	my $parser = TAP::Parser->new({ exec => ["$build/t/$name"], merge => 1 });
	my $failed;

	while (my $result = $parser->next) {
		if ($result->is_test) {
			$failed = !$result->is_ok;
			if ($result->has_skip) {
				SKIP: { skip("$name: " . $result->explanation, 1) }
			} else {
				(my $what = $result->description) =~ s/^- //;
				ok(!$failed, "$name: $what");
			}
		} elsif (!$result->is_plan && !$result->is_version) {
			# What it has to say of a failure, and what crashes print.
			diag($result->as_string) if $failed || !$result->is_comment;
		}
	}
	is_deeply([$parser->parse_errors], [], "$name: runs to its end");
	is($parser->wait & 127, 0, "$name: no crash");
}

done_testing();
