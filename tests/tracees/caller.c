/* SPDX-License-Identifier: GPL-2.0-or-later */
/* caller CALLS [THREADS]: each thread makes CALLS calls of getppid(2). */
#include <pthread.h>
#include <sys/syscall.h>

#include "tracee.h"

static unsigned calls;

static void *work(void *arg)
{
	for (unsigned i = 0; i < calls; i++)
		syscall(SYS_getppid);
	return arg;
}

int main(int argc, char **argv)
{
	unsigned n = number(argc, argv, 2, 1);
	pthread_t t[64];

	calls = number(argc, argv, 1, 10);
	for (unsigned i = 1; i < n && i < 64; i++)
		if (pthread_create(&t[i], NULL, work, NULL) != 0)
			return 1;
	work(NULL);
	for (unsigned i = 1; i < n && i < 64; i++)
		pthread_join(t[i], NULL);
	return 0;
}
