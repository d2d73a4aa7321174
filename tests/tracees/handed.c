/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handed MS - makes calls from its first moment on, for so long: each thread
 * closes descriptors 1000001, 1000002, ..., and who reaches the end says so:
 *
 *	calls TID N		TID has made N of them
 *	sleeps TID NAME		... and between the two of them slept, in one call
 *	first TRACER, last TRACER	who traced the first child and the last
 *
 * All the time children are born and die: forked, with a thread; by vfork and
 * exec; killed; and with an exec by a thread that is not the first.  "handed
 * child US" is one that was executed.
 *
 * handed execs MS - a few processes that do nothing but that: exec, each time by a
 * thread that is not the first.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tracee.h"

#define WORKERS 3
#define MARK 1000000

static double end;
static int never[2]; /* a pipe: closed at the end */

static pid_t self(void)
{
	return syscall(SYS_gettid);
}

static void on_signal(int sig)
{
	(void)sig;
}

/* Calls, some computing in between, now and then a signal. */
static unsigned numbered(double until, unsigned most)
{
	volatile unsigned work;
	unsigned n = 0;

	do {
		syscall(SYS_close, MARK + ++n);
		for (work = 0; work < n % 16 * 200; work++)
			;
		if (n % 64 == 0)
			syscall(SYS_tgkill, getpid(), self(), SIGUSR1);
	} while (n < most && now() < until);
	return n;
}

static void tell(unsigned n)
{
	dprintf(1, "calls %d %u\n", self(), n);
}

static void *work(void *arg)
{
	tell(numbered(end, ~0U));
	return arg;
}

static void *some(void *arg)
{
	tell(numbered(end, 40));
	return arg;
}

static void start(pthread_t *t, void *(*f)(void *))
{
	errno = pthread_create(t, NULL, f, NULL);
	if (errno)
		die("pthread_create");
}

static void sleeps(const char *how)
{
	dprintf(1, "sleeps %d %s\n", self(), how);
	tell(2);
}

static void *sleep_in_read(void *arg)
{
	char c;

	syscall(SYS_close, MARK + 1);
	if (read(never[0], &c, 1) != 0)
		die("read");
	syscall(SYS_close, MARK + 2);
	sleeps("read");
	return arg;
}

static void *sleep_for_time(void *arg)
{
	struct timespec t = { 0, 60000000 };

	syscall(SYS_close, MARK + 1);
	if (syscall(SYS_nanosleep, &t, NULL) < 0)
		die("nanosleep");
	syscall(SYS_close, MARK + 2);
	sleeps("nanosleep");
	return arg;
}

static char us[16];
static char *again[] = { (char *)"handed", (char *)"child", us, NULL };

/* (Its call after a time without one is the exec.) */
static void *become(void *arg)
{
	double until;

	numbered(end, 5);
	for (until = now() + 0.0005; now() < until;)
		;
	execv("/proc/self/exe", again);
	die("exec");
	return arg;
}

/* The time that is left, in ms, as the argument of the next. */
static void *pass_on(void *arg)
{
	double began = now();
	char left[16], *argv[] = { (char *)"handed", (char *)"exec", left, NULL };

	while (now() < began + 0.001)
		;
	snprintf(left, sizeof(left), "%.0f", (end - now()) * 1e3);
	if (now() < end)
		execv("/proc/self/exe", argv);
	_exit(0);
	return arg;
}

static void execs(void)
{
	pthread_t t;

	start(&t, pass_on);
	for (;;)
		pause();
}

static void tracer(const char *when)
{
	char line[128];
	FILE *f;

	f = fopen("/proc/self/status", "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "TracerPid:", 10))
			dprintf(1, "%s %d\n", when, atoi(line + 10));
}

static void child(unsigned kind)
{
	pthread_t t;

	switch (kind) {
	case 0:
		start(&t, some);
		tell(numbered(end, 40));
		pthread_join(t, NULL);
		break;
	case 1:
		numbered(now() + 10, ~0U); /* is killed */
		break;
	default:
		start(&t, become);
		numbered(now() + 10, ~0U);
	}
	_exit(0);
}

static pid_t execute(void)
{
	pid_t pid = vfork();

	if (!pid) {
		execv("/proc/self/exe", again);
		_exit(98);
	}
	return pid;
}

static void *nurse(void *arg)
{
	struct timespec moment = { 0, 300000 };
	unsigned kind = 0;
	pid_t pid;

	do {
		pid = kind % 4 == 3 ? execute() : fork();
		if (pid < 0)
			die("fork");
		if (!pid)
			child(kind % 4);
		if (kind++ % 4 == 1) {
			nanosleep(&moment, NULL);
			kill(pid, SIGKILL);
		}
		while (waitpid(pid, NULL, 0) < 0)
			if (errno != EINTR)
				die("waitpid");
	} while (now() < end);
	return arg;
}

static void look(const char *when)
{
	pid_t pid = fork();

	if (!pid) {
		tracer(when);
		_exit(0);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	pthread_t worker[WORKERS], sleeper[2], nursing;
	int i;

	sigaction(SIGUSR1, &sa, NULL);
	if (argc > 2 && !strncmp(argv[1], "exec", 4)) {
		end = now() + number(argc, argv, 2, 0) / 1e3;
		for (i = 0; !strcmp(argv[1], "execs") && i < 5; i++)
			if (!fork())
				execs();
		if (!i)
			execs();
		while (wait(NULL) > 0)
			;
		ready();
		return 0;
	}
	if (argc > 2) {
		tell(numbered(now() + number(argc, argv, 2, 0) / 1e6, ~0U));
		return 0;
	}
	dprintf(1, "begun %d\n", getpid());
	end = now() + number(argc, argv, 1, 200) / 1e3;
	snprintf(us, sizeof(us), "500");
	if (pipe2(never, O_CLOEXEC) < 0)
		die("pipe");
	start(&sleeper[0], sleep_in_read);
	start(&sleeper[1], sleep_for_time);
	look("first");
	for (i = 0; i < WORKERS; i++)
		start(&worker[i], work);
	start(&nursing, nurse);
	tell(numbered(end, ~0U));
	for (i = 0; i < WORKERS; i++)
		pthread_join(worker[i], NULL);
	pthread_join(nursing, NULL);
	look("last");
	close(never[1]);
	for (i = 0; i < 2; i++)
		pthread_join(sleeper[i], NULL);
	ready();
	return 0;
}
