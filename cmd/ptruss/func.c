/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * func.c - -u and -U: calls of functions.
 *
 * A probe is enabled for each object that has such functions (a group).  What
 * a process has mapped is looked at while it is stopped, so that addresses are
 * those of the memory that the probes go to: at the start, when the dynamic
 * linker says that it has mapped something (a probe of ours on the function
 * that it calls for debuggers), and at the end of an exec, which takes all
 * probes along.
 *
 * A followed child has its parent's probes, but the one on the dynamic linker,
 * for which it gets a handle of its own.
 *
 * How deep a call is, is told by the calls before it that did not return.  A
 * call that was left by longjmp() or an exception never does: it is forgotten
 * when another is made further up the stack.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ptruss.h"

#define FIRST_ID 0x75000000U /* out of the way of pusdt's */

/* One look at a process; freed with the last group that has names of it. */
struct image {
	struct ctl_funcs *funcs;
	unsigned refs;
};

struct group {
	struct group *next;
	uint32_t id;
	bool stop;
	const char *object; /* in image, as are the functions */
	uint64_t low;
	struct image *image;
	const struct ctl_func **v; /* in order of address */
	unsigned n;
	pid_t *pids; /* who has it */
	unsigned npids;
	uint64_t since; /* CLOCK_MONOTONIC ns */
};

struct call {
	uint64_t sp, caller;
	uint64_t address;
};

struct thread {
	struct thread *next;
	pid_t pid, tid;
	struct call *v;
	unsigned n, room;
};
#define BUCKETS 256

struct counted {
	struct counted *next;
	uint64_t calls;
	char name[];
};

struct funcs {
	struct group *groups;
	struct thread *threads[BUCKETS];
	struct counted *counted[BUCKETS];
	uint32_t last_id;
	bool any; /* one was enabled */
	bool unread; /* a file that was meant could not be looked at */
	struct told { /* what cannot be traced is told once for each object */
		struct told *next;
		char object[];
	} *told;
};

/* -- the options ------------------------------------------------------------- */

bool func_option(struct options *opt, const char *arg, bool stop)
{
	if (opt->nfuncs == CTL_FUNC_SPECS ||
	    ctl_func_spec_parse(&opt->funcs[opt->nfuncs], arg) < 0)
		return false;
	opt->func_stops[opt->nfuncs++] = stop;
	return true;
}

static const struct ctl_sysset *execs(void)
{
	static struct ctl_sysset set;
	static bool made;

	if (!made)
		ctl_sysset_parse("execve,execveat", &set);
	made = true;
	return &set;
}

void func_add_execs(struct ctl_sysset *set)
{
	cmd_sysset_add(set, execs());
}

static struct funcs *all_of(struct session *s)
{
	if (!s->funcs) {
		s->funcs = calloc(1, sizeof(*s->funcs));
		if (s->funcs)
			s->funcs->last_id = FIRST_ID;
	}
	return s->funcs;
}

/* -- groups -------------------------------------------------------------------- */

static bool group_has(const struct group *g, pid_t pid)
{
	for (unsigned i = 0; i < g->npids; i++)
		if (g->pids[i] == pid)
			return true;
	return false;
}

static bool group_add(struct group *g, pid_t pid)
{
	pid_t *v = reallocarray(g->pids, g->npids + 1, sizeof(*v));

	if (!v)
		return false;
	g->pids = v;
	v[g->npids++] = pid;
	return true;
}

static void image_put(struct image *im)
{
	if (--im->refs)
		return;
	ctl_funcs_free(im->funcs);
	free(im);
}

static void group_free(struct group *g)
{
	image_put(g->image);
	free(g->v);
	free(g->pids);
	free(g);
}

#define EVER UINT64_MAX /* from before any time */

/*
 * pid has those no more that are from before that time.  only: just that one;
 * NULL: all.
 */
