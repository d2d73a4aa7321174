/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * session.c - what is being traced: attaching, reading the rings, the end.
 *
 * The ring is read behind the target's back.  Towards a terminal each record
 * wakes us; else we sleep until there is a good deal of them, or a moment has
 * passed, so that the target is not slowed by our waking up.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ptruss.h"

#define WAKE_BYTES (256U << 10)
#define WAKE_MS 100
#define SLEEP_MS 500 /* of quiet, then we look who sleeps in which call */

static volatile sig_atomic_t caught, ncaught;

static void on_signal(int sig)
{
	caught = sig;
	ncaught++;
}

/*
 * Are we to end?  The first interrupt of a command is the command's, by way of
 * the terminal; all of them are when the trace goes to a file, which never makes
 * us wait: so programs can be traced that catch them.
 */
static bool told_to_end(const struct session *s)
{
	if (!s->opt->command || caught == SIGTERM || caught == SIGHUP)
		return caught != 0;
	return ncaught > 1 && !s->to_file;
}

int session_caught(void)
{
	return caught;
}

/* What we were started with, and a command is started with. */
static struct sigaction own_sigpipe;

void session_catch_signals(bool ignored)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	cmd_catch(on_signal, ignored);
	/* A reader that went away is an error of write(2), which is told. */
	sigaction(SIGPIPE, &ignore, &own_sigpipe);
}

/* -- processes ------------------------------------------------------------ */

static bool pids_have(const struct pids *p, pid_t pid)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->v[i] == pid)
			return true;
	return false;
}

static int pids_add(struct pids *p, pid_t pid)
{
	if (p->n == p->room) {
		unsigned room = p->room ? 2 * p->room : 16;
		pid_t *v = reallocarray(p->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		p->v = v;
		p->room = room;
	}
	p->v[p->n++] = pid;
	return 0;
}

static void pids_remove(struct pids *p, pid_t pid)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->v[i] == pid) {
			p->v[i] = p->v[--p->n];
			return;
		}
}

/* -- attaching ------------------------------------------------------------ */

/* -T, -S, -M */
static int set_stops(const struct options *opt, struct ctl *h)
{
	int r;

	if (!opt->stops)
		return 0;
	r = ctl_trace_sysentry(h, &opt->stop_calls);
	if (r == 0)
		r = ctl_trace_signals(h, opt->stop_signals);
	if (r == 0)
		r = ctl_trace_faults(h, opt->stop_faults);
	return r;
}

static void stop_as_before(struct traced *t)
{
	ctl_trace_sysentry(t->h, &t->old_sysentry);
	ctl_trace_signals(t->h, t->old_signals);
	ctl_trace_faults(t->h, t->old_faults);
}

/* A stop for us, that somebody else would not have had. */
static bool stopped_for_us(const struct session *s, const struct traced *t,
			   const struct ctl_lwpstatus *l)
{
	if (!(l->flags & PR_ISTOP))
		return false;
	switch (l->why) {
	case PR_SYSENTRY:
		return !ctl_sysset_has(&t->old_sysentry, l->sysabi, l->what);
	case PR_SYSEXIT: /* refused before its entry was told: ctl(4) */
		return ctl_sysset_has(&s->opt->stop_calls, l->sysabi, l->what) &&
		       !ctl_sysset_has(&t->old_sysentry, l->sysabi, l->what) &&
		       !ctl_sysset_has(&t->old_sysexit, l->sysabi, l->what);
	case PR_SIGNALLED:
		return !(t->old_signals & CTL_SIGBIT(l->what));
	case PR_FAULTED:
		return !(t->old_faults & CTL_FLTBIT(l->what));
	case PR_PROBE:
		return s->opt->nfuncs;
	}
	return false;
}

/*
 * -p: it stays as it was before us.  PR_RLC would let go of what others want, too,
 * so that is no help.
 */
static void let_go(struct session *s, struct traced *t)
{
	uint64_t modes = PR_RLC | PR_FORK | (s->opt->inject ? PR_ASYNC : 0);
	struct ctl_status st = { .size = sizeof(st) };

	if (s->opt->stops || s->opt->inject) {
		stop_as_before(t);
		if (s->opt->inject)
			ctl_trace_sysexit(t->h, &t->old_sysexit);
		if (s->opt->stops && ctl_status(t->h, &st) == 0 &&
		    stopped_for_us(s, t, &st.lwp))
			ctl_run(t->h, 0);
		inject_let_go(s->opt->inject, t->h);
	}
	ctl_mode_unset(t->h, modes & ~t->old_modes);
}

