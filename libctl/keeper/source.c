/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source.c - system calls recorded by BPF: the keeper's side of
 * bpf/source.bpf.c.
 *
 * A stop for ptrace costs two switches to the tracer and back for each end of
 * each call.  Where BPF may be used (root, or CAP_BPF and CAP_PERFMON), a
 * handle's calls are recorded without any: the programs fill a ring of their
 * own, and the keeper hands the records on to the handle's ring from time to
 * time.  Everything else - forks, signals, exec, exits, stops - comes by
 * ptrace as before, so the two have to be put in order: whatever was recorded
 * before a ptrace event is handed on before that event's record.
 *
 * Lossless (P6): BPF cannot wait.  When its ring is half full, or as much was
 * taken out of it for the sake of order and waits for room, the target's threads
 * are interrupted and parked until it is empty.  What is lost all the same is
 * counted.
 *
 * A call that a stop interrupts ends (-ERESTART*, or -EINTR: repair.c) and is
 * made again.  The first end is held back and becomes one with the second.
 */
#ifdef HAVE_BPF
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source.h"

#include "bpf/shared.h"
#include "source.skel.h"

/* While records come: how full the ring gets before we are woken, and how
 * long they lie there at most. */
#define MARK_BYTES (512U << 10)
#define FLUSH_NS 20000000ULL

struct source {
	struct source_bpf *skel;
	struct ring_buffer *ring;
	struct src_program *programs; /* the map, SRC_PROGRAMS of them */
	uint64_t *traced;	      /* the map, a bit a process number */
	struct client *client;
	uint64_t lost;  /* of skel's count, told to the client */
	uint64_t next;  /* the next look, 0: asleep until woken */
	uint64_t count; /* records handed on since the last look */
	bool all;       /* the drain is source_drain(c, true) */
	bool throttling;
	pid_t hold;     /* its -EINTR is ours */
};

/* -- may it be used? ------------------------------------------------------ */

static bool has_caps(void)
{
	unsigned long long caps = 0;
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	if (f)
		fclose(f);
	/* CAP_SYS_ADMIN, or CAP_PERFMON and CAP_BPF */
	return (caps >> 21 & 1) || ((caps >> 38 & 1) && (caps >> 39 & 1));
}

/* BPF tells process numbers of the first namespace only. */
static bool first_pid_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 &&
	       st.st_ino == 0xeffffffcU; /* PROC_PID_INIT_INO */
}

int source_allowed(void)
{
	const char *want = getenv("CTL_EVENTS");

	if (want && !strcmp(want, "ptrace"))
		return -EPERM;
	if (!has_caps() || !first_pid_namespace())
		return -EPERM;
	return 0;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char text[256];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (level == LIBBPF_WARN)
		klog("bpf: %s", text);
	return 0;
}

const char *source_describe(void)
{
	const char *want = getenv("CTL_EVENTS");
	struct source_bpf *skel;

	if (want && !strcmp(want, "ptrace"))
		return "ptrace (CTL_EVENTS)";
	if (!has_caps())
		return "ptrace: BPF needs CAP_BPF and CAP_PERFMON";
	if (!first_pid_namespace())
		return "ptrace: BPF counts processes as the first pid "
		       "namespace does";
	/* Is the kernel new enough?  It says so best itself. */
	libbpf_set_print(quiet);
	skel = source_bpf__open_and_load();
	source_bpf__destroy(skel);
	return skel ? "bpf" : "ptrace: the kernel's BPF is too old, or has no BTF";
}

/* -- handing on ----------------------------------------------------------- */

static bool restarts(int64_t ret)
{
	return ret == -512 || ret == -513 || ret == -514 || ret == -516;
}

/* The end of a call that is to be made again, for one client. */
struct held {
	struct list link; /* lwp->helds */
	struct client *client;
	struct ctl_rec_syscall rec; /* and its captures */
};

static struct held *held_of(struct lwp *l, const struct client *c)
{
	struct held *h;

	list_for_each(h, &l->helds, link)
		if (h->client == c)
			return h;
	return NULL;
}

