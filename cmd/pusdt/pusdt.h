/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pusdt.h - what the subcommands of pusdt share. */
#ifndef PUSDT_H
#define PUSDT_H

#include "../common/common.h"

/* One a file; argv[0] is "pusdt list" and so on.  Each returns the exit code. */
int pusdt_list(int argc, char **argv);
int pusdt_enable(int argc, char **argv);
int pusdt_disable(int argc, char **argv);
int pusdt_status(int argc, char **argv);
int pusdt_trace(int argc, char **argv);
int pusdt_count(int argc, char **argv);
int pusdt_run(int argc, char **argv);

/* ----------------------------------------------------------------- specs -- */

struct pusdt_specs {
	struct ctl_usdt_spec **v;
	const char **text; /* of each, as it was given */
	bool *matched;	   /* by something, of what was looked at */
	size_t n;
};
/* Complains; 0 or -errno. */
int pusdt_specs_add(struct pusdt_specs *s, const char *text);
void pusdt_specs_free(struct pusdt_specs *s);
/* None selects every probe.  Those that select it are marked. */
bool pusdt_specs_match(const struct pusdt_specs *s,
		       const struct ctl_usdt_probe *p);
/* Complain of each that nothing matched; returns how many. */
size_t pusdt_specs_unmatched(const struct pusdt_specs *s);
/* The same of what a server has enabled. */
bool pusdt_specs_match_info(const struct pusdt_specs *s,
			    const struct ctl_probe_info *i);

/* ------------------------------------------------------------ predicates -- */

struct pusdt_pred {
	struct ctl_pred v[CTL_PRED_OPS];
	unsigned n;
};
/* "arg0 > 100 && tid == 4243".  0, or -EINVAL with *why. */
int pusdt_pred_parse(const char *text, struct pusdt_pred *p, const char **why);

/* --------------------------------------------------------------- options -- */

/* argp children; state->input is in the comment. */
struct pusdt_hits {
	struct pusdt_pred pred;
	bool follow;
};
extern const struct argp pusdt_argp_hits; /* struct pusdt_hits: -I, -f       */
struct pusdt_reading {
	bool wait, drop;
};
extern const struct argp pusdt_argp_reading; /* struct pusdt_reading: -w, -d */
/* The first operand is the PID, the others are SPECs.  Complains and exits. */
void pusdt_operand(pid_t *pid, struct pusdt_specs *specs, const char *arg);

/* --------------------------------------------------------------- session -- */

struct pusdt_watched {
	uint32_t id;
	const struct ctl_usdt_probe *probe; /* NULL: only its label is known */
	char *provider, *name;
	bool gone; /* unmapped; a late record may still come */
};

/* A process and those of its probes that we look at. */
struct pusdt_session {
	struct ctl *h;
	pid_t pid;
	struct ctl_usdt *u;
	struct ctl_usdt **old; /* what u was before; v points into these */
	size_t nold;
	struct pusdt_watched *v; /* in order of id */
	size_t n;
	size_t failed; /* that could not be enabled */
	/* for what is mapped later */
	const struct pusdt_specs *specs;
	struct ctl_probe_options options;
	uint32_t loader; /* the probe that tells of it, 0: none */
	bool patient; /* nothing to enable yet is no failure */
	bool numbers; /* no hits, but how many there were (CTL_REC_COUNT) */
	struct ctl_unwinder *unwinder; /* NULL: no stacks */
	const struct ctl_stack *stack; /* of the record at hand, or NULL */
	FILE *out; /* where the records are printed */
	int write_error; /* errno: it cannot be written */
};
/* Enough of a string to tell a path or a query; more is a debugger's. */
#define PUSDT_STRLIMIT 256
/* PID operands; complains. */
int pusdt_parse_pid(const char *arg, pid_t *pid);
/* Each complains and returns 0 or -errno. */
int pusdt_open(struct pusdt_session *s, pid_t pid);
int pusdt_follow(struct pusdt_session *s); /* children, too */
int pusdt_enable_all(struct pusdt_session *s, const struct pusdt_specs *specs,
		     const struct ctl_probe_options *o);
/* From now on pusdt_read() does the same in objects that are mapped later. */
void pusdt_watch_loader(struct pusdt_session *s, const struct pusdt_specs *specs,
			const struct ctl_probe_options *o);
/* It stopped: if the dynamic linker did something, look and run.  0 or -errno. */
int pusdt_look_at_stop(struct pusdt_session *s);
/* later.c: leave a process that does this after we are over.  0 or -errno. */
int pusdt_stay(pid_t pid, const struct pusdt_specs *specs,
	       const struct ctl_probe_options *o);
/* End those of h's process; the label of their probe begins with PUSDT_LATER. */
void pusdt_leave(struct ctl *h);
bool pusdt_any_left(struct ctl *h); /* of what no handle owns */
#define PUSDT_LATER "pusdt"
/* What is enabled already and belongs to no handle. */
int pusdt_take_enabled(struct pusdt_session *s);
/* s->numbers is taken back where the server does not count. */
int pusdt_start_ring(struct pusdt_session *s, bool drop);
/* Before that: hits may have stacks.  Complains when they must. */
int pusdt_start_stacks(struct pusdt_session *s, bool must);
void pusdt_close(struct pusdt_session *s);
const struct pusdt_watched *pusdt_find(const struct pusdt_session *s,
				       uint32_t id);

/*
 * Call fn for each record until it returns false, the process is gone, a
 * signal that means the end came, or deadline_ms of CLOCK_MONOTONIC (0: none)
 * is over.
 */
enum pusdt_end { PUSDT_DONE, PUSDT_GONE, PUSDT_SIGNAL, PUSDT_TIME, PUSDT_ERROR };
typedef bool pusdt_record_fn(struct pusdt_session *s, const struct ctl_rec *rec,
			     void *arg);
enum pusdt_end pusdt_read(struct pusdt_session *s, pusdt_record_fn *fn,
			  void *arg, int64_t deadline_ms);
/* SIGINT and the like only end pusdt_read(); see cmd_catch(). */
void pusdt_catch_signals(bool ignored);
bool pusdt_caught(void);

/* ------------------------------------------------------------------ hits -- */

/* The argument's string, if it is one that can be shown; else NULL. */
const char *pusdt_hit_string(const struct ctl_rec_probe *r,
			     const struct ctl_usdt_arg *a, unsigned i,
			     size_t *len, bool *cut);
/* Any other value; what it is when it is a float. */
void pusdt_value_text(char *buf, size_t size, uint64_t v,
		      const struct ctl_usdt_arg *a);
double pusdt_float_value(uint64_t v, unsigned size);
const struct ctl_usdt_site *pusdt_hit_site(const struct pusdt_watched *w,
					   const struct ctl_rec_probe *r);
void pusdt_print_hit(FILE *out, const struct pusdt_session *s,
		     const struct ctl_rec_probe *r);
struct json_object *pusdt_json_hit(const struct pusdt_session *s,
				   const struct ctl_rec_probe *r);

/* ------------------------------------------------------------------ text -- */

void pusdt_print(const char *text); /* of anybody's, on stdout */
struct json_object *pusdt_json_text(const char *text); /* NULL: null */
struct json_object *pusdt_json_hex(uint64_t v);

#endif
