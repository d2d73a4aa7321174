/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ptruss - trace the system calls and signals of a command or of processes.
 *
 * It sets PR_RLC: whatever ends ptruss, the target runs on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ptruss/ptruss.h"

#define KEY_DROP 256
#define KEY_STRING 257
#define KEY_STYLE 258
#define KEY_OK 259
#define KEY_FAILED 260

static const struct argp_option option_table[] = {
	{ "pid", 'p', "PID", 0, "Trace this process or PID/LWPS; may be repeated",
	  0 },
	{ "follow", 'f', NULL, 0, "Follow children", 0 },
	{ "trace", 't', "CALLS", 0,
	  "Trace these system calls; !CALLS: all but these", 0 },
	{ "signal", 's', "SIGNALS", 0, "Trace these signals", 0 },
	{ "fault", 'm', "FAULTS", 0, "Trace these machine faults", 0 },
	{ "stop-call", 'T', "CALLS", 0,
	  "Stop at entry to these and leave it so", 0 },
	{ "stop-signal", 'S', "SIGNALS", 0, "Stop on these signals and leave it so", 0 },
	{ "stop-fault", 'M', "FAULTS", OPTION_HIDDEN, "Stop on these faults and leave it so", 0 },
	{ "count", 'c', NULL, 0, "Print counts and times at the end", 0 },
	{ "output", 'o', "FILE", 0, "Write to FILE instead of standard error",
	  0 },
	{ "ok", KEY_OK, NULL, OPTION_HIDDEN, "Print calls that succeeded only", 0 },
	{ "failed", KEY_FAILED, NULL, OPTION_HIDDEN, "Print calls that failed only", 0 },
	{ "raw", 'x', NULL, OPTION_HIDDEN, "Print arguments as numbers", 0 },
	{ "all-fields", 'v', NULL, OPTION_HIDDEN, "Print structures whole", 0 },
	{ "style", KEY_STYLE, "STYLE", OPTION_HIDDEN, "truss (default) or strace", 0 },
	{ "lwp", 'l', NULL, 0, "Print thread numbers", 0 },
	{ "timestamp", 'd', NULL, 0, "Print the time since the start", 0 },
	{ "delta", 'D', NULL, OPTION_HIDDEN, "Print the time since the line before", 0 },
	{ "elapsed", 'E', NULL, OPTION_HIDDEN, "Print the time spent in each call", 0 },
	{ "string", KEY_STRING, "N", 0,
	  "Print at most N bytes of strings and buffers (32)", 0 },
	{ "drop", KEY_DROP, NULL, 0,
	  "Lose records rather than make the target wait", 0 },
	{ 0 },
};

static const struct argp_child children[] = {
	{ &cmd_argp_json }, { 0 },
};

struct parsed {
	struct options opt;
	bool json;
};

