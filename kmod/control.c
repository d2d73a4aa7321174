// SPDX-License-Identifier: GPL-2.0-only
/*
 * control.c - processes, threads, stop and run.
 *
 * How a thread is stopped.  task_work_add() leaves a callback with a thread,
 * to be run in that thread's own context just before it returns to user code.
 * The callback may sleep, so it simply sleeps there until it is told to run:
 * that is the stop.  Nothing is sent to the thread, nothing wakes it, nobody
 * but us can tell: no signal, no SIGCHLD for the parent, no system call ended
 * early.
 *
 * A thread that runs is interrupted by the scheduler's inter-processor
 * interrupt and gets there at once.  A thread that sleeps in the kernel is left
 * asleep.  Having the callback waiting for it, it cannot execute another
 * instruction of its program, so it is as good as stopped: a virtual stop.  If
 * what it waits for happens meanwhile it wakes, finishes its call, finds the
 * callback, and waits there; a time-out that expires, expires.
 *
 * So a thread is stopped when it is held (in the callback), or when it was
 * directed to stop and then seen asleep.  Nobody tells us that a thread falls
 * asleep; while a stop is incomplete a timer looks (settle).
 *
 * The stop ends with PCRUN, with the last close, or with SIGKILL, which the
 * sleep in the callback lets through.
 */
#include <linux/hash.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "control.h"

#define TABLE_BITS 10
static struct hlist_head proc_hash[1 << TABLE_BITS];
static struct hlist_head lwp_hash[1 << TABLE_BITS];
DEFINE_SPINLOCK(ctl_procs_lock);
static DEFINE_SPINLOCK(lwps_lock); /* innermost */
LIST_HEAD(ctl_all);

/* Callbacks queued or running: unload waits for them. */
static atomic_t works;
static DECLARE_WAIT_QUEUE_HEAD(works_wq);

static void gc_run(struct work_struct *w);
static DECLARE_DELAYED_WORK(gc_work, gc_run);

/* -- tables --------------------------------------------------------------- */

static struct hlist_head *bucket(struct hlist_head *table, const void *p)
{
	return &table[hash_ptr(p, TABLE_BITS)];
}

struct ctl_lwp *ctl_lwp_find(struct task_struct *t)
{
	struct ctl_lwp *lwp;

	hlist_for_each_entry_rcu(lwp, bucket(lwp_hash, t), hash)
		if (lwp->task == t)
			return lwp;
	return NULL;
}

struct ctl_proc *ctl_proc_find(struct pid *pid)
{
	struct ctl_proc *proc;

	hlist_for_each_entry_rcu(proc, bucket(proc_hash, pid), hash)
		if (proc->pid == pid)
			return proc;
	return NULL;
}

static void last(struct kref *ref)
{
	/* ctl_proc_put() goes on */
}

void ctl_proc_put(struct ctl_proc *proc)
{
	struct ctl_proc *from;

	/* In a loop: there may be more ancestors than there is stack. */
	while (proc && kref_put(&proc->ref, last)) {
		from = rcu_dereference_protected(proc->from, true);
		WARN_ON(!list_empty(&proc->probes));
		ctl_traps_free(proc);
		put_pid(proc->pid);
		kfree_rcu(proc, rcu);
		proc = from;
	}
}

static void lwp_free(struct kref *ref)
{
	struct ctl_lwp *lwp = container_of(ref, struct ctl_lwp, ref);

	ctl_drafts_drop(lwp);
	ctl_calls_drop(lwp);
	if (lwp->adopts)
		ctl_proc_put(lwp->adopts);
	put_pid(lwp->pid);
	put_task_struct(lwp->task);
	ctl_proc_put(lwp->proc);
	kfree_rcu(lwp, rcu);
}

void ctl_lwp_put(struct ctl_lwp *lwp)
{
	kref_put(&lwp->ref, lwp_free);
}

static void settle(struct work_struct *w);

struct ctl_proc *ctl_proc_new(struct pid *pid, gfp_t gfp)
{
	struct ctl_proc *proc = kzalloc(sizeof(*proc), gfp);

	if (!proc)
		return NULL;
	kref_init(&proc->ref);
	proc->pid = get_pid(pid);
	spin_lock_init(&proc->lock);
	INIT_LIST_HEAD(&proc->lwps);
	INIT_LIST_HEAD(&proc->handles);
	INIT_LIST_HEAD(&proc->covers);
	INIT_LIST_HEAD(&proc->all);
	init_waitqueue_head(&proc->wq);
	ctl_probes_init(proc);
	INIT_DELAYED_WORK(&proc->settle, settle);
	return proc;
}

