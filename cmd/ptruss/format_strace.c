/* SPDX-License-Identifier: GPL-2.0-or-later */
/* format_strace.c - lines that scripts written for strace can read. */
#include <signal.h>
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
		text_val(b, &d->ret, TEXT_STRUCTS);
		if (s->opt->fd_paths && d->ret.kind == CTL_VAL_FD)
			text_fd(b, r->h.pid, d->ret.value);
	}
	if (call_injected(s, r))
		buf_str(b, " (INJECTED)");
	if (s->opt->elapsed && !(r->h.flags & CTL_RECF_NORETURN))
		buf_printf(b, " <%.6f>", r->elapsed / 1e9);
}

static void call(const struct session *s, const struct event *e, struct buf *b)
{
	const struct ctl_rec_syscall *r = (const void *)e->rec;
	const struct ctl_decoded *d = e->call;
	size_t from = b->n;
	char name[32];

	buf_str(b, call_name(r, d, name));
	buf_char(b, '(');
	for (unsigned i = 0; i < d->nargs; i++) {
		if (i)
			buf_put(b, ", ", 2);
		text_val(b, &d->arg[i], TEXT_STRUCTS);
		if (s->opt->fd_paths && d->arg[i].kind == CTL_VAL_FD)
			text_fd(b, r->h.pid, d->arg[i].value);
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

static const char *code_name(int signo, int code)
{
	static const char *const child[] = { "CLD_EXITED", "CLD_KILLED",
					     "CLD_DUMPED", "CLD_TRAPPED",
					     "CLD_STOPPED", "CLD_CONTINUED" };

	switch (code) {
	case SI_USER:
		return "SI_USER";
	case SI_QUEUE:
		return "SI_QUEUE";
	case SI_TKILL:
		return "SI_TKILL";
	case SI_TIMER:
		return "SI_TIMER";
	case SI_KERNEL:
		return "SI_KERNEL";
	}
	if (signo == SIGCHLD && code >= 1 && code <= 6)
		return child[code - 1];
	if (signo == SIGSEGV && (code == SEGV_MAPERR || code == SEGV_ACCERR))
		return code == SEGV_MAPERR ? "SEGV_MAPERR" : "SEGV_ACCERR";
	return NULL;
}

static void signal_line(const struct ctl_rec_signal *r, struct buf *b)
{
	const char *name = ctl_signal_name(r->signo), *code, *status;
	siginfo_t si;

	memcpy(&si, r->info, sizeof(si));
	code = code_name(r->signo, si.si_code);
	buf_printf(b, "--- %s {si_signo=%s, si_code=", name ? name : "?",
		   name ? name : "?");
	if (code)
		buf_str(b, code);
	else
		buf_printf(b, "%#x", si.si_code);
	if (r->signo == SIGCHLD && si.si_code > 0) {
		buf_printf(b, ", si_pid=%d, si_uid=%u, si_status=", si.si_pid,
			   si.si_uid);
		status = si.si_code == CLD_EXITED ?
				 NULL : ctl_signal_name(si.si_status);
		if (status)
			buf_str(b, status);
		else
			buf_dec(b, si.si_status);
		buf_printf(b, ", si_utime=%ld, si_stime=%ld",
			   (long)si.si_utime, (long)si.si_stime);
	} else if (si.si_code == SI_USER || si.si_code == SI_TKILL ||
		   si.si_code == SI_QUEUE) {
		buf_printf(b, ", si_pid=%d, si_uid=%u", si.si_pid, si.si_uid);
	} else if (r->fault) {
		if (si.si_addr)
			buf_printf(b, ", si_addr=%p", si.si_addr);
		else
			buf_str(b, ", si_addr=NULL");
	}
	buf_str(b, "} ---\n");
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
	switch (e->rec->type) {
	case CTL_REC_SYSCALL:
	case CTL_REC_SYSENTRY:
		call(s, e, b);
		break;
	case CTL_REC_SIGNAL:
		signal_line((const void *)e->rec, b);
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
