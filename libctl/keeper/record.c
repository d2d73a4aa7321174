/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.c - what goes into the rings, and the rings.
 *
 * A ring is two shared files: one page that the reader writes (its tail, its
 * wake mark) and the info page with the data, which the reader can only read.
 * The layout is that of dtrace_ctl.h; the producer's side of it is ring_put().
 *
 * Lossless (P6): when a record does not fit, it joins the client's backlog and
 * its thread is parked, still in its ptrace stop, until the reader has made
 * room.  Only that thread waits; the keeper never does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "keeper.h"
#include "source.h"
#include "uprobe.h"

#define PAGE 4096U

/* -- ring ----------------------------------------------------------------- */

static int shared_file(const char *name, size_t size, int *rofd)
{
	char path[64];
	int fd, err;

	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	/* Sealed against shrinking: a short file would be SIGBUS for us. */
	if (ftruncate(fd, size) < 0 ||
	    fcntl(fd, F_ADD_SEALS,
		  F_SEAL_SHRINK | F_SEAL_GROW | (rofd ? 0 : F_SEAL_SEAL)) < 0)
		goto fail;
	if (rofd) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		*rofd = open(path, O_RDONLY | O_CLOEXEC);
		if (*rofd < 0)
			goto fail;
	}
	return fd;
fail:
	err = -errno;
	close(fd);
	return err;
}

int ring_setup(struct client *c, const struct ctl_ring_setup *s, int fds[2])
{
	struct ring *r = &c->ring;
	struct timespec mono, real;
	int ufd, dfd, ro = -1, err;
	void *user, *info;

	if (r->user)
		return -EBUSY;
	if (s->size < CTL_RING_MIN || s->size > CTL_RING_MAX ||
	    (s->size & (s->size - 1)) || (s->flags & ~CTL_RING_DROP) ||
	    s->reserved)
		return -EINVAL;
	ufd = shared_file("ctl-ring-user", PAGE, NULL);
	if (ufd < 0)
		return ufd;
	dfd = shared_file("ctl-ring", PAGE + s->size, &ro);
	if (dfd < 0) {
		err = dfd;
		goto close_user;
	}
	user = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ufd, 0);
	if (user == MAP_FAILED) {
		err = -errno;
		goto close_data;
	}
	info = mmap(NULL, PAGE + s->size, PROT_READ | PROT_WRITE, MAP_SHARED,
		    dfd, 0);
	if (info == MAP_FAILED) {
		err = -errno;
		goto unmap_user;
	}
	/*
	 * From here on nobody gets a new writable mapping, not even by opening
	 * /proc/PID/fd/N of the read-only descriptor for writing (5.1).
	 */
	fcntl(dfd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL);
	close(dfd);

	memset(r, 0, sizeof(*r));
	r->user = user;
	r->info = info;
	r->data = (unsigned char *)info + PAGE;
	r->size = s->size;
	r->flags = s->flags;
	r->info->version = CTL_ABI_VERSION;
	r->info->flags = s->flags;
	r->info->size = s->size;
	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &real);
	r->info->epoch = (real.tv_sec - mono.tv_sec) * 1000000000LL +
			 (real.tv_nsec - mono.tv_nsec);
	fds[0] = ufd;
	fds[1] = ro;
	return 0;

unmap_user:
	munmap(user, PAGE);
close_data:
	close(dfd);
	close(ro);
close_user:
	close(ufd);
	return err;
}

void ring_free(struct client *c)
{
	struct ring *r = &c->ring;

	if (!r->user)
		return;
	munmap(r->user, PAGE);
	munmap(r->info, PAGE + r->size);
	memset(r, 0, sizeof(*r));
}

/* Believe the reader's tail only where it can be true. */
static void ring_refresh(struct ring *r)
{
	uint64_t tail = __atomic_load_n(&r->user->tail, __ATOMIC_ACQUIRE);

	if (tail - r->tail <= r->head - r->tail)
		r->tail = tail;
}

/* The head is stored: wake the reader if it asked for this, once a mark. */
static void ring_wake(struct client *c)
{
	struct ring *r = &c->ring;
	uint64_t mark, tail;

	atomic_thread_fence(memory_order_seq_cst);
	mark = __atomic_load_n(&r->user->wake, __ATOMIC_RELAXED);
	if (!mark)
		return;
	tail = __atomic_load_n(&r->user->tail, __ATOMIC_RELAXED);
	if (r->head - tail < mark ||
	    (r->woken_tail == tail && r->woken_mark == mark))
		return;
	r->woken_tail = tail;
	r->woken_mark = mark;
	client_wake(c);
}

