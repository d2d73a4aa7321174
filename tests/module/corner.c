/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * corner.c - targets in states that others put them in: frozen by a cgroup,
 * dumping core, handed on; with many signals at once; in the thousandth
 * generation.  Whatever happens, nobody stays stopped.
 */
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "module.h"

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r;

	if (fd < 0)
		return -1;
	r = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
	close(fd);
	return r;
}

/* -- frozen --------------------------------------------------------------- */

#define CGROUP "/tmp/cgroup"
#define GROUP CGROUP "/frozen"

static int is_frozen(void)
{
	char buf[256] = "";
	int fd = open(GROUP "/cgroup.events", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, buf, sizeof(buf) - 1) < 0)
		buf[0] = '\0';
	close(fd);
	return strstr(buf, "frozen 1") != NULL;
}

static void freeze(int wait)
{
	CHECK(put(GROUP "/cgroup.freeze", "1") == 0);
	for (int i = 0; wait && i < 500 && !is_frozen(); i++)
		nap(0.01);
	CHECK(!wait || is_frozen());
}

static void thaw(void)
{
	CHECK(put(GROUP "/cgroup.freeze", "0") == 0);
}

static void test_frozen(void)
{
	char text[32];
	pid_t pid;
	int fd;

	part = "frozen";
	mkdir(CGROUP, 0700);
	if (mount("none", CGROUP, "cgroup2", 0, NULL) < 0 ||
	    mkdir(GROUP, 0700) < 0) {
		printf("SKIP: no cgroup2: %s\n", strerror(errno));
		return;
	}
	pid = start(spin);
	fd = bind_pid(pid, 0, 0);
	CHECK(grows());
	snprintf(text, sizeof(text), "%d", pid);
	CHECK(put(GROUP "/cgroup.procs", text) == 0);

	/* Frozen, then stopped: thawing does not run it. */
	freeze(1);
	CHECK(rests());
	CHECK(msg0(fd, PCDSTOP) == 0);
	CHECK(msg1(fd, PCTWSTOP, 5000) == 0);
	CHECK(status(fd).flags & PR_STOPPED);
	thaw();
	CHECK(rests());
	CHECK(msg1(fd, PCRUN, 0) == 0);
	CHECK(grows());

	/* Stopped, then frozen: running does not thaw it. */
	CHECK(msg0(fd, PCSTOP) == 0);
	freeze(0);
	CHECK(rests());
	CHECK(msg1(fd, PCRUN, 0) == 0);
	for (int i = 0; i < 500 && !is_frozen(); i++)
		nap(0.01);
	CHECK(is_frozen());
	CHECK(rests());
	thaw();
	CHECK(grows());

	/* Run on last close, while frozen. */
	freeze(1);
	CHECK(msg1(fd, PCSET, PR_RLC) == 0);
	CHECK(msg0(fd, PCDSTOP) == 0);
	CHECK(msg1(fd, PCTWSTOP, 5000) == 0);
	close(fd);
	CHECK(rests());
	thaw();
	CHECK(grows());

	/* Killed while frozen and stopped. */
	fd = bind_pid(pid, 0, 0);
	freeze(1);
	CHECK(msg0(fd, PCDSTOP) == 0);
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK(msg0(fd, PCNULL) == -ENOENT);
	close(fd);
	thaw();
	for (int i = 0; i < 100 && rmdir(GROUP) < 0; i++)
		nap(0.01);
	umount(CGROUP);
	rmdir(CGROUP);
}

/* -- dumping core --------------------------------------------------------- */

static void crash(void)
{
	int *volatile nowhere = (void *)8;
	struct rlimit r = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_CORE, &r);
	prctl(PR_SET_DUMPABLE, 1);
	for (int i = 0; i < 100; i++) {
		sh->count++;
		nap(0.001);
	}
	*nowhere = 0;
}

static int ends(pid_t pid, int *status_of)
{
	for (int i = 0; i < 1000; i++) {
		if (waitpid(pid, status_of, WNOHANG) == pid)
			return 1;
		nap(0.01);
	}
	return 0;
}

