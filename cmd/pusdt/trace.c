/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pusdt trace, run - hits as they come.
 *
 * The probes belong to this command's handle: however it ends, they go with
 * it.  With PID alone the hits of what pusdt enable enabled are shown, which
 * stays as it is.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pusdt.h"

struct options {
	pid_t pid;
	struct pusdt_specs specs;
	struct pusdt_hits which;
	struct pusdt_reading how;
	bool json;
	uint64_t most; /* hits; 0: no limit */
	FILE *out;
	const char *file; /* its name */
	char **command; /* run */
	uint32_t stack;
	/* what came of it */
	uint64_t hits;
};

static const struct argp_option option_table[] = {
	{ "number", 'n', "N", 0, "Stop after N hits", 0 },
	{ "output", 'o', "FILE", 0, "Print to FILE", 0 },
	{ "stack", 'k', "BYTES", OPTION_ARG_OPTIONAL,
	  "Print the stack of each hit", 0 },
	{ 0 },
};

static const struct argp_child children[] = {
	{ &cmd_argp_json }, { &pusdt_argp_hits },
	{ &pusdt_argp_reading }, { &cmd_argp_verbose }, { 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &opt->json;
		state->child_inputs[1] = &opt->which;
		state->child_inputs[2] = &opt->how;
		return 0;
	case 'n':
		if (cmd_parse_u64(arg, UINT64_MAX, &opt->most) < 0 ||
		    !opt->most)
			argp_error(state, "not a number of hits: %s", arg);
		return 0;
	case 'k':
		opt->stack = cmd_stack_bytes(state, arg);
		return 0;
	case 'o':
		opt->file = arg;
		opt->out = fopen(arg, "we");
		if (!opt->out)
			argp_failure(state, CMD_NONE, errno, "cannot write %s",
				     arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse_trace(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		pusdt_operand(&opt->pid, &opt->specs, arg);
		return 0;
	case ARGP_KEY_END:
		if (!opt->pid)
			argp_error(state, "no PID given");
		if (opt->which.pred.n && !opt->specs.n)
			argp_error(state, "--if needs a SPEC");
		if (opt->stack && !opt->specs.n)
			argp_error(state, "--stack needs a SPEC: without one "
					  "there are the stacks that pusdt "
					  "enable --stack asked for");
		return 0;
	}
	return parse_option(key, arg, state);
}

static const struct argp trace_argp = {
	option_table, parse_trace, "PID [SPEC...]",
	"Print each hit of these probes, or of those that are enabled, until "
	"interrupted or the process exits.\v" CMD_EXIT_DOC,
	children,
};

static void print_lost(struct options *opt, uint64_t count)
{
	struct json_object *o;

	if (!opt->json) {
		fprintf(opt->out, "... %llu hits lost\n",
			(unsigned long long)count);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "type", json_object_new_string("lost"));
	json_object_object_add(o, "count", json_object_new_int64(count));
	cmd_json_print(opt->out, o);
}

static bool print_record(struct pusdt_session *s, const struct ctl_rec *rec,
			 void *arg)
{
	struct options *opt = arg;

	switch (rec->type) {
	case CTL_REC_PROBE:
		if (opt->json)
			cmd_json_print(opt->out,
				       pusdt_json_hit(s, (const void *)rec));
		else
			pusdt_print_hit(opt->out, s, (const void *)rec);
		opt->hits++;
		if (ferror(opt->out)) {
			s->write_error = errno;
			return false;
		}
		return !opt->most || opt->hits < opt->most;
	case CTL_REC_LOST:
		print_lost(opt, ((const struct ctl_rec_lost *)rec)->count);
		return true;
	}
	return true;
}

static int start(struct pusdt_session *s, struct options *opt)
{
	struct ctl_probe_options o = {
		.flags = CTL_PROBE_HANDLE,
		.strlimit = PUSDT_STRLIMIT,
		.pred = opt->which.pred.v,
		.npred = opt->which.pred.n,
		.stack = opt->stack,
	};
	int r = 0;

	/* Those that are enabled already may have them. */
	if (opt->stack || !opt->specs.n)
		r = pusdt_start_stacks(s, opt->stack);
	if (r == 0)
		r = pusdt_start_ring(s, opt->how.drop);
	if (r == 0 && opt->which.follow)
		r = pusdt_follow(s);
	if (r < 0)
		return r;
	if (!opt->specs.n)
		return pusdt_take_enabled(s);
	pusdt_watch_loader(s, &opt->specs, &o);
	/* A command may map what has them when it runs. */
	s->patient = opt->command || opt->how.wait;
	return pusdt_enable_all(s, &opt->specs, &o);
}

/* The last of it; of standard output cmd_finish() tells. */
static bool close_output(struct pusdt_session *s, struct options *opt)
{
	if (!s->write_error && fflush(opt->out) != 0)
		s->write_error = errno;
	if (opt->out == stdout)
		return !s->write_error;
	if (opt->out != stderr && fclose(opt->out) != 0 && !s->write_error)
		s->write_error = errno;
	if (s->write_error)
		cmd_complain("cannot write %s: %s",
			     opt->file ? opt->file : "standard error",
			     strerror(s->write_error));
	return !s->write_error;
}

/* Until the end; returns the exit code. */
static int follow_hits(struct pusdt_session *s, struct options *opt)
{
	enum pusdt_end end;
	uint64_t lost;

	setvbuf(opt->out, NULL, _IOFBF, 1 << 16);
	end = pusdt_read(s, print_record, opt, 0);
	if (opt->which.follow && end != PUSDT_GONE)
		ctl_mode_unset(s->h, PR_FORK);
	lost = ctl_ring_lost(s->h);
	if (lost)
		cmd_complain("%llu hits were lost", (unsigned long long)lost);
	if (!close_output(s, opt))
		return CMD_SOME;
	return end == PUSDT_ERROR || s->failed ? CMD_SOME : CMD_OK;
}

int pusdt_trace(int argc, char **argv)
{
	struct options opt = { .out = NULL };
	struct pusdt_session s;
	int code;

	cmd_log(CTL_LOG_WARN);
	argp_parse(&trace_argp, argc, argv, 0, NULL, &opt);
	if (!opt.out)
		opt.out = stdout;
	if (pusdt_open(&s, opt.pid) < 0)
		return CMD_NONE;
	s.out = opt.out;
	pusdt_catch_signals(true);
	code = start(&s, &opt) < 0 ? CMD_NONE : follow_hits(&s, &opt);
	pusdt_close(&s);
	pusdt_specs_free(&opt.specs);
	return code;
}

/* ------------------------------------------------------------------- run -- */

static error_t parse_run(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		/* argp takes "--" away; what is no SPEC begins the command. */
		if (strchr(arg, ':') &&
		    strcmp(state->argv[state->next - 2], "--") != 0) {
			if (pusdt_specs_add(&opt->specs, arg) < 0)
				exit(CMD_USAGE);
			return 0;
		}
		opt->command = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		if (!opt->command)
			argp_error(state, "no command given");
		if (!opt->specs.n)
			argp_error(state, "no SPEC given");
		return 0;
	}
	return parse_option(key, arg, state);
}

static const struct argp run_argp = {
	option_table, parse_run, "SPEC... -- CMD [ARG...]",
	"Start a command with these probes enabled before it runs, and print "
	"each hit.\vExit status: that of CMD, or 1 for 0 when hits could not be "
	"written; 2 when it could not be started, 64 usage.",
	children,
};

/* Of a 32-bit program the vector has 32-bit entries. */
static bool is_32bit(pid_t pid)
{
	unsigned char ident[EI_NIDENT] = "";
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, ident, sizeof(ident)) != sizeof(ident))
		ident[EI_CLASS] = ELFCLASSNONE;
	close(fd);
	return ident[EI_CLASS] == ELFCLASS32;
}

