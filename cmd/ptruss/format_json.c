/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * format_json.c - an object a line, its shape stable: ptruss(1) has it.
 *
 * A text is what a C programmer would write, quotes and escapes included; so
 * every byte of a string can be got back.
 */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "ptruss.h"

static void head(const struct event *e, const char *type, struct buf *b)
{
	buf_str(b, "{\"time\":");
	buf_udec(b, e->rec->time + ctl_ring_epoch(e->t->h));
	buf_str(b, ",\"pid\":");
	buf_dec(b, e->rec->pid);
	buf_str(b, ",\"tid\":");
	buf_dec(b, e->rec->tid);
	buf_str(b, ",\"type\":\"");
	buf_str(b, type);
	buf_str(b, "\",\"name\":");
}

/* The text of v once more escaped, for JSON; made behind the line itself. */
static void text(const struct ctl_val *v, struct buf *scratch, struct buf *b)
{
	scratch->n = 0;
	text_val(scratch, v, TEXT_STRUCTS | TEXT_UTF8);
	buf_json(b, scratch->p, scratch->n);
}

static void number(const struct ctl_val *v, struct buf *b)
{
	/* Addresses and masks have no sign; what means -1 is one. */
	if (v->kind == CTL_VAL_INT || v->kind == CTL_VAL_FD ||
	    v->kind == CTL_VAL_NAME)
		buf_dec(b, (int64_t)v->value);
	else
		buf_udec(b, v->value);
}

static void call(struct session *s, const struct event *e, struct buf *b)
{
	const struct ctl_rec_syscall *r = (const void *)e->rec;
	const struct ctl_decoded *d = e->call;
	struct buf scratch = { 0 };
	char name[32];
	const char *err;

	(void)s;
	head(e, "syscall", b);
	buf_char(b, '"');
	buf_str(b, call_name(r, d, name));
	buf_str(b, r->abi == CTL_ABI_COMPAT ? "\",\"abi\":\"i386\",\"args\":[" :
					      "\",\"args\":[");
	for (unsigned i = 0; i < d->nargs; i++) {
		const struct ctl_val *v = &d->arg[i];

		buf_char(b, i ? ',' : '{');
		if (i)
			buf_char(b, '{');
		if (v->name) {
			buf_str(b, "\"name\":\"");
			buf_str(b, v->name);
			buf_str(b, "\",");
		}
		buf_str(b, "\"value\":");
		number(v, b);
		buf_str(b, ",\"text\":");
		text(v, &scratch, b);
		if (i < d->nout && d->out[i].kind != CTL_VAL_INT) {
			buf_str(b, ",\"out\":");
			text(&d->out[i], &scratch, b);
		}
		if (s->opt->fd_paths) {
			scratch.n = 0;
			text_fd(&scratch, r->h.pid, v);
			if (scratch.n > 2) {
				buf_str(b, ",\"path\":");
				buf_json(b, scratch.p + 1, scratch.n - 2);
			}
		}
		buf_char(b, '}');
	}
	buf_free(&scratch);
	buf_char(b, ']');
	if (r->h.type == CTL_REC_SYSENTRY) {
		buf_str(b, ",\"entry\":true}\n");
		return;
	}
	if (r->h.flags & (CTL_RECF_NORETURN | CTL_RECF_UNFINISHED)) {
		buf_str(b, ",\"ret\":null,\"errno\":null");
	} else if (call_failed(r->ret)) {
		err = call_restarts(r->ret) ? "ERESTART" :
					      ctl_errno_name(-r->ret);
		buf_str(b, ",\"ret\":-1,\"errno\":\"");
		if (err)
			buf_str(b, err);
		else
			buf_dec(b, -r->ret);
		buf_char(b, '"');
	} else {
		buf_str(b, ",\"ret\":");
		buf_dec(b, r->ret);
		buf_str(b, ",\"errno\":null");
	}
	if (call_injected(s, r))
		buf_str(b, ",\"injected\":true");
	buf_str(b, ",\"elapsed\":");
	buf_udec(b, r->elapsed);
	stack_json(b, e->stack);
	buf_put(b, "}\n", 2);
}

static void name_or_null(const char *name, struct buf *b)
{
	if (name)
		buf_json(b, name, strlen(name));
	else
		buf_str(b, "null");
}