/* Modes, ring, what to record: everything but the run. */
static int set_up(struct session *s, struct traced *t)
{
	const struct options *opt = s->opt;
	struct ctl_record what = {
		.events = 1U << CTL_REC_SYSCALL | 1U << CTL_REC_SIGNAL |
			  1U << CTL_REC_FAULT | 1U << CTL_REC_FORK |
			  1U << CTL_REC_EXEC | 1U << CTL_REC_EXIT,
		.signals = opt->signals,
		.faults = opt->faults,
		.calls = opt->calls,
	};
	struct ctl_status st = { .size = sizeof(st) };
	int r;

	if (opt->nfuncs)
		what.events |= 1U << CTL_REC_PROBE;
	r = ctl_status(t->h, &st);
	if (r < 0)
		return r;
	t->old_modes = st.modes;
	t->old_signals = st.sigtrace;
	t->old_faults = st.flttrace;
	t->old_sysentry = st.sysentry;
	t->old_sysexit = st.sysexit;
	r = ctl_mode_set(t->h, PR_RLC | (opt->follow ? PR_FORK : 0));
	if (r == 0)
		r = ctl_ring_open(t->h, 16U << 20,
				  opt->drop ? CTL_RING_DROP : 0);
	if (r == 0)
		r = values_capture(opt, t->h);
	if (r == 0)
		r = ctl_ring_record(t->h, &what);
	if (r == 0)
		r = set_stops(opt, t->h);
	if (r == 0)
		r = inject_set_up(opt->inject, t->h);
	if (r == 0)
		r = stack_hold(s, t, &st);
	if (r == 0 && !pids_have(&t->live, ctl_pid(t->h)))
		r = pids_add(&t->live, ctl_pid(t->h));
	if (r == 0)
		exec_meet(opt, ctl_pid(t->h));
	if (r == 0)
		r = func_start(s, t, &st);
	return r;
}

static struct traced *traced_new(struct session *s, struct ctl *h,
				 const char *name)
{
	struct traced *v = realloc(s->v, (s->n + 1) * sizeof(*v));
	struct pollfd *p;

	if (!v)
		return NULL;
	s->v = v;
	p = realloc(s->polls, (s->n + 1) * sizeof(*p));
	if (!p)
		return NULL;
	s->polls = p;
	v = &v[s->n++];
	*v = (struct traced){ .h = h, .name = name };
	return v;
}

static int attach_one(struct ctl *h, const char *object, void *arg)
{
	struct session *s = arg;
	struct traced *t;
	struct ctl *own;
	int r;

	/* A handle of our own: this one is closed when we return. */
	r = ctl_open(&own, ctl_pid(h), ctl_tid(h), 0);
	if (r < 0)
		return cmd_fail(r, "trace", object);
	fd_meet(s->opt, ctl_pid(h));
	t = traced_new(s, own, object);
	if (!t) {
		ctl_close(own);
		return cmd_fail(-ENOMEM, "trace", object);
	}
	r = set_up(s, t);
	if (r < 0) {
		cmd_fail(r, "trace", object);
		ctl_close(own);
		free(t->live.v);
		s->n--;
	}
	return r;
}

int session_attach(struct session *s)
{
	return cmd_each(&s->opt->pids, 0, attach_one, s);
}

