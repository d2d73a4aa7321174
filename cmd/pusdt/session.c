/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session.c - a process whose probes are looked at. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pusdt.h"

int pusdt_parse_pid(const char *arg, pid_t *pid)
{
	struct ctl_target t;

	if (ctl_target_parse(arg, &t) < 0 || *t.lwps) {
		cmd_complain("not a PID: %s", arg);
		return -EINVAL;
	}
	*pid = t.pid;
	return 0;
}

int pusdt_open(struct pusdt_session *s, pid_t pid)
{
	char text[16];
	int r;

	*s = (struct pusdt_session){ .pid = pid, .out = stdout };
	snprintf(text, sizeof(text), "%d", pid);
	r = ctl_open(&s->h, pid, 0, 0);
	if (r < 0)
		return cmd_fail(r, "control", text);
	r = ctl_usdt_process(&s->u, pid, CTL_USDT_SOURCE);
	if (r < 0) {
		cmd_fail(r, "read the probes of", text);
		pusdt_close(s);
	}
	return r;
}

int pusdt_follow(struct pusdt_session *s)
{
	int r = ctl_mode_set(s->h, PR_FORK);

	return r < 0 ? cmd_fail(r, "follow", "children") : 0;
}

void pusdt_close(struct pusdt_session *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].provider);
		free(s->v[i].name);
	}
	free(s->v);
	while (s->nold)
		ctl_usdt_free(s->old[--s->nold]);
	free(s->old);
	ctl_usdt_free(s->u);
	ctl_unwinder_free(s->unwinder);
	ctl_close(s->h);
	*s = (struct pusdt_session){ 0 };
}

static int watch(struct pusdt_session *s, uint32_t id,
		 const struct ctl_usdt_probe *p, const char *provider,
		 const char *name)
{
	struct pusdt_watched *v, w = { id, p, strdup(provider), strdup(name),
				       false };

	v = reallocarray(s->v, s->n + 1, sizeof(*v));
	if (v)
		s->v = v;
	if (!v || !w.provider || !w.name) {
		free(w.provider);
		free(w.name);
		return -ENOMEM;
	}
	s->v[s->n++] = w;
	return 0;
}

