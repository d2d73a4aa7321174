// SPDX-License-Identifier: GPL-2.0-only
/*
 * probe.c - probes, by uprobes.
 *
 * A uprobe is the kernel's: a breakpoint at an offset of a file, in every
 * process that maps it and is wanted (the consumer's filter).  The kernel puts
 * it in and takes it out, steps over the instruction, counts the semaphore
 * (ref_ctr), and calls the consumer's handler in the thread that came by, where
 * it may sleep.  So the address that a controller names is looked up in the
 * target's mappings, and only that one address space is wanted.
 *
 * Where there can be no uprobe, trap.c has breakpoints; what follows from one is
 * looked for in the task work.
 *
 * Text belongs to an address space.  A forked child has copies of breakpoints
 * and semaphores: it takes them out before its first instruction, or, if it is
 * followed, has the same probes enabled for itself (at its first task work).
 * A vforked one runs on its parent's and reports nothing unless it is followed.
 *
 * A thread that is being killed cannot touch another's memory: breakpoints that
 * it were to take out would stay, and kill.  So all that puts them in and takes
 * them out is done by a worker, for which whoever asks waits (ctl_in_worker()).
 *
 * Neither handlers nor the hooks may wait for probe_mutex: its holder waits for
 * them.  Whatever ends a probe where it cannot sleep marks it (dying), and a
 * work takes it out.  What a hit means is in hit.c.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/pid_namespace.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "insn.h"
#include "hit.h"

/* -- the worker ----------------------------------------------------------- */

struct errand {
	struct work_struct work;
	void (*fn)(void *arg);
	void *arg;
};

static void run_errand(struct work_struct *w)
{
	struct errand *e = container_of(w, struct errand, work);

	e->fn(e->arg);
}

void ctl_in_worker(void (*fn)(void *arg), void *arg)
{
	struct errand e = { .fn = fn, .arg = arg };

	INIT_WORK_ONSTACK(&e.work, run_errand);
	queue_work(ctl_wq, &e.work);
	flush_work(&e.work);
	destroy_work_on_stack(&e.work);
}

/* -- memory --------------------------------------------------------------- */

static int count(struct mm_struct *mm, u64 addr, int n)
{
	u16 v;

	if (!ctl_peek(mm, addr, &v, sizeof(v)))
		return -EFAULT;
	if (n < 0 && !v)
		return 0; /* somebody took it back */
	v += n;
	return ctl_poke(mm, addr, &v, sizeof(v)) ? 0 : -EFAULT;
}

/*
 * What file lies at addr, and where in it; with a reference.  A uprobe goes
 * where text may be, privately and not writable, a counter where variables are.
 */
static int locate(struct mm_struct *mm, u64 addr, bool text, struct file **file,
		  loff_t *offset)
{
	struct vm_area_struct *vma;
	int err = -EFAULT;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = find_vma(mm, addr);
	if (!vma || vma->vm_start > addr)
		goto out;
	err = -EOPNOTSUPP;
	if (!vma->vm_file ||
	    (text ? (vma->vm_flags & (VM_HUGETLB | VM_MAYEXEC | VM_MAYSHARE |
				      VM_WRITE)) != VM_MAYEXEC :
		    (vma->vm_flags & (VM_WRITE | VM_SHARED)) != VM_WRITE))
		goto out;
	*file = get_file(vma->vm_file);
	*offset = ((loff_t)vma->vm_pgoff << PAGE_SHIFT) +
		  (addr - vma->vm_start);
	err = 0;
out:
	mmap_read_unlock(mm);
	return err;
}

int ctl_text_at(struct mm_struct *mm, u64 addr, struct file **file,
		loff_t *offset)
{
	return locate(mm, addr, true, file, offset);
}

/* -- what there is -------------------------------------------------------- */

void ctl_probe_mark(struct ctl_proc *proc, struct probe *q)
{
	lockdep_assert_held(&proc->lock);
	q->dying = true;
	kref_get(&proc->ref);
	if (!queue_work(ctl_wq, &proc->probe_work))
		ctl_proc_put(proc); /* never the last */
}

struct probe *ctl_probe_find(struct ctl_proc *proc, u32 id)
{
	struct probe *q;

