/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * forkstorm N SECONDS - for so long, or until SIGUSR1 comes, have N processes
 * that each fork, vfork and exec children which at once exit with a status of
 * their own.  Then print "done CHILDREN" and exit with 0; or with 1 if a
 * child's status was wrong.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tracee.h"

static unsigned long *children; /* shared: how many, and whether it is over */

static void finish(int sig)
{
	(void)sig;
	__atomic_store_n(&children[1], 1, __ATOMIC_RELAXED);
}

static int over(double end)
{
	return __atomic_load_n(&children[1], __ATOMIC_RELAXED) || now() >= end;
}

static int once(unsigned long i, char *self)
{
	int want = i % 100, status;
	char arg[16];
	pid_t pid;

	snprintf(arg, sizeof(arg), "%d", want);
	pid = i % 3 ? fork() : vfork();
	if (pid < 0)
		return errno == EAGAIN ? 0 : -1;
	if (pid == 0) {
		if (i % 3 == 2)
			_exit(want);
		execl(self, self, "exit", arg, NULL);
		_exit(101);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	__atomic_fetch_add(children, 1, __ATOMIC_RELAXED);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != want) {
		fprintf(stderr, "forkstorm: child %lu: status %#x, not exit %d\n",
			i, status, want);
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	double end;
	unsigned n;
	int status, bad = 0;

	if (argc > 2 && !strcmp(argv[1], "exit"))
		_exit(atoi(argv[2]));
	n = number(argc, argv, 1, 4);
	end = now() + number(argc, argv, 2, 2);
	children = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (children == MAP_FAILED)
		die("mmap");
	signal(SIGUSR1, finish);
	ready();
	for (unsigned i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0) {
			for (unsigned long k = i; !over(end); k++)
				if (once(k, argv[0]) < 0)
					_exit(1);
			_exit(0);
		}
	}
	while (n--) {
		if (wait(&status) < 0) {
			if (errno != EINTR)
				die("wait");
			n++;
			continue;
		}
		if (status)
			bad = 1;
	}
	printf("done %lu\n", *children);
	return bad;
}