/* The hash's reference is the caller's, given away. */
bool ctl_proc_publish(struct ctl_proc *proc)
{
	unsigned long flags;
	bool fresh;

	spin_lock_irqsave(&ctl_procs_lock, flags);
	fresh = !ctl_proc_find(proc->pid);
	if (fresh) {
		hlist_add_head_rcu(&proc->hash, bucket(proc_hash, proc->pid));
		list_add_tail(&proc->all, &ctl_all);
	}
	spin_unlock_irqrestore(&ctl_procs_lock, flags);
	return fresh;
}

static void proc_unpublish(struct ctl_proc *proc)
{
	unsigned long flags;

	spin_lock_irqsave(&ctl_procs_lock, flags);
	hlist_del_rcu(&proc->hash);
	list_del_init(&proc->all);
	spin_unlock_irqrestore(&ctl_procs_lock, flags);
}

struct ctl_lwp *ctl_lwp_new(struct ctl_proc *proc, struct task_struct *t,
			    gfp_t gfp)
{
	struct ctl_lwp *lwp = kzalloc(sizeof(*lwp), gfp);

	if (!lwp)
		return NULL;
	kref_init(&lwp->ref);
	INIT_LIST_HEAD(&lwp->drafts);
	INIT_LIST_HEAD(&lwp->calls);
	lwp->proc = ctl_proc_get(proc);
	lwp->task = get_task_struct(t);
	lwp->pid = get_pid(task_pid(t));
	return lwp;
}

/* Before it is published. */
static void lwp_set_task(struct ctl_lwp *lwp, struct task_struct *t)
{
	put_task_struct(lwp->task);
	put_pid(lwp->pid);
	lwp->task = get_task_struct(t);
	lwp->pid = get_pid(task_pid(t));
}

/* proc->lock held; the table's reference is the caller's, given away. */
bool ctl_lwp_publish(struct ctl_lwp *lwp)
{
	bool fresh;

	lockdep_assert_held(&lwp->proc->lock);
	spin_lock(&lwps_lock);
	fresh = !ctl_lwp_find(lwp->task);
	if (fresh)
		hlist_add_head_rcu(&lwp->hash, bucket(lwp_hash, lwp->task));
	spin_unlock(&lwps_lock);
	if (fresh) {
		list_add_tail(&lwp->link, &lwp->proc->lwps);
		lwp->proc->nlwp++;
	}
	return fresh;
}

/* The table's reference is the caller's now. */
void ctl_lwp_remove(struct ctl_lwp *lwp)
{
	lockdep_assert_held(&lwp->proc->lock);
	lwp->dead = true;
	lwp->held = lwp->dstop = lwp->vstop = false;
	spin_lock(&lwps_lock);
	hlist_del_rcu(&lwp->hash);
	spin_unlock(&lwps_lock);
	list_del(&lwp->link);
	lwp->proc->nlwp--;
}

/* -- the callback --------------------------------------------------------- */

void ctl_work_begin(void)
{
	atomic_inc(&works);
}

void ctl_work_end(void)
{
	if (atomic_dec_and_test(&works))
		wake_up_all(&works_wq);
}

static void at_user(struct callback_head *cb)
{
	struct ctl_lwp *lwp = container_of(cb, struct ctl_lwp, work);
	struct ctl_proc *proc = lwp->proc;
	struct ctl_regs regs;
	bool dstop, apply;

	spin_lock_irq(&proc->lock);
	lwp->queued = false;
	spin_unlock_irq(&proc->lock);
	/* A thread that is on its way out has no user code to be kept from. */
	if (current->flags & PF_EXITING)
		goto out;
	ctl_probe_adopt(lwp);
	if (ctl_probe_midway(lwp))
		goto out;
	ctl_probe_trapped(lwp);
	ctl_call_work(lwp);
	ctl_syscall_work(lwp);
	ctl_probe_work(lwp);
	ctl_signal_work(lwp);
	for (;;) {
		ctl_ring_wait(lwp);
		spin_lock_irq(&proc->lock);
		dstop = lwp->dstop;
		spin_unlock_irq(&proc->lock);
		if (!dstop || fatal_signal_pending(current))
			break;
		ctl_signal_resume(lwp, ctl_hold(lwp, PR_REQUESTED, 0));
	}
	spin_lock_irq(&proc->lock);
	apply = lwp->regs_set;
	lwp->regs_set = false;
	regs = lwp->regs;
	spin_unlock_irq(&proc->lock);
	if (apply)
		ctl_regs_apply(&regs);
	/* Asked for and armed, or taken back: never neither. */
	spin_lock_irq(&proc->lock);
	if (lwp->step_req && !lwp->dead)
		ctl_step_arm(lwp);
	lwp->step_req = false;
	spin_unlock_irq(&proc->lock);
out:
	ctl_lwp_put(lwp);
	ctl_work_end();
}

