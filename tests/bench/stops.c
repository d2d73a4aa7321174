/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stops [-n] CMD... - the least that a tracer by ptrace(2) can do: it follows
 * CMD and its children, stops them at both ends of each system call, and looks
 * at nothing.  -n: not at calls.  What no such tracer can undercut.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int first = argc > 1 && !strcmp(argv[1], "-n") ? 2 : 1, go[2], status, sig;
	long run = first == 2 ? PTRACE_CONT : PTRACE_SYSCALL;
	pid_t pid, command;

	if (argc <= first || pipe(go) < 0) {
		fprintf(stderr, "usage: stops [-n] CMD...\n");
		return 64;
	}
	command = fork();
	if (command == 0) {
		close(go[1]);
		if (read(go[0], &sig, 1) == 0)
			execvp(argv[first], argv + first);
		_exit(127);
	}
	if (command < 0 ||
	    ptrace(PTRACE_SEIZE, command, 0,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			   PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
			   PTRACE_O_EXITKILL) < 0) {
		perror("stops");
		return 1;
	}
	/* From here on, with the first call that it makes. */
	ptrace(PTRACE_INTERRUPT, command, 0, 0);
	close(go[0]);
	close(go[1]);
	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (pid < 0 || !WIFSTOPPED(status))
			continue;
		sig = WSTOPSIG(status);
		if (status >> 16 || sig == (SIGTRAP | 0x80))
			sig = 0;
		ptrace(run, pid, 0, sig);
	}
	return 0;
}
