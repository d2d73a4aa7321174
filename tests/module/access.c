/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * access.c - who may open what (P5), and what a handle is worth after the
 * target became somebody else.  Run as root.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dtrace_ctl.h"

static int failures;

static void check_at(int line, int ok, const char *text)
{
	if (ok)
		return;
	printf("access.c:%d: not true: %s (errno %d)\n", line, text, errno);
	failures++;
}
#define CHECK(e) check_at(__LINE__, (e), #e)

static volatile struct shared {
	uint64_t count;
	int ready, go;
} *sh;

static int bind_pid(pid_t pid, int mode)
{
	struct ctl_bind b = { .pidfd = -1, .pid = pid };
	int fd = open("/dev/dtrace_ctl", mode | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, CTL_IOC_BIND, &b) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int message(int fd, int64_t code, int64_t operand, size_t size)
{
	int64_t m[2] = { code, operand };

	return write(fd, m, 8 + size) == (ssize_t)(8 + size) ? 0 : -errno;
}

static void become(uid_t uid)
{
	if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		_exit(99);
	/* It was root's, and is not readable until it executes something. */
	prctl(PR_SET_DUMPABLE, 1);
}

static pid_t target(uid_t uid, int dumpable)
{
	pid_t pid;

	memset((void *)sh, 0, sizeof(*sh));
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (uid)
			become(uid);
		prctl(PR_SET_DUMPABLE, dumpable);
		sh->ready = 1;
		for (;;)
			sh->count++;
	}
	while (!sh->ready)
		usleep(1000);
	return pid;
}

