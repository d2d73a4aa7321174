// SPDX-License-Identifier: GPL-2.0-only
/*
 * ring.c - handles' rings and what goes into them (dtrace_ctl.h, "ring").
 *
 * A ring is one allocation that the reader maps: a page that it may write, a
 * page that tells it where the data ends, the data.  Any number of threads put
 * records in; each does so whole, under the ring's lock, and the head moves
 * when the record is there, so a reader never sees half of one.
 *
 * Lossless (P6).  Records are made where sleeping is not allowed.  One that
 * does not fit joins the ring's backlog, and its thread, before it gets back to
 * user code, waits until the reader has made room for it (ctl_ring_wait() in
 * the task work, killable).  So each thread has at most what one pass through
 * the kernel makes, and a thread that exits leaves its last words in the
 * backlog without waiting.  If thousands do so with nobody reading, the backlog
 * has an end: what comes then is lost, and counted.
 *
 * A system call is one record, made when it is over.  What is to be captured
 * at its entry waits in a draft.  Captures in the tracepoints touch only pages
 * that are there; when one is not, the record of that handle is made in the
 * task work, where pages can be brought in.
 */
#include <linux/dcache.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/vmalloc.h>

#include "control.h"

#define BACKLOG_MAX (64UL << 20)

struct ctl_ring {
	spinlock_t lock;
	u64 size, head, tail;
	u32 flags;
	u64 unreported; /* lost since the last CTL_REC_LOST */
	u64 woken_tail, woken_mark;
	struct ctl_ring_user *user; /* the reader writes there */
	struct ctl_ring_info *info;
	u8 *data;
	wait_queue_head_t wq;
	struct list_head backlog;
	size_t backlog_bytes;
};

struct pending {
	struct list_head link;
	struct ctl_lwp *lwp; /* a reference */
	u32 len;
	u8 data[];
};

/* Where a record is put together; preemption disabled. */
static DEFINE_PER_CPU(u8 *, scratch);

/* -- set-up --------------------------------------------------------------- */

static int scratch_alloc(void)
{
	int cpu;
	u8 *p;

	lockdep_assert_held(&ctl_mutex);
	for_each_possible_cpu(cpu) {
		if (per_cpu(scratch, cpu))
			continue;
		p = vmalloc_node(CTL_REC_BYTES, cpu_to_node(cpu));
		if (!p)
			return -ENOMEM;
		per_cpu(scratch, cpu) = p;
	}
	return 0;
}

void ctl_ring_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		vfree(per_cpu(scratch, cpu));
}

int ctl_ring_setup(struct ctl_handle *h, const struct ctl_ring_setup *s)
{
	struct ctl_ring *r;
	u8 *mem;
	int err;

	lockdep_assert_held(&h->mutex);
	if (h->ring)
		return -EBUSY;
	if (s->size < CTL_RING_MIN || s->size > CTL_RING_MAX ||
	    (s->size & (s->size - 1)) || (s->flags & ~CTL_RING_DROP) ||
	    s->reserved)
		return -EINVAL;
	mutex_lock(&ctl_mutex);
	err = scratch_alloc();
	mutex_unlock(&ctl_mutex);
	if (err)
		return err;
	r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (!r)
		return -ENOMEM;
	/*
	 * Charged to whom it is made for; who wants more than there is gets an
	 * error, before others are killed for want of memory.
	 */
	mem = __vmalloc(2 * PAGE_SIZE + s->size,
			GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN |
				__GFP_RETRY_MAYFAIL);
	if (!mem) {
		kfree(r);
		return -ENOMEM;
	}
	spin_lock_init(&r->lock);
	init_waitqueue_head(&r->wq);
	INIT_LIST_HEAD(&r->backlog);
	r->size = s->size;
	r->flags = s->flags;
	r->user = (void *)mem;
	r->info = (void *)(mem + PAGE_SIZE);
	r->data = mem + 2 * PAGE_SIZE;
	r->info->version = CTL_ABI_VERSION;
	r->info->flags = s->flags;
	r->info->size = s->size;
	r->info->epoch = ktime_get_real_ns() - ktime_get_ns();
	smp_store_release(&h->ring, r);
	return 0;
}

