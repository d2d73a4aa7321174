/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * threads N [work|churn] - N threads besides the main one.  They sleep; with
 * "work" they sleep in small pieces and compute between; with "churn" each
 * lives for a moment and is replaced by a new one.  Where CTL_SLOW is set, as in
 * an emulated machine, "work" is less: 500 of them would leave nothing to others.
 */
#include <pthread.h>
#include <semaphore.h>

#include "tracee.h"

static sem_t there;
static int work, churn, slow;

static void *live(void *arg)
{
	struct timespec piece = { 0, work && slow ? 250000000 : 10000000 };
	volatile unsigned n = 0;

	sem_post(&there);
	while (work || churn) {
		for (int i = 0; i < 1000; i++)
			n++;
		nanosleep(&piece, NULL);
		if (churn)
			return arg;
	}
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	unsigned n = number(argc, argv, 1, 1);
	pthread_attr_t attr;
	pthread_t t;

	work = argc > 2 && !strcmp(argv[2], "work");
	churn = argc > 2 && !strcmp(argv[2], "churn");
	slow = getenv("CTL_SLOW") != NULL;
	sem_init(&there, 0, 0);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (unsigned i = 0; i < n; i++) {
		errno = pthread_create(&t, &attr, live, NULL);
		if (errno)
			die("pthread_create");
	}
	for (unsigned i = 0; i < n; i++)
		while (sem_wait(&there) < 0)
			;
	ready();
	while (churn) {
		errno = pthread_create(&t, &attr, live, NULL);
		if (errno && errno != EAGAIN)
			die("pthread_create");
		while (sem_wait(&there) < 0)
			;
	}
	for (;;)
		pause();
}