int session_spawn(struct session *s)
{
	struct ctl_sysset calls;
	struct traced *t;
	int r, own = -1;
	struct ctl *h;

	/* There is no command yet that it could be meant for. */
	if (caught)
		return -EINTR;
	/* When the trace goes to standard output, the command's own output must
	 * not get in between. */
	if (s->out == stdout && (own = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)) >= 0)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	sigaction(SIGPIPE, &own_sigpipe, NULL);
	calls = s->opt->calls;
	if (s->unwinder)
		stack_add_ends(&calls);
	if (s->opt->nfuncs)
		func_add_execs(&calls);
	r = s->opt->tied ? ctl_spawn_tied(&h, s->opt->command, &calls) :
			   ctl_spawn(&h, s->opt->command);
	session_catch_signals(true);
	if (own >= 0) {
		dup2(own, STDOUT_FILENO);
		close(own);
	}
	/* The interrupt was the command's, too: that it died is no failure. */
	if (r < 0)
		return caught ? r : cmd_fail(r, "start", s->opt->command[0]);
	fd_meet(s->opt, ctl_pid(h));
	t = traced_new(s, h, s->opt->command[0]);
	r = t ? set_up(s, t) : -ENOMEM;
	if (r == 0)
		r = print_start(s, ctl_pid(h));
	if (r == 0)
		r = ctl_run(h, 0);
	if (r < 0) {
		cmd_fail(r, "trace", s->opt->command[0]);
		kill(ctl_pid(h), SIGKILL);
		ctl_close(h);
		if (t) {
			free(t->live.v);
			s->n--;
		}
	}
	return r;
}

/* -- reading -------------------------------------------------------------- */

static void note_life(struct session *s, struct traced *t,
		      const struct ctl_rec *rec)
{
	const struct ctl_rec_fork *f = (const void *)rec;
	const struct ctl_rec_exit *x = (const void *)rec;

	if (rec->type == CTL_REC_FORK && f->kind != CTL_FORK_THREAD) {
		if (s->opt->follow)
			pids_add(&t->live, f->child_pid);
		if ((s->opt->follow && (s->opt->stops || s->opt->inject ||
					s->opt->nfuncs)) ||
		    t->held) {
			pids_add(&s->born, f->child_pid);
			if (f->kind == CTL_FORK_VFORK)
				pids_add(&s->vforked, f->child_pid);
		}
	}
	if (rec->type == CTL_REC_LOST)
		t->lost += ((const struct ctl_rec_lost *)(const void *)rec)->count;
	if (rec->type == CTL_REC_EXIT) {
		inject_forget(s->opt->inject, rec->tid);
		if (x->process)
			pids_remove(&t->live, rec->pid);
	}
}

/* Somebody else may have wanted children to be followed. */
static bool is_controlled(pid_t pid)
{
	struct ctl_status st = { .size = sizeof(st) };
	struct ctl *h;
	bool is;

	if (ctl_open(&h, pid, 0, CTL_OPEN_RDONLY) < 0)
		return false;
	is = ctl_status(h, &st) == 0 && st.flags & PR_ATTACHED;
	ctl_close(h);
	return is;
}

/* What it maps from now on is to be seen by its own handle. */
static void look_at_born(struct session *s, struct traced *t)
{
	struct ctl_status st = { .size = sizeof(st) };
	int r;

	if (!s->opt->nfuncs || ctl_status(t->h, &st) < 0)
		return;
	/*
	 * Stopped already: at the end of an exec, for us to look.  Vforked: on
	 * its parent's memory, with its parent's probes, until that.
	 */
	if (st.flags & PR_ISTOP || pids_have(&s->vforked, ctl_pid(t->h)))
		return;
	r = func_start(s, t, &st);
	if (r < 0 && r != -ENOENT)
		cmd_fail(r, "trace functions of", "a child");
}

/*
 * A child's records come by its parent's handle, but to see it stop we need
 * one of its own.
 */
static void look_after_born(struct session *s)
{
	struct traced *t;
	struct ctl *h;

	for (unsigned i = 0; i < s->born.n; i++) {
		if (!s->opt->follow && !is_controlled(s->born.v[i]))
			continue;
		if (ctl_open(&h, s->born.v[i], 0, 0) < 0)
			continue; /* gone already */
		t = traced_new(s, h, "a child");
		if (t) {
			t->stop_only = true;
			t->old_signals = s->v[0].old_signals;
			t->old_faults = s->v[0].old_faults;
			t->old_sysentry = s->v[0].old_sysentry;
			t->old_sysexit = s->v[0].old_sysexit;
			look_at_born(s, t);
		} else {
			ctl_close(h);
		}
	}
	s->born.n = s->vforked.n = 0;
}

/* Children have handles only to see them stop: not many thousands of them. */
static void drop_done_children(struct session *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->n; i++) {
		if (s->v[i].stop_only && s->v[i].done)
			ctl_close(s->v[i].h);
		else
			s->v[n++] = s->v[i];
	}
	s->n = n;
}

