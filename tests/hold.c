/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold.c - hold a handle on a process, for tests of what becomes of it.
 *
 *	hold PID [TID] [excl] [rlc] [klc] [fork] [async] [stop] [calls] [sigs]
 *
 * Opens PID (or its thread TID), does what the words say in their order (calls:
 * stop at entry and exit of every system call; sigs: at every signal), prints
 * "ready" and waits.  On SIGUSR1 it tries each kind of operation and prints one
 * line "OPERATION=RESULT" each, then "end"; RESULT is 0 or a name of errno.
 * On SIGUSR2 it reopens the handle and prints "reopen=RESULT".
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <ctl.h>

static struct ctl *h;

static const char *name(int r)
{
	return r < 0 ? ctl_errno_name(-r) : "0";
}

static int act(const char *word)
{
	struct ctl_sysset all;

	memset(&all, 0xff, sizeof(all));
	if (!strcmp(word, "rlc"))
		return ctl_mode_set(h, PR_RLC);
	if (!strcmp(word, "klc"))
		return ctl_mode_set(h, PR_KLC);
	if (!strcmp(word, "fork"))
		return ctl_mode_set(h, PR_FORK);
	if (!strcmp(word, "async"))
		return ctl_mode_set(h, PR_ASYNC);
	if (!strcmp(word, "stop"))
		return ctl_stop(h, 0);
	if (!strcmp(word, "calls")) {
		int r = ctl_trace_sysentry(h, &all);

		return r < 0 ? r : ctl_trace_sysexit(h, &all);
	}
	if (!strcmp(word, "sigs"))
		return ctl_trace_signals(h, ~0ULL);
	fprintf(stderr, "hold: %s?\n", word);
	exit(64);
}

static void try_all(void)
{
	struct ctl_status st = { .size = sizeof(st) };
	struct ctl_lwpstatus *v = NULL;
	struct ctl_regs regs;
	char byte;
	int r;

	printf("status=%s\n", name(ctl_status(h, &st)));
	r = ctl_threads(h, &v);
	printf("threads=%s\n", name(r));
	if (r >= 0)
		free(v);
	printf("regs=%s\n", name(ctl_regs_get(h, &regs)));
	printf("mem=%s\n", name(ctl_mem_read(h, 0x1000, &byte, 1)));
	printf("dstop=%s\n", name(ctl_dstop(h)));
	printf("run=%s\n", name(ctl_run(h, 0)));
	printf("kill=%s\n", name(ctl_kill(h, SIGWINCH)));
	printf("set=%s\n", name(ctl_mode_set(h, PR_ASYNC)));
	puts("end");
}

int main(int argc, char **argv)
{
	struct signalfd_siginfo si;
	int i = 2, flags = 0, r, fd;
	pid_t tid = 0;
	sigset_t set;

	if (argc < 2)
		return 64;
	if (i < argc && atoi(argv[i]))
		tid = atoi(argv[i++]);
	if (i < argc && !strcmp(argv[i], "excl")) {
		flags = CTL_OPEN_EXCL;
		i++;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, 0);
	r = ctl_open(&h, atoi(argv[1]), tid, flags);
	if (r < 0) {
		printf("open=%s\n", name(r));
		fprintf(stderr, "hold: %s\n", ctl_error());
		return 2;
	}
	for (; i < argc; i++) {
		r = act(argv[i]);
		if (r < 0) {
			fprintf(stderr, "hold: %s: %s\n", argv[i], ctl_error());
			return 2;
		}
	}
	puts("ready");
	fflush(stdout);
	while (read(fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGUSR1)
			try_all();
		else
			printf("reopen=%s\n", name(ctl_reopen(h)));
		fflush(stdout);
	}
	return 1;
}