	lockdep_assert_held(&proc->probe_mutex);
	list_for_each_entry(q, &proc->probes, link)
		if (q->id == id && !READ_ONCE(q->dying))
			return q;
	return NULL;
}

/* 0: none.  1: about to go.  2: enabled. */
int ctl_probes_state(struct ctl_proc *proc)
{
	struct probe *q;
	int st = proc->reaping;

	lockdep_assert_held(&proc->lock);
	list_for_each_entry(q, &proc->probes, link)
		st = q->dying ? max(st, 1) : 2;
	return st;
}

void ctl_int3_hide(u64 at, u8 old, u64 addr, u8 *buf, u32 n)
{
	if (at - addr < n && buf[at - addr] == CTL_INT3)
		buf[at - addr] = old;
}

/*
 * The kernel executes what it found at a site, and restores that: another byte
 * there cannot be had.
 */
int ctl_int3_keep(u64 at, u8 old, u64 addr, u8 *buf, u32 n)
{
	u8 was;

	if (at - addr >= n)
		return 0;
	was = buf[at - addr];
	buf[at - addr] = CTL_INT3;
	return was == old || was == CTL_INT3 ? 0 : -EBUSY;
}

bool ctl_int3_restore(struct mm_struct *mm, u64 at, u8 old)
{
	u8 now;

	/* Unmapped meanwhile, or written over: then it is not ours. */
	return ctl_peek(mm, at, &now, 1) && now == CTL_INT3 &&
	       ctl_poke(mm, at, &old, 1);
}

/* Let buf, n bytes that were read at addr, look as without us. */
void ctl_probe_hide(struct ctl_proc *proc, u64 addr, u8 *buf, u32 n)
{
	struct probe *q;
	struct part *part;
	struct site *s;

	spin_lock_irq(&proc->lock);
	list_for_each_entry(q, &proc->probes, link) {
		for_each_site(q, part, s)
			if (s->in)
				ctl_int3_hide(s->s->address, s->old, addr, buf,
					      n);
		ctl_landings_hide(q, addr, buf, n);
	}
	spin_unlock_irq(&proc->lock);
}

/* n bytes at buf are about to be written to addr: keep the breakpoints. */
int ctl_probe_keep(struct ctl_proc *proc, u64 addr, u8 *buf, u32 n)
{
	struct probe *q;
	struct part *part;
	struct site *s;
	int err = 0;

	spin_lock_irq(&proc->lock);
	list_for_each_entry(q, &proc->probes, link) {
		for_each_site(q, part, s)
			if (s->in)
				err |= ctl_int3_keep(s->s->address, s->old,
						     addr, buf, n);
		err |= ctl_landings_keep(q, addr, buf, n);
	}
	spin_unlock_irq(&proc->lock);
	return err;
}

/* -- out ------------------------------------------------------------------ */

static void part_free(struct part *part)
{
	unsigned int i;

	for (i = 0; i < part->op->nsites; i++)
		if (part->site[i].file)
			fput(part->site[i].file);
	kvfree(part->op);
	kvfree(part);
}

static void uprobe_remove(struct site *s, struct mm_struct *mm)
{
	ctl_uprobe_unregister(&s->up);
	if (s->early)
		ctl_early_put(mm, s->s->address);
}

static void part_remove(struct ctl_proc *proc, struct part *part,
			struct mm_struct *mm)
{
	struct site *s;

	for (s = part->site; s < part->site + part->nsites; s++)
		if (s->in && s->trap)
			ctl_trap_put(proc, mm, s->s->address);
		else if (s->in)
			uprobe_remove(s, mm);
	if (part->counted && mmget_not_zero(mm)) {
		count(mm, part->op->semaphore, -1);
		mmput(mm);
	}
}

static void probe_free(struct probe *q)
{
	struct part *part, *tmp;

	list_for_each_entry_safe(part, tmp, &q->parts, link)
		part_free(part);
	ctl_landings_free(q);
	mmdrop(q->mm);
	put_pid_ns(q->ns);
	kfree(q);
}