static void test_dumping(void)
{
	char before[256] = "core";
	int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY | O_CLOEXEC);
	int wst = 0, ended;
	ssize_t n;
	pid_t pid;

	part = "dumping core";
	n = fd < 0 ? -1 : read(fd, before, sizeof(before) - 1);
	close(fd);
	if (n > 0)
		before[n] = '\0';
	/* Who takes the core does not read it, and leaves after a second. */
	if (n <= 0 || put("/proc/sys/kernel/core_pattern", "|/bin/sleep 1") < 0) {
		printf("SKIP: core_pattern: %s\n", strerror(errno));
		return;
	}
	/* Before, at every moment of, and after it. */
	for (int i = 0; i < 6; i++) {
		pid = start(crash);
		fd = bind_pid(pid, 0, 0);
		CHECK(fd >= 0);
		nap(0.05 + 0.15 * i);
		CHECK(msg1(fd, PCSET, PR_RLC) == 0 || i > 4);
		msg0(fd, PCDSTOP);
		msg1(fd, PCTWSTOP, 300);
		status(fd);
		close(fd);
		ended = ends(pid, &wst);
		CHECK(ended);
		CHECK(!ended || (WIFSIGNALED(wst) && WTERMSIG(wst) == SIGSEGV));
		if (!ended)
			finish(pid);
	}
	/* The fault that it dies of, stopped at. */
	pid = start(crash);
	fd = bind_pid(pid, 0, 0);
	CHECK(msg1(fd, PCSFAULT, CTL_FLTBIT(FLTBOUNDS)) == 0);
	CHECK(stop_of(fd).lwp.why == PR_FAULTED);
	CHECK(msg1(fd, PCRUN, 0) == 0);
	nap(0.2); /* it dumps */
	msg0(fd, PCDSTOP);
	msg1(fd, PCTWSTOP, 100);
	CHECK(ends(pid, &wst) && WIFSIGNALED(wst));
	CHECK(msg0(fd, PCNULL) == -ENOENT);
	close(fd);
	put("/proc/sys/kernel/core_pattern", before);
}

/* -- many signals --------------------------------------------------------- */

static void on_value(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	(void)context;
	sh->a = sh->a * 10 + si->si_value.sival_int;
}