static void forget(struct funcs *f, pid_t pid, const struct group *only,
		   uint64_t before)
{
	struct group **at = &f->groups, *g;

	while ((g = *at)) {
		for (unsigned i = 0; (!only || g == only) &&
				     g->since < before && i < g->npids; i++)
			if (g->pids[i] == pid)
				g->pids[i--] = g->pids[--g->npids];
		if (g->npids) {
			at = &g->next;
		} else {
			*at = g->next;
			group_free(g);
		}
	}
}

static struct group *group_find(const struct funcs *f, pid_t pid, uint32_t id)
{
	struct group *g;

	for (g = f ? f->groups : NULL; g; g = g->next)
		if (g->id == id && group_has(g, pid))
			return g;
	return NULL;
}

/* The last that begins at addr or before it. */
static const struct ctl_func *function_before(const struct group *g,
					      uint64_t addr)
{
	unsigned from = 0, to = g->n, mid;

	while (from < to) {
		mid = from + (to - from) / 2;
		if (g->v[mid]->address <= addr)
			from = mid + 1;
		else
			to = mid;
	}
	return from ? g->v[from - 1] : NULL;
}

static const struct ctl_func *function_at(const struct group *g, uint64_t addr)
{
	const struct ctl_func *f = function_before(g, addr);

	return f && f->address == addr ? f : NULL;
}

/* -- what cannot be traced ------------------------------------------------------- */

enum why { FIRST, TAKEN, CHOSEN, WHYS };

struct refusals {
	unsigned n[WHYS];
	char names[WHYS][160];
};

static void refuse(struct refusals *r, enum why why, const char *name)
{
	char *text = r->names[why];
	size_t len = strlen(text);

	r->n[why]++;
	if (len + strlen(name) + 3 < sizeof(r->names[why]))
		sprintf(text + len, "%s%s", len ? ", " : "", name);
	else if (len + 5 < sizeof(r->names[why]) &&
		 (len < 3 || strcmp(text + len - 3, "...") != 0))
		strcpy(text + len, len ? " ..." : "...");
}

static void on_refused(void *arg, const struct ctl_func *func, int err)
{
	refuse(arg, err == -EOPNOTSUPP ? FIRST : TAKEN, func->name);
}

/* As people say it: libc, and not libc.so.6. */
static int stem(const char *object, const char **name)
{
	const char *slash = strrchr(object, '/'), *so;

	*name = slash ? slash + 1 : object;
	so = strstr(*name, ".so");
	return so ? (int)(so - *name) : (int)strlen(*name);
}

static void tell(struct funcs *f, const char *object, const struct refusals *r)
{
	static const char *const why[WHYS] = {
		[FIRST] = "the first instruction cannot be done by a tracer",
		[TAKEN] = "a breakpoint of another tracer, or too many of ours",
		[CHOSEN] = "the code is chosen at run time (ifunc)",
	};
	struct told *t;
	const char *name;
	int len;

	for (t = f->told; t; t = t->next)
		if (!strcmp(t->object, object))
			return;
	t = malloc(sizeof(*t) + strlen(object) + 1);
	if (t) {
		strcpy(t->object, object);
		t->next = f->told;
		f->told = t;
	}
	len = stem(object, &name);
	for (int i = 0; i < WHYS; i++)
		if (r->n[i])
			cmd_complain("%u function%s of %.*s %s not traced, %s: %s",
				     r->n[i], r->n[i] > 1 ? "s" : "", len, name,
				     r->n[i] > 1 ? "are" : "is", why[i],
				     r->names[i]);
}

/* -- enabling -------------------------------------------------------------------- */

static int enable(struct session *s, struct traced *t, struct group *g,
		  struct refusals *refusals)
{
	struct ctl_probe_options o = { .stack = s->opt->stack };
	int r;

