/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spin [CALLS] - run in user mode; with CALLS 1 make a system call (getppid)
 * again and again instead. */
#include <sys/syscall.h>

#include "tracee.h"

int main(int argc, char **argv)
{
	unsigned calls = number(argc, argv, 1, 0);
	volatile unsigned long n = 0;

	ready();
	for (;;) {
		n++;
		if (calls)
			syscall(SYS_getppid);
	}
}