void ctl_lwp_kick(struct ctl_lwp *lwp)
{
	lockdep_assert_held(&lwp->proc->lock);
	if (lwp->queued || lwp->dead)
		return;
	kref_get(&lwp->ref);
	ctl_work_begin();
	init_task_work(&lwp->work, at_user);
	lwp->queued = true;
	if (ctl_sym.task_work_add(lwp->task, &lwp->work, TWA_RESUME) == 0)
		return;
	/* It is past its last chance to run any: it exits. */
	lwp->queued = false;
	ctl_work_end();
	ctl_lwp_put(lwp); /* never the last: the caller found it somewhere */
}

void ctl_kick(struct ctl_lwp *lwp)
{
	unsigned long flags;

	spin_lock_irqsave(&lwp->proc->lock, flags);
	ctl_lwp_kick(lwp);
	spin_unlock_irqrestore(&lwp->proc->lock, flags);
}

/* Take the callback back from a thread that sleeps.  No lock held. */
static void lwp_cancel(struct ctl_lwp *lwp)
{
	/* The call that it turned away would be lost: let it run. */
	if (READ_ONCE(lwp->entry_hold))
		return;
	if (READ_ONCE(lwp->stepping)) {
		/* On its way here, unless it sleeps: then it does not step. */
		if (!ctl_task_asleep(lwp->task))
			return;
		/* One that is gone has no stack. */
		if (!READ_ONCE(lwp->task->exit_state))
			ctl_step_disarm(lwp);
	}
	if (ctl_sym.task_work_cancel(lwp->task, at_user)) {
		ctl_lwp_put(lwp);
		ctl_work_end();
	}
}

/*
 * Is there still a reason?  Between the hook that found one and the stop the
 * last handle may have been closed (PR_RLC), and nobody would ever say PCRUN.
 */
static bool still_wanted(struct ctl_lwp *lwp, u32 why, u32 what)
{
	struct ctl_proc *proc = lwp->proc;

	lockdep_assert_held(&proc->lock);
	if (lwp->dead)
		return false;
	switch (why) {
	case PR_REQUESTED:
		return lwp->dstop;
	case PR_PROBE:
		return lwp->probe_hold == what;
	case PR_SYSENTRY:
		return ctl_sysset_has(&proc->sysentry, lwp->abi, what);
	case PR_SYSEXIT:
		return ctl_exit_wanted(lwp, what);
	case PR_SIGNALLED:
		return proc->sigtrace & CTL_SIGBIT(what);
	case PR_FAULTED:
		return (proc->flttrace & CTL_FLTBIT(what)) ||
		       (what == FLTTRACE && proc->stepped);
	}
	return false;
}

u32 ctl_hold(struct ctl_lwp *lwp, u32 why, u32 what)
{
	struct ctl_proc *proc = lwp->proc;
	u32 flags;

	spin_lock_irq(&proc->lock);
	if (!still_wanted(lwp, why, what)) {
		spin_unlock_irq(&proc->lock);
		return 0;
	}
	lwp->held = true;
	lwp->dstop = lwp->vstop = false;
	lwp->run_flags = 0;
	lwp->why = why;
	lwp->what = what;
	lwp->stop_time = ktime_get_ns();
	if (why != PR_REQUESTED && !(proc->modes & PR_ASYNC))
		ctl_proc_dstop(proc);
	wake_up_all(&proc->wq);
	spin_unlock_irq(&proc->lock);

	for (;;) {
		set_current_state(CTL_TASK_STOPPED);
		if (!READ_ONCE(lwp->held) || fatal_signal_pending(current))
			break;
		ctl_schedule_freezable();
	}
	__set_current_state(TASK_RUNNING);

	spin_lock_irq(&proc->lock);
	if (lwp->held) { /* killed */
		lwp->held = false;
		wake_up_all(&proc->wq);
	}
	flags = lwp->run_flags;
	lwp->why = lwp->what = 0;
	lwp->stop_time = 0;
	spin_unlock_irq(&proc->lock);
	return flags;
}