static void add_pid(struct argp_state *state, struct options *opt,
		    const char *arg)
{
	struct cmd_operand *v;

	v = realloc(opt->pids.v, (opt->pids.n + 1) * sizeof(*v));
	if (!v)
		argp_failure(state, CMD_NONE, errno, "%s", arg);
	opt->pids.v = v;
	v[opt->pids.n].arg = arg;
	if (ctl_target_parse(arg, &v[opt->pids.n].target) < 0)
		argp_error(state, "not a process: %s", arg);
	opt->pids.n++;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parsed *p = state->input;
	struct options *opt = &p->opt;
	uint64_t n;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &p->json;
		return 0;
	case 'p':
		add_pid(state, opt, arg);
		return 0;
	case 'f':
		opt->follow = true;
		return 0;
	case 't':
		if (ctl_sysset_parse(arg, &opt->calls) < 0)
			argp_error(state, "%s", ctl_error());
		return 0;
	case 's':
		if (ctl_sigset_parse(arg, &opt->signals) < 0)
			argp_error(state, "%s", ctl_error());
		return 0;
	case 'm':
		if (ctl_fltset_parse(arg, &opt->faults) < 0)
			argp_error(state, "%s", ctl_error());
		return 0;
	case 'T':
		if (ctl_sysset_parse(arg, &opt->stop_calls) < 0)
			argp_error(state, "%s", ctl_error());
		return 0;
	case 'S':
		if (ctl_sigset_parse(arg, &opt->stop_signals) < 0)
			argp_error(state, "%s", ctl_error());
		return 0;
	case 'M':
		if (ctl_fltset_parse(arg, &opt->stop_faults) < 0)
			argp_error(state, "%s", ctl_error());
		return 0;
	case KEY_OK:
		opt->ok = true;
		return 0;
	case KEY_FAILED:
		opt->failed = true;
		return 0;
	case 'x':
		opt->decode |= CTL_DECODE_RAW;
		return 0;
	case 'v':
		opt->decode |= CTL_DECODE_VERBOSE;
		return 0;
	case KEY_STYLE:
		if (!strcmp(arg, "strace"))
			opt->style = STYLE_STRACE;
		else if (strcmp(arg, "truss"))
			argp_error(state, "no such style: %s", arg);
		return 0;
	case 'c':
		opt->count = true;
		return 0;
	case 'o':
		opt->output = arg;
		return 0;
	case 'l':
		opt->lwps = true;
		return 0;
	case 'd':
		opt->since_start = true;
		return 0;
	case 'D':
		opt->delta = true;
		return 0;
	case 'E':
		opt->elapsed = true;
		return 0;
	case KEY_STRING:
		if (cmd_parse_u64(arg, 32767, &n) < 0)
			argp_error(state, "not a number of bytes: %s", arg);
		opt->string = n;
		return 0;
	case KEY_DROP:
		opt->drop = true;
		return 0;
	case ARGP_KEY_ARG:
		if (opt->pids.n) { /* truss -p PID PID... */
			add_pid(state, opt, arg);
			return 0;
		}
		opt->command = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		if (!opt->command && !opt->pids.n)
			argp_error(state, "no command and no -p given");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	option_table, parse, "[--] CMD [ARG...]\n-p PID[/LWPS]...",
	"Trace system calls and signals.\v"
	"More options, for times, style and selection: man ptruss.\n"
	"Exit status: CMD's, 128 + its signal; with -p that of the other "
	"commands.",
	children,
};

static FILE *open_output(const struct options *opt)
{
	FILE *f = stderr;

	if (opt->output) {
		f = fopen(opt->output, "we");
		if (!f) {
			cmd_complain("cannot write %s: %s", opt->output,
				     strerror(errno));
			return NULL;
		}
	} else if (opt->style == STYLE_JSON) {
		f = stdout;
	}
	/* Whole lines go out when we are about to wait. */
	setvbuf(f, NULL, _IOFBF, 256 << 10);
	return f;
}

static int exit_status(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return CMD_NONE;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	struct parsed p = { .opt = { .signals = ~0ULL,
				    .faults = ~0ULL,
				    .string = 32 } };
	struct options *opt = &p.opt;
	struct session s = { .opt = opt };
	int code = CMD_OK, r = 0;
	pid_t child = 0;

	memset(&opt->calls, 0xff, sizeof(opt->calls));
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &p);
	if (p.json)
		opt->style = STYLE_JSON;
	s.out = open_output(opt);
	if (!s.out)
		return CMD_NONE;
	if (opt->count && !(s.counts = counts_new()))
		return cmd_finish(CMD_NONE);
	if (!s.counts && print_init(&s) < 0) {
		cmd_complain("out of memory");
		return cmd_finish(CMD_NONE);
	}
	session_catch_signals();
	if (opt->command) {
		if (session_spawn(&s) < 0) {
			code = CMD_NONE;
			goto out;
		}
		child = ctl_pid(s.v[0].h);
	} else {
		code = session_attach(&s);
	}
	r = s.n ? session_follow(&s) : 0;
	if (s.counts)
		counts_print(s.counts, &s);
	/* Its parent is us; but where we were told to go, we go. */
	if (child && r == 0 && s.v[0].done && !s.v[0].stopped)
		code = exit_status(child);
	else if (r < 0)
		code = CMD_NONE;
out:
	session_close(&s);
	counts_free(s.counts);
	print_free(&s);
	free(opt->pids.v);
	if (s.out != stdout && fclose(s.out) != 0 && r == 0) {
		cmd_complain("cannot write %s: %s",
			     opt->output ? opt->output : "the trace",
			     strerror(errno));
		return CMD_NONE;
	}
	return cmd_finish(code);
}
