#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# report html: the page, as a user has it: in Chromium, wide and narrow, with scripts and
# without.

use strict;
use warnings;
use FindBin;
use Test::More;
use Time::HiRes qw(time);

require "$FindBin::Bin/report-helper.pl";
our ($top, $tmp);

use constant MOST_BYTES => 3 << 20;
use constant MOST_MS => 5000;		# until a page of two times 5,000 tests is there

sub page_of {
	my ($name, @results) = @_;
	my $got = report('html', '-o', "$tmp/$name.html", @results);

	is("$got->{code} $got->{err}$got->{out}", '0 ', "report html: $name");
	return "file://$tmp/$name.html";
}

# The cell of a test on the kernel NR, by what is said in the head of row and column.
sub cell {
	my ($id, $nr) = @_;

	return "a[href='#$id']:nth-child($nr)";
}

sub text { return script('return document.querySelector(arguments[0]).innerText', $_[0]) }

sub is_seen {
	return script('const e = document.querySelector(arguments[0]);' .
		      'return !!e && e.checkVisibility({ visibilityProperty: true })', $_[0])
		? 1 : 0;
}

# Whose panel is open, once it is that of ID: the browser tells the page of a new address later.
sub panel_of {
	my ($id) = @_;

	wait_for(sub { is_seen('#panel') && text('#panel h3') eq $id }, 30);
	return text('#panel h3');
}

# Cells that are to be seen now: [letters in the order of the page].
sub letters {
	return join('', @{script('return [...document.querySelectorAll(".m td a[class]")]' .
		'.filter(a => a.checkVisibility({ visibilityProperty: true }))' .
		'.map(a => a.textContent)')});
}

sub fits {
	my ($width) = @_;
	my $of = script('return document.documentElement.scrollWidth');

	cmp_ok($of, '<=', $width, "nothing goes beyond $width pixels");
}

my $url = page_of('two', two_kernels('two'));
my $failed = 'debian-6.1/ro-longterm.gup.anon';

# --- as a file

