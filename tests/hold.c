/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold.c - hold a handle on a process, for tests of what becomes of it.
 *
 *	hold PID [TID] [excl] [rlc] [klc] [fork] [async] [stop] [calls] [sigs]
 *		[captures]
 *
 * Opens PID (or its thread TID), does what the words say in their order (calls:
 * stop at entry and exit of every system call; sigs: at every signal; captures:
 * see record_numbers()), prints "ready" and waits.  On SIGUSR1 it tries each kind of operation and prints one
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

/* The numbers of the next count calls follow each other, from *next on. */
static int numbers_follow(int *next, unsigned count)
{
	const struct ctl_rec_syscall *rec;
	const struct ctl_rec *r;
	int n;

	while (count) {
		n = ctl_ring_next(h, &r);
		if (n < 0)
			return n;
		if (n == 0) {
			usleep(1000);
			continue;
		}
		rec = (const void *)r;
		n = r->type == CTL_REC_SYSCALL ? (int)rec->arg[0] : 0;
		ctl_ring_release(h);
		if (n && *next && n != *next) {
			printf("missing=%d\n", n - *next);
			return -ENODATA;
		}
		/* What is lost and said to be is another matter. */
		*next = n ? n + 1 : 0;
		count--;
	}
	return 0;
}

/*
 * The target makes calls of close(2) whose arguments count up.  Record them, and
 * while it is stopped and nobody has read what it did before, have something
 * captured that BPF cannot: one is as good as the other.
 */
static int record_numbers(void)
{
	struct {
		int64_t stop, code;
		struct ctl_capture c;
		struct ctl_capop op;
	} m = {
		.stop = PCSTOP,
		.code = PCCAPTURE,
		.c = { .nr = 3, .abi = CTL_ABI_NATIVE, .nop = 1 },
		.op = { .op = CTL_CAP_MEM, .when = CTL_AT_ENTRY,
			.limit = CTL_CAP_LIMIT },
	};
	struct ctl_record what = { .events = 1U << CTL_REC_SYSCALL };
	int r, next = 0;

	what.calls.native[0] = 1U << 3;
	if ((r = ctl_ring_open(h, 0, 0)) < 0 ||
	    (r = ctl_ring_record(h, &what)) < 0 ||
	    (r = numbers_follow(&next, 1000)) < 0)
		return r;
	usleep(10000); /* it is read every 20 ms */
	if ((r = ctl_write(h, &m, sizeof(m), NULL)) < 0 ||
	    (r = ctl_run(h, 0)) < 0)
		return r;
	/* More than may have been recorded before. */
	return numbers_follow(&next, 30000);
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
	if (!strcmp(word, "captures"))
		return record_numbers();
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
