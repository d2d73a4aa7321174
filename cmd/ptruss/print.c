/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * print.c - a record as a line: as truss has it, or as JSON.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "ptruss.h"

#define RESULT_COLUMN 48
/* More than a record's captures can become when every byte is escaped. */
#define LINE_BYTES (1U << 20)

static bool is_error(int64_t ret)
{
	return ret < 0 && ret >= -4095;
}

static bool restarts(int64_t ret)
{
	return ret <= -512 && ret >= -516;
}

static const char *call_name(const struct ctl_rec_syscall *r, char *buf,
			     size_t size)
{
	const char *name = ctl_syscall_name(r->abi, r->nr);

	if (name)
		return name;
	snprintf(buf, size, "syscall_%u", r->nr);
	return buf;
}

/* -- values as text ------------------------------------------------------- */

/* A line that is being made; what does not fit is left out. */
struct line {
	char *p;
	size_t len, room;
};

static void put(struct line *l, const char *s, size_t n)
{
	if (n > l->room - l->len)
		n = l->room - l->len;
	memcpy(l->p + l->len, s, n);
	l->len += n;
}

static void puts_(struct line *l, const char *s)
{
	put(l, s, strlen(s));
}

static void put_dec(struct line *l, uint64_t v)
{
	char buf[20];
	unsigned n = sizeof(buf);

	do
		buf[--n] = '0' + v % 10;
	while (v /= 10);
	put(l, buf + n, sizeof(buf) - n);
}