/* Numbers only grow, so v is in their order. */
const struct pusdt_watched *pusdt_find(const struct pusdt_session *s,
				       uint32_t id)
{
	size_t lo = 0, hi = s->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (s->v[mid].id == id)
			return &s->v[mid];
		if (s->v[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* ---------------------------------------------------------------- enable -- */

static bool is_same(const struct ctl_probe_info *i,
		    const struct ctl_usdt_probe *p)
{
	const char *provider, *name, *object;

	return ctl_probe_names(i, &provider, &name, &object) &&
	       !strcmp(provider, p->provider) && !strcmp(name, p->name) &&
	       !strcmp(object, p->object);
}

static bool is_enabled(const struct ctl_probe_info *v, int n,
		       const struct ctl_usdt_probe *p)
{
	for (; n > 0; n--, v = ctl_probe_info_next(v))
		if (!(v->flags & CTL_PROBE_HANDLE) && is_same(v, p))
			return true;
	return false;
}

static uint32_t highest(const struct ctl_probe_info *v, int n)
{
	uint32_t id = 0;

	for (; n > 0; n--, v = ctl_probe_info_next(v))
		if (v->id > id)
			id = v->id;
	return id;
}

static int enable_one(struct pusdt_session *s, const struct ctl_usdt_probe *p,
		      struct ctl_probe_options *o)
{
	char what[512];
	int r;

	/* Somebody else may take the number at the same time. */
	do {
		o->id++;
		r = ctl_probe_enable(s->h, p, o);
	} while (r == -EEXIST);
	if (r < 0) {
		snprintf(what, sizeof(what), "%s:%s of %s", p->provider,
			 p->name, p->object);
		cmd_fail(r, "enable", what);
		s->failed++;
		return r == -ENOENT || r == -EPIPE || r == -EAGAIN ? r : 0;
	}
	return watch(s, o->id, p, p->provider, p->name);
}

int pusdt_enable_all(struct pusdt_session *s, const struct pusdt_specs *specs,
		     const struct ctl_probe_options *options)
{
	bool shared = !(options->flags & CTL_PROBE_HANDLE);
	struct ctl_probe_options o = *options;
	const struct ctl_usdt_probe *p = NULL;
	struct ctl_probe_info *have = NULL;
	size_t there = 0, matched = 0;
	int n, r = 0;

	n = ctl_probe_list(s->h, &have);
	if (n < 0)
		return cmd_fail(n, "list", "what is enabled");
	o.id = highest(have, n);
	while (r == 0 && ctl_usdt_next(s->u, NULL, &p) == 1) {
		there++;
		if (!pusdt_specs_match(specs, p))
			continue;
		matched++;
		if (shared && is_enabled(have, n, p))
			continue;
		r = enable_one(s, p, &o);
	}
	free(have);
	if (r == 0 && !matched) {
		if (s->patient && s->loader)
			return 0;
		if (there)
			cmd_complain("process %d has no such probe; `pusdt list %d' shows those it has",
				     s->pid, s->pid);
		else
			cmd_complain("process %d has no such probe, and no other",
				     s->pid);
		return -ENOENT;
	}
	if (r == 0 && !(s->patient && s->loader) &&
	    pusdt_specs_unmatched(specs) && options->flags & CTL_PROBE_HANDLE)
		s->failed++;
	if (r == 0 && s->failed && !s->n)
		return -EINVAL;
	return r;
}

/* ----------------------------------------------------------- later objects -- */

/* Labelled, so that others see whose it is: "pusdt", "later", our PID. */
static int enable_loader(struct ctl *h, uint64_t addr, uint32_t id)
{
	struct {
		struct ctl_probe p;
		struct ctl_probe_site site;
		char label[32];
	} op = {
		.p = { .size = sizeof(op), .id = id, .nsites = 1,
		       .flags = CTL_PROBE_HANDLE | CTL_PROBE_STOP },
		.site = { .address = addr },
	};

	op.p.label_len = snprintf(op.label, sizeof(op.label), "%s%clater%c%d",
				  PUSDT_LATER, 0, 0, getpid()) + 1;
	return ctl_probe_enable_raw(h, &op.p);
}

void pusdt_watch_loader(struct pusdt_session *s, const struct pusdt_specs *specs,
			const struct ctl_probe_options *o)
{
	uint64_t addr = ctl_usdt_loader(s->u);
	struct ctl_probe_info *have;
	uint32_t id;
	int n, r;

	s->specs = specs;
	s->options = *o;
	if (!addr)
		return; /* static */
	n = ctl_probe_list(s->h, &have);
	if (n < 0)
		return;
	id = highest(have, n);
	free(have);
	do
		r = enable_loader(s->h, addr, ++id);
	while (r == -EEXIST);
	if (r < 0)
		cmd_complain("objects that are mapped later are not seen: %s",
			     ctl_error());
	else
		s->loader = id;
}

/* The same in two pictures of the process. */
static bool is_there(const struct ctl_usdt_probe *a,
		     const struct ctl_usdt_probe *b)
{
	return a->sites[0].address == b->sites[0].address &&
	       !strcmp(a->provider, b->provider) && !strcmp(a->name, b->name) &&
	       !strcmp(a->object, b->object);
}

static bool is_watched(const struct pusdt_session *s,
		       const struct ctl_usdt_probe *p)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].probe && !s->v[i].gone &&
		    is_there(s->v[i].probe, p))
			return true;
	return false;
}

/* Something else may be mapped where it was. */
static void forget_unmapped(struct pusdt_session *s, struct ctl_usdt *u)
{
	for (size_t i = 0; i < s->n; i++) {
		struct pusdt_watched *w = &s->v[i];
		const struct ctl_usdt_probe *p = NULL;
		bool there = !w->probe || w->gone;

		while (!there && ctl_usdt_next(u, NULL, &p) == 1)
			there = is_there(w->probe, p);
		if (!there) {
			ctl_probe_disable(s->h, w->id);
			w->gone = true;
		}
	}
}

