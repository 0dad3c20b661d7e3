#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# cow exec: what is wrong with a scenario is said with its column; what the catalogue has
# comes out the same when pasted; faults are noticed as they are there; and the examples of
# docs/scenarios.md are what they say.

use strict;
use warnings;
use File::Basename qw(dirname);
use FindBin;
use Test::More;

require "$FindBin::Bin/cow-helper.pl";
our ($tmp, $top, $cow);

plan(skip_all => 'cow is not built (make)') if !-x $cow;

# Enough to meet each family of scenarios, and most kinds that can be had here.
use constant SAMPLE => 60;

# --- what is refused ---

# One line, or three where the text itself is wrong: what, the text, and a caret below it.
sub refused {
	my ($args, $re, $column) = @_;
	my $r = cow('exec', @$args);
	my $name = @$args ? join(' ', map { length ? $_ : "''" } @$args) : 'no arguments';

	subtest "refused: $name" => sub {
		is($r->{code}, 2, 'exit code 2');
		is($r->{out}, '', 'nothing on stdout');
		like($r->{err}, $re, 'what is wrong');
		if (defined $column) {
			my ($first, $text, $caret, @more) = split(/\n/, $r->{err});

			like($first, qr/\Acow: column $column: /, "column $column");
			is($text, '  ' . $args->[-1] =~ tr/\t\n/ /r, 'the text');
			is($caret, '  ' . ' ' x ($column - 1) . '^', 'the caret is below it');
			is(scalar(@more), 0, 'and no more');
		} else {
			like($r->{err}, qr/\Acow: [^\n]+\n\z/, 'one line on stderr');
		}
	};
}

