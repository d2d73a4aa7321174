/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options.c - the command line of ptruss.  Nothing is done here yet. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ptruss.h"

enum {
	KEY_DROP = 256, KEY_STRING, KEY_FAILED, KEY_OK, KEY_PATH, KEY_STYLE,
	KEY_SORT, KEY_TIMELINE, KEY_LIST, KEY_TIED,
	KEY_INJECT, KEY_HISTOGRAM, KEY_EXEC, KEY_PAGER,
};

/*
 * --help shows the common ones, so that it fits on a screen; ptruss(1) has all.
 */
#define RARE(name, key, arg, doc) { name, key, arg, OPTION_HIDDEN, doc, 0 }
static const struct argp_option option_table[] = {
	{ "pid", 'p', "PID", 0, "Trace this process or PID/LWPS; may be repeated",
	  0 },
	{ "follow", 'f', NULL, 0, "Follow children", 0 },
	{ "trace", 't', "CALLS", 0,
	  "Trace these system calls; !CALLS: all but these", 0 },
	{ "signal", 's', "SIGNALS", 0, "Trace these signals", 0 },
	RARE("fault", 'm', "FAULTS", "Trace these machine faults"),
	{ "stop-call", 'T', "CALLS", 0,
	  "Stop at entry to these and leave it so", 0 },
	{ "stop-signal", 'S', "SIGNALS", 0,
	  "Stop on these signals and leave it so", 0 },
	RARE("stop-fault", 'M', "FAULTS", "Stop on these faults and leave it so"),
	{ "function", 'u', "LIB:FUNCS", 0,
	  "Trace calls of functions in LIB", 0 },
	RARE("stop-function", 'U', "LIB:FUNCS",
	     "Stop at calls of these and leave it so"),
	{ "count", 'c', NULL, 0, "Print counts and times at the end", 0 },
	RARE("sort", KEY_SORT, "KEY", "-c: by time, calls, errors or name"),
	RARE("histogram", KEY_HISTOGRAM, NULL, "-c: and how the times are spread"),
	{ "output", 'o', "FILE", 0, "Write to FILE instead of standard error",
	  0 },
	{ "stack", 'k', "BYTES", OPTION_ARG_OPTIONAL,
	  "Print the user stack of each call", 0 },
	RARE("timeline", KEY_TIMELINE, "FILE", "Write a trace for Perfetto"),
	RARE("pager-friendly", KEY_PAGER, NULL,
	     "For \"| less -R\": line by line, with -C in colour"),
	RARE("color", 'C', NULL, "Colours, on a terminal"),
	RARE("ok", KEY_OK, NULL, "Print calls that succeeded only"),
	RARE("failed", KEY_FAILED, NULL, "Print calls that failed only"),
	RARE("path", KEY_PATH, "PATH", "Print calls that touch PATH only"),
	RARE("argv", 'a', NULL, "Print the arguments at exec"),
	RARE("env", 'e', NULL, "Print the environment at exec"),
	RARE("raw", 'x', NULL, "Print arguments as numbers"),
	RARE("all-fields", 'v', NULL, "Print structures whole"),
	RARE("read", 'r', "FDS", "Dump what is read from these"),
	RARE("write", 'w', "FDS", "Dump what is written to these"),
	RARE("paths", 'y', NULL, "Print what descriptors refer to"),
	RARE("style", KEY_STYLE, "STYLE", "truss (default), strace or json"),
	RARE("no-sleep", 'i', NULL, "Do not report calls that sleep"),
	RARE("exec", KEY_EXEC, "GLOB",
	     "Follow, and print processes that run such a program only"),
	RARE("inject", KEY_INJECT, "CALLS:WHAT",
	     "Make calls fail, return, wait or bring a signal"),
	RARE("tied", KEY_TIED, NULL,
	     "Spare CMD the stop at calls not traced; it dies with ptruss"),
	RARE("list", KEY_LIST, NULL, "Print system calls and their classes"),
	{ "lwp", 'l', NULL, 0, "Print thread numbers", 0 },
	{ "timestamp", 'd', NULL, 0, "Print the time since the start", 0 },
	RARE("delta", 'D', NULL, "Print the time since the line before"),
	RARE("elapsed", 'E', NULL, "Print the time spent in each call"),
	RARE("string", KEY_STRING, "N",
	     "Print at most N bytes of strings and buffers (32)"),
	RARE("drop", KEY_DROP, NULL,
	     "Lose records rather than make the target wait"),
	{ 0 },
};