static int write_failed(struct session *s)
{
	int err = errno;

	s->failed = true;
	if (err == EINTR && caught)
		cmd_complain("interrupted while nobody read the trace: its end is missing");
	else
		cmd_complain("cannot write %s: %s",
			     s->opt->output ? s->opt->output : "the trace",
			     strerror(err));
	return -err;
}

static int drain(struct session *s, struct traced *t)
{
	const struct ctl_rec *rec;
	unsigned n = 0;
	int r;

	while ((r = ctl_ring_next(t->h, &rec)) == 1) {
		note_life(s, t, rec);
		/* (An EXIT's: when it has been printed.) */
		if (rec->type == CTL_REC_FORK || rec->type == CTL_REC_EXEC)
			func_life(s, rec);
		rec = inject_result(s->opt->inject, rec);
		if (!exec_matches(s->opt, rec)) {
			/* somebody else's */
		} else if (s->counts && rec->type == CTL_REC_PROBE) {
			func_count(s, (const void *)rec);
		} else if (s->counts) {
			if (rec->type != CTL_REC_SYSCALL ||
			    result_wanted(s->opt, (const void *)rec))
				counts_add(s->counts, rec);
		} else {
			r = print_record(s, t, rec);
			if (r < 0) {
				ctl_ring_release(t->h);
				return write_failed(s);
			}
		}
		if (rec->type == CTL_REC_EXIT)
			func_life(s, rec);
		if (++n % 256 == 0) {
			ctl_ring_release(t->h);
			if (told_to_end(s))
				return 0;
		}
	}
	ctl_ring_release(t->h);
	if (r < 0)
		return cmd_fail(r, "read the events of", t->name);
	return n;
}

/* All that was recorded until now, of all. */
static int drain_all(struct session *s)
{
	int r, n = 0;

	for (unsigned i = 0; i < s->n; i++) {
		r = s->v[i].stop_only || s->v[i].done ? 0 :
							drain(s, &s->v[i]);
		if (r < 0)
			return r;
		n += r;
	}
	return n;
}

/* It stopped where it was told to: there we leave it. */
static int abandon(struct session *s, struct traced *t)
{
	struct ctl_status st = { .size = sizeof(st) };
	char what[160];
	int r = 1;

	/* What came before it, a child's in its parent's ring; and what waited
	 * for room there comes when the server is asked.  (Others run on: they
	 * are not waited for.) */
	for (int i = 0; i < 4 && r > 0; i++) {
		if (ctl_status(t->h, &st) < 0)
			return 1; /* it is gone: told by what comes next */
		if (!(st.lwp.flags & PR_STOPPED))
			return 1; /* that was the stop before */
		r = drain_all(s);
		if (r < 0)
			return r;
	}
	r = print_stop(s, t, &st.lwp, "stopped") < 0 ? write_failed(s) : 1;
	cmd_complain("%d stopped: %s %s; \"prun %d\" runs it on",
		     ctl_pid(t->h), cmd_stop_why(&st.lwp),
		     func_stopped_at(s, ctl_pid(t->h), &st.lwp, what,
				     sizeof(what)),
		     ctl_pid(t->h));
	func_abandon(s, t);
	stop_as_before(t);
	ctl_mode_unset(t->h, (PR_RLC | PR_FORK) & ~(t->old_modes & PR_FORK));
	t->stopped = t->done = true;
	return r;
}

/*
 * Those that left without a record: a set-id program, or one lost by --drop.  It
 * may also be on its way: once the server has answered, it is there.  Returns as
 * drain().
 */
static int look_for_dead(struct session *s, struct traced *t)
{
	struct ctl_status st = { .size = sizeof(st) };
	pid_t *dead = calloc(t->live.n + 1, sizeof(*dead));
	unsigned n = 0;
	int r = 0;

	if (!dead)
		return 0;
	for (unsigned i = 0; i < t->live.n; i++)
		if (kill(t->live.v[i], 0) < 0 && errno == ESRCH)
			dead[n++] = t->live.v[i];
	if (n) {
		ctl_status(t->h, &st);
		r = drain(s, t);
	}
	while (r == 0 && n > 0)
		pids_remove(&t->live, dead[--n]);
	free(dead);
	return r;
}

