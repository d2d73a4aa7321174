/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options.c - options and operands that several subcommands of pusdt have. */
#include <stdlib.h>

#include "pusdt.h"

static error_t parse_hits(int key, char *arg, struct argp_state *state)
{
	struct pusdt_hits *opt = state->input;
	const char *why;

	switch (key) {
	case 'I':
		if (pusdt_pred_parse(arg, &opt->pred, &why) < 0)
			argp_error(state, "--if %s: %s", arg, why);
		return 0;
	case 'f':
		opt->follow = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option hits_options[] = {
	{ "if", 'I', "EXPR", 0,
	  "Only hits for which this holds: arg0 > 100 && tid == 4243", 0 },
	{ "follow", 'f', NULL, 0, "Children too", 0 },
	{ 0 },
};
const struct argp pusdt_argp_hits = { hits_options, parse_hits };

static error_t parse_reading(int key, char *arg, struct argp_state *state)
{
	struct pusdt_reading *opt = state->input;

	(void)arg;
	switch (key) {
	case 'w':
		opt->wait = true;
		return 0;
	case 'd':
		opt->drop = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option reading_options[] = {
	{ "wait", 'w', NULL, 0,
	  "Begin also when nothing that is mapped has such a probe", 0 },
	{ "drop", 'd', NULL, 0,
	  "Rather lose hits, and say how many, than make the process wait", 0 },
	{ 0 },
};
const struct argp pusdt_argp_reading = { reading_options, parse_reading };

void pusdt_operand(pid_t *pid, struct pusdt_specs *specs, const char *arg)
{
	if (!*pid ? pusdt_parse_pid(arg, pid) < 0 :
		    pusdt_specs_add(specs, arg) < 0)
		exit(CMD_USAGE);
}