int ctl_ring_mmap(struct ctl_handle *h, struct vm_area_struct *vma)
{
	struct ctl_ring *r = smp_load_acquire(&h->ring);
	unsigned long len = vma->vm_end - vma->vm_start, at;
	u8 *from;
	int err = 0;

	if (!r)
		return -EINVAL;
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_pgoff == 0) {
		if (len != PAGE_SIZE)
			return -EINVAL;
	} else {
		if (vma->vm_flags & (VM_WRITE | VM_EXEC))
			return -EPERM;
		ctl_vm_flags(vma, 0, VM_MAYWRITE | VM_MAYEXEC);
	}
	/* A child of the reader is not a second one. */
	ctl_vm_flags(vma, VM_DONTCOPY, 0);
	if (vma->vm_pgoff > (2 * PAGE_SIZE + r->size) / PAGE_SIZE ||
	    len > 2 * PAGE_SIZE + r->size - vma->vm_pgoff * PAGE_SIZE)
		return -EINVAL;
	from = (u8 *)r->user + vma->vm_pgoff * PAGE_SIZE;
	for (at = 0; at < len && !err; at += PAGE_SIZE)
		err = vm_insert_page(vma, vma->vm_start + at,
				     vmalloc_to_page(from + at));
	return err;
}

void ctl_ring_free(struct ctl_ring *r)
{
	if (!r)
		return;
	vfree(r->user);
	kfree(r);
}

/* -- the producer's side -------------------------------------------------- */

/* Believe the reader's tail only where it can be true. */
static void refresh(struct ctl_ring *r)
{
	u64 tail = smp_load_acquire(&r->user->tail);

	if (tail - r->tail <= r->head - r->tail)
		r->tail = tail;
}

bool ctl_ring_ready(struct ctl_handle *h)
{
	struct ctl_ring *r = smp_load_acquire(&h->ring);
	u64 mark;

	if (!r)
		return false;
	mark = READ_ONCE(r->user->wake);
	return mark && READ_ONCE(r->head) - READ_ONCE(r->user->tail) >= mark;
}

struct wait_queue_head *ctl_ring_wq(struct ctl_handle *h)
{
	struct ctl_ring *r = smp_load_acquire(&h->ring);

	return r ? &r->wq : NULL;
}

/* The head is stored: wake the reader if it asked for this, once a mark. */
static void wake_reader(struct ctl_ring *r)
{
	u64 mark, tail;

	smp_mb();
	mark = READ_ONCE(r->user->wake);
	if (!mark)
		return;
	tail = READ_ONCE(r->user->tail);
	if (r->head - tail < mark ||
	    (r->woken_tail == tail && r->woken_mark == mark))
		return;
	r->woken_tail = tail;
	r->woken_mark = mark;
	wake_up_all(&r->wq);
}

/* Room for len bytes in one piece, head moved past the padding; or NULL. */
static void *reserve(struct ctl_ring *r, u32 len)
{
	u64 at = r->head & (r->size - 1), pad = 0;
	struct ctl_rec *rec;

	if (at + len > r->size)
		pad = r->size - at;
	if (r->head + pad + len - r->tail > r->size) {
		refresh(r);
		if (r->head + pad + len - r->tail > r->size)
			return NULL;
	}
	if (pad) {
		/* A pad may be as short as 8 bytes: len and type only. */
		rec = (void *)(r->data + at);
		rec->len = pad;
		rec->type = CTL_REC_PAD;
		rec->flags = 0;
		r->head += pad;
	}
	return r->data + (r->head & (r->size - 1));
}

static bool store(struct ctl_ring *r, const void *rec, u32 len)
{
	u32 need = len + (r->unreported ? sizeof(struct ctl_rec_lost) : 0);
	const struct ctl_rec *h = rec;
	struct ctl_rec_lost *lost;
	void *p;

	/* Both or none: a loss is told just before what comes after it. */
	p = reserve(r, need);
	if (!p)
		return false;
	if (r->unreported) {
		lost = p;
		lost->h = *h;
		lost->h.len = sizeof(*lost);
		lost->h.type = CTL_REC_LOST;
		lost->h.flags = 0;
		lost->count = r->unreported;
		r->unreported = 0;
		p = lost + 1;
	}
	memcpy(p, rec, len);
	r->head += need;
	smp_store_release(&r->info->head, r->head);
	return true;
}

