/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sleepers [MS [breed]] - a thread in each system call that can wait, for ever and,
 * where the call has a time-out, for MS milliseconds again and again.  With breed
 * another one has children that leave at once: each is a SIGCHLD, which is ignored.
 *
 * What ought to happen to them is: nothing.  Each thread notes when its call
 * comes back although it should not (EINTR, too early), and how much too late.
 * On SIGUSR1 the main thread prints a line for each thread
 *
 *	CALL forever|timed n=N eintr=N early=N wrong=N late_ms=N
 *
 * (n: times that the call came back) and "end"; on SIGTERM it leaves.  It waits
 * for signals by reading a signalfd, which itself is not disturbed by a stop.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tracee.h"

#define FOREVER (-1)
/* What a call returns that the kernel does not have or does not allow here. */
#define MISSING (-1000)

static pid_t janitor;
static int sem_id = -1, msg_id = -1;

struct sleeper {
	const char *name;
	int ms; /* or FOREVER */
	/* Wait once; 0, or errno.  ms as above; state is the call's own. */
	int (*call)(int ms, long *state);
	int expect; /* of a time-out */
	unsigned n, eintr, early, wrong;
	double late;
};

/*
 * Seconds that are not too early.  A socket's time-out counts in ticks of up to
 * 10 ms, from the middle of one, and ticks that were late are made up for at
 * once, in a virtual machine that had to wait for its processor.
 */
#define EARLY 0.025

static struct timespec *rel(int ms, struct timespec *ts)
{
	if (ms == FOREVER)
		return NULL;
	ts->tv_sec = ms / 1000;
	ts->tv_nsec = ms % 1000 * 1000000L;
	return ts;
}

static struct timespec *deadline(clockid_t clock, int ms, struct timespec *ts)
{
	if (ms == FOREVER)
		return NULL;
	clock_gettime(clock, ts);
	ts->tv_sec += ms / 1000;
	ts->tv_nsec += ms % 1000 * 1000000L;
	if (ts->tv_nsec >= 1000000000L) {
		ts->tv_nsec -= 1000000000L;
		ts->tv_sec++;
	}
	return ts;
}

static int result(long r)
{
	return r < 0 ? errno : 0;
}

/* -- descriptors ---------------------------------------------------------- */

static int quiet_pipe(long *state)
{
	int fd[2];

	if (!*state) {
		if (pipe(fd) < 0)
			die("pipe");
		*state = fd[0];
	}
	return *state;
}

static int quiet_epoll(long *state)
{
	struct epoll_event ev = { .events = EPOLLIN };
	long fd = 0;

	if (!*state) {
		*state = epoll_create1(0);
		epoll_ctl(*state, EPOLL_CTL_ADD, quiet_pipe(&fd), &ev);
	}
	return *state;
}

static void timeout_set(int fd, int which, int ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	if (ms != FOREVER && setsockopt(fd, SOL_SOCKET, which, &tv, sizeof(tv)) < 0)
		die("setsockopt");
}

static int quiet_socket(int ms, long *state)
{
	int fd[2];

	if (!*state) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0)
			die("socketpair");
		timeout_set(fd[0], SO_RCVTIMEO, ms);
		timeout_set(fd[0], SO_SNDTIMEO, ms);
		*state = fd[0];
	}
	return *state;
}

static int listener(struct sockaddr_un *sun, socklen_t *len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	*len = sizeof(*sun);
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	/* A name of the kernel's choice, in no directory. */
	if (fd < 0 || bind(fd, (void *)sun, sizeof(sa_family_t)) < 0 ||
	    listen(fd, 0) < 0 || getsockname(fd, (void *)sun, len) < 0)
		die("listen");
	return fd;
}

static int epoll_wait_(int ms, long *st)
{
	struct epoll_event ev;

	return result(syscall(SYS_epoll_wait, quiet_epoll(st), &ev, 1, ms));
}

static int epoll_pwait_(int ms, long *st)
{
	struct epoll_event ev;

	return result(syscall(SYS_epoll_pwait, quiet_epoll(st), &ev, 1, ms,
			      NULL, 8));
}

static int epoll_pwait2_(int ms, long *st)
{
	struct epoll_event ev;
	struct timespec ts;
	long r = syscall(SYS_epoll_pwait2, quiet_epoll(st), &ev, 1,
			 rel(ms, &ts), NULL, 8);

	return r < 0 && errno == ENOSYS ? MISSING : result(r);
}

static int poll_(int ms, long *st)
{
	struct pollfd p = { quiet_pipe(st), POLLIN, 0 };

	return result(syscall(SYS_poll, &p, 1, ms));
}

