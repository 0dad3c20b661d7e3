# SPDX-License-Identifier: GPL-2.0-only
#
# What the tests of reports share: archived results with all that can be in them, and a
# browser, driven over the WebDriver protocol.

use strict;
use warnings;
use File::Path qw(make_path);
use FindBin;
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64 qw(decode_base64);
use POSIX qw(WNOHANG);

require "$FindBin::Bin/vm-helper.pl";
our ($top, $tmp);

sub report { return run("$top/report", @_) }

# --- results

use constant AXES => "# env kinds: anon anon.swapped thp.64k thp.pmd memfd memfd.shared\n" .
		     "# env providers: gup gup-fast vmsplice\n";
use constant EVIL => q{<script>alert('x')</script> & "so"};

sub results {
	my ($dir, $tap, $status, %logs) = @_;

	make_path("$tmp/$dir");
	spew("$tmp/$dir/tap", $tap);
	spew("$tmp/$dir/status", $status) if defined $status;
	spew("$tmp/$dir/$_", $logs{$_}) for keys %logs;
}

# A failed test, as cow prints it.
sub failed {
	my ($number, $id, $reason, $message, $todo) = @_;
	my $quoted = $message =~ s/'/''/gr;

	return "# [RUN] the title of $id\nnot ok $number - $id" .
	       (defined $todo ? " # TODO $todo" : '') . "\n" . <<"EOT";
  ---
  reason: '$reason'
  message: '$quoted'
  step: 2
  pin_pfn: 0x32b1
  table_pfn: 0x12de5d
  steps: 'read P; pin P ro longterm; write P'
  ms: 1250
  ...
# $reason: $message
#   steps: read P; pin P ro longterm; write P
#   diverged at step 2 (pin P ro longterm)
#   why: COW must be broken before such a pin
#   repeat: ./run_vmtests.sh -k it -- --run '$id'
EOT
}

# Two kernels: the first has every verdict and a crash at its end, the second is well but for
# one test, and has one more.
sub two_kernels {
	my ($dir) = @_;

	results("$dir/debian-6.1", "TAP version 13\n1..8\n# env kernel: 6.1.0 #1 SMP\n" . AXES .
		"# env memory: 100 MiB\n# [RUN] the title of ok\nok 1 - cow.basic.anon\n" .
		failed(2, 'ro-longterm.gup.anon', 'stale-pin', EVIL) .
		failed(3, 'ro-longterm.gup.thp.pmd', 'stale-pin', 'the pin sees zeroes') .
		failed(4, 'ro-longterm.gup-fast.anon', 'leak', 'P sees it', 'no kernel has a fix') .
		"ok 5 - ro-longterm.gup.memfd.shared # SKIP no-memfd: there is no memfd\n" .
		"ok 6 - fork.gup.anon.swapped\n# debian:6.1: the kernel panicked: Oops " .
		"(after test 6 (fork.gup.anon.swapped))\n# not run: fork.gup.memfd\n" .
		"# not run: fork.vmsplice.anon\n",
		"verdict crashed\nexit 1\nreason the kernel panicked: Oops\nkernel 6.1.0\n" .
		"accel tcg\nboot-ms 900\nseconds 7.5\ncmdline quiet\n",
		'console.log' => "booting\nOops: <0>\n", 'stderr.log' => '');
	results("$dir/debian-6.12", "TAP version 13\n1..9\n# env kernel: 6.12.1 #1 SMP\n" . AXES .
		"# env memory: 100 MiB\nok 1 - cow.basic.anon # SKIP no-root: not root\n" .
		"ok 2 - ro-longterm.gup.anon\nok 3 - ro-longterm.gup.thp.pmd\n" .
		"ok 4 - ro-longterm.gup-fast.anon\nok 5 - ro-longterm.gup.memfd.shared\n" .
		failed(6, 'fork.gup.anon.swapped', 'timeout', 'no verdict after 60 s') .
		"ok 7 - fork.gup.memfd\nok 8 - fork.vmsplice.anon\nok 9 - fork.gup.thp.64k\n" .
		"# passed 7, failed 1, todo 0, skipped 1 of 9\n# skipped 1: no-root\n",
		"verdict failed\nexit 1\nkernel 6.12.1\naccel tcg\nseconds 5.5\n");
	return "$tmp/$dir";
}

