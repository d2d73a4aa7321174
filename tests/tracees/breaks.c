/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * breaks - run into breakpoints of its own, again and again.  Prints "lost" when
 * the handler was not called for one.
 */
#include <signal.h>

#include "tracee.h"

static volatile unsigned long handled;

static void handler(int sig)
{
	(void)sig;
	handled++;
}

int main(void)
{
	/* Of a trap while it is blocked the kernel makes a fatal one. */
	struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_NODEFER };
	unsigned long n = 0;

	sigaction(SIGTRAP, &sa, NULL);
	ready();
	for (;;) {
		__asm__ volatile("int3" ::: "memory");
		if (handled != ++n) {
			printf("lost\n");
			fflush(stdout);
			n = handled;
		}
	}
}