static void put_int(struct line *l, int64_t v)
{
	if (v < 0)
		put(l, "-", 1);
	put_dec(l, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

static void put_hex(struct line *l, uint64_t v)
{
	char buf[18];
	unsigned n = sizeof(buf);

	do
		buf[--n] = "0123456789abcdef"[v & 15];
	while (v >>= 4);
	buf[--n] = 'x';
	buf[--n] = '0';
	put(l, buf + n, sizeof(buf) - n);
}

/*
 * Bytes between quotes, so that they can be got back: what is not printable
 * ASCII as C has it.  In octal, and with all three digits where a digit
 * follows, as strace does.
 */
static void put_quoted(struct line *l, const char *s, size_t n, bool cut)
{
	static const char named[] = "\a\b\t\n\v\f\r", letter[] = "abtnvfr";
	size_t i;

	put(l, "\"", 1);
	for (i = 0; i < n; i++) {
		unsigned char c = s[i];
		const char *k = c ? strchr(named, c) : NULL;
		bool digit = i + 1 < n && s[i + 1] >= '0' && s[i + 1] <= '9';
		char esc[5];

		if (c == '"' || c == '\\') {
			esc[0] = '\\';
			esc[1] = c;
			put(l, esc, 2);
		} else if (c >= 0x20 && c < 0x7f) {
			put(l, (const char *)&c, 1);
		} else if (k) {
			esc[0] = '\\';
			esc[1] = letter[k - named];
			put(l, esc, 2);
		} else {
			snprintf(esc, sizeof(esc), digit ? "\\%03o" : "\\%o",
				 c);
			puts_(l, esc);
		}
	}
	put(l, "\"", 1);
	if (cut)
		put(l, "...", 3);
}

static void put_value(struct line *l, const struct ctl_val *v);

static void put_children(struct line *l, const struct ctl_val *v,
			 const char *open, const char *sep, const char *close)
{
	unsigned i;

	puts_(l, open);
	for (i = 0; i < v->nchild; i++) {
		if (i)
			puts_(l, sep);
		if (v->child[i].name) {
			puts_(l, v->child[i].name);
			put(l, "=", 1);
		}
		put_value(l, &v->child[i]);
	}
	if (v->flags & (CTL_VALF_CUT | CTL_VALF_FAULT))
		puts_(l, v->nchild ? ", ..." : "...");
	puts_(l, close);
}

static void put_value(struct line *l, const struct ctl_val *v)
{
	switch (v->kind) {
	case CTL_VAL_INT:
	case CTL_VAL_FD:
		put_int(l, v->value);
		break;
	case CTL_VAL_UINT:
		put_dec(l, v->value);
		break;
	case CTL_VAL_HEX:
		if (v->value < 10)
			put_dec(l, v->value);
		else
			put_hex(l, v->value);
		break;
	case CTL_VAL_PTR:
		put_hex(l, v->value);
		break;
	case CTL_VAL_OCT: {
		char buf[32];

		snprintf(buf, sizeof(buf), "%#03llo",
			 (unsigned long long)v->value);
		puts_(l, buf);
		break;
	}
	case CTL_VAL_NULL:
		puts_(l, "NULL");
		break;
	case CTL_VAL_NAME:
		put(l, v->str, v->len);
		break;
	case CTL_VAL_FLAGS:
		put_children(l, v, "", "|", "");
		break;
	case CTL_VAL_STR:
	case CTL_VAL_BYTES:
		put_quoted(l, v->str ? v->str : "", v->len,
			   v->flags & (CTL_VALF_CUT | CTL_VALF_FAULT));
		break;
	case CTL_VAL_STRUCT:
		put_children(l, v, "{", ", ", "}");
		break;
	case CTL_VAL_ARRAY:
		put_children(l, v, "[", ", ", "]");
		break;
	}
}

/* -- truss ---------------------------------------------------------------- */

static int prefix(struct session *s, const struct ctl_rec *rec)
{
	const struct options *opt = s->opt;
	int n = 0;

	if (opt->follow || opt->lwps || s->n > 1) {
		if (opt->style == STYLE_STRACE)
			n += fprintf(s->out, "%-5d ", rec->tid);
		else if (opt->lwps)
			n += fprintf(s->out, "%d/%d:\t", rec->pid, rec->tid);
		else
			n += fprintf(s->out, "%d:\t", rec->pid);
	}
	if (opt->since_start)
		n += fprintf(s->out, "%9.4f\t", (rec->time - s->first) / 1e9);
	if (opt->delta)
		n += fprintf(s->out, "%9.4f\t",
			     rec->time > s->last ? (rec->time - s->last) / 1e9 :
						   0.0);
	return n;
}

/* As strace ends a line: "= 3", "= -1 ENOENT (No such file or directory)". */
static void strace_result(struct session *s, struct line *l,
			  const struct ctl_rec_syscall *r,
			  const struct ctl_val *ret)
{
	static const char *const restart[] = {
		"ERESTARTSYS (To be restarted if SA_RESTART is set)",
		"ERESTARTNOINTR (To be restarted)",
		"ERESTARTNOHAND (To be restarted if no handler)",
		"ENOIOCTLCMD (No ioctl command)",
		"ERESTART_RESTARTBLOCK (Interrupted by signal)",
	};
	char buf[32];

	while (l->len < 39)
		put(l, " ", 1);
	puts_(l, " = ");
	if (r->h.flags & (CTL_RECF_NORETURN | CTL_RECF_UNFINISHED)) {
		puts_(l, "?");
	} else if (restarts(r->ret)) {
		puts_(l, "? ");
		puts_(l, restart[-r->ret - 512]);
	} else if (is_error(r->ret)) {
		puts_(l, "-1 ");
		puts_(l, ctl_errno_name(-r->ret) ? ctl_errno_name(-r->ret) :
						   "E?");
		puts_(l, " (");
		puts_(l, strerror(-r->ret));
		puts_(l, ")");
	} else {
		put_value(l, ret);
	}
	if (s->opt->elapsed) {
		snprintf(buf, sizeof(buf), " <%.6f>", r->elapsed / 1e9);
		puts_(l, buf);
	}
}

static void strace_other(struct session *s, const struct ctl_rec *rec)
{
	const struct ctl_rec_signal *g = (const void *)rec;
	const struct ctl_rec_exit *x = (const void *)rec;
	siginfo_t si;

	switch (rec->type) {
	case CTL_REC_SIGNAL:
		memcpy(&si, g->info, sizeof(si));
		fprintf(s->out, "--- %s {si_signo=%s, si_code=%d",
			ctl_signal_name(g->signo), ctl_signal_name(g->signo),
			si.si_code);
		if (si.si_code <= 0 || g->signo == SIGCHLD)
			fprintf(s->out, ", si_pid=%d, si_uid=%u", si.si_pid,
				si.si_uid);
		fputs("} ---\n", s->out);
		break;
	case CTL_REC_EXIT:
		if (WIFSIGNALED(x->status))
			fprintf(s->out, "+++ killed by %s%s +++\n",
				ctl_signal_name(WTERMSIG(x->status)),
				WCOREDUMP(x->status) ? " (core dumped)" : "");
		else
			fprintf(s->out, "+++ exited with %d +++\n",
				WEXITSTATUS(x->status));
		break;
	}
}

static void truss_call(struct session *s, const struct ctl_rec_syscall *r)
{
	struct line l = { s->line, 0, LINE_BYTES };
	struct ctl_decoded call;
	char buf[32];
	unsigned i;

	ctl_decode(s->decoder, r, &call);
	if (s->opt->elapsed && s->opt->style == STYLE_TRUSS)
		fprintf(s->out, "%9.4f\t", r->elapsed / 1e9);
	puts_(&l, call_name(r, buf, sizeof(buf)));
	put(&l, "(", 1);
	for (i = 0; i < call.nargs; i++) {
		if (i)
			put(&l, ", ", 2);
		put_value(&l, &call.arg[i]);
	}
	put(&l, ")", 1);
	if (r->h.type == CTL_REC_SYSENTRY) {
		puts_(&l, " (entered)");
		goto out;
	}
	if (s->opt->style == STYLE_STRACE) {
		strace_result(s, &l, r, &call.ret);
		goto out;
	}
	do
		put(&l, " ", 1);
	while (l.len < RESULT_COLUMN);
	if (r->h.flags & CTL_RECF_NORETURN) {
		puts_(&l, "(no return)");
	} else if (r->h.flags & CTL_RECF_UNFINISHED) {
		puts_(&l, "(died in it)");
	} else if (restarts(r->ret)) {
		puts_(&l, "(interrupted, will be made again)");
	} else if (is_error(r->ret)) {
		puts_(&l, "Err#");
		put_dec(&l, -r->ret);
		if (ctl_errno_name(-r->ret)) {
			put(&l, " ", 1);
			puts_(&l, ctl_errno_name(-r->ret));
		}
		if (r->h.flags & CTL_RECF_ABORTED)
			puts_(&l, " (aborted)");
	} else {
		puts_(&l, "= ");
		put_value(&l, &call.ret);
	}
out:
	put(&l, "\n", 1);
	if (l.len == l.room)
		l.p[l.len - 1] = '\n';
	fwrite(l.p, 1, l.len, s->out);
}

static void truss_signal(struct session *s, const struct ctl_rec_signal *r)
{
	siginfo_t si;

	memcpy(&si, r->info, sizeof(si));
	if (r->h.type == CTL_REC_FAULT)
		fprintf(s->out, "    Incurred fault #%d, %s  pc = %#llx\n",
			r->fault,
			ctl_fault_name(r->fault) ? ctl_fault_name(r->fault) :
						   "?",
			(unsigned long long)r->pc);
	else if (si.si_code == SI_USER || si.si_code == SI_QUEUE ||
		 si.si_code == SI_TKILL)
		fprintf(s->out, "    Received signal #%d, %s  pid = %d, uid = %u\n",
			r->signo, ctl_signal_name(r->signo), si.si_pid,
			si.si_uid);
	else
		fprintf(s->out, "    Received signal #%d, %s\n", r->signo,
			ctl_signal_name(r->signo));
}

static void truss_other(struct session *s, const struct ctl_rec *rec)
{
	const struct ctl_rec_fork *f = (const void *)rec;
	const struct ctl_rec_exec *e = (const void *)rec;
	const struct ctl_rec_exit *x = (const void *)rec;
	const struct ctl_rec_lost *l = (const void *)rec;

	switch (rec->type) {
	case CTL_REC_FORK:
		if (f->kind == CTL_FORK_THREAD)
			fprintf(s->out, "    *** new thread %d ***\n",
				f->child_tid);
		else
			fprintf(s->out, "    *** %s: new process %d ***\n",
				f->kind == CTL_FORK_VFORK ? "vfork" : "fork",
				f->child_pid);
		break;
	case CTL_REC_EXEC:
		fputs("    *** executes ", s->out);
		if (e->pathlen)
			cmd_text_print(s->out, (const char *)(e + 1),
				       e->pathlen - 1);
		fputs(" ***\n", s->out);
		break;
	case CTL_REC_EXIT:
		if (WIFSIGNALED(x->status))
			fprintf(s->out, "    *** killed by %s%s ***\n",
				ctl_signal_name(WTERMSIG(x->status)),
				WCOREDUMP(x->status) ? " (core dumped)" : "");
		else
			fprintf(s->out, "    *** exited with status %d ***\n",
				WEXITSTATUS(x->status));
		break;
	case CTL_REC_LOST:
		fprintf(s->out, "    *** %llu records lost ***\n",
			(unsigned long long)l->count);
		break;
	}
}

/* Of the uninteresting ones nothing is said: threads that come and go, and
 * what a single process's own calls say already. */
static bool is_news(const struct session *s, const struct ctl_rec *rec)
{
	const struct ctl_rec_exit *x = (const void *)rec;
	const struct ctl_rec_fork *f = (const void *)rec;

	/* strace leaves these to the calls and signals. */
	if (s->opt->style == STYLE_STRACE &&
	    (rec->type == CTL_REC_FORK || rec->type == CTL_REC_EXEC ||
	     rec->type == CTL_REC_FAULT))
		return false;
	switch (rec->type) {
	case CTL_REC_FORK:
		return f->kind != CTL_FORK_THREAD || s->opt->lwps;
	case CTL_REC_EXIT:
		return x->process || s->opt->lwps;
	}
	return true;
}

/* -- JSON ----------------------------------------------------------------- */

/* Stable: documented in ptruss(1). */
static void json_head(struct session *s, const struct traced *t,
		      const struct ctl_rec *rec, const char *type)
{
	fprintf(s->out,
		"{\"time\":%" PRIu64 ",\"pid\":%d,\"tid\":%d,\"type\":\"%s\"",
		(uint64_t)rec->time + ctl_ring_epoch(t->h), rec->pid, rec->tid,
		type);
}

/* The text of a value as a JSON string: it is ASCII already. */
static void put_json_text(struct line *l, const struct ctl_val *v)
{
	size_t from = l->len + 1, i;
	char *copy;

	put(l, "\"", 1);
	put_value(l, v);
	/* Quotes and backslashes once more. */
	for (i = from; i < l->len; i++)
		if (l->p[i] == '"' || l->p[i] == '\\')
			break;
	if (i < l->len) {
		size_t n = l->len - from;

		copy = strndup(l->p + from, n);
		l->len = from;
		for (i = 0; copy && i < n; i++) {
			if (copy[i] == '"' || copy[i] == '\\')
				put(l, "\\", 1);
			put(l, &copy[i], 1);
		}
		free(copy);
	}
	put(l, "\"", 1);
}

static void json_call(struct session *s, const struct ctl_rec_syscall *r)
{
	struct line l = { s->line, 0, LINE_BYTES };
	struct ctl_decoded call;
	const char *err;
	char buf[32];
	unsigned i;

	ctl_decode(s->decoder, r, &call);
	puts_(&l, ",\"name\":\"");
	puts_(&l, call_name(r, buf, sizeof(buf)));
	puts_(&l, "\",\"args\":[");
	for (i = 0; i < call.nargs; i++) {
		if (i)
			put(&l, ",", 1);
		put(&l, "{", 1);
		if (call.arg[i].name) {
			puts_(&l, "\"name\":\"");
			puts_(&l, call.arg[i].name);
			puts_(&l, "\",");
		}
		puts_(&l, "\"value\":");
		if (call.arg[i].kind == CTL_VAL_INT ||
		    call.arg[i].kind == CTL_VAL_FD ||
		    (int64_t)call.arg[i].value == -100)
			put_int(&l, call.arg[i].value);
		else
			put_dec(&l, call.arg[i].value);
		puts_(&l, ",\"text\":");
		put_json_text(&l, &call.arg[i]);
		put(&l, "}", 1);
	}
	puts_(&l, "]");
	if (r->h.type == CTL_REC_SYSENTRY) {
		puts_(&l, ",\"entry\":true}\n");
		goto out;
	}
	if (r->h.flags & (CTL_RECF_NORETURN | CTL_RECF_UNFINISHED)) {
		puts_(&l, ",\"ret\":null,\"errno\":null");
	} else if (is_error(r->ret)) {
		err = restarts(r->ret) ? "ERESTART" : ctl_errno_name(-r->ret);
		puts_(&l, ",\"ret\":-1,\"errno\":\"");
		puts_(&l, err ? err : "?");
		put(&l, "\"", 1);
	} else {
		puts_(&l, ",\"ret\":");
		put_int(&l, r->ret);
		puts_(&l, ",\"errno\":null");
	}
	puts_(&l, ",\"elapsed\":");
	put_dec(&l, r->elapsed);
	puts_(&l, "}\n");
out:
	fwrite(l.p, 1, l.len, s->out);
}

static void json_text(struct session *s, const char *text, size_t len)
{
	struct json_object *o = cmd_json_text(text, len);

	fputs(o ? json_object_to_json_string_ext(
			  o, JSON_C_TO_STRING_PLAIN |
				     JSON_C_TO_STRING_NOSLASHESCAPE) :
		  "null",
	      s->out);
	json_object_put(o);
}

static void json_record(struct session *s, const struct traced *t,
			const struct ctl_rec *rec)
{
	const struct ctl_rec_signal *g = (const void *)rec;
	const struct ctl_rec_fork *f = (const void *)rec;
	const struct ctl_rec_exec *e = (const void *)rec;
	const struct ctl_rec_exit *x = (const void *)rec;
	const struct ctl_rec_lost *l = (const void *)rec;
	siginfo_t si;

	switch (rec->type) {
	case CTL_REC_SYSCALL:
	case CTL_REC_SYSENTRY:
		json_head(s, t, rec, "syscall");
		json_call(s, (const void *)rec);
		return;
	case CTL_REC_SIGNAL:
	case CTL_REC_FAULT:
		memcpy(&si, g->info, sizeof(si));
		if (rec->type == CTL_REC_FAULT) {
			json_head(s, t, rec, "fault");
			fprintf(s->out, ",\"name\":\"%s\"",
				ctl_fault_name(g->fault) ?
					ctl_fault_name(g->fault) : "?");
		} else {
			json_head(s, t, rec, "signal");
			fprintf(s->out, ",\"name\":\"%s\"",
				ctl_signal_name(g->signo));
		}
		fprintf(s->out, ",\"signal\":%d,\"code\":%d,\"pc\":%" PRIu64,
			g->signo, si.si_code, (uint64_t)g->pc);
		if (si.si_code <= 0)
			fprintf(s->out, ",\"sender\":%d", si.si_pid);
		break;
	case CTL_REC_FORK:
		json_head(s, t, rec, "fork");
		fprintf(s->out, ",\"name\":\"fork\",\"kind\":\"%s\",\"child\":%d,\"thread\":%d",
			f->kind == CTL_FORK_THREAD ? "thread" :
			f->kind == CTL_FORK_VFORK  ? "vfork" :
						     "fork",
			f->child_pid, f->child_tid);
		break;
	case CTL_REC_EXEC:
		json_head(s, t, rec, "exec");
		fputs(",\"name\":\"exec\",\"path\":", s->out);
		if (e->pathlen)
			json_text(s, (const char *)(e + 1), e->pathlen - 1);
		else
			fputs("null", s->out);
		break;
	case CTL_REC_EXIT:
		json_head(s, t, rec, "exit");
		fprintf(s->out, ",\"name\":\"exit\",\"process\":%s",
			x->process ? "true" : "false");
		if (WIFSIGNALED(x->status))
			fprintf(s->out, ",\"status\":null,\"signal\":\"%s\"",
				ctl_signal_name(WTERMSIG(x->status)));
		else
			fprintf(s->out, ",\"status\":%d,\"signal\":null",
				WEXITSTATUS(x->status));
		break;
	case CTL_REC_LOST:
		json_head(s, t, rec, "lost");
		fprintf(s->out, ",\"name\":\"lost\",\"count\":%" PRIu64,
			(uint64_t)l->count);
		break;
	default:
		return;
	}
	fputs("}\n", s->out);
}

/* ------------------------------------------------------------------------- */

int print_init(struct session *s)
{
	s->line = malloc(LINE_BYTES);
	return s->line ? ctl_decoder_new(&s->decoder, s->opt->decode) : -ENOMEM;
}

void print_free(struct session *s)
{
	ctl_decoder_free(s->decoder);
	free(s->line);
}

int print_record(struct session *s, const struct traced *t,
		 const struct ctl_rec *rec)
{
	if (!s->first)
		s->first = s->last = rec->time;
	if (rec->type == CTL_REC_SYSCALL && (s->opt->ok || s->opt->failed)) {
		const struct ctl_rec_syscall *r = (const void *)rec;

		if (is_error(r->ret) || restarts(r->ret) ? !s->opt->failed :
							   !s->opt->ok)
			return 0;
	}
	if (s->opt->style == STYLE_JSON) {
		json_record(s, t, rec);
	} else if (is_news(s, rec)) {
		prefix(s, rec);
		switch (rec->type) {
		case CTL_REC_SYSCALL:
		case CTL_REC_SYSENTRY:
			truss_call(s, (const void *)rec);
			break;
		case CTL_REC_LOST:
			truss_other(s, rec);
			break;
		case CTL_REC_SIGNAL:
		case CTL_REC_FAULT:
			if (s->opt->style == STYLE_TRUSS)
				truss_signal(s, (const void *)rec);
			else
				strace_other(s, rec);
			break;
		default:
			if (s->opt->style == STYLE_TRUSS)
				truss_other(s, rec);
			else
				strace_other(s, rec);
		}
	}
	s->last = rec->time;
	return ferror(s->out) ? -EIO : 0;
}
