/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ptruss.h - inside ptruss: options, what is being traced, output. */
#ifndef PTRUSS_H
#define PTRUSS_H

#include "../common/common.h"
#include "buf.h"

struct format;
struct inject;
enum sort { SORT_TIME, SORT_CALLS, SORT_ERRORS, SORT_NAME };

#define FDS 1024
struct fdset { /* of -r, -w */
	bool all;
	uint64_t bit[FDS / 64];
};

struct options {
	bool follow, count, drop, lwps, since_start, delta, elapsed;
	bool argv, envp, no_sleep, verbose, raw, failed, ok, fd_paths;
	bool want_color;
	bool tied, histogram, pager;
	const char *exec; /* a pattern, or NULL */
	struct inject *inject; /* NULL: no --inject */
	bool stops; /* -T, -S, -M or -U */
	struct ctl_func_spec *funcs[CTL_FUNC_SPECS]; /* -u, -U */
	bool func_stops[CTL_FUNC_SPECS];	     /* it is a -U */
	unsigned nfuncs;
	enum sort sort;
	const struct format *format;
	const char *output, *timeline, *path;
	size_t string_limit;
	size_t stack; /* bytes of it, for --stack; 0: none */
	struct ctl_sysset calls, stop_calls;
	uint64_t signals, faults, stop_signals, stop_faults;
	struct fdset read_fds, write_fds;
	struct cmd_operands pids;
	char **command;
};

struct pids {
	pid_t *v;
	unsigned n, room;
};

/* One handle: the command, or a process (or thread) of -p. */
struct traced {
	struct ctl *h;
	const char *name;
	/* What it had before us; a child: its parent. */
	uint64_t old_modes, old_signals, old_faults;
	struct ctl_sysset old_sysentry, old_sysexit;
	bool held;    /* stack_hold() */
	bool watched; /* func_start() */
	uint32_t loader; /* our probe on the dynamic linker, or 0 */
	uint64_t loader_since; /* CLOCK_MONOTONIC ns */
	struct pids live; /* whose records come by this handle */
	uint64_t lost; /* records of the ring, as far as they have been told */
	bool done;
	bool stopped; /* and to be left so */
	bool stop_only; /* a child, of which we want to know that it stops */
};

struct session {
	const struct options *opt;
	struct traced *v;
	struct pollfd *polls; /* room for n */
	unsigned n;
	FILE *out, *timeline;
	bool color;
	uint64_t first; /* time of the first record */
	uint64_t last;	/* and of the one before */
	struct counts *counts;
	struct buf line;
	struct values *values;
	struct ctl_unwinder *unwinder; /* --stack */
	struct funcs *funcs; /* -u */
	bool timeline_begun;
	struct pids born; /* children to look after, for -f with -T */
	struct pids vforked; /* these of them */
	int64_t last_busy;  /* when there last was something to read */
	bool told_sleep;    /* of those that sleep since then */
	bool failed; /* to write, and it was told */
	bool to_file; /* out is a regular file: it never makes us wait */
};

/* A call of a function, or its return. */
struct func_event {
	const struct ctl_func *func;
	unsigned depth; /* among those that are traced */
	unsigned left;	/* so many before it have ended without a return */
	bool returns;
	bool unknown; /* the call was not seen */
	uint64_t arg[CTL_FUNC_ARGS], caller, result;
};

/* What a formatter gets. */
struct event {
	const struct traced *t;
	const struct ctl_rec *rec;
	const struct ctl_decoded *call; /* of SYSCALL and SYSENTRY */
	const struct func_event *func; /* of PROBE */
	const struct ctl_stack *stack; /* of SYSCALL and PROBE, with --stack */
	const char *note; /* of SYSENTRY: why the call is not over, or NULL */
	const struct ctl_lwpstatus *stop; /* it stopped, and is in no call */
};

/* A formatter appends a line, or nothing, to b. */
struct format {
	const char *name;
	void (*event)(struct session *s, const struct event *e, struct buf *b);
};
extern const struct format format_truss, format_strace, format_json;

/* A call's time is that of its entry: the record of one that took long comes
 * after those of later ones. */
static inline uint64_t time_since(uint64_t first, uint64_t time)
{
	return time > first ? time - first : 0;
}

/* --inject took the place of the call. */
static inline bool call_injected(const struct session *s,
				 const struct ctl_rec_syscall *r)
{
	return s->opt->inject && r->h.flags & CTL_RECF_ABORTED;
}

/* options.c: exits when they are wrong */
void options_parse(struct options *opt, int argc, char **argv);

/* values.c: from a record to values */
struct values *values_new(const struct options *opt);
void values_free(struct values *v);
/* What has to be captured for them. */
int values_capture(const struct options *opt, struct ctl *h);
/* What a call that is not over was given, behind *r, which has size bytes. */
void values_capture_now(const struct options *opt, struct ctl_rec_syscall *r,
			size_t size);
const struct ctl_decoded *values_of(struct values *v,
				    const struct ctl_rec_syscall *r);
/* Of a signal: valid until the next record. */
const struct ctl_val *values_of_siginfo(struct values *v, const void *info);
/* --failed, --ok: is it to be counted? */
bool result_wanted(const struct options *opt, const struct ctl_rec_syscall *r);
/* And --path: is it to be shown? */
bool values_wanted(const struct options *opt, const struct ctl_rec_syscall *r,
		   const struct ctl_decoded *d);
bool fdset_parse(struct fdset *f, const char *list);
bool fdset_has(const struct fdset *f, uint64_t fd);

/* exec.c: --exec.  A process that is about to be traced. */
void exec_meet(const struct options *opt, pid_t pid);
/* Of every record, in order: is its process one of those? */
bool exec_matches(const struct options *opt, const struct ctl_rec *rec);

