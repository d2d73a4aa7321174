/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pusdt list - the probes of files and processes. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pusdt.h"

struct options {
	bool all, json, details;
	struct pusdt_specs specs;
	char **operands; /* PIDs and files */
	size_t n;
	/* what came of it */
	size_t failed, matched, skipped;
	bool headed;
};

static const struct argp_option option_table[] = {
	{ "all", 'a', NULL, 0, "The probes of every process", 0 },
	{ "long", 'l', NULL, 0, "Each site, with what is known of it", 0 },
	{ 0 },
};

static const struct argp_child children[] = {
	{ &cmd_argp_json }, { &cmd_argp_verbose }, { 0 },
};

static bool is_spec(const char *arg)
{
	return strchr(arg, ':') && access(arg, F_OK) != 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &opt->json;
		opt->operands = calloc(state->argc, sizeof(*opt->operands));
		if (!opt->operands)
			argp_failure(state, CMD_NONE, ENOMEM, "operands");
		return 0;
	case 'a':
		opt->all = true;
		return 0;
	case 'l':
		opt->details = true;
		return 0;
	case ARGP_KEY_ARG:
		if (!is_spec(arg))
			opt->operands[opt->n++] = arg;
		else if (pusdt_specs_add(&opt->specs, arg) < 0)
			exit(CMD_USAGE);
		return 0;
	case ARGP_KEY_END:
		if (opt->all && opt->n)
			argp_error(state, "--all and %s: one or the other",
				   opt->operands[0]);
		if (!opt->all && !opt->n)
			argp_error(state, "no PID and no file given");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	option_table, parse, "PID|FILE... [SPEC...]\n--all [SPEC...]",
	"List the USDT probes of files, or of all that processes have mapped. "
	"SPEC is [OBJECT:]PROVIDER:NAME, with wildcards.\v" CMD_EXIT_DOC,
	children,
};

/* ------------------------------------------------------------------ text -- */

static bool args_differ(const struct ctl_usdt_probe *p)
{
	for (unsigned i = 1; i < p->nsites; i++)
		if (p->sites[i].is_enabled == p->sites[0].is_enabled &&
		    strcmp(p->sites[i].argtext, p->sites[0].argtext) != 0)
			return true;
	return false;
}

/* What a hit has: not of an is-enabled site, if there is another. */
static const struct ctl_usdt_site *hit_site(const struct ctl_usdt_probe *p)
{
	for (unsigned i = 0; i < p->nsites; i++)
		if (!p->sites[i].is_enabled)
			return &p->sites[i];
	return &p->sites[0];
}

static void print_short(struct options *opt, const struct ctl_usdt_probe *p)
{
	char name[512];

	if (!opt->headed)
		printf("%-32s %5s  %-24s %s\n", "PROBE", "SITES", "OBJECT",
		       "ARGUMENTS");
	opt->headed = true;
	snprintf(name, sizeof(name), "%s:%s", p->provider, p->name);
	pusdt_print(name);
	printf("%*s %5u  ",
	       strlen(name) < 32 ? 32 - (int)strlen(name) : 0, "", p->nsites);
	pusdt_print(p->object);
	printf("%*s ",
	       strlen(p->object) < 24 ? 24 - (int)strlen(p->object) : 0, "");
	pusdt_print(hit_site(p)->argtext);
	if (args_differ(p))
		printf(" (others differ)");
	putchar('\n');
}

static void print_arg(unsigned i, const struct ctl_usdt_arg *a, bool is_enabled)
{
	printf("        arg%u  ", i);
	pusdt_print(a->spec);
	if (a->type || a->name) {
		printf("  ");
		if (a->type)
			pusdt_print(a->type);
		if (a->type && a->name && a->type[strlen(a->type) - 1] != '*')
			putchar(' ');
		if (a->name)
			pusdt_print(a->name);
		if (a->xtype) {
			printf(", translated to ");
			pusdt_print(a->xtype);
		}
	}
	if (is_enabled)
		printf("  (gets the answer)");
	if (a->problem)
		printf("  (cannot be had: %s)", a->problem);
	putchar('\n');
}