/* Take out what is dying, and wait for the last handler. */
static void reap(struct ctl_proc *proc)
{
	struct probe *q, *tmp;
	struct part *part;
	LIST_HEAD(dead);

	lockdep_assert_held(&proc->probe_mutex);
	spin_lock_irq(&proc->lock);
	list_for_each_entry_safe(q, tmp, &proc->probes, link)
		if (q->dying)
			list_move_tail(&q->link, &dead);
	proc->reaping = !list_empty(&dead);
	spin_unlock_irq(&proc->lock);
	if (list_empty(&dead))
		return;
	list_for_each_entry(q, &dead, link) {
		list_for_each_entry(part, &q->parts, link)
			part_remove(proc, part, q->mm);
		ctl_landings_remove(q);
	}
	ctl_uprobe_sync();
	list_for_each_entry_safe(q, tmp, &dead, link)
		probe_free(q);
	spin_lock_irq(&proc->lock);
	proc->reaping = false;
	spin_unlock_irq(&proc->lock);
}

static void lock_and_reap(void *arg)
{
	struct ctl_proc *proc = arg;

	mutex_lock(&proc->probe_mutex);
	reap(proc);
	mutex_unlock(&proc->probe_mutex);
}

void ctl_probes_reap(struct ctl_proc *proc)
{
	if (READ_ONCE(proc->probed))
		ctl_in_worker(lock_and_reap, proc);
}

static void reap_work(struct work_struct *w)
{
	struct ctl_proc *proc = container_of(w, struct ctl_proc, probe_work);

	lock_and_reap(proc);
	ctl_gc_kick();
	ctl_proc_put(proc);
}

void ctl_probes_init(struct ctl_proc *proc)
{
	mutex_init(&proc->probe_mutex);
	INIT_LIST_HEAD(&proc->probes);
	INIT_LIST_HEAD(&proc->graves);
	INIT_WORK(&proc->probe_work, reap_work);
}

/* No thread shall stop for q any more.  Has one? */
static bool forget_stops(struct ctl_proc *proc, struct probe *q)
{
	struct ctl_lwp *lwp;
	bool stopped = false;

	list_for_each_entry(lwp, &proc->lwps, link) {
		if (lwp->probe_hold == q->id)
			lwp->probe_hold = 0;
		if (lwp->held && lwp->why == PR_PROBE && lwp->what == q->id)
			stopped = true;
	}
	return stopped;
}

/* Those of the process itself, or all: it has other memory now, or none. */
void ctl_probes_end(struct ctl_proc *proc, bool all)
{
	struct probe *q;

	lockdep_assert_held(&proc->lock);
	list_for_each_entry(q, &proc->probes, link)
		if (!q->dying && (all || !q->owner)) {
			ctl_probe_mark(proc, q);
			forget_stops(proc, q);
		}
}

/* h closes: its probes end, here and in followed children. */
void ctl_probes_end_of(struct ctl_handle *h)
{
	struct ctl_proc *proc;
	struct probe *q;
	bool stopped;

	lockdep_assert_held(&ctl_mutex);
	spin_lock_irq(&ctl_procs_lock);
	list_for_each_entry(proc, &ctl_all, all) {
		stopped = false;
		spin_lock(&proc->lock);
		list_for_each_entry(q, &proc->probes, link)
			if (q->owner == h) {
				/* One that its first hit ended may stop yet. */
				stopped |= forget_stops(proc, q);
				if (!q->dying)
					ctl_probe_mark(proc, q);
			}
		/* It stopped for nobody now. */
		if (stopped)
			ctl_proc_run(proc, 0);
		spin_unlock(&proc->lock);
	}
	spin_unlock_irq(&ctl_procs_lock);
}

static struct ctl_proc *owned_by(struct ctl_handle *h)
{
	struct ctl_proc *proc, *found = NULL;
	struct probe *q;

	spin_lock_irq(&ctl_procs_lock);
	list_for_each_entry(proc, &ctl_all, all) {
		spin_lock(&proc->lock);
		list_for_each_entry(q, &proc->probes, link)
			if (q->owner == h)
				found = proc;
		spin_unlock(&proc->lock);
		if (found) {
			ctl_proc_get(found);
			break;
		}
	}
	spin_unlock_irq(&ctl_procs_lock);
	return found;
}

