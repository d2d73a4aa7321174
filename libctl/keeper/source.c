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
 * before a ptrace event is handed on before that event's record.  But children
 * may be left to BPF altogether (bpf/family.bpf.c): what it tells of those comes
 * through the same ring, and goes to afar.c.
 *
 * Lossless (P6): BPF cannot wait.  When its ring is half full, or as much was
 * taken out of it for the sake of order and waits for room, the target's threads
 * are interrupted and parked until it is empty.  What is lost all the same is
 * counted.
 *
 * A call that a stop interrupts ends (-ERESTART*, or -EINTR: repair.c) and is
 * made again.  The first end is held back and becomes one with the second.
 *
 * The handover.  To load all this takes longer than many a command runs.  So one
 * that has just been started (source_await()) is recorded by ptrace until another
 * thread is done with it.  From then on BPF records the calls of all threads, but
 * what it tells of one is dropped while the thread has an heir (lwp.heir): until
 * the end of the call that it is in, or of its next one.  There it stands still,
 * and of what it has done nothing is to come but what BPF told before
 * (lwp.since); so that call is ptrace's, the next one is BPF's, and it is not
 * asked to stop again.  Nobody is interrupted for this, and who sleeps sleeps on.
 */
#ifdef HAVE_BPF
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source.h"

#include "bpf/shared.h"
#include "source.skel.h"
#include "family.skel.h"

/* While records come: how full the ring gets before we are woken, and how
 * long they lie there at most. */
#define MARK_BYTES (512U << 10)
#define FLUSH_NS 20000000ULL

struct source {
	struct source_bpf *skel;
	struct family_bpf *family; /* NULL: nobody is told of children */
	struct ring_buffer *ring;
	struct src_program *programs; /* the map, SRC_PROGRAMS of them */
	uint64_t *traced;	      /* the map, a bit a process number */
	struct client *client;
	uint64_t lost;  /* of skel's count, told to the client */
	uint64_t missed; /* births and the like, told to the client */
	uint64_t next;  /* the next look, 0: asleep until woken */
	uint64_t count; /* records handed on since the last look */
	bool all;       /* the drain is source_drain(c, true) */
	bool draining;  /* one is being handed on: all before it were */
	bool throttling;
	bool handover;  /* it came by one */
	struct list strangers; /* struct stranger: only then */
	pid_t hold;     /* its -EINTR is ours */
};

/* -- may it be used? ------------------------------------------------------ */

/* The first namespaces have numbers that the kernel promises: linux/proc_ns.h.
 * A kernel without a kind has no such file. */
static bool in_first(const char *kind, ino_t number)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
	return stat(path, &st) < 0 || st.st_ino == number;
}

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
	/* Another user namespace's do not count. */
	if (!in_first("user", 0xeffffffdU))
		return false;
	/* CAP_SYS_ADMIN, or CAP_PERFMON and CAP_BPF */
	return (caps >> 21 & 1) || ((caps >> 38 & 1) && (caps >> 39 & 1));
}

/* BPF tells process numbers of the first namespace only. */
static bool first_pid_namespace(void)
{
	return in_first("pid", 0xeffffffcU);
}

bool source_same_time(void)
{
	return in_first("time", 0xeffffffaU);
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
		return "ptrace: BPF needs CAP_BPF and CAP_PERFMON, in the "
		       "first user namespace";
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

/* A thread that was ptrace's has gone, or has another number now. */
struct stranger {
	struct list link; /* source->strangers */
	pid_t tid;
	uint64_t until;
};

/* Has ptrace told of it, or will? */
static bool by_ptrace(const struct source *src, const struct lwp *l,
		      const struct ctl_rec *r)
{
	const struct stranger *s;

	if (l)
		return l->heir == src->client ||
		       (src->handover && r->time < l->since);
	list_for_each(s, &src->strangers, link)
		if (s->tid == r->tid && r->time < s->until)
			return true;
	return false;
}

static void on_call(struct source *src, struct ctl_rec_syscall *r)
{
	struct client *c = src->client;
	struct lwp *l = lwp_of(r->h.tid);
	struct held *h = NULL;

	if (by_ptrace(src, l, &r->h))
		return;
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
				return;
			held_free(h);
			h = NULL;
			if (held_set(c, l, r))
				return;
		}
	}
	record_raw(c, l, r, r->h.len);
	held_free(h);
}