static void pending_done(struct pending *w)
{
	struct ctl_lwp *lwp = w->lwp;

	list_del(&w->link);
	if (atomic_dec_and_test(&lwp->npending) && READ_ONCE(lwp->roomwait))
		wake_up_process(lwp->task);
	ctl_lwp_put(lwp);
	kfree(w);
}

/* Interrupts are off: so many at a time. */
#define FLUSH_MOST 256

static void drop_pending(struct ctl_ring *r, struct pending *w)
{
	r->backlog_bytes -= w->len;
	WRITE_ONCE(r->info->blocked, r->info->blocked - 1);
	pending_done(w);
}

/* Returns whether there may be room for more. */
static bool flush(struct ctl_ring *r)
{
	struct pending *w, *tmp;
	int n = 0;

	lockdep_assert_held(&r->lock);
	list_for_each_entry_safe(w, tmp, &r->backlog, link) {
		if (n == FLUSH_MOST || !store(r, w->data, w->len))
			break;
		drop_pending(r, w);
		n++;
	}
	if (n)
		wake_reader(r);
	return n == FLUSH_MOST;
}

/* false: it was lost */
static bool put_record(struct ctl_ring *r, struct ctl_lwp *lwp,
		       const void *rec, u32 len)
{
	struct pending *w = NULL;
	unsigned long flags;
	bool kept = true;

	spin_lock_irqsave(&r->lock, flags);
	if (list_empty(&r->backlog) && store(r, rec, len)) {
		wake_reader(r);
		goto out;
	}
	if (!(r->flags & CTL_RING_DROP) &&
	    r->backlog_bytes + len <= BACKLOG_MAX)
		w = kmalloc(sizeof(*w) + len,
			    GFP_ATOMIC | __GFP_NOWARN | __GFP_ACCOUNT);
	if (!w) {
		r->unreported++;
		WRITE_ONCE(r->info->lost, r->info->lost + 1);
		kept = false;
		goto out;
	}
	/* (Nobody has been interested in it for a while: see ctl_lwp_find().) */
	if (!kref_get_unless_zero(&lwp->ref)) {
		kfree(w);
		goto out;
	}
	w->lwp = lwp;
	w->len = len;
	memcpy(w->data, rec, len);
	list_add_tail(&w->link, &r->backlog);
	r->backlog_bytes += len;
	atomic_inc(&lwp->npending);
	WRITE_ONCE(r->info->blocked, r->info->blocked + 1);
	smp_mb(); /* the reader stores tail, then looks at blocked */
	flush(r);
out:
	spin_unlock_irqrestore(&r->lock, flags);
	return kept;
}

void ctl_ring_consumed(struct ctl_handle *h)
{
	struct ctl_ring *r = smp_load_acquire(&h->ring);
	bool more = r;

	while (more) {
		spin_lock_irq(&r->lock);
		more = flush(r);
		spin_unlock_irq(&r->lock);
		cond_resched();
	}
}

void ctl_ring_purge(struct ctl_handle *h)
{
	struct ctl_ring *r = h->ring;
	struct pending *w, *tmp;
	LIST_HEAD(gone);

	if (!r)
		return;
	spin_lock_irq(&r->lock);
	/* Hooks that still hold the handle shall not make new ones. */
	r->flags |= CTL_RING_DROP;
	list_splice_init(&r->backlog, &gone);
	r->backlog_bytes = 0;
	spin_unlock_irq(&r->lock);
	list_for_each_entry_safe(w, tmp, &gone, link) {
		pending_done(w);
		cond_resched();
	}
}

void ctl_ring_forget(struct ctl_handle *h, struct ctl_lwp *lwp)
{
	struct ctl_ring *r = smp_load_acquire(&h->ring);
	struct pending *w, *tmp;

	if (!r)
		return;
	spin_lock(&r->lock);
	list_for_each_entry_safe(w, tmp, &r->backlog, link)
		if (w->lwp == lwp) {
			r->unreported++;
			WRITE_ONCE(r->info->lost, r->info->lost + 1);
			drop_pending(r, w);
		}
	spin_unlock(&r->lock);
}

void ctl_ring_wait(struct ctl_lwp *lwp)
{
	if (!atomic_read(&lwp->npending))
		return;
	WRITE_ONCE(lwp->roomwait, true);
	for (;;) {
		set_current_state(CTL_TASK_STOPPED);
		if (!atomic_read(&lwp->npending) ||
		    fatal_signal_pending(current))
			break;
		ctl_schedule_freezable();
	}
	__set_current_state(TASK_RUNNING);
	WRITE_ONCE(lwp->roomwait, false);
}