static int ppoll_(int ms, long *st)
{
	struct pollfd p = { quiet_pipe(st), POLLIN, 0 };
	struct timespec ts;

	return result(syscall(SYS_ppoll, &p, 1, rel(ms, &ts), NULL, 8));
}

static int select_(int ms, long *st)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(quiet_pipe(st), &set);
	return result(syscall(SYS_select, *st + 1, &set, NULL, NULL,
			      ms == FOREVER ? NULL : &tv));
}

static int pselect6_(int ms, long *st)
{
	struct timespec ts;
	fd_set set;

	FD_ZERO(&set);
	FD_SET(quiet_pipe(st), &set);
	return result(syscall(SYS_pselect6, *st + 1, &set, NULL, NULL,
			      rel(ms, &ts), NULL));
}

static int read_pipe(int ms, long *st)
{
	char c;

	(void)ms;
	return result(syscall(SYS_read, quiet_pipe(st), &c, 1));
}

static int read_eventfd(int ms, long *st)
{
	uint64_t v;

	(void)ms;
	if (!*st)
		*st = eventfd(0, 0);
	return result(syscall(SYS_read, (int)*st, &v, 8));
}

static int read_timerfd(int ms, long *st)
{
	struct itimerspec its = { 0 };
	uint64_t v;

	if (!*st)
		*st = timerfd_create(CLOCK_MONOTONIC, 0);
	if (rel(ms, &its.it_value))
		timerfd_settime(*st, 0, &its, NULL);
	return result(syscall(SYS_read, (int)*st, &v, 8));
}

/* -- sockets -------------------------------------------------------------- */

static int recvfrom_(int ms, long *st)
{
	char c;

	return result(syscall(SYS_recvfrom, quiet_socket(ms, st), &c, 1, 0,
			      NULL, NULL));
}

static int recvmsg_(int ms, long *st)
{
	char c;
	struct iovec iov = { &c, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	return result(syscall(SYS_recvmsg, quiet_socket(ms, st), &m, 0));
}

static int read_socket(int ms, long *st)
{
	char c;

	return result(syscall(SYS_read, quiet_socket(ms, st), &c, 1));
}

static int write_socket(int ms, long *st)
{
	static char data[1 << 16];
	int fd = quiet_socket(ms, st);

	while (send(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	return result(syscall(SYS_write, fd, data, 1));
}

static int accept_(int ms, long *st)
{
	struct sockaddr_un sun;
	socklen_t len;

	if (!*st) {
		*st = listener(&sun, &len);
		timeout_set(*st, SO_RCVTIMEO, ms);
	}
	return result(syscall(SYS_accept, (int)*st, NULL, NULL));
}

static int connect_(int ms, long *st)
{
	static __thread struct sockaddr_un sun;
	static __thread socklen_t len;

	if (!*st) {
		listener(&sun, &len);
		/* The queue's one place is taken; the next one waits. */
		if (connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&sun,
			    len) < 0)
			die("connect");
		*st = socket(AF_UNIX, SOCK_STREAM, 0);
		timeout_set(*st, SO_SNDTIMEO, ms);
	}
	return result(syscall(SYS_connect, (int)*st, &sun, len));
}

/* -- time, locks, signals -------------------------------------------------- */

static int nanosleep_(int ms, long *st)
{
	struct timespec ts;

	(void)st;
	return result(syscall(SYS_nanosleep, rel(ms, &ts), NULL));
}

static int clock_nanosleep_(int ms, long *st)
{
	struct timespec ts;
	(void)st;
	return result(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0,
			      rel(ms, &ts), NULL));
}

static int clock_nanosleep_abs(int ms, long *st)
{
	struct timespec ts;

	(void)st;
	return result(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC,
			      TIMER_ABSTIME, deadline(CLOCK_MONOTONIC, ms, &ts),
			      NULL));
}

static int futex_(int ms, long *st)
{
	struct timespec ts;

	*(int *)st = 1;
	return result(syscall(SYS_futex, st, FUTEX_WAIT_PRIVATE, 1,
			      rel(ms, &ts)));
}

static int futex_bitset(int ms, long *st)
{
	struct timespec ts;

	*(int *)st = 1;
	return result(syscall(SYS_futex, st, FUTEX_WAIT_BITSET_PRIVATE, 1,
			      deadline(CLOCK_MONOTONIC, ms, &ts), NULL,
			      FUTEX_BITSET_MATCH_ANY));
}