/* Its names are on the way up; here is the path, padded, and its record. */
static void on_exec(struct src_exec *x)
{
	static struct {
		struct ctl_rec_exec r;
		char path[SRC_PATH + 2 * SRC_NAME];
	} to;
	size_t len = x->r.pathlen, used = 0, n;
	const char *names = (const char *)x->names, *name;
	char link[64];
	ssize_t got;

	memset(&to, 0, sizeof(to));
	to.r = x->r;
	to.r.h.flags = 0;
	while (len) {
		/* The last one that is left. */
		for (n = 1; n < len && names[len - n - 1]; n++)
			;
		name = names + len - n;
		to.path[used++] = '/';
		memcpy(to.path + used, name, n - 1);
		used += n - 1;
		len -= n;
	}
	if (x->r.h.flags & SRC_EXEC_DELETED)
		used += sprintf(to.path + used, " (deleted)");
	if (x->r.h.flags & SRC_EXEC_CUT) {
		/* Too long: if it still runs, the kernel can tell. */
		snprintf(link, sizeof(link), "/proc/%d/exe", x->r.h.pid);
		got = readlink(link, to.path, SRC_PATH - 1);
		used = got > 0 ? got : 0;
		memset(to.path + used, 0, sizeof(to.path) - used);
	}
	to.r.pathlen = used ? used + 1 : 0;
	to.r.h.len = sizeof(to.r) + ((to.r.pathlen + 7) & ~7U);
	afar_exec(&to.r);
}

/* What became of a child, or of one that has children. */
static void on_life(struct client *c, void *data, size_t size)
{
	struct ctl_rec *h = data;
	struct src_birth *b = data;
	struct ctl_rec_exit *x = data;
	struct src_exec *e = data;
	bool group, last;

	switch (h->type) {
	case CTL_REC_FORK:
		if (size != sizeof(*b))
			return;
		h->len = sizeof(b->r);
		afar_birth(c, &b->r, b->start, b->vfork);
		return;
	case CTL_REC_EXIT:
		if (size != sizeof(*x))
			return;
		group = h->flags & SRC_EXIT_GROUP;
		h->flags = 0;
		afar_exit(c, x, group);
		return;
	case CTL_REC_EXEC:
		if (size < sizeof(e->r) || e->r.pathlen > size - sizeof(e->r) ||
		    e->r.pathlen > sizeof(e->names))
			return;
		on_exec(e);
		return;
	case CTL_REC_SIGNAL:
		if (size != sizeof(struct ctl_rec_signal))
			return;
		last = h->flags & SRC_SIGNAL_FATAL;
		h->flags = 0;
		afar_signal(data, last);
		return;
	}
}

