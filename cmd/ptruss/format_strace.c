/* SPDX-License-Identifier: GPL-2.0-or-later */
/* format_strace.c - lines that scripts written for strace can read. */
#include <sched.h>
#include <string.h>
#include <sys/wait.h>

#include "ptruss.h"

#define RESULT_COLUMN 39

static void prefix(const struct session *s, const struct ctl_rec *rec,
		   struct buf *b)
{
	const struct options *opt = s->opt;

	if (opt->follow || opt->lwps || s->n > 1) {
		/* To a file every line has it, the same width. */
		if (opt->output)
			buf_printf(b, "%-5d ", rec->tid);
		else
			buf_printf(b, "[pid %5d] ", rec->tid);
	}
	if (opt->since_start)
		buf_printf(b, "%5.6f ", time_since(s->first, rec->time) / 1e9);
	if (opt->delta)
		buf_printf(b, "%10.6f ",
			   time_since(s->last, rec->time) / 1e9);
}

/* What the kernel will do about a call that a signal broke off. */
static const char *const restart_text[] = {
	"ERESTARTSYS (To be restarted if SA_RESTART is set)",
	"ERESTARTNOINTR (To be restarted)",
	"ERESTARTNOHAND (To be restarted if no handler)",
	"ERESTART_RESTARTBLOCK (Interrupted by signal)",
};

/* -- what strace says behind a result ---------------------------------------- */

static const struct ctl_val *named(const struct ctl_val *v, const char *name)
{
	for (unsigned i = 0; i < v->nchild; i++)
		if (v->child[i].name && strcmp(v->child[i].name, name) == 0)
			return &v->child[i];
	return NULL;
}

/* Opens the parentheses with the first word of them. */
static void note(struct buf *b, bool *open)
{
	buf_str(b, *open ? ", " : " (");
	*open = true;
}

/* poll(2): those that are ready. */
static void note_ready(const struct ctl_val *fds, struct buf *b, bool *open)
{
	bool first = true;

	for (unsigned i = 0; i < fds->nchild; i++) {
		const struct ctl_val *fd = named(&fds->child[i], "fd");
		const struct ctl_val *ready = named(&fds->child[i], "revents");

		if (!fd || !ready || !ready->value)
			continue;
		if (first)
			note(b, open);
		buf_str(b, first ? "[" : ", ");
		first = false;
		buf_str(b, "{fd=");
		text_val(b, fd, TEXT_STRUCTS | TEXT_STRACE);
		buf_str(b, ", revents=");
		text_val(b, ready, TEXT_STRUCTS | TEXT_STRACE);
		buf_char(b, '}');
	}
	if (!first)
		buf_char(b, ']');
}

/* select(2): the same; and the time that is left of any time-out. */
static void note_out(const struct ctl_decoded *d, struct buf *b, bool *open)
{
	static const char *const sets[] = { "inp", "in ", "outp", "out ",
					    "exp", "except " };

	for (unsigned i = 0; i < d->nout; i++) {
		const struct ctl_val *v = &d->out[i];
		const char *what = NULL;

		if (v->kind == CTL_VAL_ARRAY && v->flags & CTL_VALF_SET) {
			for (unsigned k = 0; k < 6 && v->nchild; k += 2)
				if (strcmp(d->arg[i].name, sets[k]) == 0)
					what = sets[k + 1];
		} else if (v->kind == CTL_VAL_STRUCT && d->ret.value) {
			what = "left ";
		}
		if (!what)
			continue;
		note(b, open);
		buf_str(b, what);
		text_val(b, v, TEXT_STRUCTS | TEXT_STRACE);
	}
}

static const char *name_of(const struct ctl_decoded *d)
{
	return d->name ? d->name : "";
}

static void notes(const struct ctl_decoded *d, struct buf *b)
{
	const char *name = name_of(d), *sig;
	bool open = false;

	if (strcmp(name, "poll") == 0 || strncmp(name, "ppoll", 5) == 0)
		note_ready(&d->arg[0], b, &open);
	if (strstr(name, "poll") || strstr(name, "select")) {
		note_out(d, b, &open);
		if (!d->ret.value && !open && strncmp(name, "epoll", 5)) {
			note(b, &open);
			buf_str(b, "Timeout");
		}
	} else if (strcmp(name, "set_thread_area") == 0 && d->nout &&
		   d->out[0].nchild) {
		/* -1: any that is free */
		buf_str(b, " (entry_number=");
		text_val(b, &d->out[0].child[0], TEXT_STRACE);
		open = true;
	} else if (strncmp(name, "rt_sigtimedwait", 15) == 0) {
		struct ctl_val v = d->ret;

		sig = ctl_signal_name(v.value);
		if (sig) {
			v.kind = CTL_VAL_NAME;
			v.str = sig;
			v.len = strlen(sig);
			note(b, &open);
			text_val(b, &v, TEXT_STRACE);
		}
	}
	if (open)
		buf_char(b, ')');
}

