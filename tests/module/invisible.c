/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * invisible.c - a stop changes nothing that the stopped can see (P2).
 *
 * Children block, each in another system call; 0.3 s later all of them are
 * stopped, for 2 s (times CTL_STRETCH, for a slow machine), and run.  Calls with a time-out of 1 s have to have timed
 * out, not to start over and not to fail with EINTR; calls that wait for
 * something which happens during the stop have to have got it.  No call may
 * return while its thread is stopped, and no SIGCHLD may reach the parent.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dtrace_ctl.h"

/* One second. */
static int S = 1;
static volatile int *go;

struct slot {
	volatile int started, done;
	volatile long result;
	volatile int error;
	volatile double at;
};
static struct slot *slots;
static int sem_id, msg_id, pipe_fd[2], event_fd;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static struct timespec one = { 1, 0 };

static long do_epoll_wait(void)
{
	struct epoll_event ev;

	return epoll_wait(epoll_create1(0), &ev, 1, 1000 * S);
}
static long do_poll(void)
{
	return poll(NULL, 0, 1000 * S);
}
static long do_ppoll(void)
{
	return ppoll(NULL, 0, &one, NULL);
}
static long do_select(void)
{
	struct timeval tv = { S, 0 };

	return select(0, NULL, NULL, NULL, &tv);
}
static long do_nanosleep(void)
{
	return nanosleep(&one, NULL);
}
static long do_clock_nanosleep(void)
{
	return syscall(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &one, NULL);
}
static long do_semtimedop(void)
{
	struct sembuf s = { 0, -1, 0 };

	return semtimedop(sem_id, &s, 1, &one);
}
static long do_semop(void)
{
	struct sembuf s = { 1, -1, 0 };

	return semop(sem_id, &s, 1);
}
static long do_msgrcv(void)
{
	struct {
		long type;
		char text[8];
	} m;

	return msgrcv(msg_id, &m, sizeof(m.text), 0, 0);
}
static long do_sigtimedwait(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return sigtimedwait(&set, NULL, &one);
}
static long do_io_getevents(void)
{
	aio_context_t ctx = 0;
	struct io_event ev;

	if (syscall(SYS_io_setup, 1, &ctx) < 0)
		return -2;
	return syscall(SYS_io_getevents, ctx, 1, 1, &ev, &one);
}
static long do_futex(void)
{
	static int word = 1;

	return syscall(SYS_futex, &word, FUTEX_WAIT, 1, &one, NULL, 0);
}
static long do_recv(void)
{
	struct timeval tv = { S, 0 };
	int sv[2];
	char c;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) < 0)
		return -2;
	setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return recv(sv[0], &c, 1, 0);
}
static long do_pipe(void)
{
	char c;

	return read(pipe_fd[0], &c, 1);
}
static long do_eventfd(void)
{
	uint64_t v;

	return read(event_fd, &v, sizeof(v));
}

static const struct {
	const char *name;
	long (*fn)(void);
	long result;
	int error;
} calls[] = {
	{ "epoll_wait", do_epoll_wait, 0, 0 },
	{ "poll", do_poll, 0, 0 },
	{ "ppoll", do_ppoll, 0, 0 },
	{ "select", do_select, 0, 0 },
	{ "nanosleep", do_nanosleep, 0, 0 },
	{ "clock_nanosleep", do_clock_nanosleep, 0, 0 },
	{ "semtimedop", do_semtimedop, -1, EAGAIN },
	{ "semop", do_semop, 0, 0 },
	{ "msgrcv", do_msgrcv, 8, 0 },
	{ "sigtimedwait", do_sigtimedwait, -1, EAGAIN },
	{ "io_getevents", do_io_getevents, 0, 0 },
	{ "futex", do_futex, -1, ETIMEDOUT },
	{ "recv", do_recv, -1, EAGAIN },
	{ "read of a pipe", do_pipe, 1, 0 },
	{ "read of an eventfd", do_eventfd, 8, 0 },
};
#define N (sizeof(calls) / sizeof(calls[0]))

static volatile sig_atomic_t chld;

static void on_chld(int sig)
{
	(void)sig;
	chld++;
}

static int message(int fd, int64_t code, int64_t operand, size_t size)
{
	int64_t m[2] = { code, operand };

	return write(fd, m, 8 + size) == (ssize_t)(8 + size) ? 0 : -errno;
}