static void held_free(struct held *h)
{
	if (!h)
		return;
	list_del(&h->link);
	free(h);
}

static void held_put(struct client *c, struct lwp *l)
{
	struct held *h = held_of(l, c);

	if (!h)
		return;
	record_raw(c, l, &h->rec, h->rec.h.len);
	held_free(h);
}

static bool held_set(struct client *c, struct lwp *l,
		     const struct ctl_rec_syscall *r)
{
	struct held *h;

	h = malloc(sizeof(*h) - sizeof(h->rec) + r->h.len);
	if (!h)
		return false;
	h->client = c;
	memcpy(&h->rec, r, r->h.len);
	list_add_tail(&h->link, &l->helds);
	return true;
}

static bool is_restart(const struct ctl_rec_syscall *r)
{
	return r->nr == (r->abi == CTL_ABI_COMPAT ? 0U : 219U);
}

static bool continues(const struct ctl_rec_syscall *first,
		      const struct ctl_rec_syscall *r)
{
	return r->abi == first->abi && (r->nr == first->nr || is_restart(r));
}

/* One record of the two: which of them it is. */
static struct ctl_rec_syscall *join(struct ctl_rec_syscall *first,
				    struct ctl_rec_syscall *r)
{
	uint64_t end = r->h.time + r->elapsed;

	if (is_restart(r)) {
		first->ret = r->ret;
		first->elapsed = end - first->h.time;
		return first; /* with what was captured at its entry */
	}
	r->h.time = first->h.time;
	r->elapsed = end - first->h.time;
	return r;
}

static int on_record(void *ctx, void *data, size_t size)
{
	static uint64_t copy[CTL_REC_BYTES / 8];
	struct source *src = ctx;
	struct client *c = src->client;
	struct ctl_rec_syscall *r = data;
	struct held *h = NULL;
	struct lwp *l;

	if (size < sizeof(*r) || size > sizeof(copy) || r->h.len != size)
		return 0;
	/* The ring is mapped for reading only. */
	memcpy(copy, r, size);
	r = (void *)copy;
	src->count++;
	l = lwp_of(r->h.tid);
	if (l && r->h.type == CTL_REC_SYSCALL) {
		h = held_of(l, c);
		if (h && continues(&h->rec, r) &&
		    !(r->h.flags & CTL_RECF_UNFINISHED)) {
			r = join(&h->rec, r);
		} else {
			held_put(c, l);
			h = NULL;
		}
		if (restarts(r->ret) ||
		    (r->ret == -EINTR && src->hold == r->h.tid)) {
			if (h && r == &h->rec)
				return 0;
			held_free(h);
			h = NULL;
			if (held_set(c, l, r))
				return 0;
		}
	}
	record_raw(c, l, r, r->h.len);
	held_free(h);
	/* One that waits for room stops us, unless all has to be taken. */
	return !src->all && !list_empty(&c->backlog) ? -EAGAIN : 0;
}

static void throttle(struct client *c, bool on)
{
	struct cover *cv;

	c->source->throttling = on;
	list_for_each(cv, &c->covers, by_client)
		proc_throttle(cv->proc);
}

bool source_throttles(struct proc *p)
{
	struct cover *cv;

	list_for_each(cv, &p->covers, by_proc)
		if (cv->client->source && cv->client->source->throttling)
			return true;
	return false;
}

void source_drain(struct client *c, bool all)
{
	struct source *src = c->source;
	uint64_t lost;
	int r = 0;

	if (!src)
		return;
	src->all = all;
	if (all || list_empty(&c->backlog))
		r = ring_buffer__consume(src->ring);
	src->all = false;
	lost = __atomic_load_n(&src->skel->bss->lost, __ATOMIC_RELAXED);
	if (lost != src->lost) {
		record_lost(c, lost - src->lost);
		src->lost = lost;
	}
	if (r == -EAGAIN || !list_empty(&c->backlog)) {
		if ((src->skel->bss->full ||
		     c->backlog_len >= SRC_RING_BYTES / 2) &&
		    !(c->ring.flags & CTL_RING_DROP))
			throttle(c, true);
		return;
	}
	if (src->skel->bss->full || src->throttling) {
		src->skel->bss->full = 0;
		throttle(c, false);
	}
}