static void print_frame(const struct ctl_usdt_frame *f, bool inlined)
{
	printf(inlined ? "        inlined into " : "  ");
	if (f->function)
		pusdt_print(f->function);
	else
		putchar('?');
	if (f->file) {
		printf(" at ");
		pusdt_print(f->file);
		if (f->line)
			printf(":%u", f->line);
	}
	putchar('\n');
}

static void print_site(const struct ctl_usdt_site *s)
{
	printf("    %#" PRIx64, s->address);
	if (s->is_enabled)
		printf("  is-enabled");
	if (s->nframes)
		print_frame(&s->frames[0], false);
	else
		putchar('\n');
	for (unsigned i = 1; i < s->nframes; i++)
		print_frame(&s->frames[i], true);
	for (unsigned i = 0; i < s->nargs; i++)
		print_arg(i, &s->args[i], s->is_enabled);
}

static void print_long(const struct ctl_usdt_probe *p)
{
	pusdt_print(p->provider);
	putchar(':');
	pusdt_print(p->name);
	printf("  ");
	pusdt_print(p->object);
	if (p->is_deleted)
		printf("  deleted");
	if (p->has_semaphore)
		printf("  semaphore %#" PRIx64, p->semaphore);
	putchar('\n');
	for (unsigned i = 0; i < p->nsites; i++)
		print_site(&p->sites[i]);
}

/* ------------------------------------------------------------------ JSON -- */

static void add(struct json_object *o, const char *key, struct json_object *v)
{
	json_object_object_add(o, key, v);
}

static struct json_object *json_line(unsigned line)
{
	return line ? json_object_new_int64(line) : NULL;
}

static struct json_object *json_arg(const struct ctl_usdt_arg *a)
{
	struct json_object *o = json_object_new_object();

	add(o, "spec", pusdt_json_text(a->spec));
	add(o, "size", json_object_new_int(a->size));
	add(o, "signed", json_object_new_boolean(a->is_signed));
	add(o, "float", json_object_new_boolean(a->is_float));
	add(o, "type", pusdt_json_text(a->type));
	if (a->xtype)
		add(o, "translated", pusdt_json_text(a->xtype));
	add(o, "name", pusdt_json_text(a->name));
	if (a->problem)
		add(o, "problem", json_object_new_string(a->problem));
	return o;
}

static struct json_object *json_frame(const struct ctl_usdt_frame *f)
{
	struct json_object *o = json_object_new_object();

	add(o, "function", pusdt_json_text(f->function));
	add(o, "file", pusdt_json_text(f->file));
	add(o, "line", json_line(f->line));
	return o;
}

static struct json_object *json_site(const struct ctl_usdt_site *s)
{
	struct json_object *o = json_object_new_object(), *list;
	static const struct ctl_usdt_frame none;
	const struct ctl_usdt_frame *f = s->nframes ? &s->frames[0] : &none;

	add(o, "offset", s->has_offset ? pusdt_json_hex(s->offset) : NULL);
	add(o, "address", pusdt_json_hex(s->address));
	add(o, "is_enabled", json_object_new_boolean(s->is_enabled));
	add(o, "function", pusdt_json_text(f->function));
	add(o, "file", pusdt_json_text(f->file));
	add(o, "line", json_line(f->line));
	list = json_object_new_array();
	for (unsigned i = 1; i < s->nframes; i++)
		json_object_array_add(list, json_frame(&s->frames[i]));
	add(o, "inlined_into", list);
	list = json_object_new_array();
	for (unsigned i = 0; i < s->nargs; i++)
		json_object_array_add(list, json_arg(&s->args[i]));
	add(o, "args", list);
	return o;
}