/*
 * It waits for us to look at what it has mapped: first what is recorded.  That it
 * is stopped is asked before, else it may have got here, by way of an exec, behind
 * what we have read.
 */
static int released(struct session *s, struct traced *t)
{
	struct ctl_status st = { .size = sizeof(st) };
	int r;

	if (!s->unwinder && !s->opt->nfuncs)
		return 0;
	if (ctl_status(t->h, &st) < 0)
		return 0;
	if (!(st.lwp.flags & PR_STOPPED))
		return 1; /* that was the stop before: we have run it on */
	r = drain_all(s);
	if (r < 0)
		return r;
	r = func_serve(s, t);
	if (r == 0)
		r = stack_release(s, t);
	return r < 0 ? cmd_fail(r, "run", t->name) : r;
}

/*
 * A loss is told by a record, just before what comes after it.  When nothing
 * does, for the ring was full to the end, its count is all there is.
 */
static int tell_lost(struct session *s, struct traced *t)
{
	uint64_t n = t->stop_only ? 0 : ctl_ring_lost(t->h);
	struct ctl_rec_lost rec = {
		.h = { .len = sizeof(rec), .type = CTL_REC_LOST,
		       .pid = ctl_pid(t->h), .tid = ctl_pid(t->h),
		       .time = s->last },
	};

	if (s->counts && n)
		cmd_complain("%llu records were lost, and are not counted",
			     (unsigned long long)n);
	if (n <= t->lost || s->counts)
		return 0;
	rec.count = n - t->lost;
	t->lost = n;
	return print_record(s, t, &rec.h) < 0 ? write_failed(s) : 0;
}

/*
 * The handle is void since a set-id or unreadable file was executed.  The process
 * waits for who may have another, which then takes its place, with a ring of its
 * own.  1; 0: we may not, and it stays; -errno.
 */
static int open_anew(struct session *s, struct traced *t)
{
	struct ctl *h;
	int r;

	if (ctl_open(&h, ctl_pid(t->h), ctl_tid(t->h), 0) < 0)
		return 0;
	func_unwatch(s, t);
	stack_unhold(t);
	r = tell_lost(s, t);
	ctl_close(t->h);
	t->h = h;
	t->lost = 0;
	if (r < 0)
		return r;
	return set_up(s, t) == 0 && ctl_run(h, 0) == 0;
}

/* 1: something was read, 0: nothing now, -errno */
static int serve(struct session *s, struct traced *t)
{
	int bits, n, r;

	bits = ctl_poll_check(t->h);
	n = t->stop_only ? 0 : drain(s, t);
	if (n < 0)
		return n;
	if (bits >= 0 && bits & CTL_POLL_STOPPED) {
		r = released(s, t);
		if (r)
			return r;
		if (s->opt->stops)
			return abandon(s, t);
		if (s->opt->inject)
			n += inject_serve(s->opt->inject, t->h) > 0;
	}
	if (t->stop_only) {
		/* It may have run on since it was said to have stopped. */
		t->done = bits < 0 || bits & (CTL_POLL_GONE | CTL_POLL_INVALID |
					      CTL_POLL_DEAD);
		return n > 0;
	}
	if (bits < 0)
		return cmd_fail(bits, "trace", t->name);
	if (bits & CTL_POLL_INVALID) {
		r = n > 0 ? 1 : open_anew(s, t);
		if (r)
			return r;
		cmd_complain("%s executed a set-id or unreadable file: the trace ends here",
			     t->name);
		t->done = true;
	} else if (bits & CTL_POLL_DEAD) {
		if (!(bits & CTL_POLL_GONE) && t->live.n)
			cmd_complain("the control server of %s is gone: the trace ends here",
				     t->name);
		t->done = true;
	} else if ((bits & CTL_POLL_GONE) && n == 0) {
		if (s->opt->follow) {
			n = look_for_dead(s, t);
			if (n < 0)
				return n;
		}
		t->done = n == 0 && (!s->opt->follow || !t->live.n);
	}
	return n > 0;
}

/*
 * Who sleeps in a call that is traced?  Its record comes when the call is over,
 * which may be never.
 */
