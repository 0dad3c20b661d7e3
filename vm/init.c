// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of the guest: prepare the machine, run one program, tell how it
 * ended, power off.
 *
 * Four serial ports lead out of the guest, because 8250 is the one driver
 * that every kernel has built in. Where the kernel has a driver for virtio's
 * ports, all but the console move there as soon as it is loaded: an emulated
 * UART costs the guest two exits for each character, under a lock that the
 * other CPU waits for.
 *
 *	ttyS0	console		kernel messages, nothing of ours
 *	ttyS1	stdout		of the program: TAP
 *	ttyS2	stderr		of the program
 *	ttyS3	control		what happened, one line each:
 *
 *		kernel RELEASE	what is running
 *		boot MS		ready to run, MS milliseconds after power on
 *		note TEXT	something did not work that may be needed
 *		fatal TEXT	the program cannot be run at all
 *		start		the program has been started
 *		exit N		it has ended ...
 *		signal N	... or was killed
 *		poweroff	all output is out, nothing more will come
 *
 * The program gets the control port as well (COWPIN_CONTROL, the number of the
 * descriptor) and may add lines of its own: "plan ID" for each test, "run ID" and
 * "done ID" as they begin and end. So the verdict never depends on console text.
 *
 * Where there is a file /cowpin/tty, the program is a shell for a human: ttyS1 is
 * its terminal.
 *
 * What to run is in /cowpin/argv and /cowpin/env (NUL-terminated strings),
 * which modules to load in /cowpin/modules, then /cowpin/modules.run ("PATH
 * PARAMETERS" a line).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define CONTROL_FD	3
#define HUGEPAGES	"/sys/kernel/mm/hugepages"

enum { OUT, ERR, CONTROL, NR_PORTS };

static const char * const port_names[NR_PORTS] = {
	[OUT] = "/dev/ttyS1",
	[ERR] = "/dev/ttyS2",
	[CONTROL] = "/dev/ttyS3",
};

/* As they are called where virtio has ports for them; see serial() in boot. */
static const char * const virtio_names[NR_PORTS] = {
	[OUT] = "cowpin.tap",
	[ERR] = "cowpin.stderr",
	[CONTROL] = "cowpin.control",
};

#define VIRTIO_PORTS	"/sys/class/virtio-ports"
#define PATIENCE_MS	5000

static int ports[NR_PORTS] = { -1, -1, -1 };

static void write_all(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		buf += n;
		len -= n;
	}
}

/* One line to the control port; to the console when there is none. */
static void __attribute__((format(printf, 1, 2))) tell(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (len > (int)sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	write_all(ports[CONTROL] < 0 ? STDERR_FILENO : ports[CONTROL], line,
		  len);
}

static void __attribute__((noreturn)) power_off(void)
{
	sync();
	tell("poweroff");
	for (int i = 0; i < NR_PORTS; i++)
		if (ports[i] >= 0)
			tcdrain(ports[i]);
	reboot(RB_POWER_OFF);
	/* No ACPI, no driver for the power button: a reset ends QEMU too. */
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tell("fatal %s", text);
	power_off();
}

struct mount_point {
	const char *target, *type, *data;
	bool required;
};

/* /dev first: without it there is no channel to complain on. */
static const struct mount_point mount_points[] = {
	{ "/dev", "devtmpfs", NULL, true },
	{ "/proc", "proc", NULL, true },
	{ "/sys", "sysfs", NULL, true },
	{ "/tmp", "tmpfs", "mode=1777", true },
	{ "/run", "tmpfs", "mode=755", true },
	{ "/dev/shm", "tmpfs", "mode=1777", true },
	{ "/dev/pts", "devpts", NULL, false },
	{ "/sys/kernel/debug", "debugfs", NULL, false },
	{ "/sys/kernel/tracing", "tracefs", NULL, false },
	{ "/sys/fs/cgroup", "cgroup2", NULL, false },
};

static int mount_one(const struct mount_point *mp)
{
	/* In sysfs there are the directories that the kernel has a use for. */
	if (mkdir(mp->target, 0755) && errno != EEXIST)
		return errno == EPERM ? -ENOENT : -errno;
	if (mount(mp->type, mp->target, mp->type, MS_NOSUID, mp->data))
		return errno == EBUSY ? 0 : -errno;
	return 0;
}

/* Out of the way of the descriptors that the program will get. */
static int open_high(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	int high = fcntl(fd, F_DUPFD_CLOEXEC, 10);

	close(fd);
	return high;
}

/* A port that stays closed is reported once there is a channel for it. */
static void open_ports(void)
{
	for (int i = 0; i < NR_PORTS; i++) {
		struct termios tio;

		ports[i] = open_high(port_names[i]);
		if (ports[i] < 0 || tcgetattr(ports[i], &tio))
			continue;
		/* Not a terminal: no echo, no CR before LF, no signals. */
		cfmakeraw(&tio);
		tio.c_cflag |= CLOCAL;
		tcsetattr(ports[i], TCSANOW, &tio);
	}
}

static void check_ports(void)
{
	for (int i = 0; i < NR_PORTS; i++)
		if (ports[i] < 0)
			die("%s: no such serial port (the kernel needs CONFIG_SERIAL_8250"
			    " with 4 ports)", port_names[i]);
}

static void mount_all(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(mount_points); i++) {
		const struct mount_point *mp = &mount_points[i];
		int err = mount_one(mp);

		if (!i)
			open_ports();
		if (!err)
			continue;
		if (mp->required)
			die("mount %s: %s", mp->target, strerror(-err));
		/* Kernels without it are allowed: cow skips what needs it. */
		if (err != -ENODEV && err != -ENOENT)
			tell("note mount %s: %s", mp->target, strerror(-err));
	}
}