/* -- stop ----------------------------------------------------------------- */

static void settle_arm(struct ctl_proc *proc, unsigned int ms)
{
	proc->settle_ms = ms;
	kref_get(&proc->ref);
	if (!queue_delayed_work(ctl_wq, &proc->settle, msecs_to_jiffies(ms)))
		ctl_proc_put(proc); /* never the last */
}

void ctl_lwp_dstop(struct ctl_lwp *lwp)
{
	lockdep_assert_held(&lwp->proc->lock);
	if (lwp->held || lwp->dead || lwp->dstop)
		return;
	lwp->dstop = true;
	lwp->vstop = false;
	ctl_lwp_kick(lwp);
	settle_arm(lwp->proc, 1);
}

void ctl_proc_dstop(struct ctl_proc *proc)
{
	struct ctl_lwp *lwp;

	proc->stopping = true;
	list_for_each_entry(lwp, &proc->lwps, link)
		ctl_lwp_dstop(lwp);
}

bool ctl_lwp_stopped(struct ctl_lwp *lwp)
{
	if (lwp->held)
		return true;
	if (!lwp->dstop || lwp->dead)
		return false;
	/*
	 * The callback was queued before we look: a thread that is not running
	 * now has it in front of it, whatever it does when it wakes.
	 */
	if (!lwp->vstop && !READ_ONCE(lwp->midway) &&
	    ctl_task_asleep(lwp->task)) {
		lwp->vstop = true;
		lwp->why = PR_REQUESTED;
		lwp->what = 0;
		lwp->stop_time = ktime_get_ns();
	}
	return lwp->vstop;
}

/* All of it: every thread that can still get to user code. */
bool ctl_proc_stopped(struct ctl_proc *proc)
{
	struct ctl_lwp *lwp;
	bool any = false;

	list_for_each_entry(lwp, &proc->lwps, link) {
		if (ctl_lwp_stopped(lwp))
			any = true;
		else if (!(READ_ONCE(lwp->task->flags) & PF_EXITING))
			return false;
	}
	return any;
}

bool ctl_proc_istopped(struct ctl_proc *proc)
{
	struct ctl_lwp *lwp;

	if (!(proc->modes & PR_ASYNC))
		return ctl_proc_stopped(proc);
	list_for_each_entry(lwp, &proc->lwps, link)
		if (ctl_lwp_stopped(lwp))
			return true;
	return false;
}

/* Has somebody fallen asleep?  Look again, less and less often. */
static void settle(struct work_struct *w)
{
	struct ctl_proc *proc =
		container_of(w, struct ctl_proc, settle.work);
	struct ctl_lwp *lwp;
	bool pending = false;

	spin_lock_irq(&proc->lock);
	list_for_each_entry(lwp, &proc->lwps, link) {
		if (lwp->dstop && !lwp->vstop) {
			if (ctl_lwp_stopped(lwp))
				wake_up_all(&proc->wq);
			else
				pending = true;
			/* Turned away, and the trap did not come. */
			if (!lwp->vstop && READ_ONCE(lwp->midway))
				ctl_lwp_kick(lwp);
		}
	}
	if (pending)
		settle_arm(proc, min(proc->settle_ms * 2, 64U));
	spin_unlock_irq(&proc->lock);
	ctl_proc_put(proc);
}

static int rank(struct ctl_lwp *lwp)
{
	if (lwp->held && lwp->why != PR_REQUESTED)
		return 4;
	if (ctl_lwp_stopped(lwp))
		return thread_group_leader(lwp->task) ? 3 : 2;
	return thread_group_leader(lwp->task) ? 1 : 0;
}

struct ctl_lwp *ctl_proc_representative(struct ctl_proc *proc)
{
	struct ctl_lwp *lwp, *best = NULL;
	int r, best_rank = -1;

	list_for_each_entry(lwp, &proc->lwps, link) {
		r = rank(lwp);
		if (r > best_rank || (r == best_rank && r == 4 &&
				      lwp->stop_time < best->stop_time)) {
			best = lwp;
			best_rank = r;
		}
	}
	return best;
}

/* -- run ------------------------------------------------------------------ */

