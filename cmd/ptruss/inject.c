/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inject.c - --inject: calls that fail, return what we like, are late, or bring
 * a signal.
 *
 * The server knows nothing of it.  The calls are put into the sets of entry and
 * exit stops, with PR_ASYNC, so that only the calling thread stops.  At entry
 * it is told a signal, kept waiting, run on, or run on with PRSABORT if it is
 * to return something; at exit the result goes into its register.  A ptruss
 * that is killed meanwhile leaves a call that was not made and returned EINTR,
 * at the worst (PR_RLC).
 *
 * The server's record of a call that was not made says so (CTL_RECF_ABORTED)
 * and knows EINTR only; what we made of it is put in here, in the order of the
 * thread's calls.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ptruss.h"

#define NEVER INT64_MAX

struct rule {
	struct ctl_sysset calls;
	bool has_ret;
	int64_t ret;
	int signal;
	int64_t delay_entry, delay_exit; /* us */
	uint64_t first, last, step; /* of a thread's calls, from 1 on */
};

/* A thread that made one of the calls. */
struct patient {
	struct patient *next;
	pid_t pid, tid;
	struct ctl *h; /* the thread's */
	bool entered; /* the stop to come, at exit, is of a call seen here */
	bool has_ret, waits;
	int64_t ret, delay_exit;
	int64_t due; /* ms, of cmd_now_ms(): when it goes on */
	int64_t results[8]; /* of calls whose records are to come */
	unsigned nresults;
	uint64_t count[]; /* by rule: calls made */
};

struct inject {
	struct rule *rule;
	unsigned n;
	struct ctl_sysset calls;
	bool at_exit; /* somebody wants to be told of exits */
	struct patient *patients;
};

/* -- the option --------------------------------------------------------------- */

static int errno_parse(const char *s)
{
	uint64_t n;
	const char *name;

	if (cmd_parse_u64(s, 4095, &n) == 0)
		return n ? (int)n : -1;
	for (int i = 1; i < 4096; i++) {
		name = ctl_errno_name(i);
		if (name && strcasecmp(name, s) == 0)
			return i;
	}
	return -1;
}

/* A time, in microseconds if no unit is given. */
static int64_t time_parse(const char *s)
{
	static const struct {
		const char *unit;
		double us;
	} units[] = { { "", 1 }, { "us", 1 }, { "ms", 1e3 }, { "s", 1e6 },
		      { "ns", 1e-3 } };
	char *end;
	double v;

	if (*s < '0' || *s > '9')
		return -1;
	v = strtod(s, &end);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].unit) == 0)
			return v * units[i].us > 1e12 ? -1 : v * units[i].us;
	return -1;
}

/* FIRST, FIRST+, FIRST+STEP, FIRST..LAST, FIRST..LAST+STEP */
static bool when_parse(struct rule *r, char *s)
{
	char *step = strchr(s, '+'), *last;

	if (step)
		*step++ = '\0';
	last = strstr(s, "..");
	if (last) {
		*last = '\0';
		last += 2;
	}
	if (cmd_parse_u64(s, UINT64_MAX, &r->first) < 0 || !r->first)
		return false;
	r->last = step ? UINT64_MAX : r->first;
	if (last && (cmd_parse_u64(last, UINT64_MAX, &r->last) < 0 ||
		     r->last < r->first))
		return false;
	r->step = 1;
	return !step || !*step ||
	       (cmd_parse_u64(step, UINT64_MAX, &r->step) == 0 && r->step);
}

static const char *action_parse(struct rule *r, char *word)
{
	char *value = strchr(word, '=');
	uint64_t n;
	int64_t us;

	if (!value)
		return "what is injected: error=E, retval=V, signal=S, delay=T, when=N";
	*value++ = '\0';
	if (strcmp(word, "error") == 0) {
		r->ret = -errno_parse(value);
		if (r->ret > 0)
			return "not an error";
		r->has_ret = true;
	} else if (strcmp(word, "retval") == 0) {
		if (cmd_parse_u64(value, INT64_MAX, &n) < 0)
			return "not a result";
		r->ret = n;
		r->has_ret = true;
	} else if (strcmp(word, "signal") == 0) {
		r->signal = ctl_signal_parse(value);
		if (r->signal <= 0)
			return "not a signal";
	} else if (strcmp(word, "when") == 0) {
		if (!when_parse(r, value))
			return "not FIRST[..LAST][+[STEP]]";
	} else if (strcmp(word, "delay") == 0 ||
		   strcmp(word, "delay_enter") == 0 ||
		   strcmp(word, "delay_exit") == 0) {
		us = time_parse(value);
		if (us < 0)
			return "not a time";
		if (strcmp(word, "delay_exit") == 0)
			r->delay_exit = us;
		else
			r->delay_entry = us;
	} else {
		return "not error, retval, signal, delay or when";
	}
	return NULL;
}

