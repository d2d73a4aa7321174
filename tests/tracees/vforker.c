/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vforker - vfork a child that stays in the parent's memory until SIGUSR1
 * comes to it (it prints "child PID"), then exits with 7; print "vfork 7" and
 * stay.
 */
#include <signal.h>
#include <sys/wait.h>

#include "tracee.h"

int main(void)
{
	int status, sig;
	sigset_t set;
	char line[32];
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = vfork();
	if (pid < 0)
		die("vfork");
	if (pid == 0) {
		int n = snprintf(line, sizeof(line), "child %d\nready\n",
				 getpid());

		if (write(1, line, n) != n)
			_exit(98);
		while (sigwait(&set, &sig) != 0)
			;
		_exit(7);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid");
	printf("vfork %d\n", WEXITSTATUS(status));
	fflush(stdout);
	for (;;)
		pause();
}