int ctl_lwp_run(struct ctl_lwp *lwp, u32 flags)
{
	lockdep_assert_held(&lwp->proc->lock);
	if (lwp->held) {
		lwp->run_flags = flags & ~PRSTEP;
		lwp->step_req = flags & PRSTEP;
		lwp->dstop = flags & PRSTOP;
		lwp->vstop = false;
		WRITE_ONCE(lwp->held, false);
		if (flags & PRSTOP)
			settle_arm(lwp->proc, 1);
		wake_up_process(lwp->task);
		return 0;
	}
	if (!lwp->dstop)
		return -EBUSY;
	if (flags & PRSTOP)
		return 0; /* it stays where it is */
	lwp->step_req = flags & PRSTEP;
	lwp->dstop = lwp->vstop = false;
	lwp->why = lwp->what = 0;
	lwp->stop_time = 0;
	/* The callback stays queued and will find nothing to do.  A thread that
	 * waits for room in a ring goes on waiting. */
	return 0;
}

int ctl_proc_run(struct ctl_proc *proc, u32 flags)
{
	struct ctl_lwp *lwp, *rep = ctl_proc_representative(proc);
	bool any = proc->stopping;

	list_for_each_entry(lwp, &proc->lwps, link)
		if (lwp->held || lwp->dstop)
			any = true;
	if (!any)
		return -EBUSY;
	proc->stopping = false;
	list_for_each_entry(lwp, &proc->lwps, link)
		if (lwp->held || lwp->dstop)
			ctl_lwp_run(lwp, lwp == rep ? flags : flags & PRSTOP);
	return 0;
}

void ctl_proc_release(struct ctl_proc *proc)
{
	struct ctl_lwp *lwp;

	lockdep_assert_held(&proc->lock);
	list_for_each_entry(lwp, &proc->lwps, link) {
		lwp->probe_hold = 0;
		/* A trap that comes after we are gone would kill it. */
		if (lwp->stepping || lwp->step_req) {
			lwp->step_req = false;
			lwp->step_cancel = true;
			ctl_lwp_kick(lwp);
		}
	}
	proc->stepped = false;
	memset(&proc->sysentry, 0, sizeof(proc->sysentry));
	memset(&proc->sysexit, 0, sizeof(proc->sysexit));
	proc->sigtrace = proc->flttrace = proc->discard = proc->modes = 0;
	ctl_probes_end(proc, false);
	ctl_proc_update(proc);
	ctl_proc_run(proc, 0);
	wake_up_all(&proc->wq);
}

/* -- attach --------------------------------------------------------------- */

/*
 * Every thread of the group that has user code.  The process is in the hash
 * already, so a thread that is born meanwhile is either seen here or attached
 * by ctl_on_newtask(), or both, in which case the second finds the first.
 */
static int attach_threads(struct ctl_proc *proc, struct task_struct *leader)
{
	struct ctl_lwp **spare, *lwp;
	struct task_struct *t;
	unsigned int have, used, missing;
	int err = 0;

	do {
		have = get_nr_threads(leader) + 8;
		spare = kvcalloc(have, sizeof(*spare), GFP_KERNEL);
		if (!spare)
			return -ENOMEM;
		for (used = 0; used < have; used++) {
			/* The task is filled in below. */
			spare[used] = ctl_lwp_new(proc, leader, GFP_KERNEL);
			if (!spare[used]) {
				have = used;
				err = -ENOMEM;
			}
		}
		used = missing = 0;
		rcu_read_lock();
		spin_lock_irq(&proc->lock);
		for_each_thread(leader, t) {
			if ((t->flags & CTL_PF_KERNEL) ||
			    (READ_ONCE(t->flags) & PF_EXITING) ||
			    ctl_lwp_find(t))
				continue;
			if (used == have) {
				missing++;
				continue;
			}
			lwp = spare[used];
			lwp_set_task(lwp, t);
			if (ctl_lwp_publish(lwp))
				used++;
		}
		spin_unlock_irq(&proc->lock);
		rcu_read_unlock();
		while (used < have)
			ctl_lwp_put(spare[used++]);
		kvfree(spare);
	} while (missing && !err);
	return missing ? err : 0;
}

/*
 * A thread that was seen without PF_EXITING can have passed its exit hook just
 * before it came into our table, and would stay there for ever.  What has the
 * flag now either comes by the hook yet, or has given up its memory, or soon
 * will.
 */