static void sleep_until(double t)
{
	while (now() < t)
		usleep(5000);
}

static void happen(void)
{
	struct sembuf s = { 1, 1, 0 };
	struct {
		long type;
		char text[8];
	} m = { 1, "message" };
	uint64_t v = 1;

	if (semop(sem_id, &s, 1) < 0 || msgsnd(msg_id, &m, 8, 0) < 0 ||
	    write(pipe_fd[1], "x", 1) != 1 || write(event_fd, &v, 8) != 8)
		perror("what they wait for");
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_chld };
	int fd[N], bad = 0, status;
	pid_t pid[N];
	double began, run;
	size_t i;

	if (getenv("CTL_STRETCH"))
		S = atoi(getenv("CTL_STRETCH"));
	one.tv_sec = S;
	slots = mmap(NULL, (N + 1) * sizeof(*slots), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	go = &slots[N].started;
	sem_id = semget(IPC_PRIVATE, 2, 0600);
	msg_id = msgget(IPC_PRIVATE, 0600);
	event_fd = eventfd(0, 0);
	if (sem_id < 0 || msg_id < 0 || event_fd < 0 || pipe(pipe_fd) < 0) {
		perror("set-up");
		return 1;
	}
	sigaction(SIGCHLD, &sa, NULL);
	for (i = 0; i < N; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			slots[i].started = 1;
			while (!*go)
				usleep(1000);
			slots[i].result = calls[i].fn();
			slots[i].error = slots[i].result < 0 ? errno : 0;
			slots[i].at = now();
			slots[i].done = 1;
			pause();
		}
	}
	for (i = 0; i < N; i++) {
		struct ctl_bind b = { .pidfd = -1, .pid = pid[i] };

		fd[i] = open("/dev/dtrace_ctl", O_RDWR);
		if (fd[i] < 0 || ioctl(fd[i], CTL_IOC_BIND, &b) < 0) {
			perror("/dev/dtrace_ctl");
			return 1;
		}
		while (!slots[i].started)
			usleep(1000);
	}
	*go = 1;
	began = now();
	sleep_until(began + 0.3 * S);
	for (i = 0; i < N; i++)
		if (message(fd[i], PCDSTOP, 0, 0) < 0)
			perror("PCDSTOP");
	for (i = 0; i < N; i++)
		if (message(fd[i], PCWSTOP, 0, 0) < 0)
			perror("PCWSTOP");
	if (now() - began > 0.9 * S)
		printf("(slow machine: %.1f s to stop)\n", now() - began);
	sleep_until(began + 1.5 * S);
	happen();
	sleep_until(began + 2.3 * S);
	for (i = 0; i < N; i++)
		if (slots[i].done) {
			printf("%s: returned while stopped\n", calls[i].name);
			bad = 1;
		}
	if (chld || waitpid(-1, &status, WNOHANG | WUNTRACED) > 0) {
		printf("the parent was told of the stop\n");
		bad = 1;
	}
	run = now();
	for (i = 0; i < N; i++)
		if (message(fd[i], PCRUN, 0, 8) < 0) {
			printf("%s: PCRUN: %s\n", calls[i].name,
			       strerror(errno));
			bad = 1;
		}
	for (i = 0; i < N; i++) {
		while (!slots[i].done && now() < run + 5)
			usleep(1000);
		if (!slots[i].done) {
			printf("%s: did not return\n", calls[i].name);
			bad = 1;
			continue;
		}
		if (slots[i].result != calls[i].result ||
		    slots[i].error != calls[i].error) {
			printf("%s: returned %ld, %s\n", calls[i].name,
			       slots[i].result, strerror(slots[i].error));
			bad = 1;
		}
		/* A time-out that started over would take another 1 s. */
		if (slots[i].at > run + 0.6 * S) {
			printf("%s: returned %.2f s after the run\n",
			       calls[i].name, slots[i].at - run);
			bad = 1;
		}
	}
	if (chld) {
		printf("the parent got SIGCHLD\n");
		bad = 1;
	}
	signal(SIGCHLD, SIG_DFL);
	for (i = 0; i < N; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	semctl(sem_id, 0, IPC_RMID);
	msgctl(msg_id, IPC_RMID, NULL);
	return bad;
}