/* Room for len bytes in one piece, head moved past the padding; or NULL. */
static void *ring_reserve(struct ring *r, unsigned len)
{
	uint64_t at = r->head & (r->size - 1), pad = 0;
	struct ctl_rec *rec;

	if (at + len > r->size)
		pad = r->size - at;
	if (r->head + pad + len - r->tail > r->size) {
		ring_refresh(r);
		if (r->head + pad + len - r->tail > r->size)
			return NULL;
	}
	if (pad) {
		/* A pad may be as short as 8 bytes: len and type only. */
		rec = (struct ctl_rec *)(void *)(r->data + at);
		rec->len = pad;
		rec->type = CTL_REC_PAD;
		rec->flags = 0;
		r->head += pad;
	}
	return r->data + (r->head & (r->size - 1));
}

static void ring_commit(struct ring *r, unsigned len)
{
	r->head += len;
	__atomic_store_n(&r->info->head, r->head, __ATOMIC_RELEASE);
}

static bool ring_store(struct ring *r, const void *rec, unsigned len)
{
	struct ctl_rec_lost lost = {
		.h = { .len = sizeof(lost), .type = CTL_REC_LOST },
	};
	unsigned need = len + (r->unreported ? sizeof(lost) : 0);
	const struct ctl_rec *h = rec;
	void *p;

	/* Both or none: a loss is told just before what comes after it. */
	p = ring_reserve(r, need);
	if (!p)
		return false;
	if (r->unreported) {
		lost.h.pid = h->pid;
		lost.h.tid = h->tid;
		lost.h.time = h->time;
		lost.count = r->unreported;
		memcpy(p, &lost, sizeof(lost));
		p = (char *)p + sizeof(lost);
		r->unreported = 0;
	}
	memcpy(p, rec, len);
	ring_commit(r, need);
	return true;
}

static void ring_put(struct client *c, struct lwp *l, const void *rec,
		     unsigned len)
{
	struct ring *r = &c->ring;
	struct pending *w;

	if (list_empty(&c->backlog) && ring_store(r, rec, len)) {
		ring_wake(c);
		return;
	}
	if (!(r->flags & CTL_RING_DROP)) {
		w = malloc(sizeof(*w) + len);
		if (w) {
			w->owner = l;
			w->len = len;
			memcpy(w->buf, rec, len);
			list_add_tail(&w->link, &c->backlog);
			c->backlog_len += len;
			if (l)
				l->npending++;
			__atomic_store_n(&r->info->blocked, 1,
					 __ATOMIC_RELAXED);
			atomic_thread_fence(memory_order_seq_cst);
			record_flush(c); /* the reader may just have read */
			return;
		}
	}
	r->unreported++;
	__atomic_store_n(&r->info->lost, r->info->lost + 1, __ATOMIC_RELAXED);
}

void record_raw(struct client *c, struct lwp *l, const void *rec, unsigned len)
{
	if (c->dead || c->invalid || (c->tid && (!l || l->tid != c->tid) &&
				      (!l || l->proc == c->proc)))
		return;
	/* BPF did not wait: its thread is not the one to be parked. */
	ring_put(c, NULL, rec, len);
}

void record_lost(struct client *c, uint64_t n)
{
	struct ring *r = &c->ring;

	r->unreported += n;
	__atomic_store_n(&r->info->lost, r->info->lost + n, __ATOMIC_RELAXED);
}

void record_flush(struct client *c)
{
	struct pending *w, *tmp;
	bool stored = false;

	if (!c->ring.user)
		return;
	list_for_each_safe(w, tmp, &c->backlog, link) {
		if (!ring_store(&c->ring, w->buf, w->len))
			break;
		stored = true;
		list_del(&w->link);
		c->backlog_len -= w->len;
		if (w->owner && --w->owner->npending == 0)
			lwp_unpark(w->owner);
		free(w);
	}
	if (list_empty(&c->backlog))
		__atomic_store_n(&c->ring.info->blocked, 0, __ATOMIC_RELAXED);
	if (stored)
		ring_wake(c);
}

