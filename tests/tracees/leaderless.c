/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * leaderless - its main thread ends; another opens "/a/leader's/will" again and
 * again, and has printed "ADDRESS" of that string.
 */
#include <fcntl.h>
#include <pthread.h>

#include "tracee.h"

static const char will[] = "/a/leader's/will";

static void *heir(void *arg)
{
	pthread_join(*(pthread_t *)arg, NULL);
	printf("%p\n", (const void *)will);
	ready();
	for (;;) {
		if (open(will, O_RDONLY) >= 0)
			die(will);
		usleep(1000);
	}
	return NULL;
}

int main(void)
{
	static pthread_t self, t;

	self = pthread_self();
	errno = pthread_create(&t, NULL, heir, &self);
	if (errno)
		die("pthread_create");
	pthread_exit(NULL);
}
