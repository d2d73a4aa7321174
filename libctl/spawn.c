/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spawn.c - starting a program under control.
 *
 * The child waits in a read(2) until it is held, and the server stops it where
 * execve(2) has succeeded.  A parent that dies before this closes the pipe,
 * and the child goes too.
 *
 * Tied.  A program that is traced by ptrace stops at every call, wanted or not.
 * A seccomp filter that knows the wanted ones spares it the others: the filter
 * says SECCOMP_RET_TRACE for those, and the tracer hears of no more.  But a
 * filter cannot be taken back, and without a tracer such a call fails with
 * ENOSYS.  So program and server are tied: the server is told at its start
 * (PTRACE_O_EXITKILL), children are always followed, and when the handle is
 * closed or its owner killed the program goes too.  The module needs none of
 * this; there the program is tied by PR_KLC.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "private.h"

/* -- the filter ------------------------------------------------------------ */

#define X32_BIT 0x40000000U
#define TELL (SECCOMP_RET_TRACE | CTL_TIE_DATA)

static unsigned calls_of(struct sock_filter *f, const __u64 *set)
{
	unsigned n = 0;

	for (unsigned nr = 0; nr < CTL_SYSSET_BITS; nr++) {
		if (!(set[nr / 64] >> nr % 64 & 1))
			continue;
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						      nr, 0, 1);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, TELL);
	}
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
					      SECCOMP_RET_ALLOW);
	return n;
}

/*
 * Two instructions a call, and the kernel remembers for each number what comes
 * out (seccomp_cache_prepare(), since 5.11).  Whoever uses the x32 ABI stops
 * always.  f: room for FILTER_MAX.
 */
#define FILTER_MAX (4 * CTL_SYSSET_BITS + 16)
static unsigned filter_make(struct sock_filter *f, const struct ctl_sysset *set)
{
	unsigned n = 0, jump, native;

	f[n++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
					      AUDIT_ARCH_X86_64, 1, 0);
	jump = n++;
	f[n++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K,
					      X32_BIT, 0, 1);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, TELL);
	native = calls_of(f + n, set->native);
	n += native;
	f[jump] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, n - jump - 1);
	f[n++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	n += calls_of(f + n, set->compat);
	return n;
}

static int filter_install(const struct sock_fprog *f)
{
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, f) == 0)
		return 0;
	/* Who is nobody has to give up what set-id files would give him. */
	if (errno != EACCES || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, f);
}

/* -- the program ------------------------------------------------------------ */

/*
 * Until exec our handlers are the child's, which may wait long for its server: an
 * interrupt from the terminal would be taken by a handler and be lost.
 */
static void default_signals(const sigset_t *mask)
{
	struct sigaction sa;

	for (int sig = 1; sig < NSIG; sig++)
		if (sigaction(sig, NULL, &sa) == 0 &&
		    sa.sa_handler != SIG_IGN && sa.sa_handler != SIG_DFL)
			signal(sig, SIG_DFL);
	sigprocmask(SIG_SETMASK, mask, NULL);
}