static int flock_(int ms, long *st)
{
	(void)ms;
	if (!*st) {
		char name[] = "/tmp/sleepers.XXXXXX";
		char link[64];
		int fd = mkstemp(name);

		if (fd < 0)
			die("mkstemp");
		unlink(name);
		flock(fd, LOCK_EX);
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		*st = open(link, O_RDWR);
	}
	return result(syscall(SYS_flock, (int)*st, LOCK_EX));
}

static int sigtimedwait_(int ms, long *st)
{
	struct timespec ts;
	sigset_t set;

	(void)st;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return result(syscall(SYS_rt_sigtimedwait, &set, NULL, rel(ms, &ts), 8));
}

static int pause_(int ms, long *st)
{
	(void)ms;
	(void)st;
	return result(syscall(SYS_pause));
}

static int sigsuspend_(int ms, long *st)
{
	sigset_t all;

	(void)ms;
	(void)st;
	sigfillset(&all);
	return result(syscall(SYS_rt_sigsuspend, &all, 8));
}

static int wait4_(int ms, long *st)
{
	int status;

	(void)ms;
	(void)st;
	return result(syscall(SYS_wait4, janitor, &status, 0, NULL));
}

static int waitid_(int ms, long *st)
{
	(void)ms;
	(void)st;
	return result(syscall(SYS_waitid, P_PID, janitor, NULL,
			      WEXITED | WNOWAIT, NULL));
}

/* -- System V, POSIX and asynchronous I/O ----------------------------------- */

static int semop_(int ms, long *st)
{
	struct sembuf op = { 0, -1, 0 };
	struct timespec ts;

	(void)st;
	if (ms == FOREVER)
		return result(syscall(SYS_semop, sem_id, &op, 1));
	return result(syscall(SYS_semtimedop, sem_id, &op, 1, rel(ms, &ts)));
}

static int msgrcv_(int ms, long *st)
{
	struct {
		long type;
		char text[8];
	} m;

	(void)ms;
	(void)st;
	return result(syscall(SYS_msgrcv, msg_id, &m, sizeof(m.text), 0, 0));
}

static int mq_timedreceive_(int ms, long *st)
{
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	struct timespec ts;
	char name[64], buf[8];

	if (!*st) {
		snprintf(name, sizeof(name), "/sleepers-%d-%d", getpid(), ms);
		*st = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
		if (*st < 0)
			return MISSING;
		mq_unlink(name);
	}
	return result(syscall(SYS_mq_timedreceive, (int)*st, buf, sizeof(buf),
			      NULL, deadline(CLOCK_REALTIME, ms, &ts)));
}

static int io_getevents_(int ms, long *st)
{
	struct io_event ev;
	struct timespec ts;
	long r;

	if (!*st && syscall(SYS_io_setup, 1, st) < 0)
		return MISSING;
	r = syscall(SYS_io_getevents, *st, 1, 1, &ev, rel(ms, &ts));
	return result(r);
}

static int io_uring_enter_(int ms, long *st)
{
	struct io_uring_params p = { 0 };

	(void)ms;
	if (!*st) {
		*st = syscall(SYS_io_uring_setup, 1, &p);
		if (*st < 0)
			return MISSING;
	}
	return result(syscall(SYS_io_uring_enter, (int)*st, 0, 1,
			      IORING_ENTER_GETEVENTS, NULL, 0));
}

static struct sleeper sleepers[] = {
#define BOTH(name, call, expect) \
	{ name, FOREVER, call, 0, 0, 0, 0, 0, 0 }, \
		{ name, 0, call, expect, 0, 0, 0, 0, 0 }
#define EVER(name, call) { name, FOREVER, call, 0, 0, 0, 0, 0, 0 }
#define TIMED(name, call, expect) { name, 0, call, expect, 0, 0, 0, 0, 0 }
	BOTH("epoll_wait", epoll_wait_, 0),
	BOTH("epoll_pwait", epoll_pwait_, 0),
	BOTH("epoll_pwait2", epoll_pwait2_, 0),
	BOTH("poll", poll_, 0),
	BOTH("ppoll", ppoll_, 0),
	BOTH("select", select_, 0),
	BOTH("pselect6", pselect6_, 0),
	EVER("read-pipe", read_pipe),
	EVER("read-eventfd", read_eventfd),
	BOTH("read-timerfd", read_timerfd, 0),
	BOTH("recvfrom", recvfrom_, EAGAIN),
	BOTH("recvmsg", recvmsg_, EAGAIN),
	BOTH("read-socket", read_socket, EAGAIN),
	BOTH("write-socket", write_socket, EAGAIN),
	BOTH("accept", accept_, EAGAIN),
	BOTH("connect", connect_, EAGAIN),
	TIMED("nanosleep", nanosleep_, 0),
	TIMED("clock_nanosleep", clock_nanosleep_, 0),
	TIMED("clock_nanosleep-abs", clock_nanosleep_abs, 0),
	BOTH("futex", futex_, ETIMEDOUT),
	BOTH("futex-bitset", futex_bitset, ETIMEDOUT),
	EVER("flock", flock_),
	BOTH("sigtimedwait", sigtimedwait_, EAGAIN),
	EVER("pause", pause_),
	EVER("sigsuspend", sigsuspend_),
	EVER("wait4", wait4_),
	EVER("waitid", waitid_),
	BOTH("semop", semop_, EAGAIN),
	EVER("msgrcv", msgrcv_),
	BOTH("mq_timedreceive", mq_timedreceive_, ETIMEDOUT),
	BOTH("io_getevents", io_getevents_, 0),
	EVER("io_uring_enter", io_uring_enter_),
};
#define COUNT (sizeof(sleepers) / sizeof(*sleepers))

