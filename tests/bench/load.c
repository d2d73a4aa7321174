/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load CASE N - make N events and print the nanoseconds that each took, to
 * standard error: what a tracer adds shows as the difference to a run without.
 *
 * load clock - the time in ns, for where date(1) has none.
 *
 * load stalls N - N threads for three seconds, "ready" when they are there; how
 * long the longest pause was of one that never sleeps, in ns: the main thread.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../tracees/sdt.h"

SDT_SEMAPHORE(guarded_semaphore);
static long count;

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void *ppids(void *arg)
{
	long i;

	(void)arg;
	for (i = 0; i < count; i++)
		syscall(SYS_getppid);
	return NULL;
}

/* USDT: bench:pass(long i), and bench:guarded() behind its semaphore. */
static __attribute__((noinline)) void pass(long i)
{
	SDT_SITE("nop", "bench", "pass", "0", "-8@%0", "nor"(i));
}

static __attribute__((noinline)) void guarded(long i)
{
	if (guarded_semaphore)
		SDT_SITE("nop", "bench", "guarded", "guarded_semaphore",
			 "-8@%0", "nor"(i));
}

/* The same without a probe. */
static __attribute__((noinline)) void bare(long i)
{
	__asm__ volatile("" : : "nor"(i));
}

static void *passes(void *arg)
{
	(void)arg;
	for (long i = 0; i < count; i++)
		pass(i);
	return NULL;
}

static void *sleeps(void *arg)
{
	pause();
	return arg;
}

#define STALLS_NS 3000000000ULL

static int stalls(void)
{
	uint64_t end, last, t, longest = 0;
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (long i = 1; i < count; i++)
		if (pthread_create(&thread, &small, sleeps, NULL))
			return 1;
	puts("ready");
	fflush(stdout);
	last = now();
	for (end = last + STALLS_NS; last < end; last = t) {
		t = now();
		if (t - last > longest)
			longest = t - last;
	}
	fprintf(stderr, "load: %llu ns\n", (unsigned long long)longest);
	_exit(0);
}

int main(int argc, char **argv)
{
	const char *name = argc == 3 ? argv[1] : "";
	long i, events;
	pthread_t t;
	uint64_t t0;
	int fd;

	if (argc == 2 && !strcmp(argv[1], "clock"))
		return printf("%llu\n", (unsigned long long)now()) < 0;
	count = events = argc == 3 ? atol(argv[2]) : 0;
	fd = open("/dev/null", O_WRONLY);
	if (count <= 0 || fd < 0)
		goto usage;
	if (!strcmp(name, "stalls"))
		return stalls();
	t0 = now();
	if (!strcmp(name, "getppid")) {
		ppids(NULL);
	} else if (!strcmp(name, "write")) {
		for (i = 0; i < count; i++)
			if (write(fd, "a line of some length, as one writes\n",
				  37) < 0)
				return 1;
	} else if (!strcmp(name, "open")) {
		events = 2 * count;
		for (i = 0; i < count; i++)
			close(openat(AT_FDCWD, "/dev/null", O_RDONLY));
	} else if (!strcmp(name, "threads")) {
		events = 2 * count;
		if (pthread_create(&t, NULL, ppids, NULL))
			return 1;
		ppids(NULL);
		pthread_join(t, NULL);
	} else if (!strcmp(name, "bare")) {
		for (i = 0; i < count; i++)
			bare(i);
	} else if (!strcmp(name, "usdt")) {
		passes(NULL);
	} else if (!strcmp(name, "semaphore")) {
		for (i = 0; i < count; i++)
			guarded(i);
	} else if (!strcmp(name, "usdt8")) {
		pthread_t v[8];

		events = 8 * count;
		for (i = 0; i < 8; i++)
			if (pthread_create(&v[i], NULL, passes, NULL))
				return 1;
		for (i = 0; i < 8; i++)
			pthread_join(v[i], NULL);
	} else {
		goto usage;
	}
	fprintf(stderr, "load: %.1f ns\n", (double)(now() - t0) / events);
	return 0;
usage:
	fprintf(stderr, "usage: load getppid|write|open|threads|bare|usdt|semaphore|usdt8|stalls N\n");
	return 64;
}
