/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stack.c - --stack: how the thread came to the call.
 *
 * libctl unwinds behind the target's back, from what the record has of the
 * stack and from the files that the process has mapped.  A process that exits
 * or executes another program takes its mappings along before its last records
 * are read; so it waits there for us (but with --drop, where nothing waits).
 */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "ptruss.h"

/* Calls that end an address space. */
static const struct ctl_sysset *ends(void)
{
	static struct ctl_sysset set;
	static bool made;

	if (!made)
		ctl_sysset_parse("exit_group,execve,execveat", &set);
	made = true;
	return &set;
}

int stack_open(struct session *s)
{
	int r = ctl_unwinder_new(&s->unwinder);

	if (r < 0)
		cmd_complain("cannot print stacks: %s", ctl_error());
	return r;
}

const struct ctl_stack *stack_of(struct session *s, const struct ctl_rec *rec,
				 struct ctl_stack *st)
{
	return s->unwinder && ctl_unwind(s->unwinder, rec, st) == 1 ? st : NULL;
}

void stack_started(const struct session *s)
{
	struct rlimit l;

	/* Some ten descriptors a process: its files, and those about them. */
	if (s->unwinder && getrlimit(RLIMIT_NOFILE, &l) == 0 &&
	    l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

/* -- waiting for us ------------------------------------------------------- */

/* A stop of --inject's is that option's matter. */
static bool may_hold(const struct options *opt)
{
	return !opt->drop && !opt->inject;
}

void stack_add_ends(struct ctl_sysset *set)
{
	cmd_sysset_add(set, ends());
}

static bool is_at_end(const struct ctl_lwpstatus *l)
{
	return l->why == PR_SYSENTRY &&
	       ctl_sysset_has(ends(), l->sysabi, l->what);
}

int stack_hold(const struct session *s, struct traced *t,
	       const struct ctl_status *st)
{
	struct ctl_sysset set = st->sysentry;

	if (!s->unwinder)
		return 0;
	/* As it is now; it may have mapped all it ever will. */
	ctl_unwinder_process(s->unwinder, ctl_pid(t->h));
	/* Of one thread we would not see another's stop. */
	if (!may_hold(s->opt) || ctl_tid(t->h))
		return 0;
	cmd_sysset_add(&set, &s->opt->stop_calls);
	stack_add_ends(&set);
	t->held = true;
	t->old_sysentry = st->sysentry;
	return ctl_trace_sysentry(t->h, &set);
}

int stack_release(struct session *s, struct traced *t)
{
	struct ctl_status st = { .size = sizeof(st) };
	int r;

	if (!s->unwinder || !may_hold(s->opt) || ctl_tid(t->h) ||
	    ctl_status(t->h, &st) < 0 ||
	    !is_at_end(&st.lwp) ||
	    ctl_sysset_has(&s->opt->stop_calls, st.lwp.sysabi, st.lwp.what) ||
	    ctl_sysset_has(&t->old_sysentry, st.lwp.sysabi, st.lwp.what))
		return 0;
	ctl_unwinder_process(s->unwinder, ctl_pid(t->h));
	r = ctl_run(t->h, 0);
	return r == -EBUSY || r == -ENOENT || r == 0 ? 1 : r;
}

void stack_unhold(struct traced *t)
{
	struct ctl_status st = { .size = sizeof(st) };

	if (!t->held)
		return;
	t->held = false;
	ctl_trace_sysentry(t->h, &t->old_sysentry);
	if (ctl_status(t->h, &st) == 0 && st.lwp.flags & PR_ISTOP &&
	    is_at_end(&st.lwp) &&
	    !ctl_sysset_has(&t->old_sysentry, st.lwp.sysabi, st.lwp.what))
		ctl_run(t->h, 0);
}

/* -- text ----------------------------------------------------------------- */

static void escaped(struct buf *b, const char *s)
{
	buf_escaped(b, s, strlen(s), true);
}

void stack_truss(struct buf *b, const struct ctl_stack *st)
{
	char text[CMD_FRAME_TEXT];

	for (unsigned i = 0; st && i < st->n; i++) {
		buf_put(b, "        ", 8);
		cmd_frame_text(&st->frame[i], text, sizeof(text));
		escaped(b, text);
		buf_char(b, '\n');
	}
	if (st && cmd_stack_end(st)) {
		buf_put(b, "        ", 8);
		buf_str(b, cmd_stack_end(st));
		buf_char(b, '\n');
	}
}

/*  > /lib/libc.so.6(write+0x14) [0xf7190] */
void stack_strace(struct buf *b, const struct ctl_stack *st)
{
	for (unsigned i = 0; st && i < st->n; i++) {
		const struct ctl_frame *f = &st->frame[i];

		if (f->inlined)
			continue; /* strace does not know them */
		buf_put(b, " > ", 3);
		if (f->object) {
			escaped(b, f->object);
			buf_char(b, '(');
			if (f->symbol) {
				escaped(b, f->symbol);
				buf_char(b, '+');
				buf_hex(b, f->offset);
			}
			buf_put(b, ") [", 3);
			buf_hex(b, f->linked);
			buf_put(b, "]\n", 2);
		} else {
			buf_str(b, "unexpected_backtracing_error [");
			buf_hex(b, f->address);
			buf_put(b, "]\n", 2);
		}
	}
}

/* Two members of the call's object. */
void stack_json(struct buf *b, const struct ctl_stack *st)
{
	struct json_object *o;
	const char *text;

	if (!st)
		return;
	o = json_object_new_object();
	cmd_stack_json(o, st);
	text = json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	buf_char(b, ',');
	buf_put(b, text + 1, strlen(text) - 2);
	json_object_put(o);
}