/* -- who records what ----------------------------------------------------- */

int ctl_cover_add(struct ctl_handle *h, struct ctl_proc *proc, gfp_t gfp)
{
	struct ctl_cover *cv, *o;
	unsigned long flags;
	bool have = false;

	cv = kzalloc(sizeof(*cv), gfp);
	if (!cv)
		return -ENOMEM;
	cv->h = h;
	cv->proc = ctl_proc_get(proc);
	spin_lock_irqsave(&proc->lock, flags);
	spin_lock(&h->lock);
	have = h->closing || proc->detached;
	list_for_each_entry(o, &h->covers, by_handle)
		have |= o->proc == proc;
	if (!have) {
		list_add_tail(&cv->by_handle, &h->covers);
		list_add_tail_rcu(&cv->by_proc, &proc->covers);
	}
	spin_unlock(&h->lock);
	ctl_proc_update(proc);
	spin_unlock_irqrestore(&proc->lock, flags);
	if (have) {
		ctl_proc_put(cv->proc);
		kfree(cv);
	}
	return 0;
}

void ctl_covers_drop(struct ctl_handle *h)
{
	struct ctl_cover *cv;

	for (;;) {
		spin_lock_irq(&h->lock);
		cv = list_first_entry_or_null(&h->covers, struct ctl_cover,
					      by_handle);
		if (cv)
			list_del(&cv->by_handle);
		spin_unlock_irq(&h->lock);
		if (!cv)
			return;
		spin_lock_irq(&cv->proc->lock);
		list_del_rcu(&cv->by_proc);
		ctl_proc_update(cv->proc);
		spin_unlock_irq(&cv->proc->lock);
		ctl_proc_put(cv->proc);
		kfree_rcu(cv, rcu);
	}
}

void ctl_covers_forget(struct ctl_proc *proc)
{
	struct ctl_cover *cv, *tmp;
	unsigned int n = 0;

	/* So their handles are not being closed. */
	lockdep_assert_held(&ctl_mutex);
	spin_lock_irq(&proc->lock);
	list_for_each_entry_safe(cv, tmp, &proc->covers, by_proc) {
		spin_lock(&cv->h->lock);
		list_del(&cv->by_handle);
		spin_unlock(&cv->h->lock);
		list_del_rcu(&cv->by_proc);
		kfree_rcu(cv, rcu);
		n++;
	}
	spin_unlock_irq(&proc->lock);
	while (n--)
		ctl_proc_put(proc);
}

/* What h records has changed. */
void ctl_covers_update(struct ctl_handle *h)
{
	struct ctl_proc *proc;

	lockdep_assert_held(&ctl_mutex);
	spin_lock_irq(&ctl_procs_lock);
	list_for_each_entry(proc, &ctl_all, all) {
		spin_lock(&proc->lock);
		ctl_proc_update(proc);
		spin_unlock(&proc->lock);
	}
	spin_unlock_irq(&ctl_procs_lock);
}

/* Under RCU, in ctl_on_newtask(). */
void ctl_covers_inherit(struct ctl_proc *from, struct ctl_proc *to)
{
	struct ctl_cover *cv;

	list_for_each_entry_rcu(cv, &from->covers, by_proc)
		if (!READ_ONCE(cv->blind) &&
		    ctl_cover_add(cv->h, to, GFP_ATOMIC | __GFP_NOWARN))
			pr_warn_ratelimited("out of memory: child %d is not recorded\n",
					    pid_nr(to->pid));
}

/* A thread's handle records that thread; of followed children, all. */
static bool covers(const struct ctl_cover *cv, const struct ctl_lwp *lwp,
		   unsigned int type)
{
	const struct ctl_handle *h = cv->h;

	return (READ_ONCE(h->record.events) >> type & 1) &&
	       !READ_ONCE(h->invalid) && !READ_ONCE(h->closing) &&
	       !READ_ONCE(cv->blind) &&
	       (!h->lwp || h->lwp == lwp || h->proc != cv->proc);
}

static void header(struct ctl_rec *rec, struct ctl_handle *h,
		   struct ctl_lwp *lwp, unsigned int type, u32 len, u64 time)
{
	rec->len = len;
	rec->type = type;
	rec->flags = 0;
	rec->pid = task_tgid_nr_ns(lwp->task, h->ns);
	rec->tid = task_pid_nr_ns(lwp->task, h->ns);
	rec->time = time;
}

