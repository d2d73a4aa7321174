/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pflags - show how processes are controlled.
 *
 * Looking disturbs nothing and needs no right to control: the handle is
 * read-only, and what nothing controls is described from /proc.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/common.h"

struct options {
	struct cmd_operands operands;
	bool json;
	int flags; /* CMD_STATUS_* */
};

static const struct argp_option option_table[] = {
	{ "registers", 'r', NULL, 0, "Show the registers of stopped threads",
	  0 },
	{ 0 },
};

static const struct argp_child children[] = {
	{ &cmd_argp_operands }, { &cmd_argp_json },
	{ &cmd_argp_verbose }, { 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &opt->operands;
		state->child_inputs[1] = &opt->json;
		return 0;
	case 'r':
		opt->flags |= CMD_STATUS_REGS;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	option_table, parse, "PID[/LWPS]...",
	"Show who controls a process, what stopped its threads, what is traced."
	"\v" CMD_EXIT_DOC, children,
};

static int show(struct ctl *h, const struct cmd_operand *op,
		const struct options *opt)
{
	struct json_object *o;
	int r;

	if (!opt->json)
		return cmd_status_text(stdout, h, &op->target, opt->flags);
	r = cmd_status_json(&o, h, &op->target, opt->flags);
	if (r == 0)
		cmd_json_print(stdout, o);
	return r;
}

/* One handle for all the threads of an operand: it is one process. */
static int show_operand(const struct cmd_operand *op, void *arg)
{
	const struct options *opt = arg;
	struct ctl *h;
	pid_t *tids;
	int r;

	r = ctl_target_threads(&op->target, &tids);
	if (r < 0)
		return cmd_fail(r, "examine", op->arg);
	free(tids);
	r = ctl_open(&h, op->target.pid, 0, CTL_OPEN_RDONLY);
	if (r < 0)
		return cmd_fail(r, "examine", op->arg);
	r = show(h, op, opt);
	if (r < 0)
		cmd_fail(r, "examine", op->arg);
	ctl_close(h);
	return r;
}

int main(int argc, char **argv)
{
	static struct options opt;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &opt);
	return cmd_finish(cmd_each_operand(&opt.operands, show_operand, &opt));
}