static int report_sleep(struct session *s)
{
	const struct options *opt = s->opt;

	for (unsigned i = 0; i < s->n; i++) {
		struct traced *t = &s->v[i];
		struct ctl_lwpstatus *v;
		int n, r = 0;

		n = t->done || t->stop_only ? 0 : ctl_threads(t->h, &v);
		if (n <= 0)
			continue;
		for (int k = 0; k < n && r == 0; k++)
			if (v[k].flags & PR_ASLEEP &&
			    v[k].syscall != CTL_NO_SYSCALL &&
			    (!ctl_tid(t->h) || ctl_tid(t->h) == v[k].tid) &&
			    ctl_sysset_has(&opt->calls, v[k].sysabi,
					   v[k].syscall))
				r = print_stop(s, t, &v[k], "sleeping...");
		free(v);
		if (r < 0)
			return write_failed(s);
	}
	return fflush(s->out) != 0 ? write_failed(s) : 0;
}

static bool want_sleep(const struct session *s)
{
	const struct options *opt = s->opt;

	return s->out && opt->format == &format_truss && !opt->no_sleep &&
	       !opt->count && !opt->path && !opt->failed && !opt->ok;
}

static int wait_for_news(struct session *s, bool terminal)
{
	struct pollfd *p = s->polls;
	sigset_t all, old;
	struct timespec ts = { 0, WAKE_MS * 1000000L };
	bool ready = false, gone = false, look = want_sleep(s) && !s->told_sleep;
	int64_t due = inject_due(s->opt->inject);
	unsigned n = 0;
	int r = 1;

	/* One that is kept waiting would be news all the time. */
	if (due >= 0 && due < WAKE_MS)
		ts.tv_nsec = (due ? due : 1) * 1000000L;
	for (unsigned i = 0; i < s->n; i++) {
		struct traced *t = &s->v[i];

		if (t->done)
			continue;
		if (!t->stop_only)
			/* --stack: a child may wait for us to know it. */
			ready |= ctl_ring_wake(t->h, terminal || t->held ||
						     s->opt->nfuncs ?
							     1 : WAKE_BYTES);
		gone |= ctl_poll_check(t->h) & CTL_POLL_GONE;
		p[n].fd = ctl_poll_fd(t->h, &p[n].events);
		if (due >= 0)
			p[n].events &= ~POLLPRI;
		p[n++].revents = 0;
	}
	if (!n || ready)
		return 0;
	if (s->out && fflush(s->out) != 0)
		return write_failed(s);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	if (!told_to_end(s))
		r = ppoll(p, n, terminal && !gone && !look && due < 0 ? NULL : &ts, &old);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (look && r == 0 && cmd_now_ms() - s->last_busy >= SLEEP_MS) {
		s->told_sleep = true;
		return report_sleep(s);
	}
	return 0;
}

static int follow(struct session *s)
{
	bool terminal = s->out && isatty(fileno(s->out)), busy, left;
	int r;

	s->last_busy = cmd_now_ms();
	for (;;) {
		busy = left = false;
		drop_done_children(s);
		look_after_born(s);
		for (unsigned i = 0; i < s->n; i++) {
			if (s->v[i].done)
				continue;
			r = serve(s, &s->v[i]);
			if (r < 0)
				return r;
			busy |= r > 0;
			left |= !s->v[i].done && !s->v[i].stop_only;
		}
		if (busy) {
			s->last_busy = cmd_now_ms();
			s->told_sleep = false;
		}
		if (!left || told_to_end(s))
			return 0;
		if (!busy) {
			r = wait_for_news(s, terminal);
			if (r < 0)
				return r;
		}
	}
}

int session_follow(struct session *s)
{
	int r = follow(s);

	for (unsigned i = 0; i < s->n && r >= 0; i++)
		r = tell_lost(s, &s->v[i]);
	return r;
}

void session_close(struct session *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		struct traced *t = &s->v[i];

		if (!t->stopped) {
			func_unwatch(s, t);
			stack_unhold(t);
		}
		if (!s->opt->command && !t->stopped && !t->stop_only)
			let_go(s, t);
		ctl_close(t->h);
		free(t->live.v);
	}
	free(s->born.v);
	free(s->vforked.v);
	free(s->polls);
	free(s->v);
	s->v = NULL;
	s->n = 0;
}