static void *live(void *arg)
{
	struct sleeper *s = arg;
	long state = 0;
	double begin, took;
	int r;

	for (;;) {
		begin = now();
		r = s->call(s->ms, &state);
		took = now() - begin;
		if (r == MISSING) {
			s->ms = 0;
			for (;;)
				sleep(1000);
		}
		if (r == EINTR)
			s->eintr++;
		else if (s->ms == FOREVER || r != s->expect)
			s->wrong++;
		else if (took < s->ms / 1e3 - EARLY)
			s->early++;
		if (s->ms != FOREVER && took - s->ms / 1e3 > s->late)
			s->late = took - s->ms / 1e3;
		__atomic_fetch_add(&s->n, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void report(void)
{
	for (size_t i = 0; i < COUNT; i++) {
		struct sleeper *s = &sleepers[i];

		if (s->ms == 0) {
			printf("%s missing\n", s->name);
			continue;
		}
		printf("%s %s n=%u eintr=%u early=%u wrong=%u late_ms=%.0f\n",
		       s->name, s->ms == FOREVER ? "forever" : "timed", s->n,
		       s->eintr, s->early, s->wrong, s->late * 1e3);
	}
	puts("end");
	fflush(stdout);
}

/* System V objects outlive who made them; so somebody has to outlive us. */
static pid_t janitor_start(void)
{
	int fd[2];
	pid_t pid;
	char c;

	if (pipe(fd) < 0)
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		close(fd[1]);
		while (read(fd[0], &c, 1) < 0 && errno == EINTR)
			;
		semctl(sem_id, 0, IPC_RMID);
		msgctl(msg_id, IPC_RMID, NULL);
		_exit(0);
	}
	close(fd[0]);
	return pid;
}

/* Does every thread but this one sleep? */
static bool all_asleep(void)
{
	DIR *d = opendir("/proc/self/task");
	char path[300], line[512], *p;
	unsigned asleep = 0;
	struct dirent *e;
	FILE *f;

	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "/proc/self/task/%s/stat", e->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		p = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
		asleep += p && p[2] == 'S';
		fclose(f);
	}
	if (d)
		closedir(d);
	return asleep == COUNT;
}

static void *breed(void *arg)
{
	pid_t pid;

	(void)arg;
	for (;;) {
		pid = fork();
		if (pid == 0)
			_exit(0);
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			die("a child");
		usleep(1000);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned ms = number(argc, argv, 1, 1000);
	struct signalfd_siginfo si;
	sigset_t set;
	pthread_t t;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sem_id = semget(IPC_PRIVATE, 1, 0600);
	msg_id = msgget(IPC_PRIVATE, 0600);
	if (sem_id < 0 || msg_id < 0)
		die("semget, msgget");
	janitor = janitor_start();
	for (size_t i = 0; i < COUNT; i++) {
		if (sleepers[i].ms != FOREVER)
			sleepers[i].ms = ms;
		errno = pthread_create(&t, NULL, live, &sleepers[i]);
		if (errno)
			die("pthread_create");
	}
	sigdelset(&set, SIGUSR2);
	fd = signalfd(-1, &set, 0);
	while (!all_asleep())
		usleep(1000);
	if (argc > 2 && (errno = pthread_create(&t, NULL, breed, NULL)))
		die("pthread_create");
	ready();
	while (read(fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGTERM)
			return 0;
		report();
	}
	return 1;
}
