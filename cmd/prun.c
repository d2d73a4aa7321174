/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prun - set stopped processes or threads running again.
 *
 * Two things stop a process: a control server, undone with PCRUN, and job
 * control (SIGSTOP and the like), undone with SIGCONT.  prun undoes both, and
 * starts no server to find out that there is none.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "common/common.h"

/* A step that has not ended by then sleeps in a system call. */
#define STEP_MS 1000

struct options {
	struct cmd_operands operands;
	bool step;
	int signal; /* 0: none */
};

/* One operand on its way. */
struct run {
	const struct options *opt;
	const char *name; /* NULL: as cmd_each_of() calls it */
	bool job_stopped;
};

static const struct argp_option option_table[] = {
	{ "signal", 's', "SIG", 0, "Deliver signal SIG as it runs on", 0 },
	{ "step", '1', NULL, 0, "Run one instruction, then stop again", 0 },
	{ 0 },
};

static const struct argp_child children[] = {
	{ &cmd_argp_operands }, { &cmd_argp_verbose }, { 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &opt->operands;
		return 0;
	case 's':
		opt->signal = ctl_signal_parse(arg);
		if (opt->signal < 0)
			argp_error(state, "%s", ctl_error());
		return 0;
	case '1':
		opt->step = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	option_table, parse, "PID[/LWPS]...",
	"Set stopped processes or threads running again, also what SIGSTOP "
	"stopped.\v" CMD_EXIT_DOC, children,
};

/* PCSSIG and PCRUN in one batch: nobody gets in between. */
static int run_with_signal(struct ctl *h, int sig, uint64_t flags)
{
	struct {
		int64_t set;
		siginfo_t info;
		int64_t run;
		uint64_t flags;
	} batch = { .set = PCSSIG, .run = PCRUN, .flags = flags };

	batch.info.si_signo = sig;
	batch.info.si_code = SI_USER;
	batch.info.si_pid = getpid();
	batch.info.si_uid = getuid();
	return ctl_write(h, &batch, sizeof(batch), NULL);
}

/*
 * Does job control hold the process, or any of its threads, or is it about to?
 * A thread that the server holds does not tell before it runs.
 */
static bool job_stopped(struct ctl *h)
{
	struct ctl_status st = { .size = sizeof(st) };
	struct ctl_lwpstatus *v;
	uint64_t pending = 0;
	bool stopped = false;
	int n;

	if (ctl_status(h, &st) == 0)
		pending = st.sigpend;
	n = ctl_threads(h, &v);
	if (n < 0)
		return false;
	for (int i = 0; i < n; i++) {
		stopped |= v[i].why == PR_JOBCONTROL;
		pending |= v[i].sigpend;
	}
	free(v);
	return stopped || pending & CTL_SIGBIT(SIGSTOP);
}

static int run_handle(struct ctl *h, const char *object, void *arg)
{
	struct run *run = arg;
	const struct options *opt = run->opt;
	uint64_t flags = opt->step ? PRSTEP : 0;
	int r;

	if (run->name)
		object = run->name;
	r = opt->signal ? run_with_signal(h, opt->signal, flags) :
			  ctl_run(h, flags);
	if (r == -EBUSY && !opt->step)
		/* It runs already, which is what is wanted. */
		r = opt->signal ? ctl_kill(h, opt->signal) : 0;
	if (r < 0)
		return cmd_fail(r, opt->step ? "step" : "run", object);
	if (!opt->step) {
		run->job_stopped |= job_stopped(h);
		return 0;
	}
	r = ctl_wstop(h, STEP_MS);
	if (r == -ETIME)
		cmd_complain("cannot step %s: it sleeps in a system call and "
			     "stops when that is over; see pflags, pwait -s",
			     object);
	else if (r < 0)
		cmd_fail(r, "step", object);
	return r < 0 ? r : 0;
}

/* Through the server that controls it. */
static int run_controlled(const struct cmd_operand *op, pid_t representative,
			  struct run *run)
{
	struct cmd_operand one = *op;

	/* One step of a process is one of its representative thread. */
	if (run->opt->step && !one.target.lwps[0]) {
		run->name = op->arg;
		snprintf(one.target.lwps, sizeof(one.target.lwps), "%d",
			 representative);
	}
	return cmd_each_of(&one, 0, run_handle, run);
}

static int send_signal(int pidfd, int sig, const char *verb,
		       const char *object)
{
	int r;

	if (pidfd_send_signal(pidfd, sig, NULL, 0) == 0)
		return 0;
	r = -errno;
	cmd_complain("cannot %s %s: %s", verb, object, strerror(errno));
	return r;
}

static int run_opened(struct ctl *h, int pidfd, const struct cmd_operand *op,
		      const struct options *opt)
{
	struct run run = { .opt = opt };
	struct ctl_status st = { .size = sizeof(st) };
	int r;

	r = ctl_status(h, &st);
	if (r < 0)
		return cmd_fail(r, "run", op->arg);
	run.job_stopped = job_stopped(h);
	/* Somebody else holds it: to ask for control tells who. */
	if (st.flags & PR_ATTACHED ||
	    (st.tracer && st.flags & PR_STOPPED && !run.job_stopped)) {
		r = run_controlled(op, st.lwp.tid, &run);
	} else if (opt->step) {
		cmd_complain("cannot step %s: not stopped; pstop stops it",
			     op->arg);
		r = -EBUSY;
	} else if (opt->signal) {
		r = send_signal(pidfd, opt->signal, "signal", op->arg);
	}
	if (r == 0 && run.job_stopped && !opt->step)
		r = send_signal(pidfd, SIGCONT, "continue", op->arg);
	return r;
}

static int run_operand(const struct cmd_operand *op, void *arg)
{
	const struct options *opt = arg;
	struct ctl *h;
	int pidfd, r;

	/* Before the look, so that the signals reach what was looked at. */
	pidfd = pidfd_open(op->target.pid, 0);
	r = ctl_open(&h, op->target.pid, 0, CTL_OPEN_RDONLY);
	if (r < 0) {
		cmd_fail(r, "run", op->arg);
	} else {
		r = run_opened(h, pidfd, op, opt);
		ctl_close(h);
	}
	if (pidfd >= 0)
		close(pidfd);
	return r;
}

int main(int argc, char **argv)
{
	static struct options opt;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &opt);
	return cmd_finish(cmd_each_operand(&opt.operands, run_operand, &opt));
}