/* What open for control says to somebody. */
static int as(uid_t uid, pid_t pid, int mode)
{
	int status;
	pid_t p = fork();

	if (p == 0) {
		become(uid);
		int r = bind_pid(pid, mode);

		_exit(r < 0 ? -r : 0);
	}
	waitpid(p, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* basics.c sees to it that it is there where it can be. */
static int proc_files(void)
{
	return access("/proc/self/ctl", F_OK) == 0;
}

static int as_in_proc(uid_t uid, pid_t pid)
{
	char path[64];
	int status;
	pid_t p = fork();

	if (p == 0) {
		snprintf(path, sizeof(path), "/proc/%d/ctl", pid);
		become(uid);
		int r = open(path, O_RDWR);

		_exit(r < 0 ? errno : 0);
	}
	waitpid(p, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void finish(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int grows(void)
{
	uint64_t c = sh->count;

	for (int i = 0; i < 500 && sh->count == c; i++)
		usleep(10000);
	return sh->count != c;
}

static void test_users(void)
{
	pid_t pid = target(1000, 1);
	struct ctl_status st = { .size = sizeof(st) };
	int fd, wfd;

	CHECK(as(1000, pid, O_RDWR) == 0);
	CHECK(as(1001, pid, O_RDWR) == EPERM);
	if (proc_files()) {
		CHECK(as_in_proc(1000, pid) == 0);
		CHECK(as_in_proc(1001, pid) == EACCES ||
		      as_in_proc(1001, pid) == EPERM);
	} else {
		printf("SKIP: no /proc/PID/ctl\n");
	}
	CHECK(as(0, pid, O_RDWR) == 0);
	/* where nothing is controlled there is nothing to look at */
	CHECK(as(1001, pid, O_RDONLY) == ENODATA);
	wfd = bind_pid(pid, O_RDWR);
	CHECK(wfd >= 0);
	/* a look is for everybody, without what may not be seen */
	CHECK(as(1001, pid, O_RDONLY) == 0);
	fd = bind_pid(pid, O_RDONLY);
	CHECK(ioctl(fd, CTL_IOC_STATUS, &st) == 0 && st.pid == pid);
	CHECK(message(fd, PCSTOP, 0, 0) == -EBADF);
	CHECK(ioctl(fd, PIOCSTOP, NULL) < 0 && errno == EBADF);
	close(fd);
	close(wfd);
	finish(pid);
	pid = target(1000, 0);
	CHECK(as(1000, pid, O_RDWR) == EPERM);
	CHECK(as(0, pid, O_RDWR) == 0);
	finish(pid);
	pid = target(0, 1);
	CHECK(as(1000, pid, O_RDWR) == EPERM);
	finish(pid);
	/* a kernel thread is nobody's */
	CHECK(bind_pid(2, O_RDWR) == -EPERM);
}

/* A handle that somebody without rights was given works: it is a capability. */
static void test_passed(void)
{
	pid_t pid = target(1000, 1), p;
	int fd = bind_pid(pid, O_RDWR), status;

	p = fork();
	if (p == 0) {
		become(1001);
		if (message(fd, PCSTOP, 0, 0) < 0)
			_exit(1);
		_exit(message(fd, PCRUN, 0, 8) < 0 ? 2 : 0);
	}
	waitpid(p, &status, 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(grows());
	close(fd);
	finish(pid);
}

/* The same, through a socket, by who could not have opened it. */
static void test_sent(void)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} c;
	char byte = 0;
	struct iovec io = { &byte, 1 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = &c,
			    .msg_controllen = sizeof(c) };
	pid_t pid = target(1000, 1), p;
	int sv[2], fd, status;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0);
	p = fork();
	if (p == 0) {
		become(1001);
		if (bind_pid(pid, O_RDWR) != -EPERM)
			_exit(1);
		if (recvmsg(sv[1], &m, 0) != 1)
			_exit(2);
		memcpy(&fd, CMSG_DATA(&c.h), sizeof(fd));
		if (message(fd, PCSET, PR_RLC, 8) < 0 ||
		    message(fd, PCSTOP, 0, 0) < 0)
			_exit(3);
		if (write(sv[1], &byte, 1) != 1)
			_exit(4);
		pause();
	}
	fd = bind_pid(pid, O_RDWR);
	c.h.cmsg_level = SOL_SOCKET;
	c.h.cmsg_type = SCM_RIGHTS;
	c.h.cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(&c.h), &fd, sizeof(fd));
	CHECK(sendmsg(sv[0], &m, 0) == 1);
	/* In flight, or there: that is the last one. */
	close(fd);
	CHECK(read(sv[0], &byte, 1) == 1);
	uint64_t n = sh->count;
	usleep(100000);
	CHECK(sh->count == n);
	kill(p, SIGKILL);
	waitpid(p, &status, 0);
	CHECK(grows());
	close(sv[0]);
	close(sv[1]);
	finish(pid);
}

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r;

	if (fd < 0)
		return -1;
	r = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
	close(fd);
	return r;
}

/* Root of a user namespace has its own processes and no others. */
static void test_user_namespace(void)
{
	pid_t outside = target(1000, 1), p = fork();
	int status;

	if (p == 0) {
		become(1000);
		if (unshare(CLONE_NEWUSER) < 0)
			_exit(77);
		prctl(PR_SET_DUMPABLE, 1);
		put("/proc/self/setgroups", "deny");
		if (put("/proc/self/uid_map", "0 1000 1") < 0 ||
		    put("/proc/self/gid_map", "0 1000 1") < 0)
			_exit(2);
		if (geteuid() != 0)
			_exit(3);
		if (bind_pid(outside, O_RDWR) != -EPERM)
			_exit(4);
		if (bind_pid(1, O_RDWR) != -EPERM)
			_exit(5);
		pid_t kid = fork();

		if (kid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			pause();
		}
		int fd = bind_pid(kid, O_RDWR);

		_exit(fd < 0 ? 6 : message(fd, PCSTOP, 0, 0) < 0 ? 7 : 0);
	}
	waitpid(p, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		printf("SKIP: no user namespace for an ordinary user\n");
	else
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	finish(outside);
}

#define YAMA "/proc/sys/kernel/yama/ptrace_scope"

/* uid's own child, and, if allowed, what else is uid's */
static int as_parent(uid_t uid)
{
	int status;
	pid_t p = fork();

	if (p == 0) {
		become(uid);
		pid_t kid = fork();

		if (kid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			pause();
		}
		int r = bind_pid(kid, O_RDWR);

		kill(kid, SIGKILL);
		_exit(r < 0 ? -r : 0);
	}
	waitpid(p, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_yama(void)
{
	char before[8] = "0";
	int fd = open(YAMA, O_RDONLY | O_CLOEXEC);
	pid_t pid;

	if (fd < 0 || read(fd, before, sizeof(before) - 1) < 0 ||
	    put(YAMA, "0") < 0) {
		printf("SKIP: Yama: %s\n", strerror(errno));
		close(fd);
		return;
	}
	close(fd);
	pid = target(1000, 1);
	CHECK(as(1000, pid, O_RDWR) == 0);
	CHECK(!proc_files() || as_in_proc(1000, pid) == 0);
	CHECK(put(YAMA, "1") == 0); /* only descendants */
	CHECK(as(1000, pid, O_RDWR) == EPERM);
	CHECK(!proc_files() || as_in_proc(1000, pid) == EPERM);
	CHECK(as_parent(1000) == 0);
	CHECK(as(0, pid, O_RDWR) == 0);
	CHECK(put(YAMA, "2") == 0); /* only who has CAP_SYS_PTRACE */
	CHECK(as(1000, pid, O_RDWR) == EPERM);
	CHECK(as_parent(1000) == EPERM);
	CHECK(as(0, pid, O_RDWR) == 0);
	CHECK(put(YAMA, before) == 0);
	finish(pid);
}

static void copy_self(const char *path, mode_t mode, uid_t owner)
{
	char buf[65536];
	int in = open("/proc/self/exe", O_RDONLY);
	int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, n) != n)
			break;
	close(in);
	close(out);
	CHECK(chown(path, owner, owner) == 0 && chmod(path, mode) == 0);
}

/* As uid 1000, executes path with arg when told, itself or in a child. */
static pid_t execer(const char *path, const char *arg, int in_child)
{
	pid_t pid;

	memset((void *)sh, 0, sizeof(*sh));
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		become(1000);
		sh->ready = 1;
		while (!sh->go)
			;
		if (in_child && fork() != 0)
			for (;;)
				pause();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(path, path, arg, NULL);
		_exit(98);
	}
	while (!sh->ready)
		usleep(1000);
	return pid;
}

static int exe_is(pid_t pid, const char *path)
{
	char link[64], buf[256];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	n = readlink(link, buf, sizeof(buf) - 1);
	if (n < 0)
		return 0;
	buf[n] = '\0';
	return !strcmp(buf, path);
}

/* uid: who holds the handle; the target executes a file it may not see. */
static int held_exec(const char *path, uid_t uid, int *kept)
{
	pid_t pid = execer(path, "spin", 0), p;
	int status;

	*kept = 0;
	p = fork();
	if (p == 0) {
		struct ctl_status st = { .size = sizeof(st) };
		struct pollfd pfd = { .events = POLLPRI };
		uint64_t word;
		struct {
			int64_t code;
			struct ctl_iovec io;
		} rd = { PCREAD, { (uintptr_t)&word, 8, 0x400000 } };
		int fd, fd2, i;

		if (uid)
			become(uid);
		fd = bind_pid(pid, O_RDWR);
		if (fd < 0)
			_exit(1);
		if (message(fd, PCSTRACE, -1, 8) < 0)
			_exit(2);
		sh->go = 1;
		pfd.fd = fd;
		for (i = 0; i < 100 && !(pfd.revents & POLLERR); i++)
			poll(&pfd, 1, 100);
		if (!(pfd.revents & POLLERR))
			_exit(3);
		/* every operation says so */
		if (message(fd, PCNULL, 0, 0) != -EAGAIN ||
		    message(fd, PCSTOP, 0, 0) != -EAGAIN ||
		    write(fd, &rd, sizeof(rd)) != -1 || errno != EAGAIN)
			_exit(4);
		if (ioctl(fd, CTL_IOC_STATUS, &st) < 0 ||
		    !(st.flags & PR_INVALID) || st.sigtrace)
			_exit(5);
		fd2 = bind_pid(pid, O_RDWR);
		if (fd2 < 0)
			_exit(fd2 == -EPERM || fd2 == -EACCES ? 10 : 6);
		st.size = sizeof(st);
		message(fd2, PCTWSTOP, 5000, 8);
		ioctl(fd2, CTL_IOC_STATUS, &st);
		_exit(st.flags & PR_STOPPED ? 11 : 7);
	}
	waitpid(p, &status, 0);
	status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	*kept = status;
	/* It runs in the end, whoever it belongs to. */
	for (int i = 0; i < 200; i++) {
		char path2[64], c = 0;
		FILE *f;

		snprintf(path2, sizeof(path2), "/proc/%d/stat", pid);
		f = fopen(path2, "r");
		if (f && fscanf(f, "%*d (%*[^)]) %c", &c) == 1 && c == 'R') {
			fclose(f);
			break;
		}
		if (f)
			fclose(f);
		usleep(10000);
		CHECK(i < 199);
	}
	CHECK(exe_is(pid, path));
	finish(pid);
	return status;
}

static void test_exec(void)
{
	int how;

	copy_self("/tmp/setuid", 04755, 0);
	copy_self("/tmp/unreadable", 0711, 0);
	copy_self("/tmp/plain", 0755, 0);
	held_exec("/tmp/setuid", 1000, &how);
	CHECK(how == 10); /* invalid, and cannot be opened anew; it runs */
	held_exec("/tmp/unreadable", 1000, &how);
	CHECK(how == 10);
	held_exec("/tmp/setuid", 0, &how);
	CHECK(how == 11); /* root keeps it, stopped */
	held_exec("/tmp/unreadable", 0, &how);
	CHECK(how == 11);
	held_exec("/tmp/plain", 1000, &how);
	CHECK(how == 3); /* nothing happens to a handle */
}

/* How many calls of a followed child that executes path uid 1000 is told of. */
static int followed_exec(const char *path)
{
	pid_t pid = execer(path, "call", 1), p;
	int status;

	p = fork();
	if (p == 0) {
		struct {
			int64_t code;
			struct ctl_ring_setup r;
		} ring = { PCRING, { .size = CTL_RING_MIN } };
		struct {
			int64_t code;
			struct ctl_record r;
		} rec = { PCRECORD, { .events = 1 << CTL_REC_SYSCALL } };
		volatile struct ctl_ring_info *ri;
		int fd;

		become(1000);
		fd = bind_pid(pid, O_RDWR);
		rec.r.calls.native[SYS_getpgid / 64] = 1ULL << SYS_getpgid % 64;
		if (fd < 0 || message(fd, PCSET, PR_FORK, 8) < 0 ||
		    write(fd, &ring, sizeof(ring)) != sizeof(ring) ||
		    write(fd, &rec, sizeof(rec)) != sizeof(rec))
			_exit(97);
		ri = mmap(NULL, 4096 + CTL_RING_MIN, PROT_READ, MAP_SHARED, fd,
			  4096);
		if (ri == MAP_FAILED)
			_exit(96);
		sh->go = 1;
		for (int i = 0; i < 300 && !ri->head; i++)
			usleep(10000);
		_exit(ri->head != 0);
	}
	waitpid(p, &status, 0);
	finish(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_followed_exec(void)
{
	copy_self("/tmp/setuid", 04755, 0);
	copy_self("/tmp/plain", 0755, 0);
	CHECK(followed_exec("/tmp/plain") == 1);
	CHECK(followed_exec("/tmp/setuid") == 0);
}

static void *live_on(void *arg)
{
	sh->ready = 1;
	for (;;)
		sh->count++;
	return arg;
}

/* A process whose first thread has left is what its other threads are. */
static pid_t headless(int dumpable)
{
	pid_t pid;
	pthread_t t;

	memset((void *)sh, 0, sizeof(*sh));
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		become(1000);
		prctl(PR_SET_DUMPABLE, dumpable);
		pthread_create(&t, NULL, live_on, NULL);
		syscall(SYS_exit, 0);
	}
	while (!sh->ready)
		usleep(1000);
	usleep(50000);
	return pid;
}

static void test_headless(void)
{
	uint64_t word = 0;
	struct {
		int64_t code;
		struct ctl_iovec io;
	} rd = { PCREAD, { (uintptr_t)&word, 8, (uintptr_t)&sh->count } };
	pid_t pid = headless(0);
	int fd;

	CHECK(as(1000, pid, O_RDWR) == EPERM);
	CHECK(as(0, pid, O_RDWR) == 0);
	finish(pid);
	pid = headless(1);
	CHECK(as(1000, pid, O_RDWR) == 0);
	fd = bind_pid(pid, O_RDWR);
	CHECK(write(fd, &rd, sizeof(rd)) == sizeof(rd) && word);
	CHECK(message(fd, PCSTOP, 0, 0) == 0);
	close(fd);
	finish(pid);
}

/* What one can have a program that can do more write is not a pointer into it. */
static void test_deputy(void)
{
	pid_t pid = target(1000, 1), p;
	int status;

	p = fork();
	if (p == 0) {
		uint64_t word;
		struct {
			int64_t code;
			struct ctl_iovec io;
		} rd = { PCREAD,
			 { (uintptr_t)&word, 8, (uintptr_t)&sh->count } };
		int fd;

		/* Opened as somebody, written as root. */
		if (setgroups(0, NULL) < 0 || setresgid(1000, 1000, 1000) < 0 ||
		    setresuid(1000, 1000, 0) < 0)
			_exit(1);
		fd = bind_pid(pid, O_RDWR);
		if (fd < 0 || write(fd, &rd, sizeof(rd)) != sizeof(rd))
			_exit(2);
		if (setresuid(1000, 0, 0) < 0)
			_exit(3);
		if (write(fd, &rd, sizeof(rd)) != -1 || errno != EPERM)
			_exit(4);
		_exit(message(fd, PCNULL, 0, 0) < 0 ? 5 : 0);
	}
	waitpid(p, &status, 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	finish(pid);
}

/* Numbers are those that the opener sees. */
static void test_namespace(void)
{
	int status;
	pid_t p = fork();

	if (p == 0) {
		if (unshare(CLONE_NEWPID) < 0)
			_exit(50);
		p = fork();
		if (p == 0) {
			struct ctl_status st = { .size = sizeof(st) };
			pid_t kid = fork();

			if (kid == 0) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				pause();
			}
			int fd = bind_pid(kid, O_RDWR);

			if (fd < 0 || ioctl(fd, CTL_IOC_STATUS, &st) < 0)
				_exit(51);
			/* Nobody of outside is there. */
			if (bind_pid(500, O_RDWR) != -ENOENT)
				_exit(52);
			_exit(st.pid == kid && st.ppid == 1 ? 0 : 53);
		}
		waitpid(p, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 54);
	}
	waitpid(p, &status, 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "spin"))
		for (;;)
			;
	if (argc > 1 && !strcmp(argv[1], "call"))
		for (;;) {
			syscall(SYS_getpgid, 0);
			usleep(1000);
		}
	if (geteuid() != 0) {
		printf("has to be root\n");
		return 1;
	}
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	(void)argv;
	test_users();
	test_passed();
	test_sent();
	test_user_namespace();
	test_yama();
	test_exec();
	test_followed_exec();
	test_headless();
	test_deputy();
	test_namespace();
	return failures != 0;
}
