/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * execer HOW CMD [ARG...] - on SIGUSR1 execute CMD: HOW is "main" (the main
 * thread does it) or "thread" (another one does, while several more exist).
 */
#include <pthread.h>
#include <signal.h>

#include "tracee.h"

static char **command;

static void *idle(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *wait_and_exec(void *arg)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	ready();
	while (sigwait(&set, &sig) != 0)
		;
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	execvp(command[0], command);
	die(command[0]);
	return arg;
}

int main(int argc, char **argv)
{
	sigset_t set;
	pthread_t t;

	if (argc < 3)
		return 64;
	command = argv + 2;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (strcmp(argv[1], "thread") != 0)
		wait_and_exec(NULL);
	for (int i = 0; i < 5; i++) {
		errno = pthread_create(&t, NULL, i == 3 ? wait_and_exec : idle,
				       NULL);
		if (errno)
			die("pthread_create");
	}
	idle(NULL);
}