# --- the browser

my ($driver, $base, $session);
my $http = HTTP::Tiny->new(timeout => 60);

sub wire {
	my ($method, $path, $data) = @_;
	my $got = $http->request($method, "$base$path", {
		headers => { 'content-type' => 'application/json' },
		$data ? (content => encode_json($data)) : () });
	my $value = eval { decode_json($got->{content})->{value} };

	die("$method $path: $got->{status} " .
	    (ref($value) ? $value->{message} : $got->{content}) . "\n") if !$got->{success};
	return $value;
}

sub free_port {
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) //
		die("no port: $!\n");

	return $socket->sockport;
}

# Told to a pipe, its "started" stays in a buffer: it is asked whether it is ready.
sub start_driver {
	my $port = free_port();
	my $deadline = time() + 30;

	$driver = fork() // die("fork: $!\n");
	if (!$driver) {
		open(STDOUT, '>', '/dev/null');
		exec('chromedriver', "--port=$port", '--log-level=OFF') or
			print STDERR "no chromedriver here: vm/need.sh check installs it\n";
		POSIX::_exit(127);
	}
	$base = "http://127.0.0.1:$port";
	until (eval { wire(GET => '/status')->{ready} }) {
		if (time() > $deadline || waitpid($driver, WNOHANG) == $driver) {
			kill('TERM', $driver);
			die("chromedriver does not start\n");
		}
		select(undef, undef, undef, 0.01);
	}
}

# A window of that size, with the scripts of pages or without.
sub browser {
	my (%opt) = @_;

	start_driver() if !$driver;
	end_session();
	my $got = wire(POST => '/session', { capabilities => { alwaysMatch => {
		'goog:loggingPrefs' => { browser => 'ALL' },
		'goog:chromeOptions' => {
			args => ['--headless=new', '--no-sandbox', '--disable-gpu',
				 '--disable-dev-shm-usage', '--hide-scrollbars'],
			prefs => $opt{scripts} // 1 ? {} :
				{ 'profile.managed_default_content_settings.javascript' => 2 },
		} } } });
	$session = "/session/$got->{sessionId}";
	# A window has a least width; a device of any size can be played.
	wire(POST => "$session/goog/cdp/execute", {
		cmd => 'Emulation.setDeviceMetricsOverride',
		params => { width => $opt{width} // 1280, height => $opt{height} // 900,
			    deviceScaleFactor => 1, mobile => JSON::PP::false } });
}

sub visit { wire(POST => "$session/url", { url => $_[0] }) }

# A key, by its code in the protocol.
sub press {
	wire(POST => "$session/actions", { actions => [{ type => 'key', id => 'keys', actions => [
		map { { type => $_, value => $_[0] } } qw(keyDown keyUp)] }] });
}

# script(CODE, ARGUMENT...): what it returns
sub script {
	my ($code, @args) = @_;

	return wire(POST => "$session/execute/sync", { script => $code, args => \@args });
}

sub element {
	my ($selector) = @_;
	my $found = wire(POST => "$session/element",
			 { using => 'css selector', value => $selector });

	return (values %$found)[0];
}

# As a user does: it fails if something else is in front.
sub click { wire(POST => "$session/element/" . element($_[0]) . '/click', {}) }

sub type_into {
	my ($selector, $text) = @_;

	wire(POST => "$session/element/" . element($selector) . '/value', { text => $text });
}

sub screenshot { return decode_base64(wire(GET => "$session/screenshot")) }

sub console_lines {
	return map { "$_->{level}: $_->{message}" }
		@{wire(POST => "$session/se/log", { type => 'browser' })};
}

sub end_session {
	wire(DELETE => $session) if $session;
	undef $session;
}

END {
	local $?;

	eval { end_session() };
	if ($driver) {
		kill('TERM', $driver);
		waitpid($driver, 0);
	}
}

1;
