/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tracee.h - what the test targets share.
 *
 * A target prints "ready" when it has got where its test wants it, and tests
 * wait for that line.  It knows nothing of ctltools.
 */
#ifndef TRACEE_H
#define TRACEE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

__attribute__((unused)) static void ready(void)
{
	puts("ready");
	fflush(stdout);
}

__attribute__((unused, noreturn)) static void die(const char *what)
{
	fprintf(stderr, "tracee: %s: %s\n", what, strerror(errno));
	exit(99);
}

__attribute__((unused)) static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* argv[i] as a number, or what it is otherwise. */
__attribute__((unused)) static unsigned number(int argc, char **argv, int i,
					       unsigned otherwise)
{
	return i < argc ? strtoul(argv[i], NULL, 0) : otherwise;
}

#endif