/* Between fork() and exec: async-signal-safe calls only. */
static _Noreturn void child(char *const argv[], int go, int report,
			    const struct sock_fprog *filter,
			    const sigset_t *mask)
{
	char c;
	int err;

	default_signals(mask);
	/* Yama: whoever becomes its server may trace it. */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	while ((err = read(go, &c, 1)) < 0 && errno == EINTR)
		;
	if (err != 1)
		_exit(127);
	prctl(PR_SET_PTRACER, 0, 0, 0, 0);
	if (!filter || filter_install(filter) == 0)
		execvp(argv[0], argv);
	err = errno;
	if (write(report, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(127);
}

/*
 * Run until execve has succeeded.  rlc: PR_RLC stays set, so that at no moment
 * the caller's death leaves a program that is stopped for nobody.
 */
static int reach_exec(struct ctl *h, int go, bool rlc)
{
	static const struct ctl_sysset none;
	struct ctl_status st = { .size = sizeof(st) };
	struct ctl_sysset execs;
	int r;

	if ((r = ctl_sysset_parse("execve,execveat", &execs)) < 0 ||
	    (r = ctl_mode_set(h, PR_RLC)) < 0 ||
	    (r = ctl_trace_sysexit(h, &execs)) < 0)
		return r;
	if (write(go, "", 1) != 1)
		return ctl_fail(-ENOENT, "the new process died");
	for (;;) {
		do
			r = ctl_wstop(h, 0);
		while (r == -EINTR);
		if (r == -EAGAIN) {
			/* A set-id program, which ptrace runs without its
			 * privileges: ours all the same. */
			r = ctl_reopen(h);
			break;
		}
		if (r < 0 || (r = ctl_status(h, &st)) < 0)
			return r;
		if (st.lwp.why == PR_SYSEXIT && st.lwp.sysret == 0)
			break;
		r = ctl_run(h, 0); /* not in this directory of PATH */
		if (r < 0)
			return r;
	}
	if (r == 0)
		r = ctl_trace_sysexit(h, &none);
	if (r == 0 && !rlc)
		r = ctl_mode_unset(h, PR_RLC);
	return r;
}

struct pipes {
	int go[2];     /* to the child: go on; end of file: the parent is gone */
	int report[2]; /* from it: errno, if there is no exec */
	int tell[2];   /* detached: from the one in the middle: the PID */
};

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_pipes(struct pipes *p)
{
	for (int i = 0; i < 2; i++) {
		close_end(&p->go[i]);
		close_end(&p->report[i]);
		close_end(&p->tell[i]);
	}
}

static int open_pipes(struct pipes *p, bool detached)
{
	int r;

	*p = (struct pipes){ { -1, -1 }, { -1, -1 }, { -1, -1 } };
	if (pipe2(p->go, O_CLOEXEC) == 0 && pipe2(p->report, O_CLOEXEC) == 0 &&
	    (!detached || pipe2(p->tell, O_CLOEXEC) == 0))
		return 0;
	r = ctl_failno(-errno);
	close_pipes(p);
	return r;
}

static void reap(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* The child's PID, or -errno. */
static pid_t start(struct pipes *p, char *const argv[], bool detached,
		   const struct sock_fprog *filter)
{
	sigset_t all, mask;
	pid_t pid;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &mask);
	pid = fork();
	if (pid == 0) {
		close(p->go[1]);
		close(p->report[0]);
		if (detached) {
			pid = fork();
			if (pid) {
				/* The one in the middle: tell, and go. */
				_exit(write(p->tell[1], &pid, sizeof(pid)) ==
						      sizeof(pid) ? 0 : 1);
			}
			close(p->tell[0]);
			close(p->tell[1]);
		}
		child(argv, p->go[0], p->report[1], filter, &mask);
	}
	err = errno;
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	if (pid < 0)
		return ctl_failno(-err);
	/* (go[0] stays: with no reader, the word to go would be SIGPIPE.) */
	close_end(&p->report[1]);
	if (!detached)
		return pid;
	close_end(&p->tell[1]);
	reap(pid);
	if (read(p->tell[0], &pid, sizeof(pid)) != sizeof(pid) || pid < 0)
		return ctl_fail(-EAGAIN, "cannot start a process");
	return pid;
}

/*
 * There will be no program: r, or what the child says of execve(2).  reaps: the
 * child is ours to wait for.
 */
static int give_up(struct ctl *h, int r, pid_t pid, int report, bool reaps)
{
	char text[512];
	int err;

	snprintf(text, sizeof(text), "%s", ctl_error());
	if (h && r != -ENOENT)
		syscall(SYS_pidfd_send_signal, h->pidfd, SIGKILL, NULL, 0);
	ctl_close(h);
	if (read(report, &err, sizeof(err)) == sizeof(err) && err) {
		r = -err;
		snprintf(text, sizeof(text), "%s", strerror(err));
	}
	if (reaps)
		reap(pid);
	return ctl_fail(r, "%s", text);
}

static int spawn(struct ctl **hp, char *const argv[], bool detached,
		 const struct ctl_sysset *tied, const struct sock_fprog *filter)
{
	struct ctl *h = NULL;
	struct pipes p;
	pid_t pid;
	int r;

	if (!argv || !argv[0] || !argv[0][0])
		return ctl_fail(-EINVAL, "no command");
	r = open_pipes(&p, detached);
	if (r < 0)
		return r;
	pid = start(&p, argv, detached, filter);
	if (pid < 0) {
		close_pipes(&p);
		return pid;
	}
	r = ctl_open_new(&h, pid, 0, 0, tied);
	if (r == 0)
		r = reach_exec(h, p.go[1], !detached && !tied);
	close_end(&p.go[1]); /* a child that still waits for us goes now */
	if (r < 0)
		r = give_up(h, r, pid, p.report[0], !detached);
	else
		*hp = h;
	close_pipes(&p);
	return r;
}

CTL_EXPORT int ctl_spawn(struct ctl **h, char *const argv[])
{
	return spawn(h, argv, false, NULL, NULL);
}

CTL_EXPORT int ctl_spawn_detached(struct ctl **h, char *const argv[])
{
	return spawn(h, argv, true, NULL, NULL);
}

CTL_EXPORT int ctl_spawn_tied(struct ctl **hp, char *const argv[],
			      const struct ctl_sysset *calls)
{
	struct sock_fprog prog = { 0 };
	struct ctl *h;
	int r;

	prog.filter = calloc(FILTER_MAX, sizeof(*prog.filter));
	if (!prog.filter)
		return ctl_failno(-ENOMEM);
	prog.len = filter_make(prog.filter, calls);
	r = spawn(&h, argv, false, calls, ctl_can_filter() ? &prog : NULL);
	free(prog.filter);
	if (r < 0)
		return r;
	r = ctl_mode_set(h, PR_KLC | PR_FORK);
	if (r < 0) {
		ctl_close(h);
		return r;
	}
	*hp = h;
	return 0;
}