static void print_json(const struct ctl_usdt_probe *p, pid_t pid)
{
	static const char *const kinds[] = { NULL, "stapsdt", "usdt", "dof" };
	struct json_object *o = json_object_new_object(), *sites;

	if (pid)
		add(o, "pid", json_object_new_int(pid));
	add(o, "provider", pusdt_json_text(p->provider));
	add(o, "name", pusdt_json_text(p->name));
	add(o, "object", pusdt_json_text(p->object));
	add(o, "build_id", pusdt_json_text(p->build_id));
	add(o, "kind", json_object_new_string(kinds[p->kind]));
	add(o, "deleted", json_object_new_boolean(p->is_deleted));
	add(o, "semaphore",
	    p->has_semaphore ? pusdt_json_hex(p->semaphore) : NULL);
	sites = json_object_new_array();
	for (unsigned i = 0; i < p->nsites; i++)
		json_object_array_add(sites, json_site(&p->sites[i]));
	add(o, "sites", sites);
	cmd_json_print(stdout, o);
}

/* -------------------------------------------------------------- operands -- */

static void list_probes(struct options *opt, struct ctl_usdt *u, pid_t pid)
{
	const struct ctl_usdt_probe *p = NULL;

	while (ctl_usdt_next(u, NULL, &p) == 1) {
		if (!pusdt_specs_match(&opt->specs, p))
			continue;
		opt->matched++;
		if (opt->json)
			print_json(p, pid);
		else if (opt->details)
			print_long(p);
		else
			print_short(opt, p);
	}
	ctl_usdt_free(u);
}

static void list_operand(struct options *opt, const char *operand)
{
	int flags = opt->details ? CTL_USDT_SOURCE : 0;
	struct ctl_target t = { 0 };
	struct ctl_usdt *u;
	int r;

	/* A number is a process; a file of that name is "./NUMBER". */
	if (ctl_target_parse(operand, &t) == 0 && !*t.lwps)
		r = ctl_usdt_process(&u, t.pid, flags);
	else
		r = ctl_usdt_file(&u, operand, flags);
	if (r < 0) {
		cmd_fail(r, "list", operand);
		opt->failed++;
		return;
	}
	if (ctl_usdt_problems(u))
		opt->failed++;
	list_probes(opt, u, t.pid);
}

static void list_one_of_all(struct options *opt, pid_t pid)
{
	struct ctl_usdt *u;
	int r;

	r = ctl_usdt_process(&u, pid,
			     opt->details ? CTL_USDT_SOURCE : 0);
	if (r == -EACCES || r == -EPERM) {
		opt->skipped++;
		return;
	}
	if (r < 0) /* gone since the directory was read */
		return;
	if (!opt->json && !opt->details) {
		const struct ctl_usdt_probe *p = NULL;
		bool any = false;
		char args[256];

		while (!any && ctl_usdt_next(u, NULL, &p) == 1)
			any = pusdt_specs_match(&opt->specs, p);
		if (any) {
			cmd_process_args(pid, args, sizeof(args));
			printf("%s%d  ", opt->matched ? "\n" : "", pid);
			pusdt_print(args);
			putchar('\n');
			opt->headed = false;
		}
	}
	list_probes(opt, u, pid);
}

static int list_all(struct options *opt)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;

	if (!proc) {
		cmd_complain("cannot read /proc: %s", strerror(errno));
		return CMD_NONE;
	}
	while ((d = readdir(proc)) != NULL)
		if (isdigit((unsigned char)d->d_name[0]))
			list_one_of_all(opt, atoi(d->d_name));
	closedir(proc);
	if (opt->skipped)
		cmd_complain("not allowed to look at %zu process%s",
			     opt->skipped, opt->skipped == 1 ? "" : "es");
	return CMD_OK;
}

int pusdt_list(int argc, char **argv)
{
	struct options opt = { 0 };
	int code;

	cmd_log(CTL_LOG_WARN);
	argp_parse(&argp, argc, argv, 0, NULL, &opt);
	if (opt.all) {
		code = list_all(&opt);
	} else {
		for (size_t i = 0; i < opt.n; i++)
			list_operand(&opt, opt.operands[i]);
		code = cmd_exit_code(opt.n, opt.failed);
	}
	if (code == CMD_OK && opt.specs.n && !opt.matched) {
		cmd_complain("no such probe");
		code = CMD_SOME;
	} else if (opt.matched && pusdt_specs_unmatched(&opt.specs) &&
		   code == CMD_OK) {
		code = CMD_SOME;
	}
	pusdt_specs_free(&opt.specs);
	free(opt.operands);
	return code;
}
