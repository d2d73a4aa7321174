/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probed THREADS COUNT USLEEP [fork|forktell|vfork|exec] - passes its probes
 * COUNT times in each thread and says "done", how often test:hit and
 * test:guarded were passed, and how many children saw the semaphore up; with
 * COUNT 0, until SIGTERM.  It begins at once, or, with PROBED_WAIT in the
 * environment, at SIGUSR1.  With PROBED_BROOD=n it has n children that do
 * nothing; those of forktell say "passed".
 *
 *	test:hit(int i, const char *name, double half)		one-byte nop
 *	test:wide(int i)		nop of five bytes; two sites, the second
 *					with its argument in another place
 *	test:ten()			nop of ten bytes
 *	test:guarded(long i)		only while its semaphore is not 0
 *	test:imm()			constants
 *	test:global(int)		a variable of the program
 *	test:lost(int, ?, int)		one argument that cannot be had
 *	test:odd()			not a nop: cannot be enabled
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "sdt.h"
#include "tracee.h"

SDT_SEMAPHORE(guarded_semaphore);
int a_global = 77;

static unsigned count, nap;
static volatile sig_atomic_t stop, begin;
static unsigned long passed, passed_guarded;
static unsigned long raised; /* children that saw the semaphore up */
static const char *mode = "";

static __attribute__((noinline)) void pass(int i)
{
	static const char *const names[] = { "ada", "brian", "dennis", "ken" };
	const char *name = names[i & 3];
	double half = i / 2.0;

	SDT_SITE("nop", "test", "hit", "0", "-4@%0 8@%1 8f@%2", "r"(i),
		 "r"(name), "x"(half));
	SDT_SITE(".byte 0x0f,0x1f,0x44,0x00,0x00", "test", "wide", "0", "-4@%0",
		 "r"(i));
	if (i & 1)
		SDT_SITE(".byte 0x0f,0x1f,0x44,0x00,0x00", "test", "wide", "0",
			 "-4@%0", "m"(i));
	SDT_SITE(".byte 0x66,0x2e,0x0f,0x1f,0x84,0,0,0,0,0", "test", "ten", "0",
		 "", "r"(i));
	SDT_SITE("nop", "test", "imm", "0", "-4@$-5 8@$0x7fffffffffffffff",
		 "r"(i));
	SDT_SITE("nop", "test", "global", "0", "-4@a_global(%%rip)", "r"(i));
	SDT_SITE("nop", "test", "lost", "0", "-4@%0 8f@.LC9(%%rip) -4@%0",
		 "r"(i));
	SDT_SITE("addl $0, %0", "test", "odd", "0", "", "r"(i));
	if (guarded_semaphore) {
		long l = -i;

		SDT_SITE("nop", "test", "guarded", "guarded_semaphore", "-8@%0",
			 "r"(l));
		__atomic_add_fetch(&passed_guarded, 1, __ATOMIC_RELAXED);
	}
	__atomic_add_fetch(&passed, 1, __ATOMIC_RELAXED);
}

/* A child passes them once more, by itself. */
static void beget(int i)
{
	char *argv[] = { "true", NULL };
	pid_t pid;

	if (!strncmp(mode, "fork", 4))
		pid = fork();
	else if (!strcmp(mode, "vfork"))
		pid = vfork();
	else
		return;
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		SDT_SITE("nop", "test", "child", "0", "-4@%0", "r"(i));
		if (!strncmp(mode, "fork", 4)) {
			pass(i);
			if (mode[4] && write(1, "passed\n", 7) != 7)
				_exit(5);
			_exit(guarded_semaphore != 0);
		}
		execv("/bin/true", argv);
		_exit(4);
	}
	int status;

	while (waitpid(pid, &status, 0) < 0)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
		__atomic_add_fetch(&raised, 1, __ATOMIC_RELAXED);
	else if (status)
		_exit(98);
}

static void *loop(void *arg)
{
	for (unsigned i = 0; (!count || i < count) && !stop; i++) {
		pass(i);
		beget(i);
		if (nap)
			usleep(nap);
	}
	return arg;
}

static void make_brood(void)
{
	const char *n = getenv("PROBED_BROOD");

	for (int i = n ? atoi(n) : 0; i > 0; i--)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
	unsetenv("PROBED_BROOD");
}

static void on_signal(int sig)
{
	if (sig == SIGTERM)
		stop = 1;
	else
		begin = 1;
}

int main(int argc, char **argv)
{
	unsigned nthreads = number(argc, argv, 1, 1);
	pthread_t t[64];

	count = number(argc, argv, 2, 0);
	nap = number(argc, argv, 3, 1000);
	mode = argc > 4 ? argv[4] : "";
	signal(SIGTERM, on_signal);
	signal(SIGUSR1, on_signal);
	make_brood();
	ready();
	while (getenv("PROBED_WAIT") && !begin)
		usleep(1000);
	unsetenv("PROBED_WAIT");
	if (nthreads > 64)
		nthreads = 64;
	for (unsigned i = 1; i < nthreads; i++)
		pthread_create(&t[i], NULL, loop, NULL);
	loop(NULL);
	for (unsigned i = 1; i < nthreads; i++)
		pthread_join(t[i], NULL);
	printf("done %lu %lu %lu\n", passed, passed_guarded, raised);
	fflush(stdout);
	if (!strcmp(mode, "exec")) {
		char *again[] = { argv[0], "1", "50", "1000", NULL };

		execv("/proc/self/exe", again);
		die("exec");
	}
	return 0;
}
