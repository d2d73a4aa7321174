/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * late.so - to be preloaded into the keeper: of a birth it hears by the child
 * first, and by the parent LATE_MS later, as when that one is kept off its CPU.
 */
#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LATE_MS 200

static pid_t parent; /* 0: none is late */
static int word;
static long due;

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000L + ts.tv_nsec / 1000000L;
}

/* The keeper shall ask again then. */
static void call_later(void)
{
	static const struct itimerspec in = {
		.it_value = { 0, (LATE_MS + 1) * 1000000L }
	};
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL,
			       .sigev_signo = SIGCHLD };
	timer_t timer;

	due = now_ms() + LATE_MS;
	if (timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0)
		timer_settime(timer, 0, &in, NULL);
}

pid_t wait4(pid_t pid, int *status, int flags, struct rusage *ru)
{
	pid_t got;
	int event;

	if (parent && now_ms() >= due) {
		got = parent;
		parent = 0;
		*status = word;
		return got;
	}
	do {
		got = syscall(SYS_wait4, pid, status, flags, ru);
		event = got > 0 && WIFSTOPPED(*status) ? *status >> 16 : 0;
		if (parent || (event != PTRACE_EVENT_FORK &&
			       event != PTRACE_EVENT_CLONE))
			return got;
		parent = got;
		word = *status;
		call_later();
	} while (1);
}