/* -- system calls --------------------------------------------------------- */

void ctl_drafts_drop(struct ctl_lwp *lwp)
{
	struct ctl_draft *d, *tmp;

	list_for_each_entry_safe(d, tmp, &lwp->drafts, link)
		kfree(d);
	INIT_LIST_HEAD(&lwp->drafts);
}

static struct ctl_draft *draft_of(struct ctl_lwp *lwp, struct ctl_handle *h)
{
	struct ctl_draft *d;

	list_for_each_entry(d, &lwp->drafts, link)
		if (d->handle == h->id)
			return d;
	return NULL;
}

static struct ctl_draft *draft_new(struct ctl_lwp *lwp, struct ctl_handle *h,
				   u32 len)
{
	struct ctl_draft *d;

	d = kmalloc(sizeof(*d) + len, GFP_ATOMIC | __GFP_NOWARN);
	if (!d)
		return NULL;
	d->handle = h->id;
	d->retry = false;
	d->ncap = 0;
	d->late = 0;
	d->len = len;
	list_add_tail(&d->link, &lwp->drafts);
	return d;
}

static void fill_call(struct ctl_rec_syscall *r, struct ctl_lwp *lwp)
{
	r->nr = lwp->nr;
	r->abi = lwp->abi;
	r->ncap = 0;
	memcpy(r->arg, lwp->arg, sizeof(r->arg));
	r->ret = 0;
	r->elapsed = 0;
}

static bool selects(const struct ctl_handle *h, const struct ctl_lwp *lwp)
{
	return ctl_sysset_has(&h->record.calls, lwp->abi, lwp->nr);
}

static void entry_for(struct ctl_cover *cv, struct ctl_lwp *lwp)
{
	bool sysentry = covers(cv, lwp, CTL_REC_SYSENTRY);
	bool syscall = covers(cv, lwp, CTL_REC_SYSCALL);
	struct ctl_handle *h = cv->h;
	struct ctl_rec_syscall *r;
	struct ctl_draft *d;
	struct ctl_sink s = { 0 };

	if (!(sysentry || syscall) || !selects(h, lwp))
		return;
	if (!sysentry && !ctl_capture_any(h, lwp->abi, lwp->nr))
		return;
	preempt_disable();
	r = (void *)this_cpu_read(scratch);
	s.at = (u8 *)(r + 1);
	s.room = CTL_REC_BYTES - sizeof(*r);
	ctl_capture_entry(h, lwp, &s);
	if (sysentry) {
		fill_call(r, lwp);
		r->ncap = s.ncap;
		header(&r->h, h, lwp, CTL_REC_SYSENTRY, s.at - (u8 *)r,
		       lwp->entry_time);
		put_record(h->ring, lwp, r, r->h.len);
	}
	if (syscall && (s.ncap || s.late)) {
		d = draft_new(lwp, h, s.at - (u8 *)(r + 1));
		if (d) {
			d->ncap = s.ncap;
			d->late = s.late;
			memcpy(d->data, r + 1, d->len);
		}
	}
	preempt_enable();
}

void ctl_record_entry(struct ctl_lwp *lwp)
{
	struct ctl_cover *cv;

	list_for_each_entry_rcu(cv, &lwp->proc->covers, by_proc)
		entry_for(cv, lwp);
}

#define NO_RESULT (CTL_RECF_UNFINISHED | CTL_RECF_NORETURN)

/* The whole record at r.  -EFAULT: see ctl_capture_exit(). */
static int build(struct ctl_rec_syscall *r, struct ctl_handle *h,
		 struct ctl_lwp *lwp, struct ctl_draft *d, u32 flags, u64 now,
		 bool may_sleep)
{
	struct ctl_sink s = {
		.at = (u8 *)(r + 1),
		.room = CTL_REC_BYTES - sizeof(*r),
		.may_sleep = may_sleep,
	};
	pid_t tid;
	int err;

	fill_call(r, lwp);
	if (d) {
		memcpy(s.at, d->data, d->len);
		s.at += d->len;
		s.room -= d->len;
		s.ncap = d->ncap;
	}
	if (!(flags & NO_RESULT)) {
		err = ctl_capture_exit(h, lwp, &s, d ? d->late : 0);
		if (err)
			return err;
		r->ret = lwp->ret;
	}
	r->ncap = s.ncap;
	r->elapsed = now - lwp->entry_time;
	header(&r->h, h, lwp, CTL_REC_SYSCALL, s.at - (u8 *)r,
	       lwp->entry_time);
	tid = pid_nr_ns(lwp->pid, h->ns);
	if (tid)
		r->h.tid = tid;
	r->h.flags = flags | (lwp->noentry ? CTL_RECF_NOENTRY : 0);
	return 0;
}

