/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * values - at SIGUSR1, and then no more, passes odd:value(double, float,
 * const char *) with numbers that are none, infinite and negative, a text that
 * is no UTF-8, the same as UTF-8 and one that is longer than is read of it.
 */
#include <math.h>
#include <signal.h>

#include "sdt.h"
#include "tracee.h"

static __attribute__((noinline)) void pass(double d, float f, const char *s)
{
	SDT_SITE("nop", "odd", "value", "0", "8f@%0 4f@%1 8@%2", "x"(d), "x"(f),
		 "r"(s));
}

int main(void)
{
	static char text[5000];
	sigset_t set;
	int sig;

	memset(text, 'x', sizeof(text) - 1);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	ready();
	sigwait(&set, &sig);
	pass(1.5, 1.5F, "caf\xe9");
	pass(-1.5, -0.25F, "caf\xc3\xa9");
	pass(NAN, NAN, "");
	pass(INFINITY, INFINITY, "a\"b\\c");
	pass(-INFINITY, -INFINITY, text);
	return 0;
}
