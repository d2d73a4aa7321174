/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * grouped COMMAND [ARG...] - execute it in a thousand groups: its
 * /proc/PID/status is longer than others.
 */
#include <grp.h>

#include "tracee.h"

int main(int argc, char **argv)
{
	gid_t v[1000];

	for (unsigned i = 0; i < 1000; i++)
		v[i] = 1000000000 + i;
	if (argc < 2 || setgroups(1000, v) < 0)
		die("setgroups");
	execv(argv[1], argv + 1);
	die(argv[1]);
}