const char *inject_parse(struct inject **inject, const char *text)
{
	char *copy = strdup(text), *word, *save;
	struct inject *in = *inject;
	const char *problem = NULL;
	struct rule *r;

	if (!in)
		in = *inject = calloc(1, sizeof(*in));
	if (!copy || !in)
		goto no_memory;
	r = realloc(in->rule, (in->n + 1) * sizeof(*r));
	if (!r)
		goto no_memory;
	in->rule = r;
	r += in->n;
	*r = (struct rule){ .first = 1, .last = UINT64_MAX, .step = 1 };
	word = strtok_r(copy, ":", &save);
	if (!word || ctl_sysset_parse(word, &r->calls) < 0)
		problem = "not a list of system calls";
	while (!problem && (word = strtok_r(NULL, ":", &save)))
		problem = action_parse(r, word);
	if (!problem && !r->has_ret && !r->signal && !r->delay_entry &&
	    !r->delay_exit)
		problem = "nothing to inject: error=E, retval=V, signal=S, delay=T";
	if (!problem) {
		in->n++;
		in->at_exit |= r->has_ret || r->delay_exit;
		cmd_sysset_add(&in->calls, &r->calls);
	}
	free(copy);
	return problem;

no_memory:
	free(copy);
	return "out of memory";
}

/* -- the stops ---------------------------------------------------------------- */

int inject_set_up(const struct inject *in, struct ctl *h)
{
	int r;

	if (!in)
		return 0;
	r = ctl_mode_set(h, PR_ASYNC);
	if (r == 0)
		r = ctl_trace_sysentry(h, &in->calls);
	if (r == 0 && in->at_exit)
		r = ctl_trace_sysexit(h, &in->calls);
	return r;
}

static struct patient *patient_of(struct inject *in, pid_t tid)
{
	struct patient *p;

	for (p = in->patients; p; p = p->next)
		if (p->tid == tid)
			return p;
	return NULL;
}

static struct patient *patient_new(struct inject *in, pid_t pid, pid_t tid)
{
	struct patient *p = calloc(1, sizeof(*p) + in->n * sizeof(p->count[0]));

	if (!p)
		return NULL;
	p->pid = pid;
	p->tid = tid;
	if (ctl_open(&p->h, pid, tid, 0) < 0) {
		free(p); /* it has just died */
		return NULL;
	}
	p->next = in->patients;
	in->patients = p;
	return p;
}

void inject_forget(struct inject *in, pid_t tid)
{
	struct patient **pp, *p;

	for (pp = in ? &in->patients : NULL; pp && (p = *pp); pp = &p->next)
		if (p->tid == tid) {
			*pp = p->next;
			ctl_close(p->h);
			free(p);
			return;
		}
}

void inject_free(struct inject *in)
{
	if (!in)
		return;
	while (in->patients)
		inject_forget(in, in->patients->tid);
	free(in->rule);
	free(in);
}

static bool fires(const struct rule *r, uint64_t nth)
{
	return nth >= r->first && nth <= r->last &&
	       (nth - r->first) % r->step == 0;
}

/* It may have been killed, or have been run on by somebody: no matter. */
static void go_on(struct patient *p, bool at_entry)
{
	const unsigned room = sizeof(p->results) / sizeof(p->results[0]);
	struct ctl_regs regs;

	p->waits = false;
	if (at_entry && p->has_ret) {
		if (p->nresults < room)
			p->results[p->nresults++] = p->ret;
		ctl_run(p->h, PRSABORT);
		return;
	}
	if (!at_entry && p->has_ret && ctl_regs_get(p->h, &regs) == 0) {
		regs.rax = p->ret;
		ctl_regs_set(p->h, &regs);
	}
	if (!at_entry)
		p->has_ret = false;
	ctl_run(p->h, 0);
}

