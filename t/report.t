#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# report junit, json, compare: from archived results, of which any line may be missing.

use strict;
use warnings;
use File::Path qw(make_path);
use FindBin;
use JSON::PP;
use Test::More;

require "$FindBin::Bin/report-helper.pl";
our ($top, $tmp);

my $two = two_kernels('two');

# The whole of a report that is to work.
sub text_of {
	my $got = report(@_);

	is("$got->{code} $got->{err}", '0 ', "report $_[0]: works, says nothing else");
	return $got->{out};
}

sub json_of { return decode_json(text_of('json', @_))->{kernels} }

# Of one TAP text: its kernel in JSON, tests by id.
sub tap_of {
	my ($tap, %opt) = @_;
	my ($kernel) = @{json_of(spew("$tmp/one.tap", ($opt{axes} // AXES()) . $tap))};

	$kernel->{test} = { map { $_->{id} => $_ } @{$kernel->{tests}} };
	return $kernel;
}

sub verdicts {
	my ($kernel) = @_;

	return { map { $_->{id} => $_->{verdict} } @{$kernel->{tests}} };
}

# --- JSON

subtest 'json: environment, and one object a test' => sub {
	my ($old, $new) = @{json_of($two)};
	my %test = map { $_->{id} => $_ } @{$old->{tests}};

	is("$old->{name} $new->{name}", 'debian:6.1 debian:6.12', 'kernels, in order');
	is_deeply([@{$old->{environment}}{qw(kernel memory cmdline swap)}],
		  ['6.1.0 #1 SMP', '100 MiB', 'quiet', undef], 'environment');
	is_deeply($old->{environment}{providers}, [qw(gup gup-fast vmsplice)], 'lists as lists');
	is_deeply($old->{counts},
		  { passed => 2, failed => 2, todo => 1, skipped => 1, 'not-run' => 2 }, 'counts');
	is_deeply($test{'ro-longterm.gup.anon'}, {
		id => 'ro-longterm.gup.anon', scenario => 'ro-longterm', provider => 'gup',
		kind => 'anon', verdict => 'failed', title => 'the title of ro-longterm.gup.anon',
		reason => 'stale-pin', message => EVIL(), step => 2, pin_pfn => '0x32b1',
		table_pfn => '0x12de5d', steps => 'read P; pin P ro longterm; write P', ms => 1250,
		number => 2, diagnosis => join("\n", 'stale-pin: ' . EVIL(),
			'  steps: read P; pin P ro longterm; write P',
			'  diverged at step 2 (pin P ro longterm)',
			'  why: COW must be broken before such a pin',
			"  repeat: ./run_vmtests.sh -k it -- --run 'ro-longterm.gup.anon'"),
	}, 'a failure, with all that is known of it');
	is($test{'ro-longterm.gup-fast.anon'}{todo}, 'no kernel has a fix', 'a known one');
	is_deeply([@{$test{'ro-longterm.gup.memfd.shared'}}{qw(reason message)}],
		  ['no-memfd', 'there is no memfd'], 'a skip has code and text');
	like($old->{notes}[0], qr/^debian:6\.1: the kernel panicked/, 'the crash is a note');
};

subtest 'ids are taken apart by the lists, longest kind first' => sub {
	my $test = tap_of("1..5\nok 1 - a.b.gup.memfd.shared\nok 2 - a.vmsplice.x.anon\n" .
			  "ok 3 - vmsplice.anon\nok 4 - a.gup-fast.anon.swapped\n" .
			  "ok 5 - a.gup.new\n")->{test};

	is_deeply([map { [@$_{qw(scenario provider kind)}] } @$test{sort keys %$test}],
		  [['a.b', 'gup', 'memfd.shared'], ['a', 'gup-fast', 'anon.swapped'],
		   ['a', 'gup', 'new'], ['a.vmsplice.x', undef, 'anon'],
		   ['vmsplice', undef, 'anon']], 'all five');
	is(tap_of("1..1\nok 1 - a.gup.mem.anon\n",
		  axes => "# env kinds: anon mem.anon\n# env providers: gup\n")->{tests}[0]{kind},
	   'mem.anon', 'not the shorter one');
};

subtest 'ids of an archive without lists' => sub {
	my $tap = spew("$tmp/old.tap", "1..1\nok 1 - a.gup.memfd.shared\n");
	my $parts = sub {
		my $json = decode_json(run("$tmp/tree/report", 'json', $tap)->{out});

		return [@{$json->{kernels}[0]{tests}[0]}{qw(scenario provider kind)}];
	};

	make_path("$tmp/tree");
	is(run('cp', '-r', "$top/report", "$top/lib", "$tmp/tree")->{code}, 0, 'a tree of its own');
	is_deeply($parts->(), ['a.gup.memfd', undef, 'shared'], 'no program: the last part');
	spew("$tmp/tree/cow", "#!/bin/sh\n[ \"\$*\" = '--list --json' ] || exit 2\n" .
	     "echo '[{\"kind\": \"memfd.shared\", \"provider\": \"gup\"}]'\n", 0755);
	is_deeply($parts->(), ['a', 'gup', 'memfd.shared'], 'the program knows');
	spew("$tmp/tree/cow", "#!/bin/sh\necho unknown option >&2\nexit 2\n", 0755);
	is_deeply($parts->(), ['a.gup.memfd', undef, 'shared'], 'an old one does not');
};

subtest 'TAP as it comes out of a crash' => sub {
	my $kernel = tap_of("1..4\nok 1 - a.anon\nnot ok 2 - b.anon\n  ---\n  reason: 'leak'\n" .
			    "  message: 'half a l\n# incomplete: \x00\xff\x1b[m\n" .
			    "# not run: c.anon\n");

	is_deeply(verdicts($kernel), { 'a.anon' => 'passed', 'b.anon' => 'failed',
				       'c.anon' => 'not-run' }, 'what is there counts');
	is($kernel->{test}{'b.anon'}{reason}, 'leak', 'and so does half a YAML block');
	ok(!$kernel->{complete}, 'it is not complete');
	is_deeply(verdicts(tap_of("1..1\n# not run: a.anon\nok 1 - a.anon\n")),
		  { 'a.anon' => 'passed' }, 'a result comes after "not run"');
	is_deeply(verdicts(tap_of("ok 1 - a.anon\nnot ok 2 - a.anon\nok 3 - a.anon\n1..3\n")),
		  { 'a.anon' => 'failed' }, 'of a test that was repeated, the worst counts');
	is_deeply(verdicts(tap_of("1..1\nok 1 - a.anon # TODO no fix\n")),
		  { 'a.anon' => 'passed' }, 'a known issue may pass');
	is_deeply(verdicts(tap_of("1..2\n# [RUN] one ... with\nok 1 no leak\n# [RUN] two\n" .
				  "ok 2 # SKIP no\n")),
		  { 'one ... with' => 'passed', two => 'skipped' },
		  'in the format of the kernel titles are the names');
};

subtest 'notes at the end, in both spellings' => sub {
	my $kernel = tap_of("1..1\nok 1 - a.anon # SKIP no-root: no\n" .
			    "# absent: thp.64k (no-mthp)\n# absent swap: there is none\n" .
			    "# too many skips: 1, allowed are 0\n");

	is_deeply($kernel->{absent}, { 'thp.64k' => '(no-mthp)', swap => 'there is none' },
		  'what was absent');
	is_deeply($kernel->{notes}, ['too many skips: 1, allowed are 0'], 'the rest');
};

# --- JUnit

# xmllint says whether it fits, and what an XPath expression finds.
sub xpath {
	my ($file, $path) = @_;

	return run('xmllint', '--xpath', $path, $file)->{out} =~ s/\n\z//r;
}

subtest 'junit' => sub {
	my $file = spew("$tmp/junit.xml", text_of('junit', $two));
	my $case = sub { return "//testsuite[\@name='debian:6.1']/testcase[\@name='$_[0]']$_[1]" };
	my $valid = run('xmllint', '--noout', '--schema', "$FindBin::Bin/report-junit.xsd", $file);

	is($valid->{code}, 0, 'fits the schema') or diag($valid->{err});
	is(xpath($file, 'string(//testsuite[1]/@tests)'), 8, 'tests are counted');
	is(xpath($file, 'concat(//testsuite[1]/@failures, //testsuite[1]/@errors, ' .
			'//testsuite[1]/@skipped)'), '222', 'failures, errors, skips, too');
	is(xpath($file, 'string(' . $case->('ro-longterm.gup.anon', '/@classname') . ')'),
	   'ro-longterm', 'the scenario is the class');
	is(xpath($file, 'string(' . $case->('ro-longterm.gup.anon', '/@time') . ')'), '1.250',
	   'time in seconds');
	is(xpath($file, 'string(' . $case->('ro-longterm.gup.anon', '/failure/@message') . ')'),
	   EVIL(), 'message, whatever is in it');
	like(xpath($file, 'string(' . $case->('ro-longterm.gup.anon', '/failure') . ')'),
	     qr/^stale-pin: .*\n  steps: /, 'diagnosis');
	is(xpath($file, 'string(' . $case->('ro-longterm.gup.memfd.shared', '/skipped/@message') .
			')'), 'no-memfd: there is no memfd', 'a skip');
	is(xpath($file, 'string(' . $case->('ro-longterm.gup-fast.anon', '/skipped/@message') .
			')'), 'TODO no kernel has a fix', 'a known issue');
	is(xpath($file, 'string(' . $case->('fork.gup.memfd', '/error/@message') . ')'),
	   'the kernel panicked: Oops', 'what was not run');
	is(xpath($file, 'string(//testsuite[1]//property[@name="memory"]/@value)'), '100 MiB',
	   'environment');
};

subtest 'junit: a kernel without results is no success' => sub {
	results('none/k', '', "verdict not-run\nexit 2\nreason it did not boot\n");
	results('gate/k', "1..1\nok 1 - a.anon\n# too many skips\n", "verdict failed\nexit 1\n");
	my $none = spew("$tmp/none.xml", text_of('junit', "$tmp/none"));
	my $gate = spew("$tmp/gate.xml", text_of('junit', "$tmp/gate"));

	is(xpath($none, 'string(//testcase/error/@message)'), 'it did not boot', 'it did not boot');
	is(xpath($gate, 'string(//testcase/error)'), 'too many skips', 'a gate did not hold');
};

# --- compare

sub compare {
	my ($code, $before, $after, @options) = @_;

	results('before/k', "1..1\n$before", '');
	results('after/k', $after =~ /^1\.\./ ? $after : "1..1\n$after", '');
	my $got = report('compare', @options, "$tmp/before", "$tmp/after");

	is($got->{code}, $code, "exit code $code: " . join(' | ', $before, $after) =~ s/\n//gr);
	return $got->{out} . $got->{err};
}

subtest 'compare' => sub {
	my $got = report('compare', "$two/debian-6.1", "$two/debian-6.12");

	is($got->{code}, 1, 'exit code 1');
	is($got->{out}, <<'EOT', 'sorted, with reasons');
debian:6.1 -> debian:6.12
worse: 2
  cow.basic.anon: passed -> skipped
    no-root: not root
  fork.gup.anon.swapped: passed -> failed
    timeout: no verdict after 60 s
new: 1
  fork.gup.thp.64k: - -> passed
better: 6
  fork.gup.memfd: not-run -> passed
  fork.vmsplice.anon: not-run -> passed
  ro-longterm.gup-fast.anon: todo -> passed
  ro-longterm.gup.anon: failed -> passed
  ro-longterm.gup.memfd.shared: skipped -> passed
  ro-longterm.gup.thp.pmd: failed -> passed
same: 0
EOT
	is(report('compare', $two, $two)->{code}, 0, 'nothing is worse than itself');
	like(report('compare', $two, $two)->{out}, qr/^same: 8 \(4 of them failed or not run\)$/m,
	     'a failure in both is the same');
};

subtest 'compare: what is worse' => sub {
	my %line = (passed => "ok 1 - a.anon\n", failed => "not ok 1 - a.anon\n",
		    todo => "not ok 1 - a.anon # TODO x\n",
		    skipped => "ok 1 - a.anon # SKIP n: x\n",
		    'not-run' => "# not run: a.anon\n");

	for my $from (qw(passed skipped todo)) {
		compare(1, $line{$from}, $line{$_}) for qw(failed not-run);
	}
	compare(1, $line{passed}, $line{skipped});
	compare(0, $line{passed}, $line{skipped}, '--allow-skips');
	compare(0, $line{$_}, $line{passed}) for sort keys %line;
	compare(0, $line{failed}, $line{'not-run'});
	like(compare(0, $line{passed}, "ok 1 - b.anon\n"),
	     qr/^gone: 1\n  a\.anon: .*\nnew: 1\n  b\.anon: /m, 'a rename is gone and new');
	like(compare(1, $line{passed}, "1..2\nok 1 - b.anon\n"),
	     qr/^  a\.anon: passed -> not-run\n    the run was cut short$/m,
	     'cut short is not gone');
	like(compare(2, $line{passed}, "1..0\n"), qr{^report: \S+/after: k: no test was run$}m,
	     'no news is no good news');
};

subtest 'compare: several kernels' => sub {
	results('less/debian-6.12', "1..1\nok 1 - cow.basic.anon\n", '');
	results('other/k5', "1..1\nok 1 - a.anon\n", '');
	results('other/k6', "1..1\nok 1 - a.anon\n", '');
	my $alone = report('compare', $two, "$tmp/less");

	like($alone->{out}, qr/^debian:6\.1: only in \Q$two\E \(8 tests\)$/m,
	     'one that is not in both');
	is(report('compare', $two, "$tmp/other")->{err},
	   "report: $two and $tmp/other have no kernel in common\n", 'none in common');
};

# --- errors

for my $case ([[], qr/what to do/], [['pdf', $two], qr/pdf: unknown command/],
	      [['json'], qr/which results/], [['json', "$tmp/gone"], qr/no such file or directory/],
	      [['json', "$top/docs"], qr/no results in it/], [['json', __FILE__], qr/no TAP in it/],
	      [['compare', $two], qr/takes two results, not 1/], [['json', '--foo'], qr/foo/],
	      [['summary', '-o', 'x', $two], qr/summary does not take --output/],
	      [['json', '-o', "$tmp/gone/x", $two], qr{gone/x: No such file}]) {
	my ($args, $error) = @$case;
	my $got = report(@$args);

	is($got->{code}, 2, "report @$args: exit code 2");
	like($got->{err}, qr/\Areport: .*$error/m, 'and a reason');
}
is(report('--help')->{code}, 0, '--help');
like(report('--help')->{out}, qr/^Usage: report COMMAND/, 'helps');

done_testing();
