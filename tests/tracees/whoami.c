/* SPDX-License-Identifier: GPL-2.0-or-later */
/* whoami - print the real and effective user, then sleep.  Tests make it
 * set-user-ID. */
#include "tracee.h"

int main(void)
{
	printf("uid %u euid %u\n", getuid(), geteuid());
	ready();
	for (;;)
		pause();
}
