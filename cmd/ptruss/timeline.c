/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timeline.c - --timeline: a bar a system call, a row a thread, in the JSON
 * that Chrome's and Perfetto's viewers open.
 */
#include <errno.h>
#include <string.h>

#include "ptruss.h"

int timeline_open(struct session *s)
{
	s->timeline = fopen(s->opt->timeline, "we");
	if (!s->timeline)
		return -errno;
	setvbuf(s->timeline, NULL, _IOFBF, 256 << 10);
	return fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[",
		     s->timeline) < 0 ? -EIO : 0;
}

/* Microseconds with their nanoseconds. */
static void micros(struct buf *b, uint64_t ns)
{
	buf_udec(b, ns / 1000);
	buf_printf(b, ".%03u", (unsigned)(ns % 1000));
}

static void begin(struct session *s, const struct event *e, const char *phase,
		  struct buf *b)
{
	buf_str(b, s->timeline_begun ? ",\n{\"ph\":\"" : "\n{\"ph\":\"");
	s->timeline_begun = true;
	buf_str(b, phase);
	buf_str(b, "\",\"ts\":");
	micros(b, time_since(s->first, e->rec->time));
	buf_printf(b, ",\"pid\":%d,\"tid\":%d", e->rec->pid, e->rec->tid);
}

static void call(struct session *s, const struct event *e, struct buf *b)
{
	const struct ctl_rec_syscall *r = (const void *)e->rec;
	struct buf text = { 0 };
	char name[32];

	begin(s, e, "X", b);
	buf_str(b, ",\"dur\":");
	micros(b, r->elapsed);
	buf_printf(b, ",\"name\":\"%s\",\"args\":{", call_name(r, e->call, name));
	for (unsigned i = 0; i < e->call->nargs; i++) {
		const struct ctl_val *v = &e->call->arg[i];

		if (v->name)
			buf_json(b, v->name, strlen(v->name));
		else
			buf_printf(b, "\"%u\"", i);
		buf_char(b, ':');
		text.n = 0;
		text_val(&text, v, TEXT_STRUCTS | TEXT_UTF8);
		buf_json(b, text.p, text.n);
		buf_char(b, ',');
	}
	buf_str(b, "\"result\":");
	if (r->h.flags & (CTL_RECF_NORETURN | CTL_RECF_UNFINISHED))
		buf_str(b, "null");
	else if (call_failed(r->ret) && ctl_errno_name(-r->ret))
		buf_printf(b, "\"%s\"", ctl_errno_name(-r->ret));
	else
		buf_dec(b, r->ret);
	buf_str(b, "}}");
	buf_free(&text);
}

/* A bar inside the one of its caller; those that were left end with it. */
static void function(struct session *s, const struct event *e, struct buf *b)
{
	const struct func_event *f = e->func;

	for (unsigned i = 0; i < f->left; i++) {
		begin(s, e, "E", b);
		buf_char(b, '}');
	}
	if (f->unknown)
		return;
	begin(s, e, f->returns ? "E" : "B", b);
	if (!f->returns) {
		buf_str(b, ",\"name\":");
		buf_json_escaped(b, f->func->name, strlen(f->func->name));
	}
	buf_char(b, '}');
}

int timeline_record(struct session *s, const struct event *e)
{
	const struct ctl_rec_signal *g = (const void *)e->rec;
	const struct ctl_rec_exec *x = (const void *)e->rec;
	struct buf *b = &s->line;

	switch (e->rec->type) {
	case CTL_REC_SYSCALL:
		call(s, e, b);
		break;
	case CTL_REC_PROBE:
		function(s, e, b);
		break;
	case CTL_REC_SIGNAL:
		begin(s, e, "i", b);
		buf_printf(b, ",\"s\":\"t\",\"name\":\"%s\"}",
			   ctl_signal_name(g->signo));
		break;
	case CTL_REC_EXEC: /* gives the process its name */
		if (!x->pathlen)
			break;
		begin(s, e, "M", b);
		buf_str(b, ",\"name\":\"process_name\",\"args\":{\"name\":");
		buf_json_escaped(b, (const char *)(x + 1), x->pathlen - 1);
		buf_str(b, "}}");
		break;
	}
	return print_buf(b, s->timeline);
}

int timeline_close(struct session *s)
{
	int r = 0;

	if (!s->timeline)
		return 0;
	if (fputs("\n]}\n", s->timeline) < 0)
		r = -EIO;
	if (fclose(s->timeline) != 0)
		r = -errno;
	s->timeline = NULL;
	return r;
}
