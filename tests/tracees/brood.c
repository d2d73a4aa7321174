/* SPDX-License-Identifier: GPL-2.0-or-later */
/* brood - pass brood:hit(n) two thousand times, and have a child; again and again. */
#include <sys/wait.h>

#include "sdt.h"
#include "tracee.h"

int main(void)
{
	unsigned long n = 0;

	ready();
	for (;;) {
		for (int i = 0; i < 2000; i++, n++)
			SDT_SITE("nop", "brood", "hit", "0", "-8@%0", "r"(n));
		if (fork() == 0)
			_exit(0);
		wait(NULL);
	}
}
