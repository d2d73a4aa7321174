/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handlers - have handlers for SIGUSR1, SIGUSR2, SIGHUP, SIGCONT and SIGCHLD,
 * and print a line for each that ran: "got SIGNAL COUNT".
 */
#include <signal.h>
#include <sys/select.h>

#include "tracee.h"

static const int caught[] = { SIGUSR1, SIGUSR2, SIGHUP, SIGCONT, SIGCHLD };
static volatile sig_atomic_t count[65];

static void handler(int sig)
{
	count[sig]++;
}

int main(void)
{
	struct sigaction sa = { .sa_handler = handler };
	int told[65] = { 0 };
	sigset_t set, old;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(caught) / sizeof(*caught); i++) {
		sigaddset(&set, caught[i]);
		sigaction(caught[i], &sa, NULL);
	}
	sigprocmask(SIG_BLOCK, &set, &old);
	ready();
	for (;;) {
		for (int sig = 1; sig < 65; sig++)
			while (told[sig] < count[sig])
				printf("got %s %d\n", sigabbrev_np(sig),
				       ++told[sig]);
		fflush(stdout);
		/* Signals come here and nowhere else. */
		pselect(0, NULL, NULL, NULL, NULL, &old);
	}
}