static void value(const struct ctl_val *ret, bool is_fcntl, struct buf *b)
{
	if (ret->kind == CTL_VAL_NAME) {
		buf_printf(b, "%lld (", (long long)ret->value);
		text_val(b, ret, TEXT_STRACE);
		buf_char(b, ')');
		return;
	}
	if (ret->kind != CTL_VAL_FLAGS) {
		text_val(b, ret, TEXT_STRUCTS | TEXT_STRACE);
		return;
	}
	buf_printf(b, "%#llx", (unsigned long long)ret->value);
	if (!ret->value && (!ret->nchild || ret->child[0].kind != CTL_VAL_NAME))
		return;
	buf_str(b, !is_fcntl ? " (" :
		   ret->nchild && ret->child[0].kind == CTL_VAL_NAME &&
		   strncmp(ret->child[0].str, "F_SEAL", 6) == 0 ?
			   " (seals " : " (flags ");
	text_val(b, ret, TEXT_STRACE);
	buf_char(b, ')');
}

static void result(const struct session *s, const struct ctl_rec_syscall *r,
		   const struct ctl_decoded *d, struct buf *b)
{
	const char *name;

	if (r->h.flags & (CTL_RECF_NORETURN | CTL_RECF_UNFINISHED)) {
		buf_char(b, '?');
	} else if (call_restarts(r->ret)) {
		buf_put(b, "? ", 2);
		buf_str(b, restart_text[r->ret == -512 ? 0 :
					r->ret == -513 ? 1 :
					r->ret == -514 ? 2 : 3]);
	} else if (call_failed(r->ret)) {
		name = ctl_errno_name(-r->ret);
		buf_put(b, "-1 ", 3);
		if (name)
			buf_str(b, name);
		else
			buf_printf(b, "(errno %d)", (int)-r->ret);
		if (name)
			buf_printf(b, " (%s)", strerror(-r->ret));
	} else {
		value(&d->ret, strncmp(name_of(d), "fcntl", 5) == 0, b);
		if (s->opt->fd_paths)
			text_fd(b, r->h.pid, &d->ret);
		notes(d, b);
	}
	if (call_injected(s, r))
		buf_str(b, " (INJECTED)");
	if (s->opt->elapsed && !(r->h.flags & CTL_RECF_NORETURN))
		buf_printf(b, " <%.6f>", r->elapsed / 1e9);
}

/* -- arguments ---------------------------------------------------------------- */

static void argument(const struct session *s, const struct ctl_rec_syscall *r,
		     const struct ctl_decoded *d, unsigned i, struct buf *b)
{
	const struct ctl_val *v = &d->arg[i];
	const struct ctl_val *out = i < d->nout ? &d->out[i] : NULL;

	/* A length or an offset that went in and came out as another. */
	if (out && out->kind == CTL_VAL_ARRAY && !(out->flags & CTL_VALF_SET) &&
	    out->nchild == 1 && v->nchild == 1) {
		bool length = strstr(v->name, "len") != NULL;

		buf_char(b, '[');
		text_val(b, v->child, TEXT_STRACE);
		buf_str(b, length ? " => " : "] => [");
		text_val(b, out->child, TEXT_STRACE);
		buf_char(b, ']');
		return;
	}
	text_val(b, v, TEXT_STRUCTS | TEXT_STRACE);
	if (s->opt->fd_paths)
		text_fd(b, r->h.pid, v);
}

static const struct ctl_val *clone_argument(const struct ctl_decoded *d,
					    const char *name)
{
	for (unsigned i = 0; i < d->nargs; i++)
		if (strcmp(d->arg[i].name, name) == 0)
			return &d->arg[i];
	return NULL;
}