	/*
	 * The handle's own, which goes with us; of a child, whose handle has no
	 * ring, the process's, and its hits come by the parent's handle.  The
	 * stop has to outlive us.
	 */
	if (g->stop)
		o.flags = CTL_PROBE_STOP | CTL_PROBE_ONCE;
	else if (!t->stop_only)
		o.flags = CTL_PROBE_HANDLE;
	if (!g->stop && !s->opt->count)
		o.flags |= CTL_PROBE_RETURN;
	do {
		g->id = o.id = ++s->funcs->last_id;
		r = ctl_func_enable(t->h, g->v, g->n, &o, on_refused, refusals);
	} while (r == -EEXIST);
	return r;
}

/* The first function behind those of *x's object: 1, or 0 at the end. */
static int next_object(struct ctl_funcs *all, const struct ctl_func **x)
{
	uint64_t low = (*x)->low;
	int more;

	do
		more = ctl_funcs_next(all, x);
	while (more == 1 && (*x)->low == low);
	return more;
}

static bool is_known(const struct funcs *f, pid_t pid, const struct ctl_func *x)
{
	const struct group *g;

	for (g = f->groups; g; g = g->next)
		if (g->low == x->low && !strcmp(g->object, x->object) &&
		    group_has(g, pid))
			return true;
	return false;
}

/* The functions of one object from *x on: *x is the first of the next. */
static int add_object(struct session *s, struct traced *t, struct image *im,
		      const struct ctl_func **x, int more)
{
	struct refusals refusals = { 0 };
	const struct ctl_func *first = *x;
	struct group *g[2] = { NULL, NULL };
	int r = 0;

	for (int i = 0; i < 2; i++) {
		g[i] = calloc(1, sizeof(*g[i]));
		if (!g[i])
			r = -ENOMEM;
		else
			*g[i] = (struct group){ .stop = i,
						.object = first->object,
						.low = first->low,
						.image = im,
						.since = cmd_now_ns() };
	}
	for (; more == 1 && (*x)->low == first->low;
	     more = ctl_funcs_next(im->funcs, x)) {
		struct group *to = g[s->opt->func_stops[(*x)->spec]];
		const struct ctl_func **v;

		if (r < 0)
			continue;
		if ((*x)->chosen) {
			refuse(&refusals, CHOSEN, (*x)->name);
			continue;
		}
		if (to->n % 256 == 0) {
			v = reallocarray(to->v, to->n + 256, sizeof(*v));
			if (!v) {
				r = -ENOMEM;
				continue;
			}
			to->v = v;
		}
		to->v[to->n++] = *x;
	}
	for (int i = 0; i < 2; i++) {
		int n = r == 0 && g[i]->n ? enable(s, t, g[i], &refusals) : 0;

		if (n < 0)
			r = n;
		if (n > 0 && group_add(g[i], ctl_pid(t->h))) {
			im->refs++;
			g[i]->next = s->funcs->groups;
			s->funcs->groups = g[i];
			s->funcs->any = true;
		} else if (g[i]) {
			free(g[i]->v);
			free(g[i]);
		}
	}
	tell(s->funcs, first->object, &refusals);
	return r < 0 ? r : more;
}

/* Something else may be mapped there from now on. */
static void drop_unmapped(struct session *s, struct traced *t,
			  struct ctl_funcs *now)
{
	struct group *g, *next;
	pid_t pid = ctl_pid(t->h);

	for (g = s->funcs->groups; g; g = next) {
		const struct ctl_func *x = NULL;
		bool there = false;
		int more;

		next = g->next;
		if (!group_has(g, pid))
			continue;
		for (more = ctl_funcs_next(now, &x); !there && more == 1;
		     more = next_object(now, &x))
			there = x->low == g->low &&
				!strcmp(x->object, g->object);
		if (there)
			continue;
		ctl_probe_disable(t->h, g->id);
		forget(s->funcs, pid, g, EVER);
	}
}

static int watch_loader(struct session *s, struct traced *t, uint64_t addr)
{
	int r;

	if (t->loader || !addr || ctl_tid(t->h))
		return 0;
	do
		r = ctl_probe_enable_address(t->h, addr, ++s->funcs->last_id,
					     CTL_PROBE_HANDLE | CTL_PROBE_STOP);
	while (r == -EEXIST);
	if (r == 0) {
		t->loader = s->funcs->last_id;
		t->loader_since = cmd_now_ns();
	}
	return r;
}

