/* SPDX-License-Identifier: GPL-2.0-or-later */
/* print.c - a record becomes values, then text, then output. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "ptruss.h"

/* Out it goes, and b is empty. */
int print_buf(struct buf *b, FILE *f)
{
	size_t n = b->n;

	b->n = 0;
	if (b->failed) {
		errno = ENOMEM;
		return -ENOMEM;
	}
	/* fwrite(3) is content when the line is in the buffer. */
	return n && (fwrite(b->p, 1, n, f) != n || ferror(f)) ? -EIO : 0;
}

static int print_event(struct session *s, struct event *e)
{
	struct func_event f;
	struct ctl_stack st;
	int r = 0;

	if (e->rec->type == CTL_REC_PROBE) {
		if (!func_event(s, (const void *)e->rec, &f))
			return 0;
		e->func = &f;
	}
	if (e->call && !values_wanted(s->opt, (const void *)e->rec, e->call))
		return 0;
	e->stack = stack_of(s, e->rec, &st);
	if (s->timeline)
		r = timeline_record(s, e);
	if (r == 0 && s->out) {
		s->opt->format->event(s, e, &s->line);
		r = print_buf(&s->line, s->out);
	}
	return r;
}

int print_record(struct session *s, const struct traced *t,
		 const struct ctl_rec *rec)
{
	struct event e = { .t = t, .rec = rec };
	bool fds = s->opt->fd_paths || s->opt->path;
	int r;

	if (!s->first)
		s->first = s->last = rec->time;
	if (rec->type == CTL_REC_SYSCALL || rec->type == CTL_REC_SYSENTRY)
		e.call = values_of(s->values, (const void *)rec);
	if (fds)
		fd_before(rec, e.call);
	r = print_event(s, &e);
	if (fds)
		fd_after(rec, e.call);
	s->last = rec->time;
	return r;
}

int print_start(struct session *s, pid_t pid)
{
	if (!s->out || s->counts || s->opt->format != &format_truss)
		return 0;
	if (s->opt->argv)
		text_proc_strings(&s->line, pid, "cmdline", "argv");
	if (s->opt->envp)
		text_proc_strings(&s->line, pid, "environ", "envp");
	return print_buf(&s->line, s->out);
}

void print_stop_text(const struct session *s, const struct event *e,
		     struct buf *b)
{
	char what[160];

	buf_str(b, e->note);
	if (!e->stop->why)
		return;
	buf_str(b, ": ");
	buf_str(b, cmd_stop_why(e->stop));
	buf_char(b, ' ');
	buf_str(b, func_stopped_at(s, e->rec->pid, e->stop, what,
				   sizeof(what)));
}

/* A thread that was found asleep in a call, or that was stopped. */
int print_stop(struct session *s, const struct traced *t,
	       const struct ctl_lwpstatus *l, const char *why)
{
	union {
		struct ctl_rec_syscall rec;
		unsigned char room[16384];
	} u;
	struct ctl_rec_syscall *r = &u.rec;
	struct event e = { .t = t, .rec = &r->h, .note = why };

	if (!s->out)
		return 0;
	*r = (struct ctl_rec_syscall){
		.h = { .type = CTL_REC_SYSENTRY, .tid = l->tid,
		       .pid = ctl_pid(t->h), .time = cmd_now_ns() },
		.nr = l->syscall,
		.abi = l->sysabi,
	};
	memcpy(r->arg, l->sysarg, sizeof(r->arg));
	if (!s->first)
		s->first = s->last = r->h.time;
	/* At exit it was printed: it only stops. */
	if (l->syscall != CTL_NO_SYSCALL &&
	    !(l->flags & PR_ISTOP && l->why == PR_SYSEXIT)) {
		values_capture_now(s->opt, r, sizeof(u));
		e.call = values_of(s->values, r);
	} else {
		e.stop = l;
	}
	s->opt->format->event(s, &e, &s->line);
	s->last = r->h.time;
	return print_buf(&s->line, s->out);
}