/* After ctl_probes_end_of(): wait until nothing refers to h. */
void ctl_probes_drop(struct ctl_handle *h)
{
	struct ctl_proc *proc;

	/* The one that takes a probe off the list still has it in hand. */
	ctl_probes_reap(h->proc);
	while ((proc = owned_by(h)) != NULL) {
		ctl_probes_reap(proc);
		ctl_proc_put(proc);
	}
}

/* -- in ------------------------------------------------------------------- */

static int part_new(struct ctl_probe *op, struct part **result)
{
	const struct ctl_probe_site *site;
	const struct ctl_pred *pred;
	struct part *part;
	u32 i;
	int err;

	err = ctl_probe_check(op, op->size, &pred);
	if (err)
		return err;
	part = kvzalloc(struct_size(part, site, op->nsites),
			GFP_KERNEL_ACCOUNT);
	if (!part)
		return -ENOMEM;
	INIT_LIST_HEAD(&part->link);
	part->op = op;
	part->pred = pred;
	site = ctl_probe_first(op);
	for (i = 0; i < op->nsites; i++, site = ctl_site_next(site)) {
		part->site[i].part = part;
		part->site[i].s = site;
	}
	*result = part;
	return 0;
}

/* What is at the site, and may a probe be there? */
static int examine(struct ctl_proc *proc, struct mm_struct *mm, struct site *s)
{
	u8 code[15] = { 0 };
	int n = ctl_sym.access_remote_vm(mm, s->s->address, code, sizeof(code),
					 FOLL_FORCE);

	if (n <= 0)
		return -EFAULT;
	ctl_probe_hide(proc, s->s->address, code, n);
	s->old = code[0];
	if (code[0] == CTL_INT3)
		return -EBUSY;
	s->len = ctl_nop_len(code, n);
	if (!s->len && s->s->kind == CTL_SITE_ENABLED) {
		s->len = ctl_xor_len(code, n);
		s->clears_rax = s->len;
	}
	if (s->len || s->s->kind == CTL_SITE_FUNC || ctl_ret_len(code, n))
		return 0;
	return -EOPNOTSUPP;
}

/* Errors of the kernel's own, for those that dtrace_ctl.h has. */
static int uprobe_error(int err)
{
	switch (err) {
	case -ENOMEM:
	case -EINTR:
	case -ENOSYS:
		return err;
	case -EINVAL: /* two tracers disagree on the semaphore */
		return -EBUSY;
	default: /* ENOTSUPP: an instruction; EIO: a file system */
		return -EOPNOTSUPP;
	}
}

static int uprobe_insert(struct site *s, struct mm_struct *mm,
			 struct file *counter, loff_t ref)
{
	int err;

	err = locate(mm, s->s->address, true, &s->file, &s->up.offset);
	if (err)
		return err;
	/* Where it is a nop, behind it will do. */
	if ((s->part->probe->flags & CTL_PROBE_STOP) && !s->len) {
		err = ctl_early_get(mm, s->s->address);
		if (err)
			return err;
		s->early = true;
	}
	s->up.inode = file_inode(s->file);
	ctl_probe_consumer(&s->up);
	err = -EINVAL;
	if (counter && file_inode(counter) == s->up.inode) {
		err = ctl_uprobe_register(&s->up, ref);
		s->counted = !err;
	}
	/* No counter, or somebody else's uprobe there has none. */
	if (err == -EINVAL)
		err = ctl_uprobe_register(&s->up, 0);
	if (!err)
		return 0;
	if (s->early)
		ctl_early_put(mm, s->s->address);
	s->early = false;
	return uprobe_error(err);
}

static int site_insert(struct site *s, struct mm_struct *mm,
		       struct file *counter, loff_t ref)
{
	int err = -EOPNOTSUPP;

	/*
	 * A copy is of the kind that it was.  And a uprobe that fails takes out
	 * whatever breakpoint it finds.
	 */
	if (!s->trap && !ctl_trap_at(mm, s->s->address))
		err = uprobe_insert(s, mm, counter, ref);
	if (err == -EOPNOTSUPP && s->len) {
		err = ctl_trap_get(mm, s->s->address, s->old, s->len,
				   s->clears_rax);
		s->trap = !err;
	}
	s->in = !err;
	return err;
}

