/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fault WHAT - on SIGUSR1 commit WHAT: bpt, ill, izdiv, bounds, access.  A
 * handler prints "fault SIGNAL", once, and goes on behind the culprit.
 */
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#include "tracee.h"

static sigjmp_buf behind;

static void handler(int sig)
{
	siglongjmp(behind, sig);
}

static void commit(const char *what)
{
	static volatile int zero;
	static char *volatile nowhere = (char *)16;
	char *page;

	if (!strcmp(what, "bpt")) {
		__asm__ volatile("int3");
	} else if (!strcmp(what, "ill")) {
		__asm__ volatile("ud2");
	} else if (!strcmp(what, "izdiv")) {
		__asm__ volatile("movl $1, %%eax; cltd; idivl %0" ::"m"(zero)
				 : "eax", "edx");
	} else if (!strcmp(what, "bounds")) {
		*nowhere = 1;
	} else {
		page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
		*(volatile char *)page = 1;
	}
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = handler };
	static const int sigs[] = { SIGTRAP, SIGILL, SIGFPE, SIGSEGV, SIGBUS };
	sigset_t set;
	int sig;

	if (argc < 2)
		return 64;
	for (size_t i = 0; i < sizeof(sigs) / sizeof(*sigs); i++)
		sigaction(sigs[i], &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	ready();
	for (;;) {
		while (sigwait(&set, &sig) != 0)
			;
		sig = sigsetjmp(behind, 1);
		if (sig == 0) {
			commit(argv[1]);
			puts("no fault");
		} else {
			printf("fault %s\n", sigabbrev_np(sig));
		}
		fflush(stdout);
	}
}