static const struct argp_child children[] = {
	{ &cmd_argp_json }, { 0 },
};

struct parsed {
	struct options *opt;
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

static int word(struct argp_state *state, const char *what, const char *arg,
		const char *const names[])
{
	char all[64] = "";

	for (int i = 0; names[i]; i++) {
		if (strcmp(names[i], arg) == 0)
			return i;
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s",
			 i ? ", " : "", names[i]);
	}
	argp_error(state, "unknown %s '%s': it is one of %s", what, arg, all);
	return 0;
}

static void list_calls(void)
{
	struct ctl_syscall_info info;
	unsigned nr, i;

	for (nr = 0; nr < CTL_SYSSET_BITS; nr++) {
		if (ctl_syscall_info(CTL_ABI_NATIVE, nr, &info) < 0)
			continue;
		printf("%s(", info.name);
		for (i = 0; i < info.nargs; i++)
			printf("%s%s", i ? ", " : "",
			       info.arg[i] ? info.arg[i] : "?");
		putchar(')');
		for (i = 0; ctl_class_name(i); i++)
			if (info.classes >> i & 1)
				printf(" %%%s", ctl_class_name(i));
		putchar('\n');
	}
}

static error_t parse_flag(int key, struct options *opt)
{
	switch (key) {
	case 'f':
		opt->follow = true;
		return 0;
	case KEY_PAGER:
		opt->pager = true;
		return 0;
	case KEY_TIED:
		opt->tied = opt->follow = true;
		return 0;
	case KEY_HISTOGRAM:
		opt->count = opt->histogram = true;
		return 0;
	case 'c':
		opt->count = true;
		return 0;
	case 'C':
		opt->want_color = true;
		return 0;
	case 'a':
		opt->argv = true;
		return 0;
	case 'e':
		opt->envp = true;
		return 0;
	case 'v':
		opt->verbose = true;
		return 0;
	case 'x':
		opt->raw = true;
		return 0;
	case 'y':
		opt->fd_paths = true;
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
	case 'i':
		opt->no_sleep = true;
		return 0;
	case KEY_FAILED:
		opt->failed = true;
		return 0;
	case KEY_OK:
		opt->ok = true;
		return 0;
	case KEY_DROP:
		opt->drop = true;
		return 0;
	case KEY_LIST:
		list_calls();
		exit(cmd_finish(CMD_OK));
	}
	return ARGP_ERR_UNKNOWN;
}

static const char *const sorts[] = { "time", "calls", "errors", "name", NULL };

/* What the option does in strace, when its argument looks like that. */
static const char *meant(int key, const char *arg, struct argp_state *state)
{
	bool no_command = state->next == state->argc;

	switch (key) {
	case 's':
		if (strspn(arg, "0123456789") == strlen(arg))
			return "; --string=N is the length of strings";
		break;
	case 't':
		if (no_command || !arg[strspn(arg, "t")])
			return "; -d is the time since the start";
		break;
	case 'T':
		if (no_command)
			return "; -E is the time spent in each call";
		break;
	case 'S':
		for (int i = 0; sorts[i]; i++)
			if (!strcmp(arg, sorts[i]))
				return "; --sort=KEY is the order of -c";
		break;
	}
	return "";
}

static void parse_set(int key, const char *arg, struct argp_state *state,
		      struct options *opt)
{
	int r = 0;

	switch (key) {
	case 't':
		r = ctl_sysset_parse(arg, &opt->calls);
		break;
	case 'T':
		r = ctl_sysset_parse(arg, &opt->stop_calls);
		opt->stops = true;
		break;
	case 's':
		r = ctl_sigset_parse(arg, &opt->signals);
		break;
	case 'S':
		r = ctl_sigset_parse(arg, &opt->stop_signals);
		opt->stops = true;
		break;
	case 'm':
		r = ctl_fltset_parse(arg, &opt->faults);
		break;
	case 'M':
		r = ctl_fltset_parse(arg, &opt->stop_faults);
		opt->stops = true;
		break;
	}
	if (r < 0)
		argp_error(state, "%s%s", ctl_error(),
			   meant(key, arg, state));
}

/*
 * What has an argument in other tracers and none here would be taken for the
 * command: strace's -e trace=open, the -v all and -x open,read of Solaris.
 */