/* Look at t, which is stopped, and enable what is new. */
static int look(struct session *s, struct traced *t)
{
	const struct ctl_func *x = NULL;
	struct image *im;
	int r, more;

	im = calloc(1, sizeof(*im));
	if (!im)
		return -ENOMEM;
	im->refs = 1;
	r = ctl_funcs_process(&im->funcs, ctl_pid(t->h), s->opt->funcs,
			      s->opt->nfuncs);
	if (r < 0) {
		free(im);
		return r;
	}
	s->funcs->unread |= ctl_funcs_problems(im->funcs) > 0;
	drop_unmapped(s, t, im->funcs);
	r = watch_loader(s, t, ctl_funcs_loader(im->funcs));
	more = ctl_funcs_next(im->funcs, &x);
	while (r == 0 && more == 1) {
		if (is_known(s->funcs, ctl_pid(t->h), x)) {
			more = next_object(im->funcs, &x);
			continue;
		}
		more = add_object(s, t, im, &x, more);
		if (more < 0)
			r = more;
	}
	image_put(im);
	return r;
}

int func_start(struct session *s, struct traced *t, const struct ctl_status *st)
{
	struct ctl_sysset set = st->sysexit;
	struct ctl_status now = { .size = sizeof(now) };
	bool was_stopped = st->flags & PR_ISTOP;
	int r = 0;

	if (!s->opt->nfuncs)
		return 0;
	if (!all_of(s))
		return -ENOMEM;
	/* Of one thread we would not see another's stop. */
	if (!ctl_tid(t->h) && !t->stop_only) {
		t->old_sysexit = st->sysexit;
		func_add_execs(&set);
		t->watched = true;
		r = ctl_trace_sysexit(t->h, &set);
	}
	if (r == 0 && !was_stopped)
		r = ctl_stop(t->h, 0);
	if (r == 0)
		r = look(s, t);
	if (was_stopped || r == -ENOENT || ctl_status(t->h, &now) < 0)
		return r;
	/* It may have stopped for another reason just then: see func_serve(). */
	if (now.lwp.why == PR_REQUESTED)
		ctl_run(t->h, 0);
	return r;
}

static bool is_exec(const struct ctl_lwpstatus *l)
{
	return l->why == PR_SYSEXIT &&
	       ctl_sysset_has(execs(), l->sysabi, l->what);
}

static bool ours(const struct traced *t, const struct ctl_lwpstatus *l)
{
	if (!(l->flags & PR_STOPPED))
		return false;
	if (t->loader && l->why == PR_PROBE && l->what == t->loader)
		return true;
	return (t->watched || t->stop_only) && is_exec(l) &&
	       !ctl_sysset_has(&t->old_sysexit, l->sysabi, l->what);
}

/*
 * It has executed another program, which has no probes but those that were
 * enabled when somebody looked at it since.
 */
static void renew(struct session *s, struct traced *t, uint64_t when)
{
	const struct group *g;

	for (g = s->funcs->groups; g; g = g->next)
		if (g->since < when && group_has(g, ctl_pid(t->h)))
			ctl_probe_disable(t->h, g->id);
	forget(s->funcs, ctl_pid(t->h), NULL, when);
	if (t->loader && t->loader_since < when) {
		ctl_probe_disable(t->h, t->loader);
		t->loader = 0;
	}
}

int func_serve(struct session *s, struct traced *t)
{
	struct ctl_status st = { .size = sizeof(st) };
	int r;

	if (!s->opt->nfuncs || ctl_status(t->h, &st) < 0)
		return 0;
	/* That was the stop before, and we have run it on. */
	if (!(st.lwp.flags & PR_STOPPED))
		return 1;
	if (!ours(t, &st.lwp))
		return 0;
	if (is_exec(&st.lwp) && st.lwp.sysret == 0)
		renew(s, t, st.lwp.stop_time);
	r = look(s, t);
	if (r < 0 && r != -ENOENT)
		cmd_fail(r, "trace functions of", t->name);
	r = ctl_run(t->h, 0);
	return r == -EBUSY || r == -ENOENT || r == 0 ? 1 : r;
}

