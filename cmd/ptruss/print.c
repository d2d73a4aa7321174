/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * print.c - a record as a line: as truss has it, or as JSON.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "ptruss.h"

#define RESULT_COLUMN 48

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

/* A number as people read it: small ones decimal, addresses not. */
static int number(char *buf, size_t size, uint64_t v)
{
	if ((int64_t)v > -4096 && (int64_t)v < 65536)
		return snprintf(buf, size, "%" PRId64, (int64_t)v);
	if (v <= UINT32_MAX && (int32_t)v < 0 && (int32_t)v > -4096)
		return snprintf(buf, size, "%d", (int32_t)v);
	return snprintf(buf, size, "%#" PRIx64, v);
}

/* -- truss ---------------------------------------------------------------- */

static int prefix(struct session *s, const struct ctl_rec *rec)
{
	const struct options *opt = s->opt;
	int n = 0;

	if (opt->follow || opt->lwps || s->n > 1) {
		if (opt->lwps)
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

static void truss_call(struct session *s, const struct ctl_rec_syscall *r)
{
	char line[512], buf[32];
	unsigned i;
	int n;

	if (s->opt->elapsed)
		fprintf(s->out, "%9.4f\t", r->elapsed / 1e9);
	n = snprintf(line, sizeof(line), "%s(", call_name(r, buf, sizeof(buf)));
	for (i = 0; i < 6; i++) {
		n += snprintf(line + n, sizeof(line) - n, "%s", i ? ", " : "");
		n += number(line + n, sizeof(line) - n, r->arg[i]);
	}
	snprintf(line + n, sizeof(line) - n, ")");
	if (r->h.type == CTL_REC_SYSENTRY) {
		fprintf(s->out, "%s (entered)\n", line);
		return;
	}
	fprintf(s->out, "%-*s ", RESULT_COLUMN, line);
	if (r->h.flags & CTL_RECF_NORETURN)
		fputs("(no return)\n", s->out);
	else if (r->h.flags & CTL_RECF_UNFINISHED)
		fputs("(died in it)\n", s->out);
	else if (restarts(r->ret))
		fputs("(interrupted, will be made again)\n", s->out);
	else if (is_error(r->ret) && ctl_errno_name(-r->ret))
		fprintf(s->out, "Err#%d %s%s\n", (int)-r->ret,
			ctl_errno_name(-r->ret),
			r->h.flags & CTL_RECF_ABORTED ? " (aborted)" : "");
	else if (is_error(r->ret))
		fprintf(s->out, "Err#%d\n", (int)-r->ret);
	else {
		number(buf, sizeof(buf), r->ret);
		fprintf(s->out, "= %s\n", buf);
	}
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

static void json_call(struct session *s, const struct ctl_rec_syscall *r)
{
	const char *err;
	char buf[32];
	unsigned i;

	fprintf(s->out, ",\"name\":\"%s\",\"args\":[",
		call_name(r, buf, sizeof(buf)));
	for (i = 0; i < 6; i++) {
		number(buf, sizeof(buf), r->arg[i]);
		fprintf(s->out, "%s{\"value\":%" PRIu64 ",\"text\":\"%s\"}",
			i ? "," : "", (uint64_t)r->arg[i], buf);
	}
	fputs("]", s->out);
	if (r->h.type == CTL_REC_SYSENTRY) {
		fputs(",\"entry\":true}\n", s->out);
		return;
	}
	if (r->h.flags & (CTL_RECF_NORETURN | CTL_RECF_UNFINISHED)) {
		fputs(",\"ret\":null,\"errno\":null", s->out);
	} else if (is_error(r->ret)) {
		err = restarts(r->ret) ? "ERESTART" : ctl_errno_name(-r->ret);
		fprintf(s->out, ",\"ret\":-1,\"errno\":\"%s\"",
			err ? err : "?");
	} else {
		fprintf(s->out, ",\"ret\":%" PRId64 ",\"errno\":null",
			(int64_t)r->ret);
	}
	fprintf(s->out, ",\"elapsed\":%" PRIu64 "}\n", (uint64_t)r->elapsed);
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

int print_record(struct session *s, const struct traced *t,
		 const struct ctl_rec *rec)
{
	if (!s->first)
		s->first = s->last = rec->time;
	if (s->opt->style == STYLE_JSON) {
		json_record(s, t, rec);
	} else if (is_news(s, rec)) {
		prefix(s, rec);
		switch (rec->type) {
		case CTL_REC_SYSCALL:
		case CTL_REC_SYSENTRY:
			truss_call(s, (const void *)rec);
			break;
		case CTL_REC_SIGNAL:
		case CTL_REC_FAULT:
			truss_signal(s, (const void *)rec);
			break;
		default:
			truss_other(s, rec);
		}
	}
	s->last = rec->time;
	return ferror(s->out) ? -EIO : 0;
}
