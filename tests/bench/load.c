/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load CASE N - make N events and print the nanoseconds that each took, to
 * standard error: what a tracer adds shows as the difference to a run without.
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

int main(int argc, char **argv)
{
	const char *name = argc == 3 ? argv[1] : "";
	long i, events;
	pthread_t t;
	uint64_t t0;
	int fd;

	count = events = argc == 3 ? atol(argv[2]) : 0;
	fd = open("/dev/null", O_WRONLY);
	if (count <= 0 || fd < 0)
		goto usage;
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
	} else {
		goto usage;
	}
	fprintf(stderr, "load: %.1f ns\n", (double)(now() - t0) / events);
	return 0;
usage:
	fprintf(stderr, "usage: load getppid|write|open|threads N\n");
	return 64;
}