void func_abandon(struct session *s, struct traced *t)
{
	struct group *g;

	if (!s->funcs)
		return;
	for (g = s->funcs->groups; g; g = g->next)
		if (group_has(g, ctl_pid(t->h)))
			ctl_probe_disable(t->h, g->id);
	if (t->loader)
		ctl_probe_disable(t->h, t->loader);
	t->loader = 0;
	if (t->watched || t->stop_only)
		ctl_trace_sysexit(t->h, &t->old_sysexit);
	t->watched = false;
}

void func_unwatch(struct session *s, struct traced *t)
{
	struct ctl_status st = { .size = sizeof(st) };
	bool held;

	if (!s->funcs)
		return;
	held = ctl_status(t->h, &st) == 0 && ours(t, &st.lwp);
	func_abandon(s, t);
	if (held)
		ctl_run(t->h, 0);
}

/* -- records --------------------------------------------------------------------- */

static struct thread **thread_at(struct funcs *f, pid_t tid)
{
	struct thread **at = &f->threads[(unsigned)tid % BUCKETS];

	while (*at && (*at)->tid != tid)
		at = &(*at)->next;
	return at;
}

static void thread_forget(struct funcs *f, pid_t tid)
{
	struct thread **at = thread_at(f, tid), *t = *at;

	if (!t)
		return;
	*at = t->next;
	free(t->v);
	free(t);
}

static struct thread *thread_of(struct funcs *f, const struct ctl_rec *rec)
{
	struct thread **at = thread_at(f, rec->tid);

	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (*at) {
			(*at)->pid = rec->pid;
			(*at)->tid = rec->tid;
		}
	}
	return *at;
}

#define SAME_STACK (1U << 20)
#define PAGE 4096U

/*
 * Where the return of a function is probed by the kernel, its return address is
 * the kernel's own while it runs: in a page above the stack, at its beginning.
 */
static bool is_kernels(const struct call *c)
{
	return c->caller > c->sp && c->caller % PAGE == 0;
}

/*
 * Calls that were left without a return: see the page at the top.  A tail call
 * has the return address of the call that made it.
 */
static unsigned drop_left(struct thread *t, struct call *now)
{
	unsigned before = t->n;

	while (t->n && t->v[t->n - 1].sp < now->sp &&
	       now->sp - t->v[t->n - 1].sp < SAME_STACK)
		t->n--;
	if (t->n && t->v[t->n - 1].sp == now->sp && is_kernels(now))
		now->caller = t->v[t->n - 1].caller;
	/* Its return address is in the same place: a tail call made this one,
	 * or it is over. */
	for (unsigned i = t->n; i-- > 0 && t->v[i].sp == now->sp;)
		if (t->v[i].caller != now->caller ||
		    t->v[i].address == now->address)
			t->n = i;
	return before - t->n;
}

static void enter(struct thread *t, const struct call *now)
{
	struct call *v;

	if (t->n == t->room) {
		v = reallocarray(t->v, 2 * t->room + 16, sizeof(*v));
		if (!v)
			return;
		t->v = v;
		t->room = 2 * t->room + 16;
	}
	t->v[t->n++] = *now;
}

bool func_event(struct session *s, const struct ctl_rec_probe *r,
		struct func_event *e)
{
	const uint64_t *arg = ctl_probe_args(r);
	const struct group *g = group_find(s->funcs, r->h.pid, r->id);
	struct thread *t;
	struct call now;

