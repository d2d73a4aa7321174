/* SPDX-License-Identifier: GPL-2.0-or-later */
/* secret - a process that may not be traced: not dumpable. */
#include <sys/prctl.h>

#include "tracee.h"

int main(void)
{
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		die("prctl");
	ready();
	for (;;)
		pause();
}
