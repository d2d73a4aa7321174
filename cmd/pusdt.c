/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pusdt - the statically defined probes of programs: which there are, and what
 * passes them.
 *
 * Each subcommand is a file of cmd/pusdt/ with its own options.
 */
#include <stdlib.h>
#include <string.h>

#include "pusdt/pusdt.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "list", pusdt_list },	      { "enable", pusdt_enable },
	{ "disable", pusdt_disable }, { "status", pusdt_status },
	{ "trace", pusdt_trace },     { "count", pusdt_count },
	{ "run", pusdt_run },
};

struct chosen {
	int (*run)(int argc, char **argv);
	int argc;
	char **argv;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct chosen *c = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]);
		     i++)
			if (!strcmp(arg, commands[i].name))
				c->run = commands[i].run;
		if (!c->run)
			argp_error(state, "no such subcommand: %s", arg);
		/* The rest, with its options, is the subcommand's. */
		c->argv = state->argv + state->next - 1;
		c->argc = state->argc - state->next + 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "no subcommand given");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	NULL, parse, "SUBCOMMAND [ARG...]",
	"List and follow the USDT probes of programs.\v"
	"Subcommands:\n"
	"  list     the probes of files and processes\n"
	"  enable   make probes of a process report, until disabled\n"
	"  disable  undo enable\n"
	"  status   what is enabled, and how often it was hit\n"
	"  trace    print each hit\n"
	"  count    count hits\n"
	"  run      start a command and print each hit\n"
	"\nEach explains itself: pusdt list --help\n\n" CMD_EXIT_DOC,
};

int main(int argc, char **argv)
{
	struct chosen c = { 0 };
	char name[64];

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &c);
	snprintf(name, sizeof(name), "pusdt %s", c.argv[0]);
	c.argv[0] = name;
	return cmd_finish(c.run(c.argc, c.argv));
}