	if (!g || r->nargs < (r->h.flags & CTL_RECF_RETURN ?
				      1 : CTL_FUNC_ARG + CTL_FUNC_ARGS))
		return false;
	*e = (struct func_event){ .func = function_at(g, r->pc) };
	t = e->func ? thread_of(s->funcs, &r->h) : NULL;
	if (!t)
		return false;
	e->returns = r->h.flags & CTL_RECF_RETURN;
	if (e->returns) {
		unsigned i = t->n;

		while (i && t->v[i - 1].address != r->pc)
			i--;
		e->depth = i ? i - 1 : t->n;
		e->left = i ? t->n - i : 0;
		e->unknown = !i;
		t->n = e->depth;
		e->result = arg[0];
		return true;
	}
	now = (struct call){ .sp = arg[CTL_FUNC_SP],
			     .caller = arg[CTL_FUNC_CALLER],
			     .address = r->pc };
	e->left = drop_left(t, &now);
	e->depth = t->n;
	e->caller = now.caller;
	memcpy(e->arg, arg + CTL_FUNC_ARG, sizeof(e->arg));
	enter(t, &now);
	return true;
}

void func_life(struct session *s, const struct ctl_rec *rec)
{
	const struct ctl_rec_fork *k = (const void *)rec;
	const struct ctl_rec_exit *x = (const void *)rec;
	struct funcs *f = s->funcs;
	struct group *g;

	if (!f)
		return;
	switch (rec->type) {
	case CTL_REC_FORK:
		for (g = f->groups; g; g = g->next)
			if (k->kind != CTL_FORK_THREAD && s->opt->follow &&
			    group_has(g, rec->pid))
				group_add(g, k->child_pid);
		break;
	case CTL_REC_EXEC:
		forget(f, rec->pid, NULL, rec->time);
		thread_forget(f, rec->tid);
		break;
	case CTL_REC_EXIT:
		thread_forget(f, rec->tid);
		if (x->process)
			forget(f, rec->pid, NULL, EVER);
		break;
	}
}

void func_finish(struct session *s)
{
	struct funcs *f = s->funcs;
	struct counted *c;
	struct told *t;

	for (unsigned i = 0; i < s->opt->nfuncs; i++)
		ctl_func_spec_free(s->opt->funcs[i]);
	if (!f)
		return;
	while (f->groups) {
		struct group *g = f->groups;

		f->groups = g->next;
		group_free(g);
	}
	for (unsigned i = 0; i < BUCKETS; i++) {
		while (f->threads[i])
			thread_forget(f, f->threads[i]->tid);
		while ((c = f->counted[i])) {
			f->counted[i] = c->next;
			free(c);
		}
	}
	while ((t = f->told)) {
		f->told = t->next;
		free(t);
	}
	free(f);
	s->funcs = NULL;
}

void func_tell_none(const struct session *s)
{
	const struct funcs *f = s->funcs;

	/* Of those that were refused it has been told. */
	if (!s->opt->nfuncs || !f || f->any || f->told)
		return;
	cmd_complain("no such function was found%s",
		     f->unread ? ", and not all files could be read (32-bit, or replaced?); CTL_DEBUG=1 tells" :
				 "");
}

/* -- text -------------------------------------------------------------------------- */

static void full_name(struct buf *b, const struct ctl_func *f)
{
	const char *name;
	int len = stem(f->object, &name);

	buf_escaped(b, name, len, true);
	buf_char(b, ':');
	buf_escaped(b, f->name, strlen(f->name), true);
}

static void value(struct buf *b, uint64_t v)
{
	if (v)
		buf_hex(b, v);
	else
		buf_char(b, '0');
}

#define DEEPEST 40 /* further in the lines would get too long */

void func_text(struct buf *b, const struct func_event *e)
{
	for (unsigned i = 0; i < e->depth && i < DEEPEST; i++)
		buf_put(b, "  ", 2);
	buf_put(b, e->returns ? "<- " : "-> ", 3);
	full_name(b, e->func);
	buf_char(b, '(');
	for (unsigned i = 0; i < CTL_FUNC_ARGS && !e->returns; i++) {
		if (i)
			buf_put(b, ", ", 2);
		value(b, e->arg[i]);
	}
	buf_char(b, ')');
	if (e->returns) {
		buf_put(b, " = ", 3);
		value(b, e->result);
	}
	buf_char(b, '\n');
}