/* copied: mm is a fork's, with our breakpoints in it. */
static int part_insert(struct ctl_proc *proc, struct part *part,
		       struct mm_struct *mm, bool copied)
{
	u64 sem = part->op->semaphore;
	struct file *counter = NULL;
	bool counted = true;
	loff_t ref = 0;
	int err = 0;

	/* Where that cannot be, we count. */
	if (sem && !(sem & 1))
		locate(mm, sem, false, &counter, &ref);
	while (!err && part->nsites < part->op->nsites) {
		struct site *s = &part->site[part->nsites];

		if (!copied)
			err = examine(proc, mm, s);
		if (err)
			break;
		err = site_insert(s, mm, counter, ref);
		part->nsites++;
		counted &= s->counted;
	}
	if (counter)
		fput(counter);
	if (err || !sem || copied)
		return err;
	if (!counted)
		err = count(mm, sem, 1);
	part->counted = !counted && !err;
	return err;
}

static struct probe *probe_new(const struct ctl_probe *op, struct mm_struct *mm,
			       struct ctl_handle *owner,
			       struct pid_namespace *ns)
{
	struct probe *q = kzalloc(sizeof(*q), GFP_KERNEL_ACCOUNT);

	if (!q)
		return NULL;
	mmgrab(mm);
	q->mm = mm;
	q->owner = owner;
	q->owner_id = owner ? owner->id : 0;
	q->ns = get_pid_ns(ns);
	q->id = op->id;
	q->flags = op->flags & ~CTL_PROBE_MORE;
	INIT_LIST_HEAD(&q->parts);
	INIT_LIST_HEAD(&q->link);
	return q;
}

/* proc->lock held; the new part of q is seen from now on. */
static void publish(struct ctl_proc *proc, struct probe *q, struct part *part)
{
	struct probe *after;

	list_add_tail(&part->link, &q->parts);
	q->nsites += part->nsites;
	if (list_empty(&q->link)) {
		list_for_each_entry(after, &proc->probes, link)
			if (after->id > q->id)
				break;
		list_add_tail(&q->link, &after->link);
	}
	smp_store_release(&part->live, true);
}

static int enable(struct ctl_handle *h, struct mm_struct *mm, struct part *part)
{
	struct ctl_proc *proc = h->proc;
	const struct ctl_probe *op = part->op;
	struct probe *q = ctl_probe_find(proc, op->id), *fresh = NULL;
	const struct ctl_proc *from;
	int err;

	/* A vforked child: that memory has its owner's probes. */
	rcu_read_lock();
	for (from = ctl_proc_from(proc); from; from = ctl_proc_from(from))
		if (READ_ONCE(from->mm) == mm && !READ_ONCE(from->gone))
			break;
	rcu_read_unlock();
	if (from)
		return -EBUSY;
	if (op->flags & CTL_PROBE_MORE) {
		if (!q || (q->owner && q->owner != h) || q->mm != mm ||
		    q->flags != (op->flags & ~CTL_PROBE_MORE))
			return -EINVAL;
	} else if (q) {
		return -EEXIST;
	} else {
		fresh = q = probe_new(op, mm,
				      op->flags & CTL_PROBE_HANDLE ? h : NULL,
				      h->ns);
		if (!q)
			return -ENOMEM;
	}
	part->probe = q;
	part->home = proc;
	WRITE_ONCE(proc->probed, true);
	err = part_insert(proc, part, mm, false);
	if (!err) {
		spin_lock_irq(&proc->lock);
		err = ctl_handle_error(h);
		if (!err && (proc->mm != mm || q->dying))
			err = -EFAULT; /* executed something else meanwhile */
		if (!err)
			publish(proc, q, part);
		spin_unlock_irq(&proc->lock);
	}
	if (err) {
		part_remove(proc, part, mm);
		ctl_uprobe_sync();
		if (fresh)
			probe_free(fresh);
	}
	return err;
}

struct request {
	struct ctl_handle *h;
	struct mm_struct *mm;
	struct part *part;
	u64 id;
	int err;
};

