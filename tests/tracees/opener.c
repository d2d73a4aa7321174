/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opener OBJECT COUNT [keep] - at SIGUSR1 opens OBJECT with dlopen(3) and calls
 * its "pass", COUNT times, and closes it; then the same once more.  With "keep" it
 * does not close it and ends.
 */
#include <dlfcn.h>
#include <signal.h>

#include "tracee.h"

static volatile sig_atomic_t begin;

static void on_usr1(int sig)
{
	(void)sig;
	begin = 1;
}

int main(int argc, char **argv)
{
	unsigned count = number(argc, argv, 2, 10);

	signal(SIGUSR1, on_usr1);
	ready();
	while (!begin)
		usleep(1000);
	for (int round = 0; round < 2; round++) {
		void *object = dlopen(argv[1], RTLD_NOW);
		void (*pass)(int);

		if (!object) {
			fprintf(stderr, "%s\n", dlerror());
			return 1;
		}
		*(void **)&pass = dlsym(object, "pass");
		for (unsigned i = 0; i < count; i++)
			pass(i);
		if (argc > 3)
			break;
		dlclose(object);
	}
	puts("done");
	return 0;
}
