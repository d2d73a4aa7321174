/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * as_pid PID CMD [ARG...] - run CMD as process number PID, which has to be
 * free; wait for it.  Needs root (clone3 with set_tid).
 */
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tracee.h"

int main(int argc, char **argv)
{
	pid_t want = number(argc, argv, 1, 0);
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&want,
		.set_tid_size = 1,
	};
	int status;
	pid_t pid;

	if (argc < 3)
		return 64;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		die("clone3");
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		die(argv[2]);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