static void mount_hugetlbfs(const char *dir, const char *options)
{
	const struct mount_point mp = { dir, "hugetlbfs", options, false };
	int err = mount_one(&mp);

	if (err)
		tell("note mount %s: %s", dir, strerror(-err));
}

/* One mount a size: /dev/hugepages has the default, others carry a name. */
static void mount_hugepages(void)
{
	DIR *sizes = opendir(HUGEPAGES);
	struct dirent *de;

	if (!sizes)
		return;
	mount_hugetlbfs("/dev/hugepages", NULL);
	while ((de = readdir(sizes))) {
		unsigned long kb;
		char dir[64], options[32];

		if (sscanf(de->d_name, "hugepages-%lukB", &kb) != 1)
			continue;
		if (kb % (1UL << 20))
			snprintf(dir, sizeof(dir), "/dev/hugepages-%luM",
				 kb >> 10);
		else
			snprintf(dir, sizeof(dir), "/dev/hugepages-%luG",
				 kb >> 20);
		snprintf(options, sizeof(options), "pagesize=%luK", kb);
		mount_hugetlbfs(dir, options);
	}
	closedir(sizes);
}

static void load_module(char *line)
{
	char *params = line + strcspn(line, " \n");
	int fd;

	if (*params)
		*params++ = '\0';
	params[strcspn(params, "\n")] = '\0';
	fd = open(line, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (syscall(SYS_finit_module, fd, params, 0) &&
		       errno != EEXIST))
		tell("note module %s: %s", line, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void load_modules(const char *path)
{
	FILE *list = fopen(path, "re");
	char line[1024];

	if (!list)
		return;
	while (fgets(line, sizeof(line), list))
		if (line[0] != '\n')
			load_module(line);
	fclose(list);
}

/* Has the machine a virtio console, and the kernel taken it? */
static bool has_virtio_ports(void)
{
	DIR *bound = opendir("/sys/bus/virtio/drivers/virtio_console");
	struct dirent *de;
	bool found = false;

	while (bound && (de = readdir(bound)))
		found |= !strncmp(de->d_name, "virtio", 6);
	if (bound)
		closedir(bound);
	return found;
}

/* Which of ours is the port @entry of VIRTIO_PORTS? NR_PORTS: none, or not told yet. */
static int virtio_port(const char *entry)
{
	char path[300], name[64] = "";
	FILE *f;
	int i = 0;

	snprintf(path, sizeof(path), VIRTIO_PORTS "/%s/name", entry);
	f = fopen(path, "re");
	if (f && fgets(name, sizeof(name), f))
		name[strcspn(name, "\n")] = '\0';
	if (f)
		fclose(f);
	while (i < NR_PORTS && strcmp(name, virtio_names[i]))
		i++;
	return i;
}

/* What is on its way by the old port must come first. */
static void move_port(int port, const char *entry)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", entry);
	fd = open_high(path);
	if (fd < 0)
		return;
	tcdrain(ports[port]);
	close(ports[port]);
	ports[port] = fd;
}

static int virtio_ports_seen(bool move)
{
	DIR *dir = opendir(VIRTIO_PORTS);
	struct dirent *de;
	int seen = 0;

	while (dir && (de = readdir(dir))) {
		int port = virtio_port(de->d_name);

		if (port == NR_PORTS)
			continue;
		seen++;
		if (move)
			move_port(port, de->d_name);
	}
	if (dir)
		closedir(dir);
	return seen;
}

/* Tells of each device that comes, or changes (a port gets its name). -1: nobody tells. */
static int open_uevents(void)
{
	struct sockaddr_nl all = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	if (fd >= 0 && !bind(fd, (struct sockaddr *)&all, sizeof(all)))
		return fd;
	close(fd);
	return -1;
}

/* False: nothing happened for far longer than it takes. */
static bool await_uevent(int fd)
{
	struct pollfd event = { .fd = fd, .events = POLLIN };
	char buf[4096];

	return poll(&event, 1, PATIENCE_MS) > 0 && recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0;
}

/* A terminal stays where it is. */
static void use_virtio_ports(void)
{
	int events;

	if (!has_virtio_ports() || !access("/cowpin/tty", F_OK))
		return;
	events = open_uevents();
	while (virtio_ports_seen(false) < NR_PORTS && await_uevent(events))
		;
	close(events);
	if (virtio_ports_seen(false) == NR_PORTS)
		virtio_ports_seen(true);
	else
		tell("note virtio ports: %d of %d appeared", virtio_ports_seen(false), NR_PORTS);
}

static void set_limit(int resource, rlim_t limit)
{
	const struct rlimit rl = { limit, limit };

	if (setrlimit(resource, &rl))
		tell("note setrlimit %d: %s", resource, strerror(errno));
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	write_all(fd, text, strlen(text));
	close(fd);
}

/* With an emulated CPU the kernel was booted on one: see one_cpu() in boot. */
static void online_cpus(void)
{
	char path[64];

	if (!getenv("COWPIN_ONLINE"))
		return;
	for (int cpu = 1;; cpu++) {
		snprintf(path, sizeof(path),
			 "/sys/devices/system/cpu/cpu%d", cpu);
		if (access(path, F_OK))
			return;
		strcat(path, "/online");
		write_file(path, "1");
	}
}

/*
 * An emulated CPU trips over kernel code that is being patched under it. The scheduler is patched
 * with the first event of perf and after the last, so with each uprobe of a test: not while this
 * one stays, which counts nothing. Of guests with one uprobe after another, it saves 8 of 10.
 */
static void keep_perf_on(void)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr), .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_DUMMY,
		.disabled = 1,
	};

	syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