static bool exit_for(struct ctl_cover *cv, struct ctl_lwp *lwp, u32 flags,
		     u64 now)
{
	struct ctl_handle *h = cv->h;
	struct ctl_rec_syscall *r;
	struct ctl_draft *d;
	int err;

	if (!covers(cv, lwp, CTL_REC_SYSCALL) || !selects(h, lwp))
		return true;
	preempt_disable();
	r = (void *)this_cpu_read(scratch);
	d = draft_of(lwp, h);
	err = build(r, h, lwp, d, flags, now, false);
	if (err) {
		if (!d)
			d = draft_new(lwp, h, 0);
		if (d)
			d->retry = true;
		else /* no memory: better without captures than not at all */
			err = build(r, h, lwp, NULL, flags | CTL_RECF_NORETURN,
				    now, false);
	}
	if (!err)
		put_record(h->ring, lwp, r, r->h.len);
	preempt_enable();
	return !err;
}

/* The handle that a draft was made for, if it still records this process. */
static struct ctl_handle *draft_handle(struct ctl_lwp *lwp,
				       const struct ctl_draft *d)
{
	struct ctl_handle *h = NULL;
	struct ctl_cover *cv;

	rcu_read_lock();
	list_for_each_entry_rcu(cv, &lwp->proc->covers, by_proc)
		if (cv->h->id == d->handle &&
		    covers(cv, lwp, CTL_REC_SYSCALL) &&
		    kref_get_unless_zero(&cv->h->ref)) {
			h = cv->h;
			break;
		}
	rcu_read_unlock();
	return h;
}

/* In task work: what could not be made in the tracepoint. */
static void exit_slow(struct ctl_lwp *lwp, u32 flags, u64 now)
{
	struct ctl_rec_syscall *r;
	struct ctl_handle *h;
	struct ctl_draft *d;

	r = kvmalloc(CTL_REC_BYTES, GFP_KERNEL);
	list_for_each_entry(d, &lwp->drafts, link) {
		if (!d->retry)
			continue;
		h = draft_handle(lwp, d);
		if (!h)
			continue;
		if (r && !build(r, h, lwp, d, flags, now, true))
			put_record(h->ring, lwp, r, r->h.len);
		ctl_handle_put(h);
	}
	kvfree(r);
}

bool ctl_record_exit(struct ctl_lwp *lwp, u32 flags, bool may_sleep)
{
	u64 now = ktime_get_ns();
	struct ctl_cover *cv;
	bool done = true;

	if (may_sleep) {
		exit_slow(lwp, flags, lwp->exit_time);
	} else {
		list_for_each_entry_rcu(cv, &lwp->proc->covers, by_proc)
			done &= exit_for(cv, lwp, flags, now);
		lwp->exit_time = now;
	}
	if (done)
		ctl_drafts_drop(lwp);
	return done;
}

/* -- the others ----------------------------------------------------------- */

void ctl_record_signal(struct ctl_lwp *lwp, const kernel_siginfo_t *info,
		       int flt, u64 pc)
{
	unsigned int type = flt ? CTL_REC_FAULT : CTL_REC_SIGNAL;
	u64 bit = flt ? CTL_FLTBIT(flt) : CTL_SIGBIT(info->si_signo);
	struct ctl_rec_signal r = {
		.signo = info->si_signo,
		.fault = flt,
		.pc = pc,
	};
	u64 now = ktime_get_ns();
	struct ctl_cover *cv;

	BUILD_BUG_ON(sizeof(*info) > sizeof(r.info));
	memcpy(r.info, info, sizeof(*info));
	rcu_read_lock();
	list_for_each_entry_rcu(cv, &lwp->proc->covers, by_proc) {
		const struct ctl_record *w = &cv->h->record;

		if (!covers(cv, lwp, type) ||
		    !((flt ? w->faults : w->signals) & bit))
			continue;
		header(&r.h, cv->h, lwp, type, sizeof(r), now);
		put_record(cv->h->ring, lwp, &r, sizeof(r));
	}
	rcu_read_unlock();
}