/* Woken: from now on look from time to time, until nothing comes. */
static void look(struct source *src)
{
	src->count = 0;
	source_drain(src->client, false);
	if (src->count || !list_empty(&src->client->backlog)) {
		src->skel->data->wake_mark = MARK_BYTES;
		src->next = now_ns() + FLUSH_NS;
		keeper_timer(src->next);
	} else {
		src->skel->data->wake_mark = 1;
		src->next = 0;
		/* One may have come between the two. */
		source_drain(src->client, false);
	}
}

void source_ready(struct client *c)
{
	if (c->source)
		look(c->source);
}

uint64_t source_timers(uint64_t now)
{
	struct client *c;
	uint64_t next = 0;

	list_for_each(c, &clients, link) {
		struct source *src = c->source;

		if (!src || !src->next)
			continue;
		if (src->next <= now)
			look(src);
		if (src->next && (!next || src->next < next))
			next = src->next;
	}
	return next;
}

/* -- threads -------------------------------------------------------------- */

void source_hold(struct lwp *l)
{
	struct cover *cv;

	list_for_each(cv, &l->proc->covers, by_proc)
		if (cv->client->source) {
			cv->client->source->hold = l->tid;
			source_drain(cv->client, true);
			cv->client->source->hold = 0;
		}
}

void source_unhold(struct lwp *l)
{
	struct cover *cv;

	list_for_each(cv, &l->proc->covers, by_proc)
		if (cv->client->source)
			source_drain(cv->client, true);
	while (!list_empty(&l->helds))
		held_put(list_entry(l->helds.next, struct held, link)->client,
			 l);
}

void source_forget(struct lwp *l)
{
	while (!list_empty(&l->helds))
		held_free(list_entry(l->helds.next, struct held, link));
}

void source_death(struct client *c, struct lwp *l)
{
	source_drain(c, true);
	held_put(c, l);
}

/* -- set-up --------------------------------------------------------------- */

static void trace(struct client *c, pid_t pid, bool on)
{
	uint64_t *word = &c->source->traced[pid / 64];
	uint64_t bit = 1ULL << (pid % 64);

	*word = on ? *word | bit : *word & ~bit;
}

void source_add(struct client *c, struct proc *p)
{
	trace(c, p->pid, true);
}

void source_remove(struct client *c, struct proc *p)
{
	trace(c, p->pid, false);
}

int source_program(struct client *c, unsigned k)
{
	const struct capture *cap = c->captures ? c->captures[k] : NULL;
	struct src_program *p = &c->source->programs[k];
	uint32_t at_entry = 0, at_exit = 0;
	const struct ctl_capop *op;
	unsigned i;

	/* The target may be running it: never more operations than are there. */
	__atomic_store_n(&p->at_entry, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&p->at_exit, 0, __ATOMIC_RELEASE);
	if (!cap)
		return 0;
	for (i = 0; i < cap->nop; i++) {
		/* Stacks are larger than a record of ours may be; paths are not. */
		op = &cap->op[i];
		if ((op->limit > SRC_LEN && op->op != CTL_CAP_STR) ||
		    op->limit > SRC_LEN + 1 || op->op == CTL_CAP_STACK)
			return -E2BIG;
		if (op->when == CTL_AT_EXIT)
			at_exit |= 1U << i;
		else
			at_entry |= 1U << i;
	}
	memcpy(p->op, cap->op, sizeof(p->op));
	__atomic_store_n(&p->at_entry, at_entry, __ATOMIC_RELEASE);
	__atomic_store_n(&p->at_exit, at_exit, __ATOMIC_RELEASE);
	return 0;
}