my @refused = (
	# The steps.
	[[''], qr/a step is missing/, 1],
	[['fill P;'], qr/a step is missing/, 8],
	[["fill P;\tfrob P"], qr/'frob' is no verb/, 9],
	[["fill P;\n\tfrob P"], qr/'frob' is no verb/, 10],
	[['fill P; frob P'], qr/'frob' is no verb/, 9],
	[['fill P; write'], qr/an actor is missing/, 14],
	[['fill p'], qr/'p' is no actor/, 6],
	[['fill P; write C'], qr/nobody has forked C/, 15],
	[['fill P; fork P C; exit C; write C'], qr/C has exited/, 33],
	[['fill P; fork P'], qr/child's name is missing/, 15],
	[['fill P; fork P P'], qr/the name P is taken/, 16],
	[['fill P; write P middle'], qr/'middle' is no part/, 17],
	[['fill P; discard P middle'], qr/'middle' is no part/, 19],
	[['fill P; mprotect P'], qr/a protection is missing/, 19],
	[['fill P; mprotect P x'], qr/'x' is no protection/, 20],
	[['fill P; pin P rw nobody'], qr/'nobody' is neither/, 18],
	[['fill P; pin P ro rw'], qr/contradicts/, 18],
	[['fill P; pin P rw vmsplice'], qr/vmsplice cannot give such a pin/, 26],
	[['fill P; unpin P'], qr/there is no such pin/, 16],
	[['fill P; pin P; poke P'], qr/pin 1 is read-only/, 22],
	[['fill P; pin P rw; fork P C; poke C 1'], qr/pin 1 is P's/, 36],
	[['fill P; fork P C D'], qr/'D' is too much/, 18],
	[['fill P' . '; pin P' x 9], qr/more than 8 pins/, 69],
	[['fill P' . '; write P' x 32], qr/more than 32 steps/, 288],
	# Where to run them.
	[['--kind', 'nope', 'fill P'], qr/no kind 'nope'/],
	[['--kind', 'anonymous', 'fill P'], qr/no kind 'anonymous'/],
	[['--kind', 'anon.2M', 'fill P'], qr/no sense on anon\.2M/],
	[['--kind', 'thp', 'fill P'], qr/no sense on thp\b/],
	[['--kind', 'anon', 'fill P; punch P'], qr/no sense on anon/],
	[['--kind', 'anon', 'fill P; write P first'], qr/no sense on anon/],
	[['--kind', 'hugetlb.2M', 'fill P; cold P'], qr/no sense on hugetlb\.2M/],
	[['--kind', 'hugetlb.2M', 'fill P; unmap P first'], qr/no sense on hugetlb\.2M/],
	[['--kind', 'hugetlb.2M', 'fill P; unmap P lower'], qr/no sense on hugetlb\.2M/],
	[['--kind', 'hugetlb.two.2M', 'fill P; unmap P first'], qr/no sense on hugetlb\.two/],
	[['--kind', 'memfd.hugetlb.two.2M', 'read P'], qr/no sense on memfd\.hugetlb\.two/],
	[['--by', 'nope', 'fill P'], qr/no provider 'nope'/],
	[['--by', 'vmsplice', 'fill P; pin P'], qr/no sense on anon by vmsplice/],
	[['--by', 'iouring', 'fill P; pin P ro'], qr/no sense on anon by iouring/],
	# The command line.
	[[], qr/takes one argument/],
	[['fill P', 'write P'], qr/takes one argument/],
	[['--frobnicate', 'fill P'], qr/--frobnicate/],
	[['--kind'], qr/--kind needs an argument/],
	[['-b'], qr/-b needs an argument/],
	[['--repeat', '0', 'fill P'], qr/--repeat.*'0'/],
	[['--timeout', 'soon', 'fill P'], qr/--timeout.*'soon'/],
	[['--inject', 'nope', 'fill P'], qr/--inject.*'nope'/],
);
refused(@$_) for @refused;

my $help = cow('exec', '--help');
is($help->{code}, 0, '--help: exit code 0');
for my $option (qw(--kind --by --account --verbose --repeat --timeout --inject --help)) {
	like($help->{out}, qr/(?:^|\s)\Q$option\E\b/m, "--help tells of $option");
}
my $kinds = cow_as_nobody('exec', '--kind', 'help');
is($kinds->{code}, 0, '--kind help: exit code 0');
is_deeply([grep { !/\A[a-z0-9.-]+ +\S/ } split(/\n/, $kinds->{out})], [],
	  '--kind help: a kind a line, and what it is');

# --- the language, and what is written about it ---

my $doc = slurp("$top/docs/scenarios.md");
my @examples = $doc =~ /^    (cow exec .*)$/mg;

cmp_ok(scalar(@examples), '>=', 10, 'docs/scenarios.md has ten examples');
is(scalar(@examples), scalar(() = $doc =~ /^\*\*\d+\.\*\* /mg), 'one for each of its numbers');

# Rows of a table whose first column is of the form.
sub rows { return sort map { /`([a-z]+)/g } ($doc =~ /^\| (`.*?) \|/mg) }

# What a source declares.
sub declared {
	my ($re, @files) = @_;

	return map { my $text = slurp($_); $text =~ /$re/g } @files;
}

my @verbs = declared(qr/^\s*\[OP_\w+\] = \{ "([a-z]+)"/m, "$top/engine/steps.c");
my @operations = declared(qr/^\s*\.id = "([a-z]+)"/m, glob("$top/ops/*.c"));
cmp_ok(scalar(@verbs), '>', 15, 'there are verbs');
cmp_ok(scalar(@operations), '>', 15, 'there are operations');
is_deeply([rows()], [sort(@verbs, @operations)],
	  'docs/scenarios.md has a row for each verb and operation, and no others');
# The grammar: each word of it is one of the language, and no verb is missing.
my ($grammar) = $doc =~ /^## Grammar\n\n((?:    .*\n)+)/m;
my %words = map { $_ => 1 } ($grammar // '') =~ /"([a-z]{2,})"/g;
is_deeply([grep { !$words{$_} } @verbs, @operations], [], 'its grammar has each verb');
for my $word (@verbs, @operations, qw(all first last lower upper ro rw longterm short none
				      thread vmsplice)) {
	delete $words{$word};
}
is_deeply([sort keys %words], [], 'its grammar has no other word');

# Providers that it names are there.
for my $by (map { /`([a-z-]+)`/g } $doc =~ /^\* ((?:`[a-z-]+`(?:, )?)+):/mg) {
	unlike(cow('exec', '--by', $by, '--kind', 'nope', 'fill P')->{err}, qr/provider/,
	       "provider $by is there");
	unlike(cow('exec', '--kind', 'nope', "fill P; pin P $by")->{err}, qr/column/,
	       "provider $by can be named");
}

# --- as root ---

SKIP: {
	skip('no-root: nothing runs for an ordinary user', 1) if !is_root();
	alone();
	run_all();
}

done_testing();

sub exec_cow { return run_line($cow, 'exec', @_) }

# As a shell takes it, with more options after "cow exec".
sub paste {
	my ($line, $more) = @_;

	$line =~ s/^cow exec/cow exec $more/ if $more;
	return run_line('/bin/sh', '-c', $line);
}

# { id => verdict }: ok, not ok and why, or SKIP and why. A known issue is a failure.
sub verdicts {
	my ($out) = @_;
	my %verdicts;

	while ($out =~ /^((?:not )?ok) \d+ - (\S+)(?: # SKIP ([\w-]+))?.*\n((?:  .*\n)*)/mg) {
		my ($ok, $id, $skip, $yaml) = ($1, $2, $3, $4);
		my ($reason) = $yaml =~ /^  reason: '([^']*)'/m;

		$verdicts{$id} = $skip ? "SKIP $skip" : $ok eq 'ok' ? 'ok' : "not ok $reason";
	}
	return %verdicts;
}

# The first result's id and verdict.
sub only_verdict { return %{{ verdicts($_[0]{out}) }} }

sub run_all {
	test_defaults();
	test_options();
	test_merged_again() if -e '/sys/kernel/mm/ksm/run';
	test_partly_forked();
	test_verbose();
	test_examples();
	test_catalogue();
	test_faults();
}

sub test_defaults {
	my @table = (
		['fill P', 'exec.anon'],
		['uffdcopy P', 'exec.anon'],
		['read P', 'exec.memfd'],
		['read P; pin P', 'exec.gup.memfd'],
		['fill P; pin P rw', 'exec.gup.anon'],
		['fill P; pin P vmsplice', 'exec.anon'],
	);

	for my $row (@table) {
		my ($steps, $id) = @$row;
		my $r = exec_cow($steps);
		my %v = only_verdict($r);

		is_deeply([keys %v], [$id], "'$steps' is $id");
		like($v{$id} // '', qr/^(?:ok|SKIP)/, 'and passes, or cannot be tried');
		is($r->{code}, ($v{$id} // '') eq 'ok' ? 0 : 1, 'with the right exit code');
	}
}

sub test_options {
	my $r = exec_cow('--repeat', 3, 'fill P; write P');

	is($r->{code}, 0, '--repeat: passes');
	is(scalar(() = $r->{out} =~ /^ok \d+ - exec\.anon$/mg), 3, '--repeat 3: three results');
	like($r->{out}, qr/^1\.\.3$/m, '--repeat 3: as planned');
	$r = exec_cow('--by', 'iouring', '--kind', 'anon', 'fill P; pin P rw longterm; write P');
	like($r->{out}, qr/^ok 1 - exec\.iouring\.anon(?: # SKIP.*)?$/m, '--by and --kind');
	$r = exec_cow('--account', '--kind', 'zeropage', 'read P; write P');
	like($r->{out}, qr/^ok 1 - exec\.zeropage(?: # SKIP.*)?$/m, '--account');
}

# What a child does not get cannot be protected there, of which userfaultfd is asked; the rest is.
sub test_partly_forked {
	for my $row (['memfd.range.shared', 'read P; dontfork P lower; uffdforkshared P'],
		     ['memfd.range.shared', 'read P; dontfork P last; uffdforkshared P last'],
		     ['thp.pmd', 'fill P; dontfork P upper; uffdfork P']) {
		my ($kind, $steps) = @$row;
		my $r = exec_cow('--kind', $kind, $steps);

		like($r->{out}, qr/^ok 1 - /m, "'$steps' passes, or cannot be tried")
			or diag($r->{out}, $r->{err});
	}
}

# Pages that ksmd merges once more, while they are locked or forked, are no failure.
sub test_merged_again {
	my $forks = join('; ', map { "mlock C; fork C $_; exit $_" } qw(A B E G H I));

	for my $steps ('fill P; ksm P' . '; mlock P' x 25, "fill P; fork P C; ksm C; $forks") {
		my $r = exec_cow('--repeat', 60, $steps);

		is($r->{code}, 0, 'merged again: passes') or diag($r->{out} =~ s/^ok .*\n//mgr);
	}
}

sub test_verbose {
	my $r = exec_cow('-v', 'fill P; fork P C; pin C vmsplice; write P');
	my @steps = $r->{out} =~ /^# step \d+ \((.*)\)$/mg;

	is($r->{code}, 0, '-v: passes');
	is_deeply(\@steps, ['fill P', 'fork P C', 'pin C vmsplice', 'write P'],
		  '-v: each step, in order');
	my ($last) = $r->{out} =~ /^# step 4 .*\n((?:#   .*\n)*)/m;
	like($last // '', qr/^#   P reads what P wrote \(generation 3\) \(PFN 0x[0-9a-f]+/m,
	     '-v: what P reads, and where');
	like($last // '', qr/^#   C reads what P wrote \(generation 2\)/m, '-v: what C reads');
	like($last // '', qr/^#   pin 1 of C sees what P wrote \(generation 2\)/m,
	     '-v: what the pin sees');
	unlike(exec_cow('fill P; write P')->{out}, qr/^# step/m, 'without -v: nothing of it');
	$r = exec_cow('-v', 'fill P; unmap P; discard P; fork P C');
	like($r->{out}, qr/^# step 3 \(discard P\): left out, it makes no sense here\n# step 4 /m,
	     '-v: a step that makes no sense is said to be left out');
	$r = exec_cow('-v', '--kind', 'memfd.hugetlb.2M', 'read P; write P lower; mapwrite P');
	like($r->{out}, qr/^# step 3 \(mapwrite P\): left out|SKIP/m,
	     '-v: and one whose effect on a hugetlb page nobody can tell');
	$r = exec_cow('-v', '--by', 'iouring',
		      'fill P; mprotect P none; pin P rw longterm; poke P; mprotect P rw');
	like($r->{out}, qr/^# step 4 \(poke P\): left out, the pin was rightly refused|SKIP/m,
	     '-v: and one whose pin was refused');
}

sub test_examples {
	for my $line (@examples) {
		my $r = paste($line);
		my ($verdict) = values(%{{ only_verdict($r) }});

		is($r->{err}, '', "$line: nothing on stderr");
		like($verdict // 'none', qr/^(?:ok|SKIP [\w-]+)$/,
		     "$line: passes, or cannot be tried") or diag($r->{out});
	}
}

# --- the catalogue is not special ---

# { id, line }: of each family some, of different kinds; those that need no module first.
sub sample {
	my @all = split(/\n/, cow('--list', '-v')->{out});
	my (%family, %met, @sample);

	for my $i (0 .. @all / 3 - 1) {
		my ($id, $line) = ($all[3 * $i], $all[3 * $i + 2] =~ s/^\t//r);

		# Gigantic pages are rarely to be had, and slow where they are; races are long; a
		# known issue of btrfs shows now and then.
		next if $id =~ /1G$|(?:-in\.shared|sync-pinned\..*)\.btrfs\.shared$/ || $line !~ /^cow exec /;
		push(@{$family{$id =~ s/\..*//r}}, { id => $id, line => $line });
	}
	for my $tests (values %family) {
		@$tests = ((grep { $_->{line} !~ /--by gup/ } @$tests),
			   (grep { $_->{line} =~ /--by gup/ } @$tests));
	}
	while (@sample < SAMPLE) {
		for my $tests (map { $family{$_} } sort keys %family) {
			my @new = grep { !$met{$_->{line} =~ s/ '.*//r} } @$tests;
			my $test = $new[0] // $tests->[0] or next;

			@$tests = grep { $_ != $test } @$tests;
			$met{$test->{line} =~ s/ '.*//r} = 1;
			push(@sample, $test);
		}
	}
	cmp_ok(scalar(grep { @$_ } values %family), '>', 15, 'there are families');
	return @sample;
}

sub test_catalogue {
	my @sample = sample();
	my $run = run_line($cow, '--run', join(',', map { $_->{id} } @sample));
	my %catalogue = verdicts($run->{out});
	my $passed = 0;

	cmp_ok(scalar(@sample), '>=', SAMPLE, 'a sample of the catalogue');
	is(scalar(keys %catalogue), scalar(@sample), 'each has a result') or diag($run->{out});
	for my $test (@sample) {
		my ($verdict) = values(%{{ only_verdict(paste($test->{line})) }});

		is($verdict, $catalogue{$test->{id}}, "$test->{id}: the same by cow exec");
		$passed += ($verdict // '') eq 'ok';
	}
	cmp_ok($passed, '>', @sample / 4, "$passed of them could be tried and pass");
}

# --- injected faults ---

sub test_faults {
	my @table = (
		['stale-pin', 'stale-pin',
		 "cow exec --kind anon --by iouring 'fill P; pin P rw longterm; write P'"],
		['leak', 'leak', "cow exec --kind anon 'fill P; fork P C; write P'"],
		['wrong-page', 'wrong-page', "cow exec --kind memfd 'read P; write P'"],
		['torn-page', 'torn-page', "cow exec --kind anon 'fill P'"],
		['lost-write', 'stale-data', "cow exec --kind anon 'fill P; write P'"],
		['die', 'actor-died', "cow exec --kind anon 'fill P; write P'"],
		['vanish', 'actor-died', "cow exec --kind anon 'fill P; write P'"],
		['director-dies', 'director-died', "cow exec --kind anon 'fill P; write P'"],
		['setup', 'setup', "cow exec --kind anon 'fill P'"],
		['wrong-kind', 'setup', "cow exec --kind thp.pmd 'fill P'"],
		['no-mprotect', 'write-allowed',
		 "cow exec --kind anon 'fill P; mprotect P r; write P'"],
		['seal', 'write-refused', "cow exec --kind anon 'fill P; write P'"],
		['lose', 'lost-at-fork', "cow exec --kind anon 'fill P; fork P C; write P'"],
		['write-through', 'write-through', "cow exec --kind memfd 'read P; write P'"],
		['unnoticed', 'unnoticed', "cow exec --kind anon 'fill P; clearrefs P; write P'"],
		['split', 'kind-changed',
		 "cow exec --kind thp.pmd --by iouring 'fill P; pin P rw longterm'"],
	);

	for my $row (@table) {
		my ($fault, $reason, $line) = @$row;
		my ($good) = values(%{{ only_verdict(paste($line)) }});

		SKIP: {
			skip("$fault: $good", 1) if ($good // '') =~ /^SKIP/;
			my $r = paste($line, "--inject $fault");
			my ($bad) = values(%{{ only_verdict($r) }});

			is($good, 'ok', "$fault: without it, $line passes");
			is($bad, "not ok $reason", "$fault: with it, $reason");
			is($r->{code}, 1, "$fault: exit code 1");
		}
	}
}