static int on_record(void *ctx, void *data, size_t size)
{
	static uint64_t copy[CTL_REC_BYTES / 8];
	struct source *src = ctx;
	struct client *c = src->client;
	struct ctl_rec *h = (void *)copy;

	if (size < sizeof(*h) || size > sizeof(copy) ||
	    ((struct ctl_rec *)data)->len != size)
		return 0;
	/* The ring is mapped for reading only. */
	memcpy(copy, data, size);
	src->count++;
	if (h->type != CTL_REC_SYSCALL && h->type != CTL_REC_SYSENTRY)
		on_life(c, copy, size);
	else if (size >= sizeof(struct ctl_rec_syscall))
		on_call(src, (void *)copy);
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

static bool is_full(const struct source *src)
{
	return src->skel->bss->full ||
	       (src->family && src->family->bss->full);
}

void source_drain(struct client *c, bool all)
{
	struct source *src = c->source;
	uint64_t lost;
	int r = 0;

	if (!src || src->draining)
		return;
	src->all = all;
	src->draining = true;
	if (all || list_empty(&c->backlog))
		r = ring_buffer__consume(src->ring);
	src->all = src->draining = false;
	lost = __atomic_load_n(&src->skel->bss->lost, __ATOMIC_RELAXED);
	if (src->family)
		lost += __atomic_load_n(&src->family->bss->lost,
					__ATOMIC_RELAXED);
	if (lost != src->lost) {
		record_lost(c, lost - src->lost);
		src->lost = lost;
	}
	if (r == -EAGAIN || !list_empty(&c->backlog)) {
		if ((is_full(src) ||
		     c->backlog_len >= SRC_RING_BYTES / 2) &&
		    !(c->ring.flags & CTL_RING_DROP))
			throttle(c, true);
		return;
	}
	if (is_full(src) || src->throttling) {
		src->skel->bss->full = 0;
		if (src->family)
			src->family->bss->full = 0;
		throttle(c, false);
	}
}

/*
 * The kernel runs no program for a thread that comes in between another's on the
 * same CPU, where that can be.  Of a child so missed nothing was recorded.
 */
static void count_missed(struct source *src)
{
	struct bpf_program *prog;
	struct bpf_prog_info info;
	uint64_t missed = 0;
	uint32_t len;

	bpf_object__for_each_program(prog, src->family->obj) {
		memset(&info, 0, sizeof(info));
		len = sizeof(info);
		if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info,
					   &len) == 0)
			missed += info.recursion_misses;
	}
	if (missed > src->missed)
		record_lost(src->client, missed - src->missed);
	src->missed = missed;
}

static void wake_at(struct source *src, uint64_t mark)
{
	src->skel->data->wake_mark = mark;
	if (src->family)
		src->family->data->wake_mark = mark;
}