static bool any_new(const struct pusdt_session *s, struct ctl_usdt *u)
{
	const struct ctl_usdt_probe *p = NULL;

	while (ctl_usdt_next(u, NULL, &p) == 1)
		if (pusdt_specs_match(s->specs, p) && !is_watched(s, p))
			return true;
	return false;
}

static int enable_new(struct pusdt_session *s)
{
	struct ctl_probe_options o = s->options;
	const struct ctl_usdt_probe *p = NULL;
	struct ctl_usdt **old, *u;
	int r;

	/* Quickly first: most of what is mapped has no probe. */
	if (ctl_usdt_process(&u, s->pid, 0) < 0)
		return 0;
	forget_unmapped(s, u);
	if (!any_new(s, u)) {
		ctl_usdt_free(u);
		return 0;
	}
	ctl_usdt_free(u);
	old = reallocarray(s->old, s->nold + 1, sizeof(*old));
	if (!old)
		return -ENOMEM;
	s->old = old;
	r = ctl_usdt_process(&u, s->pid, CTL_USDT_SOURCE);
	if (r < 0)
		return 0;
	s->old[s->nold++] = s->u;
	s->u = u;
	o.id = s->loader;
	if (s->n && s->v[s->n - 1].id > o.id)
		o.id = s->v[s->n - 1].id;
	while (r == 0 && ctl_usdt_next(u, NULL, &p) == 1)
		if (pusdt_specs_match(s->specs, p) && !is_watched(s, p))
			r = enable_one(s, p, &o);
	return r;
}

/* It stopped: because the dynamic linker did something? */
int pusdt_look_at_stop(struct pusdt_session *s)
{
	struct ctl_status st = { .size = sizeof(st) };
	int r;

	if (!s->loader || ctl_status(s->h, &st) < 0 ||
	    !(st.lwp.flags & PR_STOPPED) || st.lwp.why != PR_PROBE ||
	    st.lwp.what != s->loader)
		return 0;
	r = enable_new(s);
	if (r < 0)
		return r;
	if (s->unwinder)
		ctl_unwinder_process(s->unwinder, s->pid);
	r = ctl_run(s->h, 0);
	return r == -EBUSY || r == -ENOENT ? 0 : r;
}

int pusdt_take_enabled(struct pusdt_session *s)
{
	const char *provider, *name, *object;
	const struct ctl_usdt_probe *p;
	struct ctl_probe_info *v, *i;
	int n, r = 0;

	n = ctl_probe_list(s->h, &v);
	if (n < 0)
		return cmd_fail(n, "list", "what is enabled");
	i = v;
	for (int k = 0; k < n && r == 0; k++) {
		bool known = ctl_probe_names(i, &provider, &name, &object);

		p = NULL;
		if (known)
			while (ctl_usdt_next(s->u, NULL, &p) == 1 &&
			       !is_same(i, p))
				;
		if (p && !is_same(i, p))
			p = NULL;
		if (!(i->flags & CTL_PROBE_HANDLE))
			r = watch(s, i->id, p, known ? provider : "?",
				  known ? name : "?");
		i = (struct ctl_probe_info *)ctl_probe_info_next(i);
	}
	free(v);
	if (r == 0 && !s->n) {
		cmd_complain("no probe is enabled in %d", s->pid);
		return -ENOENT;
	}
	return r;
}

/* ------------------------------------------------------------------ read -- */

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
}

void pusdt_catch_signals(bool ignored)
{
	cmd_catch(on_signal, ignored);
}

bool pusdt_caught(void)
{
	return caught != 0;
}

