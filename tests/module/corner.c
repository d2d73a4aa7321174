/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * corner.c - targets in states that others put them in: frozen by a cgroup,
 * dumping core, handed on.  Whatever happens, nobody stays stopped.
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

int main(void)
{
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	test_frozen();
	test_dumping();
	return failures != 0;
}