void ctl_record_fork(struct ctl_lwp *lwp, struct task_struct *child, u32 kind)
{
	struct ctl_rec_fork r = { .kind = kind };
	u64 now = ktime_get_ns();
	struct ctl_cover *cv;

	list_for_each_entry_rcu(cv, &lwp->proc->covers, by_proc) {
		if (!covers(cv, lwp, CTL_REC_FORK))
			continue;
		header(&r.h, cv->h, lwp, CTL_REC_FORK, sizeof(r), now);
		r.child_pid = task_tgid_nr_ns(child, cv->h->ns);
		r.child_tid = task_pid_nr_ns(child, cv->h->ns);
		put_record(cv->h->ring, lwp, &r, sizeof(r));
	}
}

void ctl_record_exec(struct ctl_lwp *lwp, const struct path *path)
{
	struct ctl_rec_exec *r;
	struct ctl_cover *cv;
	char *buf, *name;
	u64 now = ktime_get_ns();
	u32 n, len;
	pid_t tid;

	if (list_empty(&lwp->proc->covers))
		return;
	preempt_disable();
	r = (void *)this_cpu_read(scratch);
	if (!r)
		goto out;
	/* The path is found at the end of the buffer, and moved. */
	buf = (char *)(r + 1);
	name = d_path(path, buf, PATH_MAX);
	n = IS_ERR(name) ? 0 : strlen(name) + 1;
	memmove(buf, name, n);
	memset(buf + n, 0, 8);
	len = sizeof(*r) + round_up(n, 8);
	list_for_each_entry_rcu(cv, &lwp->proc->covers, by_proc) {
		if (!covers(cv, lwp, CTL_REC_EXEC))
			continue;
		header(&r->h, cv->h, lwp, CTL_REC_EXEC, len, now);
		tid = pid_nr_ns(lwp->pid, cv->h->ns);
		r->old_tid = tid ? tid : r->h.tid;
		r->pathlen = n;
		put_record(cv->h->ring, lwp, r, len);
	}
out:
	preempt_enable();
}

void ctl_record_death(struct ctl_lwp *lwp, int status, bool last)
{
	struct ctl_rec_exit r = { .status = status, .process = last };
	u64 now = ktime_get_ns();
	struct ctl_cover *cv;

	list_for_each_entry_rcu(cv, &lwp->proc->covers, by_proc) {
		if (!covers(cv, lwp, CTL_REC_EXIT))
			continue;
		header(&r.h, cv->h, lwp, CTL_REC_EXIT, sizeof(r), now);
		put_record(cv->h->ring, lwp, &r, sizeof(r));
	}
}

/* -- probes --------------------------------------------------------------- */

void *ctl_scratch_get(void)
{
	preempt_disable();
	return this_cpu_read(scratch);
}

void ctl_scratch_put(void)
{
	preempt_enable();
}

static bool records_probe(const struct ctl_cover *cv, const struct ctl_lwp *lwp,
			  u64 owner)
{
	return covers(cv, lwp, CTL_REC_PROBE) && (!owner || cv->h->id == owner);
}

bool ctl_probe_wanted(struct ctl_lwp *lwp, u64 owner)
{
	struct ctl_cover *cv;
	bool any = false;

	rcu_read_lock();
	list_for_each_entry_rcu(cv, &lwp->proc->covers, by_proc)
		any |= records_probe(cv, lwp, owner);
	rcu_read_unlock();
	return any;
}

u32 ctl_record_probe(struct ctl_lwp *lwp, u64 owner, struct ctl_rec_probe *r,
		     u32 len, u16 flags, u64 now)
{
	struct ctl_cover *cv;
	u32 lost = 0;

	rcu_read_lock();
	list_for_each_entry_rcu(cv, &lwp->proc->covers, by_proc) {
		if (!records_probe(cv, lwp, owner))
			continue;
		header(&r->h, cv->h, lwp, CTL_REC_PROBE, len, now);
		r->h.flags = flags;
		lost += !put_record(cv->h->ring, lwp, r, len);
	}
	rcu_read_unlock();
	return lost;
}