static void check_command(struct argp_state *state)
{
	const char *arg = state->argv[state->next - 1];
	const char *last = state->argv[state->next - 2];

	if (!strcmp(last, "-e") && strpbrk(arg, "=,"))
		argp_error(state, "-e takes no argument; -t CALLS");
	if ((!strcmp(last, "-v") || !strcmp(last, "-x")) &&
	    (!strcmp(arg, "all") || *arg == '!' || strchr(arg, ',')))
		argp_error(state, "%s takes no argument, it is of all calls",
			   last);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	static const char *const styles[] = { "truss", "strace", "json", NULL };
	static const struct format *const formats[] = { &format_truss,
							&format_strace,
							&format_json };
	struct parsed *p = state->input;
	struct options *opt = p->opt;
	const char *problem;
	uint64_t n;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &p->json;
		return 0;
	case 'p':
		add_pid(state, opt, arg);
		return 0;
	case 't':
	case 'T':
	case 's':
	case 'S':
	case 'm':
	case 'M':
		parse_set(key, arg, state, opt);
		return 0;
	case 'u':
	case 'U':
		if (!func_option(opt, arg, key == 'U'))
			argp_error(state, "-%c %s: %s", key, arg, ctl_error());
		opt->stops |= key == 'U';
		return 0;
	case 'o':
		opt->output = arg;
		return 0;
	case 'r':
	case 'w':
		if (!fdset_parse(key == 'r' ? &opt->read_fds : &opt->write_fds,
				 arg))
			argp_error(state,
				   "not a list of descriptors (numbers below %d, or all): %s%s",
				   FDS, arg,
				   key == 'r' && !strpbrk(arg, "0123456789,") ?
					   "; -D is the time since the line before" :
					   "");
		return 0;
	case 'k':
		opt->stack = cmd_stack_bytes(state, arg);
		return 0;
	case KEY_SORT:
		opt->sort = word(state, "order", arg, sorts);
		return 0;
	case KEY_STYLE:
		opt->format = formats[word(state, "style", arg, styles)];
		return 0;
	case KEY_TIMELINE:
		opt->timeline = arg;
		return 0;
	case KEY_EXEC:
		opt->exec = arg;
		opt->follow = true;
		return 0;
	case KEY_INJECT:
		problem = inject_parse(&opt->inject, arg);
		if (problem)
			argp_error(state, "--inject=%s: %s", arg, problem);
		return 0;
	case KEY_PATH:
		opt->path = arg;
		return 0;
	case KEY_STRING:
		if (cmd_parse_u64(arg, CTL_CAP_LIMIT - 1, &n) < 0)
			argp_error(state, "not a number of bytes below %u: %s",
				   CTL_CAP_LIMIT, arg);
		opt->string_limit = n;
		return 0;
	case ARGP_KEY_ARG:
		if (opt->pids.n) { /* truss -p PID PID... */
			add_pid(state, opt, arg);
			return 0;
		}
		check_command(state);
		opt->command = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		if (!opt->command && !opt->pids.n)
			argp_error(state, "no command and no -p given");
		if (opt->count && opt->path)
			argp_error(state, "-c and --path: not both");
		if (opt->ok && opt->failed)
			argp_error(state, "--ok and --failed: not both");
		if (opt->inject && opt->stops)
			argp_error(state, "--inject and -T, -S, -M, -U: not both");
		if (opt->inject && opt->nfuncs)
			argp_error(state, "--inject and -u: not both");
		if (opt->tied && (!opt->command || opt->stops))
			argp_error(state, opt->stops ?
				   "--tied cannot leave CMD stopped (-T, -S, -M, -U)" :
				   "--tied needs a command");
		return 0;
	}
	return parse_flag(key, opt);
}

void options_parse(struct options *opt, int argc, char **argv)
{
	static const struct argp argp = {
		option_table, parse, "[--] CMD [ARG...]\n-p PID[/LWPS]...",
		"Trace system calls and signals.\v"
		"More options, for times, style and selection: man ptruss.\n"
		"Exit status: CMD's, 128 + its signal; with -p that of the "
		"other commands.",
		children,
	};
	struct parsed p = { .opt = opt };

	opt->format = &format_truss;
	opt->signals = opt->faults = ~0ULL;
	opt->string_limit = 32;
	memset(&opt->calls, 0xff, sizeof(opt->calls));
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &p);
	if (p.json)
		opt->format = &format_json;
}
