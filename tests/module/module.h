/* SPDX-License-Identifier: GPL-2.0-or-later */
/* module.h - what the tests of the module's protocol share. */
#ifndef TESTS_MODULE_H
#define TESTS_MODULE_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dtrace_ctl.h"

static int failures;
static const char *part;

static inline void check_at(int line, int ok, const char *text)
{
	if (ok)
		return;
	printf("line %d: %s: not true: %s (errno %d)\n", line, part, text,
	       errno);
	failures++;
}
#define CHECK(e) check_at(__LINE__, (e), #e)

/* -- the protocol --------------------------------------------------------- */

static inline int bind_pid(pid_t pid, pid_t tid, int flags)
{
	struct ctl_bind b = { .pid = pid, .tid = tid, .flags = flags };
	int fd = open("/dev/dtrace_ctl", O_RDWR | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	b.pidfd = syscall(SYS_pidfd_open, pid, 0);
	if (b.pidfd < 0 || ioctl(fd, CTL_IOC_BIND, &b) < 0) {
		err = -errno;
		close(b.pidfd);
		close(fd);
		return err;
	}
	close(b.pidfd);
	return fd;
}

static inline int msg(int fd, int64_t code, const void *operand, size_t size)
{
	char buf[1024];

	memcpy(buf, &code, 8);
	if (size)
		memcpy(buf + 8, operand, size);
	return write(fd, buf, 8 + size) == (ssize_t)(8 + size) ? 0 : -errno;
}

static inline int msg0(int fd, int64_t code)
{
	return msg(fd, code, NULL, 0);
}

static inline int msg1(int fd, int64_t code, uint64_t v)
{
	return msg(fd, code, &v, 8);
}

static inline int msg_set(int fd, int64_t code, int nr)
{
	struct ctl_sysset s;

	memset(&s, 0, sizeof(s));
	if (nr >= 0)
		s.native[nr / 64] |= 1ULL << (nr % 64);
	return msg(fd, code, &s, sizeof(s));
}

static inline struct ctl_status status(int fd)
{
	struct ctl_status st = { .size = sizeof(st) };

	if (ioctl(fd, CTL_IOC_STATUS, &st) < 0) {
		memset(&st, 0, sizeof(st));
		st.size = errno;
	}
	return st;
}

/* Has the kernel a function of this name? */
static inline int in_kernel(const char *name)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[256], have[128];
	int found = 0;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*s %*s %127s", have) == 1 &&
			!strcmp(have, name);
	if (f)
		fclose(f);
	return found;
}

/*
 * Can the module put its files into /proc?  Not where the compiler has left no
 * function to be probed; then /dev/dtrace_ctl is all there is.
 */
static inline int has_proc_files(void)
{
	int found = in_kernel("proc_pident_lookup");

	if (!found)
		printf("SKIP: no proc_pident_lookup() in this kernel: no /proc/PID/ctl\n");
	return found;
}

/* Wait for a stop, 10 s at most. */
static inline struct ctl_status stop_of(int fd)
{
	msg1(fd, PCTWSTOP, 10000);
	return status(fd);
}

/* -- targets -------------------------------------------------------------- */

static struct shared {
	volatile uint64_t count, a, b, c;
	volatile int64_t result;
	volatile int go;
} *sh;

static inline double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static inline void nap(double s)
{
	struct timespec ts = { s, (s - (long)s) * 1e9 };

	nanosleep(&ts, NULL);
}

static inline pid_t start(void (*fn)(void))
{
	pid_t pid;

	memset(sh, 0, sizeof(*sh));
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fn();
		_exit(0);
	}
	return pid;
}

static inline void finish(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static inline void spin(void)
{
	for (;;)
		sh->count++;
}

static inline int grows(void)
{
	uint64_t c = sh->count;
	double end = now() + 5;

	while (sh->count == c && now() < end)
		nap(0.01);
	return sh->count != c;
}

static inline int rests(void)
{
	uint64_t c = sh->count;

	nap(0.2);
	return sh->count == c;
}

/* -- ring ----------------------------------------------------------------- */

static struct ctl_ring_user *ru;
static struct ctl_ring_info *ri;
static unsigned char *rd;

static inline int ring(int fd, uint64_t size, int flags)
{
	struct ctl_ring_setup s = { size, flags, 0 };
	int r = msg(fd, PCRING, &s, sizeof(s));

	if (r)
		return r;
	ru = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ri = mmap(NULL, 4096 + size, PROT_READ, MAP_SHARED, fd, 4096);
	if (ru == MAP_FAILED || ri == MAP_FAILED)
		return -errno;
	rd = (unsigned char *)ri + 4096;
	return 0;
}

static inline void unring(void)
{
	munmap(ru, 4096);
	munmap(ri, 4096 + ri->size);
}

static double patience = 10;

static inline struct ctl_rec *next(int fd)
{
	static uint64_t buf[8192];
	struct ctl_rec *r;
	double end = now() + patience;

	for (;;) {
		if (__atomic_load_n(&ri->head, __ATOMIC_ACQUIRE) != ru->tail) {
			r = (void *)(rd + (ru->tail & (ri->size - 1)));
			memcpy(buf, r, r->len < sizeof(buf) ? r->len : 24);
			__atomic_store_n(&ru->tail, ru->tail + r->len,
					 __ATOMIC_SEQ_CST);
			if (ri->blocked)
				ioctl(fd, CTL_IOC_CONSUMED);
			r = (void *)buf;
			if (r->type != CTL_REC_PAD)
				return r;
		} else if (now() > end) {
			return NULL;
		} else {
			struct pollfd p = { fd, POLLIN, 0 };

			ru->wake = 1;
			poll(&p, 1, 100);
		}
	}
}

#endif