void record_catch_up(struct proc *p)
{
	struct cover *cv;

	list_for_each(cv, &p->covers, by_proc)
		if (cv->client->source)
			source_drain(cv->client, true);
	uprobe_drain(true);
}

void record_drop_client(struct client *c)
{
	struct pending *w, *wtmp;
	struct draft *d, *dtmp;
	struct cover *cv, *cvtmp;
	struct lwp *l;

	list_for_each(cv, &c->covers, by_client)
		list_for_each(l, &cv->proc->lwps, link)
			list_for_each_safe(d, dtmp, &l->drafts, link)
				if (d->client == c) {
					list_del(&d->link);
					free(d->buf);
					free(d);
				}
	source_close(c);
	list_for_each_safe(cv, cvtmp, &c->covers, by_client)
		cover_free(cv);
	c->backlog_len = 0;
	list_for_each_safe(w, wtmp, &c->backlog, link) {
		list_del(&w->link);
		if (w->owner && --w->owner->npending == 0)
			lwp_unpark(w->owner);
		free(w);
	}
}

void record_forget(struct lwp *l)
{
	struct draft *d, *tmp;
	struct pending *w;
	struct client *c;

	list_for_each_safe(d, tmp, &l->drafts, link) {
		list_del(&d->link);
		free(d->buf);
		free(d);
	}
	source_forget(l);
	if (!l->npending)
		return;
	list_for_each(c, &clients, link)
		list_for_each(w, &c->backlog, link)
			if (w->owner == l)
				w->owner = NULL;
}

/* -- who records what ----------------------------------------------------- */

void cover_add(struct client *c, struct proc *p)
{
	struct cover *cv;

	list_for_each(cv, &c->covers, by_client)
		if (cv->proc == p)
			return;
	cv = calloc(1, sizeof(*cv));
	if (!cv)
		return;
	cv->client = c;
	cv->proc = p;
	list_add_tail(&cv->by_client, &c->covers);
	list_add_tail(&cv->by_proc, &p->covers);
	if (c->source && !p->afar)
		source_add(c, p);
}

void cover_free(struct cover *cv)
{
	struct proc *p = cv->proc;

	if (cv->client->source && !p->gone)
		source_remove(cv->client, p);
	list_del(&cv->by_client);
	list_del(&cv->by_proc);
	free(cv);
	proc_throttle(p);
}

/* A thread's handle records that thread; of followed children, all. */
static bool covers(const struct cover *cv, pid_t tid, unsigned type)
{
	const struct client *c = cv->client;

	return (c->record.events >> type & 1) && !c->invalid && !c->dead &&
	       (!c->tid || c->tid == tid || c->proc != cv->proc);
}

static bool by_bpf(const struct client *c, unsigned type)
{
	return c->source &&
	       (type == CTL_REC_SYSCALL || type == CTL_REC_SYSENTRY);
}

bool proc_records(struct proc *p, unsigned type)
{
	struct cover *cv;

	list_for_each(cv, &p->covers, by_proc)
		if ((cv->client->record.events >> type & 1) &&
		    !by_bpf(cv->client, type))
			return true;
	return false;
}

static void fill_header(struct ctl_rec *h, const struct lwp *l, unsigned type,
			unsigned len, uint64_t time)
{
	h->len = len;
	h->type = type;
	h->flags = 0;
	h->pid = l->proc->pid;
	h->tid = l->tid;
	h->time = time;
}

/* The record is the same for everyone who wants it. */
static void put_all(struct lwp *l, const void *rec)
{
	const struct ctl_rec *h = rec;
	struct cover *cv;

	list_for_each(cv, &l->proc->covers, by_proc)
		if (covers(cv, l->tid, h->type))
			ring_put(cv->client, l, rec, h->len);
}

/* BPF's word, in order by itself; nobody waits who could be parked. */
void record_told(struct proc *p, const struct ctl_rec *r)
{
	const struct ctl_rec_signal *g = (const void *)r;
	struct cover *cv;

	list_for_each(cv, &p->covers, by_proc) {
		const struct ctl_record *w = &cv->client->record;

		if (covers(cv, r->tid, r->type) &&
		    (r->type != CTL_REC_SIGNAL ||
		     w->signals & CTL_SIGBIT(g->signo)) &&
		    (r->type != CTL_REC_FAULT ||
		     w->faults & CTL_FLTBIT(g->fault)))
			ring_put(cv->client, NULL, r, r->len);
	}
}

