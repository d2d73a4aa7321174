/* SPDX-License-Identifier: GPL-2.0-or-later */
/* format_truss.c - lines as truss has them: the result at a fixed column. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "ptruss.h"

#define RESULT_COLUMN 48

static void prefix(const struct session *s, const struct ctl_rec *rec,
		   struct buf *b)
{
	const struct options *opt = s->opt;

	if (opt->follow || opt->lwps || s->n > 1) {
		buf_dec(b, rec->pid);
		if (opt->lwps) {
			buf_char(b, '/');
			buf_dec(b, rec->tid);
		}
		buf_put(b, ":\t", 2);
	}
	if (opt->since_start)
		buf_printf(b, "%9.4f\t", time_since(s->first, rec->time) / 1e9);
	if (opt->delta)
		buf_printf(b, "%9.4f\t",
			   time_since(s->last, rec->time) / 1e9);
}

static void result(const struct session *s, const struct ctl_rec_syscall *r,
		   const struct ctl_decoded *d, struct buf *b)
{
	const char *name;

	if (r->h.flags & CTL_RECF_NORETURN) {
		buf_str(b, "(no return)");
	} else if (r->h.flags & CTL_RECF_UNFINISHED) {
		buf_str(b, "(died in it)");
	} else if (call_restarts(r->ret)) {
		buf_str(b, "(interrupted, will be made again)");
	} else if (call_failed(r->ret)) {
		name = ctl_errno_name(-r->ret);
		if (s->color)
			buf_str(b, "\033[31m");
		buf_put(b, "Err#", 4);
		buf_dec(b, -r->ret);
		if (name) {
			buf_char(b, ' ');
			buf_str(b, name);
		}
		if (s->color)
			buf_str(b, "\033[39m");
		if (r->h.flags & CTL_RECF_ABORTED && !s->opt->inject)
			buf_str(b, " (aborted)");
	} else {
		buf_put(b, "= ", 2);
		text_val(b, &d->ret, TEXT_STRUCTS);
		if (s->opt->fd_paths)
			text_fd(b, r->h.pid, &d->ret);
	}
	if (call_injected(s, r))
		buf_str(b, " (INJECTED)");
}

/* -a */
static void vector(const struct ctl_val *v, struct buf *b)
{
	buf_put(b, "    ", 4);
	buf_str(b, v->name);
	buf_char(b, ':');
	if (v->kind != CTL_VAL_ARRAY)
		buf_str(b, " ?");
	for (unsigned i = 0; v->kind == CTL_VAL_ARRAY && i < v->nchild; i++) {
		buf_char(b, ' ');
		buf_escaped(b, v->child[i].str ? v->child[i].str : "",
			    v->child[i].len, true);
	}
	if (v->flags & (CTL_VALF_CUT | CTL_VALF_FAULT))
		buf_str(b, " ...");
	buf_char(b, '\n');
}

static void more(const struct session *s, const struct ctl_rec_syscall *r,
		 const struct ctl_decoded *d, struct buf *b)
{
	const struct options *opt = s->opt;
	const struct fdset *set;

	for (unsigned i = 0; i < d->nargs; i++) {
		const struct ctl_val *v = &d->arg[i];

		if (opt->argv && v->name && strcmp(v->name, "argv") == 0)
			vector(v, b);
		set = v->flags & CTL_VALF_OUT ? &opt->read_fds :
						&opt->write_fds;
		if (v->kind == CTL_VAL_BYTES && d->arg[0].kind == CTL_VAL_FD &&
		    !call_failed(r->ret) && fdset_has(set, d->arg[0].value))
			text_dump(b, v);
	}
}

static void call(const struct session *s, const struct event *e, struct buf *b)
{
	const struct ctl_rec_syscall *r = (const void *)e->rec;
	const struct ctl_decoded *d = e->call;
	unsigned flags = TEXT_STRUCTS | TEXT_UTF8;
	size_t from, escapes = 0;
	char name[32];

	if (s->opt->elapsed)
		buf_printf(b, "%9.4f\t", r->elapsed / 1e9);
	from = b->n;
	if (s->color) {
		buf_str(b, "\033[1m");
		buf_str(b, call_name(r, d, name));
		buf_str(b, "\033[22m");
		escapes = 9;
	} else {
		buf_str(b, call_name(r, d, name));
	}
	buf_char(b, '(');
	for (unsigned i = 0; i < d->nargs; i++) {
		if (i)
			buf_put(b, ", ", 2);
		text_val(b, &d->arg[i], flags);
		/* It came out as something else. */
		if (i < d->nout && d->out[i].kind != CTL_VAL_INT) {
			buf_str(b, " => ");
			text_val(b, &d->out[i], flags);
		}
		if (s->opt->fd_paths)
			text_fd(b, r->h.pid, &d->arg[i]);
	}
	buf_char(b, ')');
	if (r->h.type == CTL_REC_SYSENTRY) {
		buf_str(b, " (");
		buf_str(b, e->note ? e->note : "entered");
		buf_str(b, ")\n");
		return;
	}
	buf_pad(b, from, RESULT_COLUMN + escapes);
	result(s, r, d, b);
	buf_char(b, '\n');
	more(s, r, d, b);
	stack_truss(b, e->stack);
}