/*
 * The same of allocators, which account for memory from the first group on, whatever becomes of
 * that. On a fast machine two guests of five did not live to see their second test.
 */
static void make_first_group(void)
{
	static const char control[] = "/sys/fs/cgroup/cgroup.subtree_control";
	static const char group[] = "/sys/fs/cgroup/first";

	write_file(control, "+memory");
	if (!mkdir(group, 0755))
		rmdir(group);
	write_file(control, "-memory");
}

static void prepare(void)
{
	/* Before there is a second CPU. */
	keep_perf_on();
	make_first_group();
	online_cpus();
	set_limit(RLIMIT_MEMLOCK, RLIM_INFINITY);
	set_limit(RLIMIT_NOFILE, 65536);
	set_limit(RLIMIT_CORE, 0);
	if (sethostname("cowpin", strlen("cowpin")))
		tell("note sethostname: %s", strerror(errno));
	/* Booting was quiet to be quick; what comes now belongs in the log. */
	write_file("/proc/sys/kernel/printk", "7 4 1 7");
}

/* A file of NUL-terminated strings, as an array that ends with NULL. */
static char **read_strings(const char *path)
{
	static const size_t max = 1 << 20;
	char *buf = malloc(max + 1), **strings;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0, count = 0;
	ssize_t n;

	if (fd < 0 || !buf)
		die("%s: %s", path, strerror(errno));
	while (len < max && (n = read(fd, buf + len, max - len)) > 0)
		len += n;
	close(fd);
	buf[len] = '\0';
	strings = calloc(len + 1, sizeof(*strings));
	if (!strings)
		die("%s: %s", path, strerror(errno));
	for (size_t i = 0; i < len; i += strlen(buf + i) + 1)
		strings[count++] = buf + i;
	return strings;
}

/* What open_ports() took away, and a session that ^C is for. */
static void make_terminal(int fd)
{
	struct termios tio;

	setsid();
	ioctl(fd, TIOCSCTTY, 0);
	if (tcgetattr(fd, &tio))
		return;
	tio.c_iflag |= ICRNL | IXON;
	tio.c_oflag |= OPOST | ONLCR;
	tio.c_lflag |= ISIG | ICANON | IEXTEN | ECHO | ECHOE | ECHOK;
	tcsetattr(fd, TCSANOW, &tio);
}