/* strace names the arguments of clone(2), and has the signal behind the flags. */
static void clone_arguments(const struct ctl_decoded *d, struct buf *b)
{
	const struct ctl_val *flags = &d->arg[0], *v;
	uint64_t bits = flags->value;
	unsigned pass, i, n = 0;

	buf_str(b, "child_stack=");
	text_val(b, &d->arg[1], TEXT_STRUCTS | TEXT_STRACE);
	buf_str(b, ", flags=");
	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < flags->nchild; i++) {
			v = &flags->child[i];
			if ((v->value <= CSIGNAL) != pass)
				continue;
			if (n++)
				buf_char(b, '|');
			text_val(b, v, TEXT_STRUCTS | TEXT_STRACE);
		}
	if (!n)
		buf_char(b, '0');
	v = clone_argument(d, "parent_tidptr");
	if (v && bits & (CLONE_PARENT_SETTID | CLONE_PIDFD)) {
		buf_str(b, ", parent_tid=");
		text_val(b, v, TEXT_STRUCTS | TEXT_STRACE);
	}
	v = clone_argument(d, "tls");
	if (v && bits & CLONE_SETTLS) {
		buf_str(b, ", tls=");
		text_val(b, v, TEXT_STRUCTS | TEXT_STRACE);
	}
	v = clone_argument(d, "child_tidptr");
	if (v && bits & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)) {
		buf_str(b, ", child_tidptr=");
		text_val(b, v, TEXT_STRUCTS | TEXT_STRACE);
	}
}

static void call(const struct session *s, const struct event *e, struct buf *b)
{
	const struct ctl_rec_syscall *r = (const void *)e->rec;
	const struct ctl_decoded *d = e->call;
	size_t from = b->n;
	char name[32];

	if (d->name)
		buf_str(b, call_name(r, d, name));
	else
		buf_printf(b, "syscall_%#x", r->nr);
	buf_char(b, '(');
	if (d->nargs == 5 && strcmp(name_of(d), "clone") == 0 &&
	    d->arg[0].kind == CTL_VAL_FLAGS)
		clone_arguments(d, b);
	else
		for (unsigned i = 0; i < d->nargs; i++) {
			if (i)
				buf_put(b, ", ", 2);
			argument(s, r, d, i, b);
		}
	buf_char(b, ')');
	if (r->h.type == CTL_REC_SYSENTRY) {
		buf_str(b, " <unfinished ...>\n");
		return;
	}
	buf_pad(b, from, RESULT_COLUMN + 1);
	buf_put(b, "= ", 2);
	result(s, r, d, b);
	buf_char(b, '\n');
	stack_strace(b, e->stack);
}

static void signal_line(const struct session *s, const struct ctl_rec_signal *r,
			struct buf *b)
{
	const struct ctl_val *v = values_of_siginfo(s->values, r->info);

	buf_str(b, "--- ");
	text_val(b, v->child, TEXT_STRACE);
	buf_char(b, ' ');
	text_val(b, v, TEXT_STRUCTS | TEXT_STRACE);
	buf_str(b, " ---\n");
}

/* strace has no line for these: it says nothing of a fork but the call. */
static bool is_silent(const struct ctl_rec *rec)
{
	return rec->type == CTL_REC_FORK || rec->type == CTL_REC_EXEC ||
	       rec->type == CTL_REC_FAULT;
}

static void event(struct session *s, const struct event *e, struct buf *b)
{
	const struct ctl_rec_exit *x = (const void *)e->rec;
	const struct ctl_rec_lost *l = (const void *)e->rec;

	if (is_silent(e->rec) ||
	    (e->rec->type == CTL_REC_EXIT && !x->process && !s->opt->follow &&
	     !s->opt->lwps))
		return;
	prefix(s, e->rec, b);
	if (e->stop) {
		buf_str(b, "--- ");
		print_stop_text(s, e, b);
		buf_str(b, " ---\n");
		return;
	}
	switch (e->rec->type) {
	case CTL_REC_SYSCALL:
	case CTL_REC_SYSENTRY:
		call(s, e, b);
		break;
	case CTL_REC_SIGNAL:
		signal_line(s, (const void *)e->rec, b);
		break;
	case CTL_REC_PROBE:
		func_text(b, e->func);
		stack_strace(b, e->stack);
		break;
	case CTL_REC_EXIT:
		if (WIFSIGNALED(x->status))
			buf_printf(b, "+++ killed by %s%s +++\n",
				   ctl_signal_name(WTERMSIG(x->status)),
				   WCOREDUMP(x->status) ? " (core dumped)" : "");
		else
			buf_printf(b, "+++ exited with %d +++\n",
				   WEXITSTATUS(x->status));
		break;
	case CTL_REC_LOST:
		buf_printf(b, "+++ %llu events lost +++\n",
			   (unsigned long long)l->count);
		break;
	}
}

const struct format format_strace = { "strace", event };