static void sweep_exiting(struct ctl_proc *proc)
{
	struct ctl_lwp *lwp, *tmp;
	int tries = 100;
	bool doubt;

	do {
		doubt = false;
		spin_lock_irq(&proc->lock);
		list_for_each_entry_safe(lwp, tmp, &proc->lwps, link) {
			if (READ_ONCE(lwp->task->exit_state) ||
			    !READ_ONCE(lwp->task->mm)) {
				ctl_lwp_remove(lwp);
				ctl_lwp_put(lwp);
			} else if (READ_ONCE(lwp->task->flags) & PF_EXITING) {
				doubt = true;
			}
		}
		if (!proc->nlwp)
			proc->gone = true;
		spin_unlock_irq(&proc->lock);
		if (doubt)
			schedule_timeout_uninterruptible(1);
	} while (doubt && --tries);
}

static void proc_forget(struct ctl_proc *proc)
{
	struct ctl_lwp *lwp;
	LIST_HEAD(gone);

	ctl_probes_reap(proc); /* at unload: else it is not idle */
	proc_unpublish(proc);
	spin_lock_irq(&proc->lock);
	proc->detached = true;
	while (!list_empty(&proc->lwps)) {
		lwp = list_first_entry(&proc->lwps, struct ctl_lwp, link);
		ctl_lwp_remove(lwp);
		list_add(&lwp->link, &gone);
	}
	wake_up_all(&proc->wq);
	spin_unlock_irq(&proc->lock);
	ctl_covers_forget(proc);
	while (!list_empty(&gone)) {
		lwp = list_first_entry(&gone, struct ctl_lwp, link);
		list_del(&lwp->link);
		lwp_cancel(lwp);
		ctl_lwp_put(lwp);
	}
	if (cancel_delayed_work_sync(&proc->settle))
		ctl_proc_put(proc);
	ctl_proc_put(proc);
}

/* The leader may have given its up. */
static const struct mm_struct *group_mm(struct task_struct *task)
{
	const struct mm_struct *mm = NULL;
	struct task_struct *t;

	rcu_read_lock();
	for_each_thread(task, t)
		if (!mm && !(t->flags & CTL_PF_KERNEL))
			mm = READ_ONCE(t->mm);
	rcu_read_unlock();
	return mm;
}

struct ctl_proc *ctl_proc_attach(struct task_struct *task)
{
	struct ctl_proc *proc;
	struct pid *pid;
	int err;

	lockdep_assert_held(&ctl_mutex);
	rcu_read_lock();
	proc = ctl_proc_find(task_tgid(task));
	if (proc && !kref_get_unless_zero(&proc->ref))
		proc = NULL;
	rcu_read_unlock();
	if (proc)
		return proc;
	/* Who has been waited for has none, and it may be freed any time. */
	pid = get_task_pid(task, PIDTYPE_TGID);
	if (!pid)
		return ERR_PTR(-ESRCH);
	proc = ctl_proc_new(pid, GFP_KERNEL);
	put_pid(pid);
	if (!proc)
		return ERR_PTR(-ENOMEM);
	kref_get(&proc->ref); /* the caller's */
	if (!ctl_proc_publish(proc)) {
		/* Followed from its parent just now. */
		ctl_proc_put(proc);
		ctl_proc_put(proc);
		return ERR_PTR(-EAGAIN);
	}
	proc->mm = group_mm(task);
	smp_mb(); /* published before we look: see attach_threads() */
	err = attach_threads(proc, task);
	if (!err) {
		sweep_exiting(proc);
		if (proc->gone)
			err = -ESRCH;
	}
	if (err) {
		proc_forget(proc);
		ctl_proc_put(proc);
		return ERR_PTR(err);
	}
	return proc;
}

/* -- let go --------------------------------------------------------------- */

static bool sysset_empty(const struct ctl_sysset *s)
{
	return !memchr_inv(s, 0, sizeof(*s));
}