my $html = slurp("$tmp/two.html");
unlike($html, qr{(?:src|href)\s*=\s*["']?(?!#|data:,)[^\s"'>]}, 'links lead to the page itself');
unlike($html, qr{(?:https?:)?//[a-z]|\@import|url\(}i, 'nothing is fetched');
unlike($html, qr/<script>alert/, 'what tests say is text');

# --- with scripts, 1280 pixels

browser(width => 1280);
visit($url);
fits(1280);
like(screenshot(), qr/\A\x89PNG/, 'a picture can be taken');

subtest 'the matrix' => sub {
	is(letters(), 'PSFPFPSPPFPNPTPNP', 'a letter a verdict, kernel below kernel');
	my $colours = script('const c = {};' .
		'for (const a of document.querySelectorAll(".m td a[class]"))' .
		'(c[a.textContent] ||= new Set()).add(getComputedStyle(a).backgroundColor);' .
		'return Object.fromEntries(Object.entries(c).map(([k, s]) => [k, [...s]]))');
	my %seen = map { $_ => 1 } map { @$_ } values %$colours;

	is(keys %seen, 5, 'five verdicts, five colours');
	is_deeply([grep { @$_ != 1 } values %$colours], [], 'and one for each');
	is_deeply(script('return [...document.querySelectorAll(".provider h2")]' .
			 '.map(e => e.firstChild.data.trim())'),
		  ['without provider', 'gup', 'gup-fast', 'vmsplice'], 'a table a provider');
	is(script('const th = document.querySelector("[data-provider=gup] tbody th");' .
		  'const box = th.closest(".scroll");' .
		  'box.style.width = "120px"; box.scrollLeft = 40;' .
		  'const x = th.getBoundingClientRect().left - box.getBoundingClientRect().left;' .
		  'box.style.width = ""; return Math.round(x)'),
	   1, 'the names stay when it scrolls');
};

subtest 'what differs is on top' => sub {
	is_deeply(script('return [...document.querySelectorAll(".change > summary")]' .
			 '.map(e => e.textContent.trim())'),
		  ['worse 2', 'new 1', 'better 6'], 'counts');
	ok(is_seen('.change[open] .part[open] li'), 'what is worse lies open');
	like(text('.change .part li'), qr/^P\s*S\s+cow\.basic\.anon$/, 'with both verdicts');
	is_deeply(script('return [...document.querySelectorAll(".env .differs th")]' .
			 '.map(e => e.textContent)'),
		  ['kernel', 'cmdline'], 'what differs outside');
};

subtest 'a click on a failure' => sub {
	ok(!is_seen('#panel'), 'no panel before');
	click('.m ' . cell($failed, 1));
	is(panel_of('ro-longterm.gup.anon'), 'ro-longterm.gup.anon', 'opens the panel of that test');
	ok(is_seen('#panel'), 'which is seen');
	my $evil = EVIL();
	like(text('#panel pre'), qr/\Astale-pin: \Q$evil\E$/m, 'diagnosis, as it was');
	is(text('#panel .steps .here'), 'pin P ro longterm', 'steps, the bad one marked');
	like(text('#panel .common'), qr/why: COW must be broken/, 'what others have as well');
	like(text('#panel .kernels'), qr/F\s*debian:6\.1\s+P\s*debian:6\.12/, 'on all kernels');
	click('#panel .where a');
	ok(is_seen('#debian-6\.1\/log'), 'the log');
	like(text('#debian-6\.1\/log'), qr/Oops: <0>/, 'with what the kernel said');
	ok(!is_seen('#panel'), 'not behind the panel');
};

subtest 'other cells' => sub {
	my $open = sub {
		visit("$url#$_[0]");
		panel_of($_[0] =~ s{.*/}{}r);
		return text('#panel');
	};

	like($open->('debian-6.12/ro-longterm.gup.anon'), qr/passed/, 'a pass has an address, too');
	like($open->('debian-6.1/ro-longterm.gup.memfd.shared'), qr/no-memfd.*there is no memfd/s,
	     'why one was skipped');
	like($open->('debian-6.1/fork.gup.memfd'), qr/the kernel panicked: Oops/, 'or not run');
	like($open->('debian-6.1/ro-longterm.gup-fast.anon'), qr/no kernel has a fix/, 'or known');
	press("\x{e00c}");
	ok(!is_seen('#panel'), 'Escape closes the panel');
	click('.m td a.p:not([href])');
	is(panel_of('cow.basic.anon'), 'cow.basic.anon', 'a pass can be clicked');
	click('#panel .close');
	is(script('return location.hash'), '', 'closed: no address');
};

subtest 'filters' => sub {
	type_into('#text', 'ro-longterm !thp');
	is(letters(), 'FPSPTP', 'by text');
	is(text('#shown'), '6 shown', 'counted');
	ok(!is_seen('[data-k="thp.pmd"]'), 'no column without a test');
	ok(!is_seen('[data-provider=vmsplice]'), 'and no table');
	script('const t = document.querySelector("#text"); t.value = "";' .
	       't.dispatchEvent(new Event("input", { bubbles: true }))');
	click("[data-verdict=$_]") for qw(p s n);
	is(letters(), 'FFFT', 'by verdict');
	click('[data-kernel="1"]');
	is(letters(), 'FFT', 'by kernel');
	click("[data-verdict=$_]") for qw(p s n);
	click('[data-kernel="1"]');
	is(letters(), 'PSFPFPSPPFPNPTPNP', 'and back');
};
is(join("\n", console_lines()), '', 'the console of the browser has no complaint');

# --- a phone

browser(width => 390, height => 844);
visit($url);
fits(390);
click('.m ' . cell($failed, 1));
fits(390);
ok(script('const r = document.querySelector("#panel").getBoundingClientRect();' .
	  'return r.left >= 0 && r.right <= innerWidth && r.bottom <= innerHeight'),
   'the panel is on the screen');

# --- no scripts

browser(scripts => 0);
visit($url);
subtest 'without JavaScript' => sub {
	is(script('return document.documentElement.className'), '', 'none has run');
	is(letters(), 'PSFPFPSPPFPNPTPNP', 'the matrix');
	ok(!is_seen('#filters'), 'no filters that do nothing');
	click('.m ' . cell($failed, 1));
	my $section = '#' . $failed =~ s{([/.])}{\\$1}gr;
	ok(is_seen("$section pre"), 'a click shows the diagnosis');
	like(text($section), qr/stale-pin: /, 'of that test');
	is(script('return [...document.querySelectorAll("#details section")]' .
		  '.filter(e => e.checkVisibility()).length'), 1, 'and of no other');
	like(script('return document.querySelector(arguments[0]).parentNode.innerText', $section),
	     qr/pin P ro longterm.*why: /s, 'with steps and reason');
	click('article:has(:target) .close');
	ok(!is_seen($section), 'it can be closed');
	click(".m a.s");
	like(script('return document.querySelector("article:target").innerText'), qr/no-root/,
	     'a skip, too');
};

# --- 5,000 tests on two kernels

# Of 60 scenarios and 53 kinds with 8 providers; on the first kernel each fifth fails.
sub many {
	my ($kernel, $every) = @_;
	my @ids = map {
		my $p = $_;

		map {
			my $front = 'scenario-' . ($p * 12 + $_) % 60 . ".first.provider-$p";

			map { "$front.memory-kind.${_}k" } 1 .. 53;
		} 0 .. 11;
	} 1 .. 8;
	my $tap = '# env kinds: ' . join(' ', map { "memory-kind.${_}k" } 1 .. 53) .
		  "\n# env providers: " . join(' ', map { "provider-$_" } 1 .. 8) . "\n";

	for my $nr (1 .. @ids) {
		my $id = $ids[$nr - 1];
		my $why = "the pin of P sees what nobody has ever written, PFN $nr";

		$tap .= $nr % $every ? "# [RUN] the title of $id\nok $nr - $id\n"
				     : failed($nr, $id, 'stale-pin', $why);
	}
	results("many/$kernel", "TAP version 13\n1.." . @ids . "\n$tap", "verdict failed\n");
	return scalar(@ids);
}

subtest 'a large one' => sub {
	my $tests = many('k1', 5);

	many('k2', 50);
	cmp_ok($tests, '>=', 5000, 'tests');
	my $start = time();
	my $large = page_of('many', "$tmp/many");

	diag(sprintf('%d KiB, made in %.1f s', (-s "$tmp/many.html") >> 10, time() - $start));
	cmp_ok(-s "$tmp/many.html", '<', MOST_BYTES, 'bytes');
	browser();
	visit($large);
	my $ms = script('return performance.getEntriesByType("navigation")[0].loadEventEnd');

	cmp_ok($ms, '<', MOST_MS, 'loaded soon');
	$ms = script('const from = performance.now(), t = document.querySelector("#text");' .
		     't.value = "provider-3";' .
		     't.dispatchEvent(new Event("input", { bubbles: true }));' .
		     'document.body.offsetHeight; return performance.now() - from');
	cmp_ok($ms, '<', MOST_MS, 'filtered soon');
	is(text('#shown'), (2 * 12 * 53) . ' shown', 'and well');
	script('document.querySelector("#text").value = ""');
	click('#only');
	is(text('#shown'), 2 * (int($tests / 5) - int($tests / 50)) . ' shown',
	   'only what differs');
};

done_testing();