static void wait_or_go(struct patient *p, int64_t us, bool at_entry)
{
	if (!us) {
		go_on(p, at_entry);
		return;
	}
	p->waits = true;
	p->due = cmd_now_ms() + (us + 999) / 1000;
}

static void at_entry(struct inject *in, struct patient *p,
		     const struct ctl_lwpstatus *l)
{
	int64_t delay = 0;

	p->entered = in->at_exit;
	p->has_ret = false;
	p->delay_exit = 0;
	for (unsigned i = 0; i < in->n; i++) {
		const struct rule *r = &in->rule[i];

		if (!ctl_sysset_has(&r->calls, l->sysabi, l->syscall) ||
		    !fires(r, ++p->count[i]))
			continue;
		if (r->has_ret) {
			p->has_ret = true;
			p->ret = r->ret;
		}
		if (r->signal)
			ctl_kill(p->h, r->signal);
		delay += r->delay_entry;
		p->delay_exit += r->delay_exit;
	}
	wait_or_go(p, delay, true);
}

static bool is_ours(const struct inject *in, const struct ctl_lwpstatus *l)
{
	return l->flags & PR_ISTOP &&
	       (l->why == PR_SYSENTRY || l->why == PR_SYSEXIT) &&
	       ctl_sysset_has(&in->calls, l->sysabi, l->syscall);
}

int inject_serve(struct inject *in, struct ctl *h)
{
	struct ctl_lwpstatus *v;
	int n = ctl_threads(h, &v), done = 0;

	for (int i = 0; i < n; i++) {
		const struct ctl_lwpstatus *l = &v[i];
		struct patient *p;

		if (!is_ours(in, l))
			continue;
		p = patient_of(in, l->tid);
		if (!p)
			p = patient_new(in, ctl_pid(h), l->tid);
		if (!p)
			continue;
		if (p->waits) {
			if (cmd_now_ms() < p->due)
				continue;
			go_on(p, l->why == PR_SYSENTRY);
		} else if (l->why == PR_SYSENTRY) {
			at_entry(in, p, l);
		} else if (!p->entered) { /* refused, and recorded: ctl(4) */
			ctl_run(p->h, 0);
		} else {
			p->entered = false;
			wait_or_go(p, p->delay_exit, false);
		}
		done++;
	}
	if (n >= 0)
		free(v);
	return n < 0 ? n : done;
}

void inject_let_go(struct inject *in, struct ctl *h)
{
	struct ctl_lwpstatus *v;
	int n = in ? ctl_threads(h, &v) : -1;

	for (int i = 0; i < n; i++) {
		struct patient *p;

		if (!is_ours(in, &v[i]))
			continue;
		p = patient_of(in, v[i].tid);
		if (!p)
			p = patient_new(in, ctl_pid(h), v[i].tid);
		if (!p)
			continue;
		/* What is not begun is made; what was not made has its result. */
		if (v[i].why == PR_SYSENTRY)
			ctl_run(p->h, 0);
		else
			go_on(p, false);
	}
	if (n >= 0)
		free(v);
}

int64_t inject_due(const struct inject *in)
{
	const struct patient *p;
	int64_t due = NEVER, now = cmd_now_ms();

	for (p = in ? in->patients : NULL; p; p = p->next)
		if (p->waits && p->due < due)
			due = p->due;
	if (due == NEVER)
		return -1;
	return due > now ? due - now : 0;
}

/* -- the records -------------------------------------------------------------- */

const struct ctl_rec *inject_result(struct inject *in, const struct ctl_rec *rec)
{
	static union {
		struct ctl_rec_syscall r;
		unsigned char bytes[CTL_REC_BYTES];
	} copy;
	struct patient *p;

	if (!in || rec->type != CTL_REC_SYSCALL ||
	    !(rec->flags & CTL_RECF_ABORTED) || rec->len > sizeof(copy))
		return rec;
	p = patient_of(in, rec->tid);
	if (!p || !p->nresults)
		return rec;
	memcpy(copy.bytes, rec, rec->len);
	copy.r.ret = p->results[0];
	p->nresults--;
	memmove(p->results, p->results + 1, p->nresults * sizeof(p->results[0]));
	return &copy.r.h;
}