void source_select(struct client *c)
{
	struct source_bpf *s = c->source->skel;

	s->bss->want_entry = c->record.events >> CTL_REC_SYSENTRY & 1;
	s->bss->want_exit = c->record.events >> CTL_REC_SYSCALL & 1;
	if (s->bss->want_entry || s->bss->want_exit)
		s->bss->calls = c->record.calls;
	else
		memset(&s->bss->calls, 0, sizeof(s->bss->calls));
}

static void source_free(struct source *src)
{
	if (!src)
		return;
	if (src->ring)
		ring_buffer__free(src->ring);
	if (src->programs)
		munmap(src->programs, SRC_PROGRAMS * sizeof(*src->programs));
	if (src->traced)
		munmap(src->traced, SRC_PIDS / 8);
	source_bpf__destroy(src->skel);
	free(src);
}

void source_close(struct client *c)
{
	struct source *src = c->source;
	struct cover *cv;
	struct lwp *l;

	if (!src)
		return;
	/* Where ptrace goes on with it, what was recorded so far comes first. */
	source_drain(c, true);
	throttle(c, false);
	list_for_each(cv, &c->covers, by_client)
		list_for_each(l, &cv->proc->lwps, link)
			held_put(c, l);
	c->source = NULL;
	source_free(src);
}

/* A map's values; NULL: errno. */
static void *map_values(const struct bpf_map *map, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       bpf_map__fd(map), 0);

	return p == MAP_FAILED ? NULL : p;
}

static int map_maps(struct source *src)
{
	src->programs = map_values(src->skel->maps.programs,
				   SRC_PROGRAMS * sizeof(*src->programs));
	src->traced = map_values(src->skel->maps.traced, SRC_PIDS / 8);
	return src->programs && src->traced ? 0 : -errno;
}

/* All that takes long and does not depend on whose it will be; NULL: errno. */
static struct source *make(void)
{
	struct source *src = calloc(1, sizeof(*src));
	int err = -ENOMEM;

	if (!src)
		goto fail;
	src->skel = source_bpf__open();
	if (!src->skel) {
		err = -errno;
		goto fail;
	}
	err = source_bpf__load(src->skel);
	if (!err)
		err = map_maps(src);
	if (err)
		goto fail;
	src->ring = ring_buffer__new(bpf_map__fd(src->skel->maps.ring),
				     on_record, src, NULL);
	if (src->ring)
		return src;
	err = -errno;
fail:
	source_free(src);
	errno = -err;
	return NULL;
}

/* Made by a thread of its own, for the first who asks. */
static pthread_t maker;
static bool making;

static void *prepare(void *arg)
{
	(void)arg;
	return make();
}

void source_prepare(void)
{
	sigset_t all, old;

	if (source_allowed() < 0)
		return;
	libbpf_set_print(quiet);
	/* Signals are the tracer's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	making = pthread_create(&maker, NULL, prepare, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static struct source *prepared(void)
{
	void *src = NULL;

	if (making)
		pthread_join(maker, &src);
	making = false;
	return src;
}

void source_end(void)
{
	source_free(prepared());
}

int source_open(struct client *c)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	struct source *src;
	struct cover *cv;
	unsigned k;
	int err;

	err = source_allowed();
	if (err)
		return err;
	libbpf_set_print(quiet);
	src = prepared();
	if (!src)
		src = make();
	if (!src) {
		err = -errno;
		goto fail;
	}
	src->client = c;
	ev.data.u64 = (uintptr_t)c | IO_SOURCE;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD,
		      ring_buffer__epoll_fd(src->ring), &ev) < 0) {
		err = -errno;
		goto fail;
	}
	c->source = src;
	list_for_each(cv, &c->covers, by_client)
		if (!cv->proc->gone)
			source_add(c, cv->proc);
	for (k = 0; c->captures && k < CTL_CAPTURES; k++)
		if (c->captures[k] && (err = source_program(c, k)))
			break;
	source_select(c);
	if (!err)
		err = source_bpf__attach(src->skel);
	if (!err) {
		keeper_hurry();
		return 0;
	}
	c->source = NULL;
fail:
	klog("bpf: not used: %s", strerror(-err));
	source_free(src);
	return err;
}
#endif
