/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cloner vfork|sigchld - on SIGUSR1 make a thread as few do: the kernel tells a
 * tracer of it as of a process.  vfork: the main thread waits until it is gone;
 * sigchld: it has the exit signal of a process.
 */
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

#include "tracee.h"

static char stack[65536] __attribute__((aligned(16)));

/* In the TLS of the main thread: no libc. */
static int nap(void *arg)
{
	static const struct timespec ts = { .tv_nsec = 1000000 };
	long r;

	(void)arg;
	for (;;)
		__asm__ volatile("syscall"
				 : "=a"(r)
				 : "0"(SYS_nanosleep), "D"(&ts), "S"(0)
				 : "rcx", "r11", "memory");
	return 0;
}

int main(int argc, char **argv)
{
	int flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, sig;
	sigset_t set;

	if (argc != 2)
		return 64;
	flags |= strcmp(argv[1], "vfork") == 0 ? CLONE_VFORK : SIGCHLD;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	ready();
	while (sigwait(&set, &sig) != 0)
		;
	if (clone(nap, stack + sizeof(stack), flags, NULL) < 0)
		die("clone");
	for (;;)
		pause();
}