/* -- system calls --------------------------------------------------------- */

static struct draft *draft_of(struct lwp *l, struct client *c)
{
	struct draft *d;

	list_for_each(d, &l->drafts, link)
		if (d->client == c)
			return d;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->buf = malloc(CTL_REC_BYTES);
	if (!d->buf) {
		free(d);
		return NULL;
	}
	d->client = c;
	list_add_tail(&d->link, &l->drafts);
	return d;
}

static void draft_begin(struct draft *d, const struct lwp *l, unsigned flags)
{
	struct ctl_rec_syscall *r = (void *)d->buf;

	fill_header(&r->h, l, CTL_REC_SYSCALL, 0, l->entry_time);
	r->h.flags = flags;
	r->nr = l->nr;
	r->abi = l->abi;
	r->ncap = 0;
	memcpy(r->arg, l->arg, sizeof(r->arg));
	r->ret = 0;
	r->elapsed = 0;
	d->len = sizeof(*r);
	d->ncap = 0;
}

/*
 * The call could not read something, and we read more than the process may: what
 * was captured at its entry may be what it has not seen.
 */
static void capture_again(struct lwp *l, struct draft *d)
{
	d->len = sizeof(struct ctl_rec_syscall);
	d->ncap = 0;
	l->proc->as_itself = true;
	capture_run(l, d, CTL_AT_ENTRY, 0);
	l->proc->as_itself = false;
}

static bool selects(const struct client *c, const struct lwp *l)
{
	return ctl_sysset_has(&c->record.calls, l->abi, l->nr);
}

void record_entry(struct lwp *l)
{
	struct ctl_rec_syscall *r;
	struct cover *cv;
	struct draft *d;

	list_for_each(cv, &l->proc->covers, by_proc) {
		struct client *c = cv->client;

		if (source_records(c, l) || !(covers(cv, l->tid, CTL_REC_SYSCALL) ||
		      covers(cv, l->tid, CTL_REC_SYSENTRY)) ||
		    !selects(c, l))
			continue;
		d = draft_of(l, c);
		if (!d)
			continue;
		draft_begin(d, l, 0);
		capture_run(l, d, CTL_AT_ENTRY, 0);
		if (covers(cv, l->tid, CTL_REC_SYSENTRY)) {
			r = (void *)d->buf;
			r->h.type = CTL_REC_SYSENTRY;
			r->h.len = d->len;
			r->ncap = d->ncap;
			ring_put(c, l, r, d->len);
			r->h.type = CTL_REC_SYSCALL;
		}
	}
}

void record_exit(struct lwp *l, int64_t ret, unsigned flags)
{
	struct ctl_rec_syscall *r;
	uint64_t now = now_ns();
	struct cover *cv;
	struct draft *d;

	list_for_each(cv, &l->proc->covers, by_proc) {
		struct client *c = cv->client;
		bool by_bpf = source_records(c, l);

		if (!covers(cv, l->tid, CTL_REC_SYSCALL) || !selects(c, l))
			continue;
		/* A call that was aborted never reaches BPF. */
		if (by_bpf && !(flags & CTL_RECF_ABORTED))
			continue;
		source_drain(c, true); /* what came before it */
		d = draft_of(l, c);
		if (!d)
			continue;
		if (!d->len) {
			draft_begin(d, l, by_bpf ? 0 : CTL_RECF_NOENTRY);
			/* Not made: all is as it was at its entry. */
			if (by_bpf)
				capture_run(l, d, CTL_AT_ENTRY, 0);
		}
		r = (void *)d->buf;
		r->h.flags |= flags;
		r->ret = ret;
		r->elapsed = now - r->h.time;
		if (ret == -EFAULT && d->ncap)
			capture_again(l, d);
		if (!(flags & (CTL_RECF_UNFINISHED | CTL_RECF_NORETURN)))
			capture_run(l, d, CTL_AT_EXIT, ret);
		r->h.len = d->len;
		r->ncap = d->ncap;
		ring_put(c, l, r, d->len);
		d->len = 0;
	}
}

/* -- the others ----------------------------------------------------------- */

