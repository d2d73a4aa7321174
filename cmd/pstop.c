/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pstop - stop processes or threads, and leave them stopped.
 *
 * The stop outlives this command because PR_RLC is left unset: the control
 * server keeps it until prun or somebody's PCRUN.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/common.h"

/* A stop that takes longer than this is said to. */
#define SLOW_MS 2000

struct options {
	struct cmd_operands operands;
	bool create, json;
	int timeout; /* ms, 0: none */
	char **command;
};

static const struct argp_option option_table[] = {
	{ "create", 'c', NULL, 0,
	  "Start CMD, stopped before its first instruction; print its PID", 0 },
	{ "timeout", 't', "SEC", 0, "Give up waiting after SEC seconds", 0 },
	{ 0 },
};

static const struct argp_child children[] = {
	{ &cmd_argp_operands }, { &cmd_argp_json },
	{ &cmd_argp_verbose }, { 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &opt->operands;
		state->child_inputs[1] = &opt->json;
		return 0;
	case 'c':
		opt->create = true;
		opt->operands.optional = true;
		return 0;
	case 't':
		opt->timeout = cmd_seconds(state, arg);
		return 0;
	case ARGP_KEY_ARG:
		if (!opt->create)
			return ARGP_ERR_UNKNOWN; /* the operands' parser */
		opt->command = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		if (opt->create && !opt->command)
			argp_error(state, "-c needs a command");
		return ARGP_ERR_UNKNOWN;
	case ARGP_KEY_END:
		if (opt->create && opt->operands.n)
			argp_error(state, "-c comes before the command");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	option_table, parse, "PID[/LWPS]...\n-c [--] CMD [ARG...]",
	"Stop processes or threads; prun sets them running again.\v"
	CMD_EXIT_DOC, children,
};

/* Which threads keep us waiting?  Commonly one in an uninterruptible wait. */
static void report_slow(struct ctl *h, const char *object)
{
	struct ctl_lwpstatus *v;
	char *text = NULL;
	size_t size;
	FILE *f;
	int n;

	n = ctl_threads(h, &v);
	if (n < 0)
		return;
	f = open_memstream(&text, &size);
	if (f) {
		const char *sep = "";

		for (int i = 0; i < n; i++) {
			if (v[i].flags & PR_STOPPED ||
			    (ctl_tid(h) && ctl_tid(h) != v[i].tid))
				continue;
			fprintf(f, "%s%d (%.*s)", sep, v[i].tid,
				(int)sizeof(v[i].comm), v[i].comm);
			sep = ", ";
		}
		if (fclose(f) == 0)
			cmd_complain("waiting for %s; not stopped yet: %s",
				     object, *text ? text : "(none)");
		free(text);
	}
	free(v);
}

static int stop_one(struct ctl *h, const char *object, void *arg)
{
	const struct options *opt = arg;
	int first = SLOW_MS;
	int r;

	if (opt->timeout && opt->timeout < first)
		first = opt->timeout;
	r = ctl_stop(h, first);
	if (r == -ETIME && opt->timeout != first) {
		report_slow(h, object);
		/*
		 * Directed anew: it may have stopped and been run on by
		 * somebody since, and a mere wait would have missed that.
		 */
		r = ctl_stop(h, opt->timeout ? opt->timeout - first : 0);
	}
	return r < 0 ? cmd_fail(r, "stop", object) : 0;
}

/*
 * pid=$(pstop -c CMD): the shell reads until nobody has the pipe any more, and
 * CMD, stopped, would keep it for ever.  So it gets standard error for its
 * output when that is a pipe.
 */
static int spawn(struct ctl **h, char **command)
{
	struct stat st;
	int saved = -1, r;

	if (fstat(STDOUT_FILENO, &st) == 0 && S_ISFIFO(st.st_mode)) {
		saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		if (saved < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
			return -errno;
	}
	r = ctl_spawn_detached(h, command);
	if (saved >= 0) {
		dup2(saved, STDOUT_FILENO);
		close(saved);
	}
	return r;
}

static int start(const struct options *opt)
{
	struct json_object *o;
	struct ctl *h;
	int r;

	r = spawn(&h, opt->command);
	if (r < 0) {
		cmd_fail(r, "start", opt->command[0]);
		return CMD_NONE;
	}
	if (opt->json) {
		o = json_object_new_object();
		json_object_object_add(o, "pid",
				       json_object_new_int(ctl_pid(h)));
		cmd_json_print(stdout, o);
	} else {
		printf("%d\n", ctl_pid(h));
	}
	/* Who cannot be told on stdout has to be told all the same. */
	if (fflush(stdout) != 0)
		cmd_complain("%s is left stopped, as process %d",
			     opt->command[0], ctl_pid(h));
	ctl_close(h);
	return CMD_OK;
}

int main(int argc, char **argv)
{
	static struct options opt;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &opt);
	return cmd_finish(opt.create ? start(&opt) :
				       cmd_each(&opt.operands, 0, stop_one,
						&opt));
}