static void signal_or_fault(const struct ctl_rec_signal *r, struct buf *b)
{
	const char *name;
	siginfo_t si;

	memcpy(&si, r->info, sizeof(si));
	if (r->h.type == CTL_REC_FAULT) {
		name = ctl_fault_name(r->fault);
		buf_printf(b, "    Incurred fault #%d, %s  pc = %#llx\n",
			   r->fault, name ? name : "?",
			   (unsigned long long)r->pc);
		return;
	}
	name = ctl_signal_name(r->signo);
	buf_printf(b, "    Received signal #%d, %s", r->signo,
		   name ? name : "?");
	if (si.si_code == SI_USER || si.si_code == SI_QUEUE ||
	    si.si_code == SI_TKILL)
		buf_printf(b, "  pid = %d, uid = %u", si.si_pid, si.si_uid);
	buf_char(b, '\n');
}

static void life(const struct ctl_rec *rec, struct buf *b)
{
	const struct ctl_rec_fork *f = (const void *)rec;
	const struct ctl_rec_exec *e = (const void *)rec;
	const struct ctl_rec_exit *x = (const void *)rec;
	const struct ctl_rec_lost *l = (const void *)rec;

	switch (rec->type) {
	case CTL_REC_FORK:
		if (f->kind == CTL_FORK_THREAD)
			buf_printf(b, "    *** new thread %d ***\n",
				   f->child_tid);
		else
			buf_printf(b, "    *** %s: new process %d ***\n",
				   f->kind == CTL_FORK_VFORK ? "vfork" : "fork",
				   f->child_pid);
		break;
	case CTL_REC_EXEC:
		buf_str(b, "    *** executes ");
		if (e->pathlen)
			buf_escaped(b, (const char *)(e + 1), e->pathlen - 1,
				    true);
		buf_str(b, " ***\n");
		break;
	case CTL_REC_EXIT:
		if (WIFSIGNALED(x->status))
			buf_printf(b, "    *** killed by %s%s ***\n",
				   ctl_signal_name(WTERMSIG(x->status)),
				   WCOREDUMP(x->status) ? " (core dumped)" : "");
		else
			buf_printf(b, "    *** exited with status %d ***\n",
				   WEXITSTATUS(x->status));
		break;
	case CTL_REC_LOST:
		buf_printf(b, "    *** %llu records lost ***\n",
			   (unsigned long long)l->count);
		break;
	}
}

/* Threads come and go unmentioned, unless they are asked for. */
static bool is_news(const struct session *s, const struct ctl_rec *rec)
{
	const struct ctl_rec_exit *x = (const void *)rec;
	const struct ctl_rec_fork *f = (const void *)rec;

	switch (rec->type) {
	case CTL_REC_FORK:
		return f->kind != CTL_FORK_THREAD || s->opt->lwps;
	case CTL_REC_EXIT:
		return x->process || s->opt->lwps;
	}
	return true;
}

static void event(struct session *s, const struct event *e, struct buf *b)
{
	if (!is_news(s, e->rec))
		return;
	prefix(s, e->rec, b);
	if (e->stop) {
		buf_str(b, "    *** ");
		print_stop_text(s, e, b);
		buf_str(b, " ***\n");
		return;
	}
	switch (e->rec->type) {
	case CTL_REC_SYSCALL:
	case CTL_REC_SYSENTRY:
		call(s, e, b);
		break;
	case CTL_REC_SIGNAL:
	case CTL_REC_FAULT:
		signal_or_fault((const void *)e->rec, b);
		break;
	case CTL_REC_PROBE:
		func_text(b, e->func);
		stack_truss(b, e->stack);
		break;
	default:
		life(e->rec, b);
		if (e->rec->type == CTL_REC_EXEC && s->opt->envp)
			text_proc_strings(b, e->rec->pid, "environ", "envp");
	}
}

const struct format format_truss = { "truss", event };