static void do_enable(void *arg)
{
	struct request *r = arg;
	struct ctl_proc *proc = r->h->proc;

	mutex_lock(&proc->probe_mutex);
	r->err = enable(r->h, r->mm, r->part);
	mutex_unlock(&proc->probe_mutex);
}

/* op, op->size bytes, is ours from now on. */
int ctl_probe_enable(struct ctl_handle *h, struct ctl_probe *op)
{
	struct request r = { .h = h };
	struct task_struct *t;

	r.err = part_new(op, &r.part);
	if (r.err) {
		kvfree(op);
		return r.err;
	}
	t = ctl_handle_task(h);
	r.mm = t ? ctl_handle_mm(h, t) : ERR_PTR(-ENOENT);
	if (t)
		put_task_struct(t);
	if (IS_ERR(r.mm)) {
		r.err = PTR_ERR(r.mm);
	} else {
		ctl_in_worker(do_enable, &r);
		mmput(r.mm);
	}
	if (r.err)
		part_free(r.part);
	return r.err;
}

static void do_disable(void *arg)
{
	struct request *r = arg;
	struct ctl_proc *proc = r->h->proc;
	struct probe *q;

	mutex_lock(&proc->probe_mutex);
	q = r->id ? ctl_probe_find(proc, r->id) : NULL;
	if (r->id && (!q || (q->owner && q->owner != r->h))) {
		r->err = -EINVAL;
	} else {
		spin_lock_irq(&proc->lock);
		if (q && !q->dying)
			ctl_probe_mark(proc, q);
		if (!r->id)
			ctl_probes_end(proc, false);
		spin_unlock_irq(&proc->lock);
		reap(proc);
	}
	mutex_unlock(&proc->probe_mutex);
}

int ctl_probe_disable(struct ctl_handle *h, u64 id)
{
	struct request r = { .h = h, .id = id };

	if (id > U32_MAX)
		return -EINVAL;
	ctl_in_worker(do_disable, &r);
	if (!r.err)
		ctl_gc_kick();
	return r.err;
}

struct ctl_proc *ctl_probe_home(struct ctl_proc *from,
				const struct mm_struct *mm)
{
	rcu_read_lock();
	for (; from; from = ctl_proc_from(from))
		if (READ_ONCE(from->mm) == mm && READ_ONCE(from->probed))
			break;
	if (from && !kref_get_unless_zero(&from->ref))
		from = NULL;
	rcu_read_unlock();
	return from;
}

/* -- fork ----------------------------------------------------------------- */

/*
 * Take what a fork copied out of current's memory.  The kernel finds no
 * breakpoint there then, when it removes the probe, and does not count down.
 */
static void clean(struct probe *q, struct mm_struct *mm)
{
	struct part *part;
	struct site *s;

	for_each_site(q, part, s)
		if (s->in && ctl_int3_restore(mm, s->s->address, s->old) &&
		    s->counted)
			count(mm, part->op->semaphore, -1);
	list_for_each_entry(part, &q->parts, link)
		if (part->counted)
			count(mm, part->op->semaphore, -1);
}

struct leaver {
	struct callback_head work;
	struct ctl_proc *from; /* a reference */
	const struct mm_struct *mm; /* of that, when it forked; compared */
};

/* In a child that nobody follows, before its first instruction. */
static void leave(struct callback_head *cb)
{
	struct leaver *v = container_of(cb, struct leaver, work);
	struct probe *q;

	if (current->mm && !mutex_lock_killable(&v->from->probe_mutex)) {
		list_for_each_entry(q, &v->from->probes, link) {
			clean(q, current->mm);
			ctl_landings_clean(q, current->mm);
		}
		ctl_traps_clean(v->from, v->mm, current->mm);
		mutex_unlock(&v->from->probe_mutex);
	}
	ctl_proc_put(v->from);
	kfree(v);
	ctl_work_end();
}