/* text.c: from values to the text that all formats share */
#define TEXT_STRUCTS 1 /* what structures hold, not where they are */
#define TEXT_COLOR 2
#define TEXT_UTF8 4 /* strings may have characters beyond ASCII */
#define TEXT_STRACE 8 /* as strace writes it, where it has its own way */
void text_val(struct buf *b, const struct ctl_val *v, unsigned flags);
/* fd.c: -y and --path.  What a descriptor of this process is, or AT_FDCWD; of other
 * values nothing. */
void text_fd(struct buf *b, pid_t pid, const struct ctl_val *v);
void fd_meet(const struct options *opt, pid_t pid); /* it is going to be traced */
/* Every record comes by here, before and after it is printed. */
void fd_before(const struct ctl_rec *rec, const struct ctl_decoded *d);
void fd_after(const struct ctl_rec *rec, const struct ctl_decoded *d);
const char *call_name(const struct ctl_rec_syscall *r,
		      const struct ctl_decoded *d, char buf[32]);
bool call_failed(int64_t ret);	 /* -errno */
bool call_restarts(int64_t ret); /* it was interrupted */
void text_proc_strings(struct buf *b, pid_t pid, const char *file,
		       const char *title);
void text_dump(struct buf *b, const struct ctl_val *v);

/* print.c: 0, or -errno when it could not be written */
int print_record(struct session *s, const struct traced *t,
		 const struct ctl_rec *rec);
/* -a, -e of a command that is about to run. */
int print_start(struct session *s, pid_t pid);
int print_buf(struct buf *b, FILE *f);
/* e->note, and of a stop why, and at what. */
void print_stop_text(const struct session *s, const struct event *e,
		     struct buf *b);
/* A thread that sleeps in a call; one that stopped. */
int print_stop(struct session *s, const struct traced *t,
	       const struct ctl_lwpstatus *l, const char *why);

/* inject.c; inject may be NULL */
/* Add what one --inject says; NULL, or what is wrong with it. */
const char *inject_parse(struct inject **inject, const char *text);
void inject_free(struct inject *in);
int inject_set_up(const struct inject *in, struct ctl *h);
/* Threads of h have stopped: how many were run on, or begin to wait. */
int inject_serve(struct inject *in, struct ctl *h);
/* The stops are asked for no more: who was told of one runs on. */
void inject_let_go(struct inject *in, struct ctl *h);
/* Milliseconds until one that waits has to be run on; -1: none does. */
int64_t inject_due(const struct inject *in);
/* The thread is gone. */
void inject_forget(struct inject *in, pid_t tid);
/* The record, or a copy with the result that the caller got. */
const struct ctl_rec *inject_result(struct inject *in,
				    const struct ctl_rec *rec);

/* stack.c: --stack */
int stack_open(struct session *s);
/* The command, which must not inherit it, has been started. */
void stack_started(const struct session *s);
/* Of the record, with what it tells of processes; NULL: it has none. */
const struct ctl_stack *stack_of(struct session *s, const struct ctl_rec *rec,
				 struct ctl_stack *st);
void stack_truss(struct buf *b, const struct ctl_stack *st);
void stack_strace(struct buf *b, const struct ctl_stack *st);
void stack_json(struct buf *b, const struct ctl_stack *st);
/*
 * What a process has mapped has to be seen before it is gone: have it stop
 * where it is about to exit or exec, until we have read its records.
 */
int stack_hold(const struct session *s, struct traced *t,
	       const struct ctl_status *st);
/* It stopped: for that?  Then it runs again: 1; 0: no, -errno. */
int stack_release(struct session *s, struct traced *t);
void stack_add_ends(struct ctl_sysset *set); /* the calls that it waits in */
void stack_unhold(struct traced *t);

/* func.c: -u, -U */
bool func_option(struct options *opt, const char *arg, bool stop);
void func_add_execs(struct ctl_sysset *set); /* the calls that it waits for */
/* t, whose status was *st, is about to be traced. */
int func_start(struct session *s, struct traced *t, const struct ctl_status *st);
/* It stopped: for us?  Then it runs again: 1; 0: no, -errno. */
int func_serve(struct session *s, struct traced *t);
/* Let go of t, which stays stopped; or which runs. */
void func_abandon(struct session *s, struct traced *t);
void func_unwatch(struct session *s, struct traced *t);
/* Of every record, in order: who has which functions. */
void func_life(struct session *s, const struct ctl_rec *rec);
/* What a PROBE record means; false: it is not ours. */
bool func_event(struct session *s, const struct ctl_rec_probe *r,
		struct func_event *e);
void func_text(struct buf *b, const struct func_event *e);
/* As cmd_stop_what(); at a function its name. */
const char *func_stopped_at(const struct session *s, pid_t pid,
			    const struct ctl_lwpstatus *l, char *text,
			    size_t size);
void func_count(struct session *s, const struct ctl_rec_probe *r);
void func_counts_print(const struct session *s);
void func_tell_none(const struct session *s); /* if nothing was ever found */
void func_finish(struct session *s);

/* timeline.c */
int timeline_open(struct session *s);
int timeline_record(struct session *s, const struct event *e);
int timeline_close(struct session *s);

/* count.c */
struct counts *counts_new(void);
void counts_add(struct counts *c, const struct ctl_rec *rec);
void counts_print(const struct counts *c, const struct session *s);
void counts_free(struct counts *c);

/* session.c */
int session_attach(struct session *s);
int session_spawn(struct session *s);
/* Until everything traced is gone, or somebody says stop. */
int session_follow(struct session *s);
void session_close(struct session *s);
/* See cmd_catch(). */
void session_catch_signals(bool ignored);
/* The signal that told us to end, or was the command's; 0: none. */
int session_caught(void);

#endif