static void signal_or_fault(const struct event *e, struct buf *b)
{
	const struct ctl_rec_signal *r = (const void *)e->rec;
	bool fault = r->h.type == CTL_REC_FAULT;
	siginfo_t si;

	memcpy(&si, r->info, sizeof(si));
	head(e, fault ? "fault" : "signal", b);
	name_or_null(fault ? ctl_fault_name(r->fault) :
			     ctl_signal_name(r->signo), b);
	buf_printf(b, ",\"signal\":%d,\"code\":%d,\"pc\":%llu", r->signo,
		   si.si_code, (unsigned long long)r->pc);
	if (si.si_code <= 0)
		buf_printf(b, ",\"sender\":%d", si.si_pid);
}

static void function(const struct event *e, struct buf *b)
{
	const struct func_event *f = e->func;

	head(e, "function", b);
	buf_json_escaped(b, f->func->name, strlen(f->func->name));
	buf_str(b, ",\"object\":");
	buf_json_escaped(b, f->func->object, strlen(f->func->object));
	buf_printf(b, ",\"event\":\"%s\",\"depth\":%u",
		   f->returns ? "return" : "call", f->depth);
	if (f->returns) {
		buf_printf(b, ",\"ret\":%llu", (unsigned long long)f->result);
	} else {
		buf_str(b, ",\"args\":[");
		for (unsigned i = 0; i < CTL_FUNC_ARGS; i++) {
			if (i)
				buf_char(b, ',');
			buf_udec(b, f->arg[i]);
		}
		buf_printf(b, "],\"caller\":%llu",
			   (unsigned long long)f->caller);
	}
	stack_json(b, e->stack);
}

static void life(const struct event *e, struct buf *b)
{
	const struct ctl_rec_fork *f = (const void *)e->rec;
	const struct ctl_rec_exec *x = (const void *)e->rec;
	const struct ctl_rec_exit *q = (const void *)e->rec;
	const struct ctl_rec_lost *l = (const void *)e->rec;

	switch (e->rec->type) {
	case CTL_REC_FORK:
		head(e, "fork", b);
		buf_printf(b, "\"fork\",\"kind\":\"%s\",\"child\":%d,\"thread\":%d",
			   f->kind == CTL_FORK_THREAD ? "thread" :
			   f->kind == CTL_FORK_VFORK  ? "vfork" :
							"fork",
			   f->child_pid, f->child_tid);
		break;
	case CTL_REC_EXEC:
		head(e, "exec", b);
		buf_str(b, "\"exec\",\"path\":");
		if (x->pathlen)
			buf_json_escaped(b, (const char *)(x + 1),
					 x->pathlen - 1);
		else
			buf_str(b, "null");
		break;
	case CTL_REC_EXIT:
		head(e, "exit", b);
		buf_printf(b, "\"exit\",\"process\":%s,\"status\":",
			   q->process ? "true" : "false");
		if (WIFSIGNALED(q->status)) {
			buf_str(b, "null,\"signal\":");
			name_or_null(ctl_signal_name(WTERMSIG(q->status)), b);
		} else {
			buf_printf(b, "%d,\"signal\":null",
				   WEXITSTATUS(q->status));
		}
		break;
	case CTL_REC_LOST:
		head(e, "lost", b);
		buf_printf(b, "\"lost\",\"count\":%llu",
			   (unsigned long long)l->count);
		break;
	}
}

static void event(struct session *s, const struct event *e, struct buf *b)
{
	if (e->stop)
		return; /* pflags -j has it */
	switch (e->rec->type) {
	case CTL_REC_SYSCALL:
	case CTL_REC_SYSENTRY:
		call(s, e, b);
		return;
	case CTL_REC_SIGNAL:
	case CTL_REC_FAULT:
		signal_or_fault(e, b);
		break;
	case CTL_REC_PROBE:
		function(e, b);
		break;
	case CTL_REC_FORK:
	case CTL_REC_EXEC:
	case CTL_REC_EXIT:
	case CTL_REC_LOST:
		life(e, b);
		break;
	default:
		return;
	}
	buf_put(b, "}\n", 2);
}

const struct format format_json = { "json", event };