/* What the hooks have to look at. */
void ctl_proc_update(struct ctl_proc *proc)
{
	struct ctl_cover *cv;
	u32 want = proc->stepped ? CTL_WANT_SYS | CTL_WANT_SIG : 0;

	lockdep_assert_held(&proc->lock);
	if (!sysset_empty(&proc->sysentry) || !sysset_empty(&proc->sysexit))
		want |= CTL_WANT_SYS;
	if (!sysset_empty(&proc->sysentry))
		want |= CTL_WANT_ENTRY;
	if (proc->sigtrace || proc->flttrace || proc->discard)
		want |= CTL_WANT_SIG;
	list_for_each_entry(cv, &proc->covers, by_proc) {
		u32 ev = READ_ONCE(cv->h->record.events);

		if (ev & (1U << CTL_REC_SYSCALL | 1U << CTL_REC_SYSENTRY))
			want |= CTL_WANT_SYS;
		if (ev & (1U << CTL_REC_SIGNAL | 1U << CTL_REC_FAULT))
			want |= CTL_WANT_SIG;
	}
	/* Of calls that are being made the entry was not told. */
	if (want & ~proc->want & CTL_WANT_SYS)
		WRITE_ONCE(proc->sys_epoch, proc->sys_epoch + 1);
	WRITE_ONCE(proc->want, want);
}

static bool lwp_busy(struct ctl_lwp *lwp)
{
	return lwp->held || lwp->dstop || atomic_read(&lwp->npending) ||
	       lwp->regs_set || lwp->step_req ||
	       READ_ONCE(lwp->entry_hold) || READ_ONCE(lwp->exit_hold) ||
	       READ_ONCE(lwp->slow) || READ_ONCE(lwp->stepping) ||
	       READ_ONCE(lwp->step_done) || READ_ONCE(lwp->probe_hold) ||
	       READ_ONCE(lwp->midway) || READ_ONCE(lwp->answer) || lwp->adopts ||
	       READ_ONCE(lwp->trapped) || READ_ONCE(lwp->unlanded);
}

/*
 * 0: in use.  1: nobody uses it, but a thread is in our hands.  2: let go.
 * handles: these are a use, too.
 */
static int proc_idle(struct ctl_proc *proc, bool handles)
{
	struct ctl_lwp *lwp;

	if ((handles && !list_empty(&proc->handles)) || proc->nascent ||
	    !list_empty(&proc->covers) || ctl_probes_state(proc) == 2 ||
	    proc->stopping || proc->sigtrace || proc->flttrace ||
	    proc->discard || !sysset_empty(&proc->sysentry) ||
	    !sysset_empty(&proc->sysexit))
		return 0;
	list_for_each_entry(lwp, &proc->lwps, link)
		if (lwp->held || lwp->dstop)
			return 0;
	if (ctl_probes_state(proc))
		return 1;
	list_for_each_entry(lwp, &proc->lwps, link)
		if (lwp_busy(lwp))
			return 1;
	return 2;
}

bool ctl_proc_controlled(struct task_struct *task)
{
	struct ctl_proc *proc;
	struct ctl_handle *h;
	bool yes = false;

	lockdep_assert_held(&ctl_mutex); /* it is not let go meanwhile */
	rcu_read_lock();
	proc = ctl_proc_find(task_tgid(task));
	if (proc) {
		spin_lock_irq(&proc->lock);
		yes = !proc->gone && proc_idle(proc, false) == 0;
		list_for_each_entry(h, &proc->handles, link)
			yes |= h->writer;
		spin_unlock_irq(&proc->lock);
	}
	rcu_read_unlock();
	return yes;
}

/*
 * Ancestors that are gone, that nobody has opened and whose memory is not
 * proc's are nothing but links, of which there would be one for each generation
 * of a program that forks and exits, forks and exits.
 */
static void shorten(struct ctl_proc *proc)
{
	struct ctl_proc *from, *next;

	lockdep_assert_held(&ctl_mutex);
	for (;;) {
		from = rcu_dereference_protected(proc->from, true);
		if (!from || !READ_ONCE(from->gone) ||
		    !list_empty(&from->handles) ||
		    READ_ONCE(from->mm) == READ_ONCE(proc->mm))
			return;
		next = rcu_dereference_protected(from->from, true);
		if (next)
			ctl_proc_get(next);
		rcu_assign_pointer(proc->from, next);
		ctl_proc_put(from);
	}
}

/* One round over all; returns whether there is something to come back for. */
static bool gc(void)
{
	struct ctl_proc *proc, *victim;
	bool again = false;
	int idle;

	lockdep_assert_held(&ctl_mutex);
	do {
		victim = NULL;
		spin_lock_irq(&ctl_procs_lock);
		list_for_each_entry(proc, &ctl_all, all) {
			shorten(proc);
			spin_lock(&proc->lock);
			idle = proc->gone && list_empty(&proc->handles) &&
					       !ctl_probes_state(proc) ?
				       2 : proc_idle(proc, true);
			spin_unlock(&proc->lock);
			if (idle == 1)
				again = true;
			if (idle == 2) {
				victim = proc;
				break;
			}
		}
		spin_unlock_irq(&ctl_procs_lock);
		/* ctl_mutex keeps others from removing it meanwhile. */
		if (victim)
			proc_forget(victim);
	} while (victim);
	ctl_events_sync();
	return again;
}