/* On a nop (endbr64) the stop is behind it. */
#define FIRST_INSN 15U

const char *func_stopped_at(const struct session *s, pid_t pid,
			    const struct ctl_lwpstatus *l, char *text,
			    size_t size)
{
	const struct group *g = l->why == PR_PROBE ?
					group_find(s->funcs, pid, l->what) :
					NULL;
	const struct ctl_func *f = g ? function_before(g, l->reg.rip) : NULL;
	const struct thread *t = g ? *thread_at(s->funcs, l->tid) : NULL;
	const char *name;
	int len;

	/* That instruction was a call, or a jump: the function that it entered
	 * last, which we have read of. */
	if (g && (!f || l->reg.rip - f->address > FIRST_INSN))
		f = t && t->n ? function_at(g, t->v[t->n - 1].address) : NULL;
	if (!f)
		return cmd_stop_what(l, text, size);
	len = stem(f->object, &name);
	snprintf(text, size, "%.*s:%s", len, name, f->name);
	return text;
}

/* -- counts ------------------------------------------------------------------------ */

void func_count(struct session *s, const struct ctl_rec_probe *r)
{
	const struct group *g = group_find(s->funcs, r->h.pid, r->id);
	const struct ctl_func *f = g ? function_at(g, r->pc) : NULL;
	struct counted *c, **head;
	struct buf b = { 0 };
	unsigned hash = 0;

	if (!f)
		return;
	full_name(&b, f);
	buf_char(&b, '\0');
	if (b.failed) {
		buf_free(&b);
		return;
	}
	for (const char *p = b.p; *p; p++)
		hash = hash * 31 + (unsigned char)*p;
	head = &s->funcs->counted[hash % BUCKETS];
	for (c = *head; c && strcmp(c->name, b.p) != 0; c = c->next)
		;
	if (!c) {
		c = calloc(1, sizeof(*c) + b.n);
		if (c) {
			memcpy(c->name, b.p, b.n);
			c->next = *head;
			*head = c;
		}
	}
	if (c)
		c->calls++;
	buf_free(&b);
}

static int most_first(const void *a, const void *b)
{
	const struct counted *const *x = a, *const *y = b;

	if ((*x)->calls != (*y)->calls)
		return (*x)->calls < (*y)->calls ? 1 : -1;
	return strcmp((*x)->name, (*y)->name);
}

static int by_name(const void *a, const void *b)
{
	const struct counted *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

void func_counts_print(const struct session *s)
{
	const struct counted **v, *c;
	size_t n = 0, i = 0;

	if (!s->funcs)
		return;
	for (unsigned k = 0; k < BUCKETS; k++)
		for (c = s->funcs->counted[k]; c; c = c->next)
			n++;
	v = n ? calloc(n, sizeof(*v)) : NULL;
	if (!v)
		return;
	for (unsigned k = 0; k < BUCKETS; k++)
		for (c = s->funcs->counted[k]; c; c = c->next)
			v[i++] = c;
	qsort(v, n, sizeof(*v), s->opt->sort == SORT_NAME ? by_name :
							    most_first);
	if (s->opt->format != &format_json)
		fprintf(s->out, "\n%-37s %10s\n", "function", "calls");
	for (i = 0; i < n; i++) {
		struct buf b = { 0 };

		if (s->opt->format == &format_json) {
			buf_str(&b, "{\"type\":\"functions\",\"name\":");
			buf_json(&b, v[i]->name, strlen(v[i]->name));
			buf_printf(&b, ",\"count\":%llu}\n",
				   (unsigned long long)v[i]->calls);
		} else {
			buf_printf(&b, "%-37s %10llu\n", v[i]->name,
				   (unsigned long long)v[i]->calls);
		}
		fwrite(b.p, 1, b.n, s->out);
		buf_free(&b);
	}
	free(v);
}