static void queued(void)
{
	struct sigaction sa = { .sa_sigaction = on_value,
				.sa_flags = SA_SIGINFO };
	sigset_t set;

	sigaction(SIGRTMIN, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sh->b = 1;
	while (!sh->go)
		;
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	spin();
}

/* Those that are queued come in their order, each stops, each once. */
static void test_order(void)
{
	pid_t pid = start(queued);
	int fd = bind_pid(pid, 0, 0);
	struct ctl_status st;
	siginfo_t si;

	part = "queued signals";
	CHECK(msg1(fd, PCSTRACE, CTL_SIGBIT(SIGRTMIN)) == 0);
	while (!sh->b)
		nap(0.01);
	for (int i = 1; i <= 4; i++)
		CHECK(sigqueue(pid, SIGRTMIN, (union sigval){ .sival_int = i }) == 0);
	sh->go = 1;
	for (int i = 1; i <= 4; i++) {
		st = stop_of(fd);
		memcpy(&si, st.lwp.info, sizeof(si));
		CHECK(st.lwp.why == PR_SIGNALLED && st.lwp.what == (uint32_t)SIGRTMIN);
		CHECK(si.si_value.sival_int == i);
		CHECK(msg1(fd, PCRUN, i == 3 ? PRCSIG : 0) == 0);
	}
	CHECK(grows());
	CHECK(sh->a == 124);
	close(fd);
	finish(pid);
}

static void on_usr1(int sig)
{
	(void)sig;
	sh->a++;
}

static void on_usr2(int sig)
{
	(void)sig;
	sh->b++;
}

static void deaf(void)
{
	signal(SIGUSR1, on_usr1);
	signal(SIGUSR2, on_usr2);
	spin();
}

/* A slow machine does less of the same. */
static int times(int n)
{
	return getenv("CTL_STRETCH") ? n / 10 : n;
}

/* A signal that comes while another is being taken stops all the same. */
static void test_storm(void)
{
	pid_t pid = start(deaf), storm;
	int fd = bind_pid(pid, 0, 0), i, n = times(300);
	struct ctl_status st;

	part = "storm of signals";
	CHECK(grows());
	CHECK(msg1(fd, PCSTRACE, CTL_SIGBIT(SIGUSR1)) == 0);
	storm = fork();
	if (storm == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			kill(pid, SIGUSR2);
	}
	for (i = 0; i < n; i++) {
		kill(pid, SIGUSR1);
		st = stop_of(fd);
		if (st.lwp.why != PR_SIGNALLED || sh->a != (uint64_t)i)
			break;
		if (msg1(fd, PCRUN, 0) != 0)
			break;
		for (double end = now() + 10; sh->a == (uint64_t)i && now() < end;)
			nap(0.001);
	}
	CHECK(i == n);
	finish(storm);
	CHECK(sh->b > 0);
	CHECK(sh->a == (uint64_t)n);
	close(fd);
	finish(pid);
}

/* -- generations ---------------------------------------------------------- */

/* Each forks the next and goes. */
static void generations(void)
{
	for (int i = sh->go; i; i--) {
		pid_t pid = fork();

		if (pid != 0)
			_exit(pid < 0);
		sh->count++;
	}
	while (sh->go)
		nap(0.01);
}

static long slab(void)
{
	char line[128];
	long kb = -1;
	FILE *f = fopen("/proc/meminfo", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "SUnreclaim: %ld kB", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

/* n of them, one after the other; kB that the kernel has more when they are
 * gone, before the handle is closed. */
static long live(int n)
{
	struct ctl_record w = { .events = 1 << CTL_REC_FORK };
	long before = slab(), grown;
	pid_t pid;
	int fd;

	memset(sh, 0, sizeof(*sh));
	sh->go = n;
	pid = fork();
	if (pid == 0) {
		while (!sh->c)
			nap(0.01);
		generations();
		_exit(0);
	}
	fd = bind_pid(pid, 0, 0);
	CHECK(fd >= 0);
	CHECK(ring(fd, CTL_RING_MIN, CTL_RING_DROP) == 0);
	CHECK(msg1(fd, PCSET, PR_FORK | PR_RLC) == 0);
	CHECK(msg(fd, PCRECORD, &w, sizeof(w)) == 0);
	sh->c = 1;
	/* As long as it goes on, however slow the machine is. */
	for (double end = now() + 60; sh->count < (uint64_t)n && now() < end;) {
		uint64_t count = sh->count;

		if (waitpid(-1, NULL, WNOHANG) <= 0)
			nap(0.001);
		if (sh->count > count)
			end = now() + 60;
	}
	CHECK(sh->count == (uint64_t)n);
	/* All but the last; it is followed yet. */
	for (int i = 0;; i++) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		grown = slab() - before;
		if (grown < n / 2 + 512 || i == 40)
			break;
		nap(0.1);
	}
	close(fd);
	unring();
	sh->go = 0;
	while (waitpid(-1, NULL, 0) > 0)
		;
	return grown;
}

/* The kernel keeps nothing of those that are gone; nor a chain of them. */
static void test_generations(void)
{
	int n = times(2000);
	long grown;

	part = "generations";
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	live(n / 4); /* so that caches are full */
	grown = live(n);
	/* It would be more than a kB for each; others use some, too. */
	if (in_kernel("kasan_quarantine_put"))
		printf("SKIP: KASAN keeps what is freed: its use is not checked\n");
	else
		CHECK(grown < n / 2 + 512);
	printf("FIGURES: %d generations followed, %ld kB more in use\n", n, grown);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	test_frozen();
	test_dumping();
	test_order();
	test_storm();
	test_generations();
	return failures != 0;
}
