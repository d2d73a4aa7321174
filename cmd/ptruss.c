/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ptruss - trace the system calls and signals of a command or of processes.
 *
 * It sets PR_RLC: whatever ends ptruss, the target runs on.
 */
#include <errno.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ptruss/ptruss.h"

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
	} else if (opt->format == &format_json) {
		f = stdout;
	}
	/* Whole lines go out when we are about to wait. */
	setvbuf(f, NULL, opt->pager ? _IOLBF : _IOFBF, 256 << 10);
	return f;
}

static bool is_regular(FILE *f)
{
	struct stat st;

	return f && fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode);
}

static int finish(struct session *s, int code)
{
	const struct options *opt = s->opt;
	int r;

	r = timeline_close(s);
	if (r < 0) {
		cmd_complain("cannot write %s: %s", opt->timeline,
			     strerror(-r));
		code = CMD_NONE;
	}
	/* What could not be written would only make us wait once more. */
	if (s->out && s->failed) {
		__fpurge(s->out);
		clearerr(s->out);
	}
	if (s->out && s->out != stdout && fclose(s->out) != 0 && !s->failed) {
		cmd_complain("cannot write %s: %s",
			     opt->output ? opt->output : "the trace",
			     strerror(errno));
		code = CMD_NONE;
	}
	counts_free(s->counts);
	values_free(s->values);
	ctl_unwinder_free(s->unwinder);
	buf_free(&s->line);
	inject_free(opt->inject);
	func_finish(s);
	free(opt->pids.v);
	return cmd_finish(code);
}

/* Where the trace goes, and what makes it.  false: it has complained. */
static bool open_all(struct session *s)
{
	const struct options *opt = s->opt;
	int r;

	/* The timeline is the output, unless there is to be another. */
	if (!opt->timeline || opt->output || opt->count) {
		s->out = open_output(opt);
		if (!s->out)
			return false;
		s->to_file = is_regular(s->out);
		s->color = opt->want_color &&
			   (opt->pager || isatty(fileno(s->out)));
	}
	s->values = values_new(opt);
	if (opt->count)
		s->counts = counts_new();
	if (!s->values || (opt->count && !s->counts)) {
		cmd_complain("out of memory");
		return false;
	}
	if (opt->stack && !opt->count && stack_open(s) < 0)
		return false;
	r = opt->timeline ? timeline_open(s) : 0;
	if (r < 0)
		cmd_complain("cannot write %s: %s", opt->timeline, strerror(-r));
	return r == 0;
}

/* A server that is started for us may get ready meanwhile. */
static void tell_intention(const struct session *s)
{
	const struct options *opt = s->opt;
	const struct ctl_sysset no_calls = { 0 };

	if (opt->tied || !memcmp(&opt->calls, &no_calls, sizeof(no_calls)))
		return;
	ctl_will_record();
	if (opt->follow && !opt->stops && !opt->inject && !opt->nfuncs &&
	    !s->unwinder)
		ctl_will_follow();
}

int main(int argc, char **argv)
{
	struct options opt = { 0 };
	struct session s = { .opt = &opt };
	bool ended = false, left = false;
	int code = CMD_OK, r;
	pid_t child = 0;

	options_parse(&opt, argc, argv);
	if (!open_all(&s))
		return finish(&s, CMD_NONE);
	tell_intention(&s);
	session_catch_signals(!opt.command);
	if (opt.command) {
		if (session_spawn(&s) < 0) {
			session_close(&s);
			return finish(&s, session_caught() ?
						  128 + session_caught() :
						  CMD_NONE);
		}
		child = ctl_pid(s.v[0].h);
	} else {
		code = session_attach(&s);
	}
	stack_started(&s);
	r = s.n ? session_follow(&s) : 0;
	func_tell_none(&s);
	if (s.counts && !s.failed)
		counts_print(s.counts, &s);
	if (child) {
		ended = s.v[0].done;
		left = s.v[0].stopped;
	}
	/* Before the command is waited for: it may wait for this. */
	session_close(&s);
	if (r < 0) {
		code = CMD_NONE;
	} else if (child && ended && !left) {
		r = cmd_wait(child);
		code = r < 0 ? CMD_NONE : r;
	} else if (child && !left && session_caught()) {
		code = 128 + session_caught();
	}
	return finish(&s, code);
}