void record_signal(struct lwp *l, const siginfo_t *si, int flt, uint64_t pc)
{
	unsigned type = flt ? CTL_REC_FAULT : CTL_REC_SIGNAL;
	struct ctl_rec_signal r = { .signo = si->si_signo,
				    .fault = flt,
				    .pc = pc };
	uint64_t bit = flt ? CTL_FLTBIT(flt) : CTL_SIGBIT(si->si_signo);
	struct cover *cv;

	record_catch_up(l->proc);
	fill_header(&r.h, l, type, sizeof(r), now_ns());
	memcpy(r.info, si, sizeof(r.info));
	list_for_each(cv, &l->proc->covers, by_proc) {
		const struct ctl_record *w = &cv->client->record;

		if (covers(cv, l->tid, type) && ((flt ? w->faults : w->signals) & bit))
			ring_put(cv->client, l, &r, sizeof(r));
	}
}

void record_fork(struct lwp *l, pid_t pid, pid_t tid, unsigned kind)
{
	struct ctl_rec_fork r = { .child_pid = pid,
				  .child_tid = tid,
				  .kind = kind };

	record_catch_up(l->proc);
	fill_header(&r.h, l, CTL_REC_FORK, sizeof(r), now_ns());
	put_all(l, &r);
}

void record_exec(struct lwp *l, pid_t old)
{
	struct {
		struct ctl_rec_exec r;
		char path[4096];
	} x = { .r = { .old_tid = old } };
	char link[64];
	ssize_t n;

	record_catch_up(l->proc);
	snprintf(link, sizeof(link), "/proc/%d/exe", l->proc->pid);
	n = readlink(link, x.path, sizeof(x.path) - 1);
	x.r.pathlen = n > 0 ? n + 1 : 0;
	fill_header(&x.r.h, l, CTL_REC_EXEC,
		    sizeof(x.r) + ((x.r.pathlen + 7) & ~7U), now_ns());
	put_all(l, &x);
}

unsigned record_probe(struct lwp *l, struct client *owner,
		      struct ctl_rec_probe *r, unsigned len, unsigned flags)
{
	struct cover *cv;
	unsigned lost = 0;
	uint64_t before;

	uprobe_drain(true); /* what came before it */
	fill_header(&r->h, l, CTL_REC_PROBE, len, now_ns());
	r->h.flags = flags;
	list_for_each(cv, &l->proc->covers, by_proc) {
		struct client *c = cv->client;

		if (!covers(cv, l->tid, CTL_REC_PROBE) || (owner && owner != c))
			continue;
		source_drain(c, true); /* what came before it */
		before = c->ring.info->lost;
		ring_put(c, l, r, len);
		lost += c->ring.info->lost != before;
	}
	return lost;
}

unsigned record_uprobe(struct proc *p, struct client *owner,
		       const struct ctl_rec_probe *r)
{
	struct cover *cv;
	unsigned lost = 0;
	uint64_t before;

	list_for_each(cv, &p->covers, by_proc) {
		struct client *c = cv->client;

		if (!(c->record.events >> CTL_REC_PROBE & 1) || c->invalid ||
		    c->dead || (owner && owner != c) ||
		    (c->tid && c->tid != r->h.tid && c->proc == p))
			continue;
		before = c->ring.info->lost;
		ring_put(c, NULL, r, r->h.len);
		lost += c->ring.info->lost != before;
	}
	return lost;
}

void record_count(pid_t pid, struct client *c, uint32_t id, uint64_t hits)
{
	struct ctl_rec_count r = {
		.h = { .len = sizeof(r), .type = CTL_REC_COUNT, .pid = pid,
		       .tid = pid, .time = now_ns() },
		.id = id,
		.hits = hits,
	};

	if (c->record.events >> CTL_REC_COUNT & 1 && !c->dead)
		ring_put(c, NULL, &r, sizeof(r));
}

void record_death(struct lwp *l, int status, bool last)
{
	struct ctl_rec_exit r = { .status = status, .process = last };
	struct cover *cv;

	list_for_each(cv, &l->proc->covers, by_proc)
		if (cv->client->source)
			source_death(cv->client, l);
	uprobe_drain(true);
	uprobe_thread_died(l->tid);
	fill_header(&r.h, l, CTL_REC_EXIT, sizeof(r), now_ns());
	put_all(l, &r);
}