/* A child of proc's, with memory of its own; in the hook of its birth. */
void ctl_probe_born(struct ctl_proc *proc, struct task_struct *child)
{
	struct ctl_proc *home = ctl_probe_home(proc, current->mm);
	struct ctl_lwp *lwp = ctl_lwp_find(child);
	unsigned long flags;
	struct leaver *v;

	if (!home)
		return;
	if (lwp) {
		spin_lock_irqsave(&lwp->proc->lock, flags);
		lwp->adopts = home;
		lwp->adopts_mm = current->mm;
		ctl_lwp_kick(lwp);
		spin_unlock_irqrestore(&lwp->proc->lock, flags);
		return;
	}
	/* Without it, the first hit of each takes it out. */
	v = kmalloc(sizeof(*v), GFP_ATOMIC | __GFP_NOWARN);
	if (!v) {
		ctl_proc_put(home);
		return;
	}
	v->from = home;
	v->mm = current->mm;
	init_task_work(&v->work, leave);
	ctl_work_begin();
	if (ctl_sym.task_work_add(child, &v->work, TWA_RESUME)) {
		ctl_proc_put(v->from);
		kfree(v);
		ctl_work_end();
	}
}

static int adopt_part(struct ctl_proc *proc, struct probe *q,
		      const struct part *old)
{
	struct ctl_probe *op;
	struct part *part;
	unsigned int i;
	int err;

	op = kvmalloc(old->op->size, GFP_KERNEL);
	if (!op)
		return -ENOMEM;
	memcpy(op, old->op, old->op->size);
	err = part_new(op, &part);
	if (err) {
		kvfree(op);
		return err;
	}
	part->probe = q;
	part->home = proc;
	for (i = 0; i < op->nsites; i++) {
		part->site[i].old = old->site[i].old;
		part->site[i].len = old->site[i].len;
		part->site[i].trap = old->site[i].trap;
		part->site[i].clears_rax = old->site[i].clears_rax;
	}
	err = part_insert(proc, part, q->mm, true);
	if (err) {
		part_remove(proc, part, q->mm);
		ctl_uprobe_sync();
		part_free(part);
		return err;
	}
	part->counted = old->counted;
	spin_lock_irq(&proc->lock);
	publish(proc, q, part);
	spin_unlock_irq(&proc->lock);
	return 0;
}

static bool ended(const struct probe *q)
{
	return READ_ONCE(q->dying) || (q->owner && READ_ONCE(q->owner->closing));
}

static int adopt_probe(struct ctl_proc *proc, struct mm_struct *mm,
		       const struct probe *old)
{
	struct part *part = list_first_entry(&old->parts, struct part, link);
	struct probe *q;
	int err = 0;

	q = probe_new(part->op, mm, old->owner, old->ns);
	if (!q)
		return -ENOMEM;
	q->flags = old->flags;
	list_for_each_entry(part, &old->parts, link)
		if (!err)
			err = adopt_part(proc, q, part);
	/*
	 * Whoever ended the old one meanwhile may not have found this: they go
	 * through all processes with that lock held, so they are done now, or
	 * have not begun.
	 */
	spin_lock_irq(&ctl_procs_lock);
	spin_lock(&proc->lock);
	if ((err || ended(old)) && !list_empty(&q->link) && !q->dying)
		ctl_probe_mark(proc, q);
	spin_unlock(&proc->lock);
	spin_unlock_irq(&ctl_procs_lock);
	if (err && list_empty(&q->link))
		probe_free(q);
	return err;
}

struct adoption {
	struct ctl_proc *proc, *from;
	const struct mm_struct *from_mm; /* that mm is a copy of */
	struct mm_struct *mm;
};

static void do_adopt(void *arg)
{
	const struct adoption *a = arg;
	struct ctl_proc *proc = a->proc, *from = a->from;
	struct probe *q;

	WRITE_ONCE(proc->probed, true);
	mutex_lock(&from->probe_mutex);
	/* The parent's first, always. */
	mutex_lock_nested(&proc->probe_mutex, SINGLE_DEPTH_NESTING);
	/* Its calls are its own, and these may be where sites are. */
	list_for_each_entry(q, &from->probes, link)
		ctl_landings_clean(q, a->mm);
	/* First what goes: it may be where something else stays. */
	list_for_each_entry(q, &from->probes, link) {
		/* Whose handle's stops these are looks at the parent: nobody
		 * would run the child. */
		q->goes_on = !ended(q) &&
			     !(q->owner && (q->flags & CTL_PROBE_STOP));
		if (!q->goes_on)
			clean(q, a->mm);
	}
	list_for_each_entry(q, &from->probes, link)
		if (q->goes_on && adopt_probe(proc, a->mm, q))
			clean(q, a->mm);
	ctl_traps_clean(from, a->from_mm, a->mm);
	reap(proc);
	mutex_unlock(&proc->probe_mutex);
	mutex_unlock(&from->probe_mutex);
}

