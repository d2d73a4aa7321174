/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * operand.c - the operands of a command, and the options that most have.
 *
 * An operand that is no operand is a usage error, found before anything is
 * done.  One that names nothing that exists, or nothing that may be touched,
 * is that operand's failure and nobody else's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

static error_t parse_operand(int key, char *arg, struct argp_state *state)
{
	struct cmd_operands *ops = state->input;
	struct cmd_operand op = { .arg = arg };

	switch (key) {
	case ARGP_KEY_ARG:
		if (ctl_target_parse(arg, &op.target) < 0)
			argp_failure(state, CMD_USAGE, 0,
				     "cannot control %s: %s", arg, ctl_error());
		ops->v = realloc(ops->v, (ops->n + 1) * sizeof(*ops->v));
		if (!ops->v)
			argp_failure(state, CMD_NONE, ENOMEM, "operands");
		ops->v[ops->n++] = op;
		return 0;
	case ARGP_KEY_NO_ARGS:
		if (!ops->optional)
			argp_error(state, "no operand given");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

const struct argp cmd_argp_operands = { .parser = parse_operand };

/*
 * --help has a note on arguments of long options that takes three of its 24
 * lines, and only this variable takes it away.  It is set while options are
 * parsed, so that no process that we start sees it.
 */
static void short_help(int key)
{
	static bool ours;

	if (key == ARGP_KEY_INIT && !getenv("ARGP_HELP_FMT"))
		ours = setenv("ARGP_HELP_FMT", "no-dup-args-note", 1) == 0;
	if (key == ARGP_KEY_FINI && ours) {
		unsetenv("ARGP_HELP_FMT");
		ours = false;
	}
}

static error_t parse_json(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	short_help(key);
	if (key != 'j')
		return ARGP_ERR_UNKNOWN;
	*(bool *)state->input = true;
	return 0;
}

static const struct argp_option json_options[] = {
	{ "json", 'j', NULL, 0, "Print JSON, an object a line", 0 },
	{ 0 },
};
const struct argp cmd_argp_json = { json_options, parse_json };

static error_t parse_verbose(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	(void)state;
	short_help(key);
	if (key != 'v')
		return ARGP_ERR_UNKNOWN;
	cmd_log(CTL_LOG_INFO);
	return 0;
}

static const struct argp_option verbose_options[] = {
	{ "verbose", 'v', NULL, 0, "Say on standard error what is done", 0 },
	{ 0 },
};
const struct argp cmd_argp_verbose = { verbose_options, parse_verbose };

static int open_and_call(pid_t pid, pid_t tid, const char *object,
			 int open_flags, cmd_each_fn *fn, void *arg)
{
	struct ctl *h;
	int r;

	r = ctl_open(&h, pid, tid, open_flags);
	if (r < 0)
		return cmd_fail(r,
				open_flags & CTL_OPEN_RDONLY ? "examine" :
							       "control",
				object);
	r = fn(h, object, arg);
	ctl_close(h);
	return r < 0 ? r : 0;
}

int cmd_each_of(const struct cmd_operand *op, int open_flags, cmd_each_fn *fn,
		void *arg)
{
	pid_t pid = op->target.pid, *tids;
	char object[32];
	int n, r, err = 0;

	if (!op->target.lwps[0])
		return open_and_call(pid, 0, op->arg, open_flags, fn, arg);
	n = ctl_target_threads(&op->target, &tids);
	if (n < 0)
		return cmd_fail(n, "control", op->arg);
	for (int i = 0; i < n; i++) {
		snprintf(object, sizeof(object), "%d/%d", pid, tids[i]);
		r = open_and_call(pid, tids[i], object, open_flags, fn, arg);
		if (r < 0)
			err = r;
	}
	free(tids);
	return err;
}

int cmd_exit_code(size_t n, size_t failed)
{
	return failed == 0 ? CMD_OK : failed < n ? CMD_SOME : CMD_NONE;
}

int cmd_each_operand(const struct cmd_operands *ops, cmd_operand_fn *fn,
		     void *arg)
{
	size_t failed = 0;

	for (size_t i = 0; i < ops->n; i++)
		if (fn(&ops->v[i], arg) < 0)
			failed++;
	return cmd_exit_code(ops->n, failed);
}

struct each {
	int open_flags;
	cmd_each_fn *fn;
	void *arg;
};

static int each_of(const struct cmd_operand *op, void *arg)
{
	const struct each *e = arg;

	return cmd_each_of(op, e->open_flags, e->fn, e->arg);
}

int cmd_each(const struct cmd_operands *ops, int open_flags, cmd_each_fn *fn,
	     void *arg)
{
	struct each e = { open_flags, fn, arg };

	return cmd_each_operand(ops, each_of, &e);
}
