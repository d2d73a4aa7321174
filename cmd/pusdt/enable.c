/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pusdt enable, disable, status - probes that outlive the command.
 *
 * They belong to the process, not to a handle: the control server keeps them
 * until disable, exec or exit.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pusdt.h"

struct options {
	pid_t pid;
	struct pusdt_specs specs;
	struct pusdt_hits which;
	uint32_t flags, stack;
	bool json;
};

/* ---------------------------------------------------------------- enable -- */

static const struct argp_option enable_options[] = {
	{ "stop", 's', NULL, 0, "The thread stops at the probe", 0 },
	{ "once", '1', NULL, 0, "The first hit disables the probe", 0 },
	{ "stack", 'k', "BYTES", OPTION_ARG_OPTIONAL,
	  "Record the stack of each hit", 0 },
	{ 0 },
};

static const struct argp_child enable_children[] = {
	{ &pusdt_argp_hits }, { &cmd_argp_verbose }, { 0 },
};

static error_t parse_enable(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &opt->which;
		return 0;
	case 's':
		opt->flags |= CTL_PROBE_STOP;
		return 0;
	case '1':
		opt->flags |= CTL_PROBE_ONCE;
		return 0;
	case 'k':
		opt->stack = cmd_stack_bytes(state, arg);
		return 0;
	case ARGP_KEY_ARG:
		pusdt_operand(&opt->pid, &opt->specs, arg);
		return 0;
	case ARGP_KEY_END:
		if (!opt->specs.n)
			argp_error(state, "a PID and a SPEC are needed");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp enable_argp = {
	enable_options, parse_enable, "PID SPEC...",
	"Enable probes of a process; they stay enabled until pusdt disable."
	"\v" CMD_EXIT_DOC,
	enable_children,
};

int pusdt_enable(int argc, char **argv)
{
	struct options opt = { 0 };
	struct ctl_probe_options o = { 0 };
	struct pusdt_session s;
	int code, r;

	cmd_log(CTL_LOG_WARN);
	argp_parse(&enable_argp, argc, argv, 0, NULL, &opt);
	o.flags = opt.flags;
	o.strlimit = PUSDT_STRLIMIT;
	o.pred = opt.which.pred.v;
	o.npred = opt.which.pred.n;
	o.stack = opt.stack;
	if (pusdt_open(&s, opt.pid) < 0)
		return CMD_NONE;
	r = opt.which.follow ? pusdt_follow(&s) : 0;
	if (r == 0)
		r = pusdt_enable_all(&s, &opt.specs, &o);
	/* Of --once the first hit is the end: nothing to wait for. */
	if (r == 0 && !(opt.flags & CTL_PROBE_ONCE))
		pusdt_stay(opt.pid, &opt.specs, &o);
	code = r < 0 ? CMD_NONE : s.failed ? CMD_SOME : CMD_OK;
	pusdt_close(&s);
	pusdt_specs_free(&opt.specs);
	return code;
}

/* --------------------------------------------------------------- disable -- */

static error_t parse_disable(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		pusdt_operand(&opt->pid, &opt->specs, arg);
		return 0;
	case ARGP_KEY_END:
		if (!opt->pid)
			argp_error(state, "no PID given");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_child disable_children[] = {
	{ &cmd_argp_verbose }, { 0 },
};

static const struct argp disable_argp = {
	NULL, parse_disable, "PID [SPEC...]",
	"Disable probes that pusdt enable enabled: these, or all.\v"
	CMD_EXIT_DOC,
	disable_children,
};

/* Without starting a server for a process that has none. */
static int open_controlled(struct ctl **h, pid_t pid)
{
	char text[16];
	int r = ctl_open(h, pid, 0, CTL_OPEN_RDONLY);

	snprintf(text, sizeof(text), "%d", pid);
	return r < 0 ? cmd_fail(r, "look at", text) : 0;
}

static bool any_enabled(pid_t pid)
{
	struct ctl_probe_info *v;
	struct ctl *h;
	int n;

	if (ctl_open(&h, pid, 0, CTL_OPEN_RDONLY) < 0)
		return false;
	n = ctl_probe_list(h, &v);
	if (n >= 0)
		free(v);
	ctl_close(h);
	return n > 0;
}

static int disable_matching(struct ctl *h, const struct pusdt_specs *specs,
			    size_t *matched)
{
	const struct ctl_probe_info *i;
	struct ctl_probe_info *v;
	int n, r = 0;

	n = ctl_probe_list(h, &v);
	if (n < 0)
		return cmd_fail(n, "list", "what is enabled");
	i = v;
	for (int k = 0; k < n && r == 0; k++, i = ctl_probe_info_next(i)) {
		if (i->flags & CTL_PROBE_HANDLE ||
		    !pusdt_specs_match_info(specs, i))
			continue;
		(*matched)++;
		r = ctl_probe_disable(h, i->id);
		if (r == -EINVAL) /* somebody else was faster */
			r = 0;
		if (r < 0)
			cmd_fail(r, "disable", ctl_probe_label(i));
	}
	free(v);
	return r;
}

int pusdt_disable(int argc, char **argv)
{
	struct options opt = { 0 };
	size_t matched = 0;
	struct ctl *h;
	char text[16];
	int r;

	argp_parse(&disable_argp, argc, argv, 0, NULL, &opt);
	if (open_controlled(&h, opt.pid) < 0)
		return CMD_NONE;
	ctl_close(h);
	r = 0;
	if (any_enabled(opt.pid)) {
		snprintf(text, sizeof(text), "%d", opt.pid);
		r = ctl_open(&h, opt.pid, 0, 0);
		if (r < 0) {
			cmd_fail(r, "control", text);
		} else {
			if (!opt.specs.n)
				pusdt_leave(h);
			r = disable_matching(h, &opt.specs, &matched);
			if (r == 0 && !pusdt_any_left(h))
				pusdt_leave(h);
			ctl_close(h);
		}
	}
	if (r == 0 && !matched && opt.specs.n) {
		cmd_complain("no such probe is enabled in %d", opt.pid);
		r = -ENOENT;
	}
	pusdt_specs_free(&opt.specs);
	return r < 0 ? CMD_NONE : CMD_OK;
}

/* ---------------------------------------------------------------- status -- */

static error_t parse_status(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	if (key == ARGP_KEY_INIT) {
		state->child_inputs[0] = &opt->json;
		return 0;
	}
	return parse_disable(key, arg, state);
}

static const struct argp_child status_children[] = {
	{ &cmd_argp_json }, { &cmd_argp_verbose }, { 0 },
};

static const struct argp status_argp = {
	NULL, parse_status, "PID [SPEC...]",
	"Which probes of a process are enabled, and what came of it.\v"
	CMD_EXIT_DOC,
	status_children,
};

static void print_status(const struct ctl_probe_info *i, bool first,
			 pid_t holder)
{
	const char *provider = "?", *name = "?", *object = "?";

	ctl_probe_names(i, &provider, &name, &object);
	if (first && holder)
		printf("held by keeper %d\n", holder);
	else if (first)
		printf("held by the module\n");
	if (first)
		printf("%6s %10s %8s %5s  %s\n", "ID", "HITS", "LOST", "SITES",
		       "PROBE");
	printf("%6u %10" PRIu64 " %8" PRIu64 " %5u  ", i->id,
	       (uint64_t)i->hits, (uint64_t)i->lost, i->nsites);
	pusdt_print(provider);
	putchar(':');
	pusdt_print(name);
	printf("  ");
	pusdt_print(object);
	if (i->flags & CTL_PROBE_STOP)
		printf("  stop");
	if (i->flags & CTL_PROBE_ONCE)
		printf("  once");
	if (i->flags & CTL_PROBE_HANDLE)
		printf("  of a command");
	putchar('\n');
}

static void json_status(const struct ctl_probe_info *i, pid_t pid,
			pid_t holder)
{
	const char *provider = NULL, *name = NULL, *object = NULL;
	struct json_object *o = json_object_new_object();

	ctl_probe_names(i, &provider, &name, &object);
	json_object_object_add(o, "pid", json_object_new_int(pid));
	json_object_object_add(o, "keeper",
			       holder ? json_object_new_int(holder) : NULL);
	json_object_object_add(o, "id", json_object_new_int64(i->id));
	json_object_object_add(o, "provider", pusdt_json_text(provider));
	json_object_object_add(o, "name", pusdt_json_text(name));
	json_object_object_add(o, "object", pusdt_json_text(object));
	json_object_object_add(o, "sites", json_object_new_int64(i->nsites));
	json_object_object_add(o, "hits", json_object_new_int64(i->hits));
	json_object_object_add(o, "lost", json_object_new_int64(i->lost));
	json_object_object_add(
		o, "stop", json_object_new_boolean(i->flags & CTL_PROBE_STOP));
	json_object_object_add(
		o, "once", json_object_new_boolean(i->flags & CTL_PROBE_ONCE));
	json_object_object_add(
		o, "command",
		json_object_new_boolean(i->flags & CTL_PROBE_HANDLE));
	cmd_json_print(stdout, o);
}

int pusdt_status(int argc, char **argv)
{
	struct options opt = { 0 };
	struct ctl_status st = { .size = sizeof(st) };
	const struct ctl_probe_info *i;
	struct ctl_probe_info *v;
	bool first = true;
	struct ctl *h;
	int n;

	argp_parse(&status_argp, argc, argv, 0, NULL, &opt);
	if (open_controlled(&h, opt.pid) < 0)
		return CMD_NONE;
	n = ctl_probe_list(h, &v);
	if (n == -EOPNOTSUPP) { /* nothing controls it */
		v = NULL;
		n = 0;
	}
	if (n < 0)
		cmd_fail(n, "list", "what is enabled");
	if (n > 0 && ctl_status(h, &st) < 0)
		st.holder = 0;
	i = v;
	for (int k = 0; k < n; k++, i = ctl_probe_info_next(i)) {
		if (!pusdt_specs_match_info(&opt.specs, i))
			continue;
		if (opt.json)
			json_status(i, opt.pid, st.holder);
		else
			print_status(i, first, st.holder);
		first = false;
	}
	if (n >= 0)
		free(v);
	ctl_close(h);
	pusdt_specs_free(&opt.specs);
	return n < 0 ? CMD_NONE : CMD_OK;
}