/* In a followed child, before its first instruction. */
void ctl_probe_adopt(struct ctl_lwp *lwp)
{
	struct adoption a = { .proc = lwp->proc, .mm = current->mm };

	spin_lock_irq(&a.proc->lock);
	a.from = lwp->adopts;
	a.from_mm = lwp->adopts_mm;
	spin_unlock_irq(&a.proc->lock);
	if (!a.from)
		return;
	if (a.mm)
		ctl_in_worker(do_adopt, &a);
	/* Not before: nothing else shows that the process is in use. */
	spin_lock_irq(&a.proc->lock);
	lwp->adopts = NULL;
	spin_unlock_irq(&a.proc->lock);
	ctl_proc_put(a.from);
}

/* -- listing -------------------------------------------------------------- */

/* One more, if there is room; returns its length. */
static size_t describe(const struct probe *q, u8 *to, size_t room)
{
	const struct part *part =
		list_first_entry(&q->parts, struct part, link);
	const char *label = (const char *)(part->pred + part->op->npred);
	struct ctl_probe_info info = {
		.len = round_up(sizeof(info) + part->op->label_len, 8),
		.id = q->id,
		.flags = q->flags,
		.nsites = q->nsites,
		.hits = atomic64_read(&q->hits),
		.lost = atomic64_read(&q->lost),
		.label_len = part->op->label_len,
	};

	if (info.len > room)
		return 0;
	memset(to, 0, info.len);
	memcpy(to, &info, sizeof(info));
	memcpy(to + sizeof(info), label, info.label_len);
	return info.len;
}

long ctl_probe_list(struct ctl_handle *h, struct ctl_probevec *v)
{
	struct ctl_proc *proc = h->proc;
	size_t room = min_t(size_t, v->size, 1U << 20), used = 0, n;
	struct probe *q;
	long err;
	u8 *buf;

	if (!h->may_read)
		return -EPERM;
	spin_lock_irq(&proc->lock);
	err = ctl_handle_error(h);
	spin_unlock_irq(&proc->lock);
	if (err)
		return err;
	buf = kvmalloc(max_t(size_t, room, 1), GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	err = mutex_lock_killable(&proc->probe_mutex);
	if (!err) {
		list_for_each_entry(q, &proc->probes, link) {
			if (q->id <= v->after || READ_ONCE(q->dying))
				continue;
			n = describe(q, buf + used, room - used);
			if (!n)
				break;
			used += n;
		}
		mutex_unlock(&proc->probe_mutex);
	}
	if (!err && copy_to_user((void __user *)(unsigned long)v->addr, buf,
				 used))
		err = -EFAULT;
	kvfree(buf);
	v->size = used;
	return err;
}

/* -- unload --------------------------------------------------------------- */

/*
 * No handle is open.  The hooks stay until a fork that copied our breakpoints
 * has given birth.
 */
void ctl_probes_exit(void)
{
	struct ctl_proc *proc;
	bool traps = false;

	mutex_lock(&ctl_mutex);
	spin_lock_irq(&ctl_procs_lock);
	list_for_each_entry(proc, &ctl_all, all) {
		spin_lock(&proc->lock);
		ctl_probes_end(proc, true);
		spin_unlock(&proc->lock);
	}
	spin_unlock_irq(&ctl_procs_lock);
	mutex_unlock(&ctl_mutex);
	flush_workqueue(ctl_wq);
	spin_lock_irq(&ctl_procs_lock);
	list_for_each_entry(proc, &ctl_all, all)
		traps |= !list_empty(&proc->graves);
	spin_unlock_irq(&ctl_procs_lock);
	if (traps)
		schedule_timeout_uninterruptible(HZ / 5);
}
