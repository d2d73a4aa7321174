/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lookups.c - the module goes, and comes again, while a thousand processes look
 * up each other's ctl files and some of them open theirs.  One keeps the file in
 * hand without opening it.
 */
#include <sys/inotify.h>
#include <sys/resource.h>

#include "module.h"

#define ROUNDS 3

static void looker(const pid_t *pids, unsigned n, unsigned me)
{
	unsigned seed = me;
	char path[64];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		pid_t pid = pids[rand_r(&seed) % n];

		snprintf(path, sizeof(path),
			 seed & 1 ? "/proc/%d/ctl" : "/proc/%d/task/%d/lwpctl",
			 pid, pid);
		if (seed % 16 == 0) {
			int fd = open(path, O_RDONLY);

			if (fd >= 0)
				close(fd);
		} else {
			access(path, F_OK);
		}
		__atomic_add_fetch(&sh->count, 1, __ATOMIC_RELAXED);
		/* Not so often that emulated processors do nothing else. */
		usleep(500000 + rand_r(&seed) % 500000);
	}
}

static int unload(void)
{
	double until = now() + 120;
	int refused = 0;

	while (syscall(SYS_delete_module, "dtrace_ctl", O_NONBLOCK) < 0) {
		refused++;
		if (now() > until)
			return -1;
		nap(0.01);
	}
	return refused;
}

static int load(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC), r;

	r = syscall(SYS_finit_module, fd, "", 0);
	close(fd);
	return r;
}

/* Neither makes the module wait, nor has anything of it afterwards. */
static void kept(const char *file)
{
	char path[64];
	int fd, watch;

	part = "kept in hand";
	fd = open("/proc/self/ctl", O_PATH | O_CLOEXEC);
	CHECK(fd >= 0);
	watch = inotify_init1(IN_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/task/%d/lwpctl", getpid());
	CHECK(inotify_add_watch(watch, path, IN_OPEN) >= 0);
	CHECK(unload() >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK(open(path, O_RDONLY) < 0);
	CHECK(load(file) == 0);
	CHECK(open(path, O_RDONLY) < 0);
	close(fd);
	close(watch);
}

int main(void)
{
	const char *file = getenv("CTL_KO"), *number = getenv("LOOKERS");
	unsigned n = number ? atoi(number) : 1000;
	double longest = 0, began;
	int refused = 0, r;
	pid_t *pids;

	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pids = mmap(NULL, n * sizeof(*pids), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	file = file ? file : "/dtrace_ctl.ko";
	if (!has_proc_files())
		return 0;
	kept(file);
	part = "look-ups";
	for (unsigned i = 0; i < n; i++)
		pids[i] = getpid();
	for (unsigned i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0)
			looker(pids, n, i);
		CHECK(pid > 0);
		pids[i] = pid;
	}
	setpriority(PRIO_PROCESS, 0, -20);
	for (int i = 0; i < ROUNDS; i++) {
		CHECK(grows());
		began = now();
		r = unload();
		CHECK(r >= 0);
		if (r < 0)
			break;
		refused += r;
		if (now() - began > longest)
			longest = now() - began;
		CHECK(access("/proc/self/ctl", F_OK) < 0);
		CHECK(load(file) == 0);
		CHECK(access("/proc/self/ctl", F_OK) == 0);
	}
	for (unsigned i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	printf("FIGURES: %u processes, %llu look-ups, %d refusals, unloaded in at most %.1f s\n",
	       n, (unsigned long long)sh->count, refused, longest);
	return failures != 0;
}