static bool read_entry(pid_t pid, uint64_t *entry)
{
	unsigned char v[1024];
	size_t size = is_32bit(pid) ? 4 : 8;
	char path[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/auxv", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, v, sizeof(v));
	close(fd);
	for (ssize_t at = 0; at + 2 * (ssize_t)size <= n; at += 2 * size) {
		uint64_t type = 0, value = 0;

		memcpy(&type, v + at, size);
		memcpy(&value, v + at + size, size);
		if (type == AT_ENTRY) {
			*entry = value;
			return true;
		}
	}
	return false;
}

/*
 * At its first instruction the program's libraries are not there yet; at its
 * entry point the dynamic linker has mapped them and no code of theirs, but
 * for constructors, has run.  Run to there, killed along if this command is:
 * there is a breakpoint.  Afterwards PR_RLC is what remains, from ctl_spawn().
 */
static int run_to_entry(struct ctl *h, const char *name)
{
	const uint8_t int3 = 0xcc;
	uint64_t entry = 0, vaddr[2] = { PCSVADDR };
	struct ctl_status st = { .size = sizeof(st) };
	uint8_t old = 0;
	int r;

	if (!read_entry(ctl_pid(h), &entry)) {
		cmd_complain("cannot start %s: no entry point", name);
		return -ENOENT;
	}
	r = ctl_mode_set(h, PR_KLC);
	if (r == 0)
		r = ctl_mem_read(h, entry, &old, 1);
	if (r == 0)
		r = ctl_mem_write(h, entry, &int3, 1);
	if (r == 0)
		r = ctl_trace_faults(h, CTL_FLTBIT(FLTBPT));
	if (r == 0)
		r = ctl_run(h, 0);
	if (r == 0)
		r = ctl_wstop(h, 0);
	if (r == 0)
		r = ctl_mem_write(h, entry, &old, 1);
	if (r == 0)
		r = ctl_trace_faults(h, 0);
	if (r == 0)
		r = ctl_status(h, &st);
	if (r == 0 &&
	    (st.lwp.why != PR_FAULTED || st.lwp.reg.rip != entry + 1)) {
		cmd_complain("cannot start %s: it stopped before its entry point",
			     name);
		return -EINTR;
	}
	vaddr[1] = entry;
	if (r == 0)
		r = ctl_write(h, vaddr, sizeof(vaddr), NULL);
	if (r == 0)
		r = ctl_mode_unset(h, PR_KLC);
	return r < 0 ? cmd_fail(r, "start", name) : 0;
}

static int run_command(struct options *opt)
{
	struct pusdt_session s = { .out = opt->out };
	bool written;
	int code, r;

	r = ctl_spawn(&s.h, opt->command);
	pusdt_catch_signals(true);
	if (r < 0) {
		cmd_fail(r, "run", opt->command[0]);
		return CMD_NONE;
	}
	s.pid = ctl_pid(s.h);
	r = run_to_entry(s.h, opt->command[0]);
	if (r == 0) {
		r = ctl_usdt_process(&s.u, s.pid, CTL_USDT_SOURCE);
		if (r < 0)
			cmd_fail(r, "read the probes of", opt->command[0]);
	}
	if (r == 0)
		r = start(&s, opt);
	if (r < 0) {
		kill(s.pid, SIGKILL);
		pusdt_close(&s);
		waitpid(s.pid, NULL, 0);
		return CMD_NONE;
	}
	r = ctl_run(s.h, PRCSIG | PRCFAULT);
	if (r < 0)
		cmd_fail(r, "run", opt->command[0]);
	code = follow_hits(&s, opt);
	if (!s.n)
		cmd_complain("%s has no such probe", opt->command[0]);
	written = !s.write_error;
	r = s.pid;
	pusdt_close(&s);
	if (code != CMD_OK && pusdt_caught())
		return code;
	/* After -n or a signal it runs on, with us waiting. */
	r = cmd_wait(r);
	return r < 0 || (r == 0 && !written) ? code : r;
}

int pusdt_run(int argc, char **argv)
{
	struct options opt = { .out = NULL };
	int code;

	cmd_log(CTL_LOG_WARN);
	argp_parse(&run_argp, argc, argv, ARGP_IN_ORDER, NULL, &opt);
	if (!opt.out)
		opt.out = stderr;
	pusdt_catch_signals(false);
	code = run_command(&opt);
	pusdt_specs_free(&opt.specs);
	return code;
}