int pusdt_start_stacks(struct pusdt_session *s, bool must)
{
	int r = ctl_unwinder_new(&s->unwinder);

	if (r < 0) {
		if (!must)
			return 0;
		cmd_complain("cannot print stacks: %s", ctl_error());
		return r;
	}
	ctl_unwinder_process(s->unwinder, s->pid);
	return 0;
}

int pusdt_start_ring(struct pusdt_session *s, bool drop)
{
	struct ctl_record what = {
		.events = 1U << (s->numbers ? CTL_REC_COUNT : CTL_REC_PROBE),
	};
	int r;

	if (s->unwinder)
		what.events |= 1U << CTL_REC_FORK | 1U << CTL_REC_EXEC |
			       1U << CTL_REC_EXIT;
	r = ctl_ring_open(s->h, 0, drop ? CTL_RING_DROP : 0);
	if (r == 0)
		r = ctl_ring_record(s->h, &what);
	if (r == -EINVAL && s->numbers) {
		s->numbers = false;
		what.events = 1U << CTL_REC_PROBE;
		r = ctl_ring_record(s->h, &what);
	}
	return r < 0 ? cmd_fail(r, "record", "hits") : 0;
}

/* Take what is there: 1 more may come, 0 fn has enough, -errno. */
static int drain(struct pusdt_session *s, pusdt_record_fn *fn, void *arg)
{
	const struct ctl_rec *rec;
	struct ctl_stack st;
	bool more = true;
	int r = 0;

	while (more && (r = ctl_ring_next(s->h, &rec)) == 1) {
		if (s->loader && rec->type == CTL_REC_PROBE &&
		    ((const struct ctl_rec_probe *)rec)->id == s->loader)
			continue;
		s->stack = s->unwinder && ctl_unwind(s->unwinder, rec, &st) == 1 ?
				   &st : NULL;
		more = fn(s, rec, arg);
	}
	s->stack = NULL;
	ctl_ring_release(s->h);
	if (r < 0)
		return cmd_fail(r, "read", "the ring");
	return more;
}

static int wait_ms(int64_t deadline)
{
	int64_t left;

	if (!deadline)
		return -1;
	left = deadline - cmd_now_ms();
	return left < 0 ? 0 : left > 1000000 ? 1000000 : (int)left;
}

enum pusdt_end pusdt_read(struct pusdt_session *s, pusdt_record_fn *fn,
			  void *arg, int64_t deadline)
{
	struct pollfd p;
	sigset_t all, old;
	int bits, r;

	for (;;) {
		bits = ctl_poll_check(s->h);
		r = drain(s, fn, arg);
		if (r <= 0)
			return r < 0 ? PUSDT_ERROR : PUSDT_DONE;
		if (bits < 0)
			return PUSDT_ERROR;
		if (bits & CTL_POLL_GONE)
			return PUSDT_GONE;
		if (bits & (CTL_POLL_INVALID | CTL_POLL_DEAD)) {
			cmd_complain(bits & CTL_POLL_DEAD ?
					     "the control server is gone" :
					     "the process executed a set-id or unreadable file");
			return PUSDT_ERROR;
		}
		if ((bits & CTL_POLL_STOPPED) && pusdt_look_at_stop(s) < 0)
			return PUSDT_ERROR;
		if (caught)
			return PUSDT_SIGNAL;
		if (deadline && cmd_now_ms() >= deadline)
			return PUSDT_TIME;
		if (fflush(s->out) != 0) {
			s->write_error = errno;
			return PUSDT_ERROR;
		}
		if (ctl_ring_wake(s->h, 1))
			continue;
		p.fd = ctl_poll_fd(s->h, &p.events);
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, &old);
		if (!caught) {
			struct timespec ts, *tp = NULL;
			int ms = wait_ms(deadline);

			if (ms >= 0) {
				ts.tv_sec = ms / 1000;
				ts.tv_nsec = ms % 1000 * 1000000L;
				tp = &ts;
			}
			ppoll(&p, 1, tp, &old);
		}
		sigprocmask(SIG_SETMASK, &old, NULL);
		ctl_ring_wake(s->h, 0);
	}
}