/* Its input, output and errors: from nowhere and to two ports, or a terminal. */
static int connect_program(void)
{
	bool terminal = !access("/cowpin/tty", F_OK);
	int in = terminal ? ports[OUT] : open("/dev/null", O_RDONLY);

	/*
	 * Else no session of its own: its leader gets the first terminal that it
	 * opens, and what is still to be sent there is thrown away when it ends.
	 */
	if (terminal)
		make_terminal(in);
	else
		setpgid(0, 0);
	if (dup2(in, STDIN_FILENO) < 0 ||
	    dup2(ports[OUT], STDOUT_FILENO) < 0 ||
	    dup2(terminal ? in : ports[ERR], STDERR_FILENO) < 0 ||
	    dup2(ports[CONTROL], CONTROL_FD) < 0)
		return -1;
	return chdir("/tmp");
}

static void __attribute__((noreturn)) exec_program(char **argv, char **env)
{
	char control[16];

	snprintf(control, sizeof(control), "%d", CONTROL_FD);
	clearenv();
	for (; *env; env++)
		putenv(*env);
	setenv("COWPIN_CONTROL", control, 1);
	if (connect_program())
		die("set up %s: %s", argv[0], strerror(errno));
	execv(argv[0], argv);
	tell("fatal %s: %s", argv[0], strerror(errno));
	_exit(127);
}

/* Bytes that the program itself has written; 0 where the kernel does not count. */
static unsigned long long written_by(pid_t program)
{
	unsigned long long bytes = 0;
	char path[64], line[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/io", program);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "wchar: %llu", &bytes);
	if (f)
		fclose(f);
	return bytes;
}

/* What each process and CPU is at, for the console log. */
static void tell_stacks(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	for (const char *key = "lt"; fd >= 0 && *key; key++)
		write_all(fd, key, 1);
	if (fd >= 0)
		close(fd);
}

/*
 * Whoever watches the guest ends it when nothing is heard for so many seconds: shortly before,
 * we say what it was at.
 */
static void look_at(pid_t program, time_t allowed)
{
	static unsigned long long written;
	static time_t since;
	static bool told;
	unsigned long long now = written_by(program);
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	if (now != written || !since) {
		written = now;
		since = t.tv_sec;
	} else if (now && !told && 3 * (t.tv_sec - since) >= 2 * allowed) {
		tell_stacks();
		told = true;
	}
}

/* Waits for the program; orphans that end meanwhile are ours to reap. */
static int wait_for(pid_t program)
{
	const char *silence = getenv("COWPIN_SILENCE");
	const struct timespec glance = { .tv_sec = 1 };
	sigset_t child;
	int status;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	for (;;) {
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid == program)
			return status;
		if (pid < 0 && errno != EINTR)
			die("wait: %s", strerror(errno));
		if (pid)
			continue;
		if (sigtimedwait(&child, NULL, silence ? &glance : NULL) < 0 && silence)
			look_at(program, atoi(silence));
	}
}

static void run_program(void)
{
	char **argv = read_strings("/cowpin/argv");
	char **env = read_strings("/cowpin/env");
	pid_t pid;
	int status;

	if (!argv[0])
		die("/cowpin/argv: empty");
	tell("start");
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (!pid)
		exec_program(argv, env);
	status = wait_for(pid);
	if (WIFSIGNALED(status))
		tell("signal %d", WTERMSIG(status));
	else
		tell("exit %d", WEXITSTATUS(status));
}

static void tell_machine(void)
{
	struct utsname uts;
	struct timespec now;

	uname(&uts);
	tell("kernel %s", uts.release);
	clock_gettime(CLOCK_MONOTONIC, &now);
	tell("boot %lld", now.tv_sec * 1000LL + now.tv_nsec / 1000000);
}

int main(int argc, char **argv)
{
	/* accel.sh runs init as the program, to see whether anything runs. */
	if (getpid() != 1 && argc == 2 && !strcmp(argv[1], "--probe"))
		return 0;
	if (getpid() != 1) {
		fprintf(stderr, "init: runs as PID 1 of a guest only\n");
		return 2;
	}
	mount_all();
	check_ports();
	mount_hugepages();
	load_modules("/cowpin/modules");
	load_modules("/cowpin/modules.run");
	use_virtio_ports();
	prepare();
	tell_machine();
	run_program();
	power_off();
}