/* Woken: from now on look from time to time, until nothing comes. */
static void look(struct source *src)
{
	src->count = 0;
	source_drain(src->client, false);
	if (src->family)
		count_missed(src);
	if (src->count || !list_empty(&src->client->backlog)) {
		wake_at(src, MARK_BYTES);
		src->next = now_ns() + FLUSH_NS;
		keeper_timer(src->next);
	} else {
		wake_at(src, 1);
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

static void trace(struct client *c, pid_t pid, bool on)
{
	uint64_t *word = &c->source->traced[pid / 64];
	uint64_t bit = 1ULL << (pid % 64);

	/* BPF does the same, with others. */
	if (on)
		__atomic_fetch_or(word, bit, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(word, ~bit, __ATOMIC_RELAXED);
}

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

void source_stranger(struct lwp *l)
{
	struct stranger *s;
	struct cover *cv;

	if (!l->heir && !l->since)
		return;
	list_for_each(cv, &l->proc->covers, by_proc) {
		struct source *src = cv->client->source;

		if (!src || !src->handover || !(s = malloc(sizeof(*s))))
			continue;
		s->tid = l->tid;
		s->until = l->heir ? now_ns() : l->since;
		list_add_tail(&s->link, &src->strangers);
	}
}

void source_forget(struct lwp *l)
{
	source_stranger(l);
	while (!list_empty(&l->helds))
		held_free(list_entry(l->helds.next, struct held, link));
}

void source_final(struct client *c, struct lwp *l)
{
	held_put(c, l);
}

void source_death(struct client *c, struct lwp *l)
{
	source_drain(c, true);
	held_put(c, l);
	/* It may have died just before its process was traced: BPF has not seen
	 * to that. */
	if ((l->heir == c || l->state == LWP_NEW) && l->proc->nlwp == 1)
		trace(c, l->proc->pid, false);
}

/* -- set-up --------------------------------------------------------------- */

void source_add(struct client *c, struct proc *p)
{
	trace(c, p->pid, true);
}

void source_remove(struct client *c, struct proc *p)
{
	/* BPF has seen to it, and the number may be a child's by now. */
	if (!c->source->family || !c->source->family->bss->family)
		trace(c, p->pid, false);
}

void source_disown(struct client *c, pid_t pid)
{
	trace(c, pid, false);
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
	struct stranger *s, *tmp;

	if (!src)
		return;
	list_for_each_safe(s, tmp, &src->strangers, link)
		free(s);
	if (src->ring)
		ring_buffer__free(src->ring);
	if (src->programs)
		munmap(src->programs, SRC_PROGRAMS * sizeof(*src->programs));
	if (src->traced)
		munmap(src->traced, SRC_PIDS / 8);
	family_bpf__destroy(src->family);
	source_bpf__destroy(src->skel);
	free(src);
}

/* Made by a thread of its own, for the first who asks. */
static pthread_t maker;
static bool making, following;
static int made = -1;		/* an eventfd: it is done */
static struct client *awaiting; /* who has not waited for it; made is polled */

void source_close(struct client *c)
{
	struct source *src = c->source;
	struct cover *cv;
	struct proc *p;
	struct lwp *l;

	if (awaiting == c)
		awaiting = NULL;
	if (!src)
		return;
	/* Where ptrace goes on with it, what was recorded so far comes first. */
	source_drain(c, true);
	afar_end(c);
	throttle(c, false);
	list_for_each(cv, &c->covers, by_client)
		list_for_each(l, &cv->proc->lwps, link)
			held_put(c, l);
	if (src->handover)
		list_for_each(p, &procs, link)
			list_for_each(l, &p->lwps, link) {
				if (l->heir == c)
					l->heir = NULL;
				l->since = 0;
			}
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

/* Before the object is loaded: another shares it. */
static int make_map(struct bpf_map *map)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts,
		    .map_flags = bpf_map__map_flags(map));
	int fd, err;

	fd = bpf_map_create(bpf_map__type(map), bpf_map__name(map),
			    bpf_map__key_size(map), bpf_map__value_size(map),
			    bpf_map__max_entries(map), &opts);
	if (fd < 0)
		return -errno;
	err = bpf_map__reuse_fd(map, fd);
	close(fd);
	return err;
}

static struct family_bpf *make_family(const struct source *src)
{
	struct family_bpf *f = family_bpf__open();

	if (!f)
		return NULL;
	if (btf_offsets(&f->bss->offsets) &&
	    bpf_map__reuse_fd(f->maps.ring,
			      bpf_map__fd(src->skel->maps.ring)) == 0 &&
	    bpf_map__reuse_fd(f->maps.traced,
			      bpf_map__fd(src->skel->maps.traced)) == 0 &&
	    family_bpf__load(f) == 0)
		return f;
	family_bpf__destroy(f);
	return NULL;
}

static void *prepare_family(void *src)
{
	return make_family(src);
}

/*
 * All that takes long and does not depend on whose it will be; NULL: errno.
 * follow: what is needed for children, too, beside that.
 */
static struct source *make(bool follow)
{
	struct source *src = calloc(1, sizeof(*src));
	void *family = NULL;
	int err = -ENOMEM;
	pthread_t t;

	if (!src)
		goto fail;
	list_init(&src->strangers);
	src->skel = source_bpf__open();
	if (!src->skel) {
		err = -errno;
		goto fail;
	}
	err = make_map(src->skel->maps.ring);
	if (!err)
		err = make_map(src->skel->maps.traced);
	if (err)
		goto fail;
	follow = follow && pthread_create(&t, NULL, prepare_family, src) == 0;
	err = source_bpf__load(src->skel);
	if (follow)
		pthread_join(t, &family);
	src->family = family;
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

bool source_family(struct client *c)
{
	struct source *src = c->source;

	if (!src->family)
		src->family = make_family(src);
	if (!src->family)
		return false;
	/* (After the others: of a thread's end its last call is told first.) */
	if (!src->family->links.born && family_bpf__attach(src->family) < 0) {
		family_bpf__destroy(src->family);
		src->family = NULL;
		return false;
	}
	src->family->data->wake_mark = src->skel->data->wake_mark;
	src->family->bss->family = 1;
	return true;
}

void source_family_end(struct client *c)
{
	c->source->family->bss->family = 0;
	source_drain(c, true);
}

static void *prepare(void *arg)
{
	struct source *src = make(following);
	const uint64_t one = 1;

	(void)arg;
	if (write(made, &one, sizeof(one)) < 0)
		return src; /* there is none: nobody has gone on without us */
	return src;
}

void source_prepare(bool follow)
{
	sigset_t all, old;

	if (source_allowed() < 0)
		return;
	libbpf_set_print(quiet);
	/* Signals are the tracer's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	following = follow;
	made = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
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

static bool is_made(void)
{
	struct pollfd p = { .fd = made, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

bool source_end(void)
{
	if (making && !is_made())
		return false;
	source_free(prepared());
	return true;
}

/* Have src record for c; it is freed if that cannot be. */
static int begin(struct client *c, struct source *src)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	struct cover *cv;
	unsigned k;
	int err = 0;

	src->client = c;
	ev.data.u64 = (uintptr_t)c | IO_SOURCE;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD,
		      ring_buffer__epoll_fd(src->ring), &ev) < 0) {
		err = -errno;
		goto fail;
	}
	c->source = src;
	for (k = 0; c->captures && k < CTL_CAPTURES; k++)
		if (c->captures[k] && (err = source_program(c, k)))
			break;
	source_select(c);
	if (!err)
		err = source_bpf__attach(src->skel);
	if (!err) {
		/* Now that whose beginning is seen has its end seen, too. */
		list_for_each(cv, &c->covers, by_client)
			if (!cv->proc->gone)
				source_add(c, cv->proc);
		keeper_hurry();
		return 0;
	}
	c->source = NULL;
fail:
	klog("bpf: not used: %s", strerror(-err));
	source_free(src);
	return err;
}

int source_open(struct client *c)
{
	struct source *src;
	int err;

	err = source_allowed();
	if (err)
		return err;
	libbpf_set_print(quiet);
	src = awaiting ? NULL : prepared();
	if (!src)
		src = make(false);
	if (!src) {
		err = -errno;
		klog("bpf: not used: %s", strerror(-err));
		return err;
	}
	return begin(c, src);
}

/* -- the handover --------------------------------------------------------- */

/* There is one thread to be recorded, and it has not been set running yet. */
static bool not_begun(const struct proc *p)
{
	return procs.next == &p->link && procs.prev == &p->link &&
	       p->nlwp == 1 &&
	       list_entry(p->lwps.next, struct lwp, link)->state == LWP_STOPPED;
}

bool source_await(struct client *c)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &made };

	if (awaiting)
		return awaiting == c;
	/* (Times are compared.) */
	if (!making || made < 0 || is_made() || c->tid || !not_begun(c->proc) ||
	    !source_same_time() ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, made, &ev) < 0)
		return false;
	awaiting = c;
	return true;
}

bool source_awaited(void)
{
	return awaiting;
}

const void *source_tag(void)
{
	return &made;
}

static bool wants_calls(const struct client *c)
{
	return c->record.events & (1U << CTL_REC_SYSCALL | 1U << CTL_REC_SYSENTRY);
}

void source_arrived(void)
{
	struct client *c = awaiting;
	struct source *src;
	struct cover *cv;
	struct lwp *l;

	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, made, NULL);
	awaiting = NULL;
	src = prepared();
	if (!src || !c || c->dead || c->invalid || !wants_calls(c)) {
		source_free(src);
		return;
	}
	src->handover = true;
	if (begin(c, src) < 0)
		return;
	/* One that has not been in its program yet is BPF's from its birth on. */
	list_for_each(cv, &c->covers, by_client)
		list_for_each(l, &cv->proc->lwps, link)
			if (l->state != LWP_NEW)
				l->heir = c;
	afar_begin(c);
}

bool source_records(const struct client *c, const struct lwp *l)
{
	return c->source && l->heir != c;
}

void source_call_ended(struct lwp *l)
{
	if (!l->heir || restarts(l->ret))
		return;
	l->heir = NULL;
	l->since = now_ns();
}
#endif
