/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stubborn - ignore every signal that can be ignored, block the rest too. */
#include <signal.h>

#include "tracee.h"

int main(void)
{
	sigset_t set;

	for (int sig = 1; sig < 65; sig++)
		signal(sig, SIG_IGN);
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	ready();
	for (;;)
		sleep(1000);
}