static void gc_run(struct work_struct *w)
{
	bool again;

	mutex_lock(&ctl_mutex);
	again = gc();
	mutex_unlock(&ctl_mutex);
	if (again)
		ctl_gc_kick();
}

void ctl_gc_kick(void)
{
	queue_delayed_work(ctl_wq, &gc_work, msecs_to_jiffies(50));
}

static bool has_handle(struct ctl_proc *proc)
{
	struct ctl_handle *h;

	list_for_each_entry(h, &proc->handles, link)
		if (h->writer)
			return true;
	return !list_empty(&proc->covers);
}

/* Each is looked at once a round: a chain may have thousands of generations. */
static bool descends(struct ctl_proc *proc, const struct ctl_proc *top,
		     u64 round)
{
	struct ctl_proc *p = proc;
	bool yes;

	while (p && p != top && p->round != round)
		p = ctl_proc_from(p);
	yes = p && (p == top || p->descends);
	for (; proc && proc != p; proc = ctl_proc_from(proc)) {
		proc->round = round;
		proc->descends = yes;
	}
	return yes;
}

/*
 * The last handle on top went.  For a followed child that nobody opened, its
 * ancestor's handles are its own.
 */
void ctl_last_close(struct ctl_proc *top)
{
	static u64 round;
	struct ctl_proc *proc;
	struct pid *kill;

	lockdep_assert_held(&ctl_mutex);
	round++;
	do {
		kill = NULL;
		spin_lock_irq(&ctl_procs_lock);
		list_for_each_entry(proc, &ctl_all, all) {
			if (!descends(proc, top, round))
				continue;
			spin_lock(&proc->lock);
			if (!proc->gone && !has_handle(proc) &&
			    (proc->modes & (PR_RLC | PR_KLC))) {
				if (proc->modes & PR_KLC)
					kill = get_pid(proc->pid);
				ctl_proc_release(proc); /* not found again */
			}
			spin_unlock(&proc->lock);
			if (kill)
				break;
		}
		spin_unlock_irq(&ctl_procs_lock);
		if (kill) {
			/* siglock comes before our locks */
			kill_pid(kill, SIGKILL, 1);
			put_pid(kill);
		}
	} while (kill);
	ctl_gc_kick();
}

/* Run everything.  Returns whether a thread is about to step. */
static bool release_all(void)
{
	struct ctl_proc *proc;
	struct ctl_lwp *lwp;
	bool stepping = false;

	spin_lock_irq(&ctl_procs_lock);
	list_for_each_entry(proc, &ctl_all, all) {
		spin_lock(&proc->lock);
		ctl_proc_release(proc);
		list_for_each_entry(lwp, &proc->lwps, link)
			stepping |= READ_ONCE(lwp->stepping) &&
				    !ctl_task_asleep(lwp->task);
		spin_unlock(&proc->lock);
	}
	spin_unlock_irq(&ctl_procs_lock);
	return stepping;
}

/* No handle is open and no hook is left: everything runs, then goes. */
void ctl_control_exit(void)
{
	struct ctl_proc *proc;
	int tries = HZ;

	cancel_delayed_work_sync(&gc_work);
	/*
	 * A thread that steps traps at its next instruction, and has to find us
	 * then; one that sleeps will not step (lwp_cancel()).
	 */
	while (release_all() && --tries)
		schedule_timeout_uninterruptible(1);
	for (;;) {
		mutex_lock(&ctl_mutex);
		spin_lock_irq(&ctl_procs_lock);
		proc = list_first_entry_or_null(&ctl_all, struct ctl_proc, all);
		spin_unlock_irq(&ctl_procs_lock);
		if (proc)
			proc_forget(proc);
		mutex_unlock(&ctl_mutex);
		if (!proc)
			break;
	}
	wait_event(works_wq, !atomic_read(&works));
	cancel_delayed_work_sync(&gc_work); /* whoever of these asked for it */
	/*
	 * The last callback may still have its last instructions to go.  It
	 * cannot block in them: wait until every task has blocked or been in
	 * user code once.
	 */
	synchronize_rcu_tasks();
	rcu_barrier();
}
