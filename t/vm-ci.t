#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# The recipes of docs/ci.md: what is YAML is parsed and has what the CI system
# asks for; what is shell is run. The job of GitLab boots a real guest; what
# needs a device or a CI system has stand-ins.

use strict;
use warnings;
use Test::More;
use FindBin;
use CPAN::Meta::YAML;
use File::Path qw(make_path);

require "$FindBin::Bin/vm-helper.pl";
our ($top, $tmp);

my $bin = "$tmp/bin";
my $log = "$tmp/cases";

make_path($bin);
$ENV{PATH} = "$bin:$ENV{PATH}";

# The first block of LANGUAGE below the title SECTION.
sub recipe {
	my ($section, $language) = @_;
	my ($text) = slurp("$top/docs/ci.md") =~ /^## \Q$section\E\n(.*?)(?=^## |\z)/ms;
	my ($block) = ($text // '') =~ /^```\Q$language\E\n(.*?)^```$/ms;

	ok(defined $block, "$section: there is a recipe in $language");
	return $block;
}

sub yaml {
	my ($section) = @_;
	my $text = recipe($section, 'yaml');
	my $got = CPAN::Meta::YAML->read_string($text);

	ok($got, "$section: is YAML") or diag(CPAN::Meta::YAML->errstr);
	SKIP: {
		skip('no python3-yaml here', 1)
			if system('python3 -c "import yaml" 2>/dev/null');
		my $code = 'import yaml, sys; yaml.safe_load(open(sys.argv[1]))';

		is(run('python3', '-c', $code, spew("$tmp/yaml", $text))->{code}, 0,
		   'for another parser as well');
	}
	return $got->[0];
}

# In DIR, as a CI system would: one shell, the first failure ends it.
sub shell {
	my ($dir, @steps) = @_;

	return run('sh', '-c', 'cd "$1" && shift && exec sh -e "$1"', 'sh', $dir,
		   spew("$tmp/steps", join("\n", @steps, '')));
}

# What the installed run_vmtests.sh would tell, with exit code CODE.
sub fake_vmtests {
	my ($code) = @_;

	spew("$bin/cowpin-vmtests", <<"EOF", 0755);
#!/bin/sh
[ "\$*" = '--tap -- --group quick' ] || exit 99
cat <<'EOT'
TAP version 13
1..6
# [RUN] a
ok 1 - f.a
ok 2 - f.b # SKIP no-swap: no swap
not ok 3 - f.c
  ---
  reason: 'leak'
  ...
not ok 4 - f.d # TODO waits
ok 5 - f.e # TODO passes by chance
# not run: f.f
EOT
exit $code
EOF
}

# --- GitLab: in a checkout, of which the programs are those of this one

my $job = yaml('GitLab CI')->{cowpin};
is(ref($job->{script}), 'ARRAY', 'GitLab CI: there is a script');
is($job->{artifacts}{when}, 'always', 'results are kept when a test fails');
is($job->{artifacts}{reports}{junit}, 'junit.xml', 'JUnit is told of');
make_path("$tmp/checkout");
symlink("$top/$_", "$tmp/checkout/$_") for qw(run_vmtests.sh report);
s/--group quick/--run 'ro-longterm.gup.zeropage'/ for @{$job->{script}};
my $got = shell("$tmp/checkout", @{$job->{script}});
is($got->{code}, 0, 'the script passes') or diag($got->{out}, $got->{err});
like($got->{out}, qr/^ok 1 - ro-longterm\.gup\.zeropage$/m, 'a test has run');
$got = shell("$tmp/checkout", @{$job->{after_script}});
is($got->{code}, 0, 'after_script passes') or diag($got->{out}, $got->{err});
like(slurp("$tmp/checkout/junit.xml"), qr/<testcase[^>]*ro-longterm/, 'JUnit has the test');
ok(-s "$tmp/checkout/$_", "the artifact $_ is there")
	for grep { $_ ne 'results' } @{$job->{artifacts}{paths}};

# --- LAVA

my $definition = yaml('LAVA');
is($definition->{metadata}{format}, 'Lava-Test Test Definition 1.0', 'LAVA: the format');
ok($definition->{metadata}{$_}, "LAVA: $_") for qw(name description os scope);
spew("$bin/lava-test-case", qq(#!/bin/sh\necho "\$*" >>$log\n), 0755);
fake_vmtests(1);
$got = shell($tmp, @{$definition->{run}{steps}});
is($got->{code}, 0, 'LAVA: the steps run') or diag($got->{err});
is(slurp($log), <<'EOL', 'each test is a case');
f.a --result pass
f.b --result skip
f.c --result fail
f.d --result pass
f.e --result pass
f.f --result unknown
EOL

# --- autopkgtest

my %control = recipe('autopkgtest', 'control') =~ /^(\S+): (.*)$/mg;
is($control{Tests}, 'cowpin', 'autopkgtest: the test');
my %known = map { $_ => 1 } qw(allow-stderr breaks-testbed isolation-container
			       isolation-machine needs-internet needs-root skippable);
is_deeply([grep { !$known{$_} } split(/, /, $control{Restrictions})], [],
	  'restrictions that autopkgtest knows');
like($control{Restrictions}, qr/\b\Q$_\E\b/, $_) for qw(isolation-machine needs-root);
my $script = spew("$tmp/autopkgtest", recipe('autopkgtest', 'sh'), 0755);
for my $case ([0, 0], [1, 1], [2, 77]) {
	my ($code, $want) = @$case;

	fake_vmtests($code);
	is(run($script)->{code}, $want, "exit code $code of the tests is $want there");
}

# --- the rest is tested elsewhere: t/vm-install.t, t/vm-bisect.t

for my $section ('prove', 'A bisection') {
	is(run('sh', '-n', spew("$tmp/sh", recipe($section, 'sh')))->{code}, 0,
	   "$section: is shell");
}

done_testing();
