// SPDX-License-Identifier: GPL-2.0-only
/*
 * status.c - struct ctl_status and struct ctl_lwpstatus.
 *
 * Numbers are those that the opener of the handle sees.  A handle that was
 * opened for reading by somebody who may not read the process's registers gets
 * the status without them: that is what /proc/PID/stat would tell, too.
 */
#include <asm/syscall.h>
#include <linux/math64.h>
#include <linux/ptrace.h>
#include <linux/sched/jobctl.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>

#include "control.h"

/* Field 22 of /proc/PID/stat. */
u64 ctl_start_time(struct task_struct *leader)
{
	return div_u64(ctl_boottime_here(leader->start_boottime),
		       NSEC_PER_SEC / USER_HZ);
}

int ctl_handle_error(struct ctl_handle *h)
{
	lockdep_assert_held(&h->proc->lock);
	if (h->proc->gone || h->proc->detached)
		return -ENOENT;
	if (h->invalid)
		return -EAGAIN;
	if (h->lwp && h->lwp->dead)
		return -ENOENT;
	return 0;
}

/* The call that a sleeping thread is in, from its registers. */
static void sleeping_call(struct ctl_lwpstatus *s, const struct ctl_regs *r)
{
	bool narrow = r->cs == __USER32_CS;
	int i;
	const u64 a64[6] = { r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9 };
	const u64 a32[6] = { r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp };

	if ((s64)r->orig_rax < 0)
		return;
	s->syscall = r->orig_rax;
	s->sysabi = narrow ? CTL_ABI_COMPAT :
		    s->syscall & __X32_SYSCALL_BIT ? CTL_ABI_X32 :
						     CTL_ABI_NATIVE;
	for (i = 0; i < 6; i++)
		s->sysarg[i] = narrow ? (u32)a32[i] : a64[i];
}

static void current_call(struct ctl_lwpstatus *s, struct ctl_lwp *lwp)
{
	s->syscall = lwp->nr;
	s->sysabi = lwp->abi;
	memcpy(s->sysarg, lwp->arg, sizeof(s->sysarg));
}

static void fill_lwp(struct ctl_handle *h, struct ctl_lwp *lwp,
		     struct ctl_lwpstatus *s)
{
	struct task_struct *t = lwp->task;
	unsigned int state = ctl_task_state(t);
	bool stopped = ctl_lwp_stopped(lwp);
	struct ctl_regs r;
	bool have;

	lockdep_assert_held(&lwp->proc->lock);
	memset(s, 0, sizeof(*s));
	s->tid = task_pid_nr_ns(t, h->ns);
	s->flags = PR_ATTACHED;
	s->syscall = CTL_NO_SYSCALL;
	if (lwp->dstop && !stopped)
		s->flags |= PR_DSTOP;
	if (READ_ONCE(lwp->stepping) || lwp->step_req)
		s->flags |= PR_STEP;
	if (READ_ONCE(t->ptrace))
		s->flags |= PR_PTRACE;
	if (READ_ONCE(t->vfork_done))
		s->flags |= PR_VFORKP;
	if (state != TASK_RUNNING && !lwp->held)
		s->flags |= PR_ASLEEP;
	s->sighold = t->blocked.sig[0];
	s->sigpend = t->pending.signal.sig[0];
	/* A copy without the lock, as /proc/PID/stat's is: NUL-ended anyhow. */
	memcpy(s->comm, t->comm, sizeof(s->comm));
	s->comm[sizeof(s->comm) - 1] = '\0';
	if (stopped) {
		s->flags |= PR_STOPPED | PR_ISTOP;
		s->why = lwp->why;
		s->what = lwp->what;
		s->stop_time = lwp->stop_time;
		s->cursig = lwp->cursig;
		s->curflt = lwp->curflt;
	} else if (state & __TASK_STOPPED) {
		s->flags |= PR_STOPPED;
		s->flags &= ~PR_ASLEEP;
		s->why = PR_JOBCONTROL;
		s->what = READ_ONCE(t->jobctl) & JOBCTL_STOP_SIGMASK;
	}
	if (!h->may_read || h->invalid)
		return;
	if (stopped && lwp->cursig && lwp->info.si_signo == lwp->cursig)
		memcpy(s->info, &lwp->info, sizeof(lwp->info));
	ctl_lwp_off_cpu(lwp);
	have = (stopped || state != TASK_RUNNING) && !ctl_regs_get(t, &r);
	if (have && !lwp->held)
		sleeping_call(s, &r);
	else if (lwp->held &&
		 (lwp->why == PR_SYSENTRY || lwp->why == PR_SYSEXIT))
		current_call(s, lwp);
	if (lwp->held && lwp->why == PR_SYSEXIT)
		s->sysret = lwp->ret;
	if (have && stopped)
		s->reg = lwp->regs_set ? lwp->regs : r;
}

static void fill_proc(struct ctl_handle *h, struct ctl_status *st)
{
	struct ctl_proc *proc = h->proc;
	struct task_struct *leader, *tracer;
	struct ctl_handle *o;
	struct ctl_lwp *lwp;

	rcu_read_lock();
	leader = pid_task(proc->pid, PIDTYPE_TGID);
	if (leader) {
		st->start_time = ctl_start_time(leader);
		st->ppid = task_tgid_nr_ns(rcu_dereference(leader->real_parent),
					   h->ns);
		st->sigpend = leader->signal->shared_pending.signal.sig[0];
	}
	lwp = h->lwp && !h->lwp->dead ? h->lwp : ctl_proc_representative(proc);
	if (lwp && (tracer = ptrace_parent(lwp->task)) != NULL)
		st->tracer = task_tgid_nr_ns(tracer, h->ns);
	rcu_read_unlock();

	st->pid = pid_nr_ns(proc->pid, h->ns);
	st->modes = proc->modes;
	st->nlwp = proc->nlwp;
	st->sigtrace = proc->sigtrace;
	st->flttrace = proc->flttrace;
	st->sysentry = proc->sysentry;
	st->sysexit = proc->sysexit;
	list_for_each_entry(o, &proc->handles, link)
		if (o->writer) {
			st->nhandles++;
			st->nrings += smp_load_acquire(&o->ring) != NULL;
		}
	if (lwp)
		fill_lwp(h, lwp, &st->lwp);
	st->flags = st->lwp.flags | PR_ATTACHED;
	if (!h->lwp) {
		/* As PCWSTOP sees it; this also looks at every thread. */
		if (!ctl_proc_istopped(proc))
			st->flags &= ~(PR_ISTOP | PR_STOPPED);
		if (proc->stopping && !ctl_proc_stopped(proc))
			st->flags |= PR_DSTOP;
		if (st->lwp.why == PR_JOBCONTROL)
			st->flags |= PR_STOPPED;
	}
	list_for_each_entry(lwp, &proc->lwps, link)
		st->nstopped += ctl_lwp_stopped(lwp);
	if (h->invalid)
		st->flags |= PR_INVALID;
}

int ctl_status_get(struct ctl_handle *h, struct ctl_status *st)
{
	int err = 0;

	memset(st, 0, sizeof(*st));
	spin_lock_irq(&h->proc->lock);
	if (h->proc->gone || h->proc->detached)
		err = -ENOENT;
	else
		fill_proc(h, st);
	spin_unlock_irq(&h->proc->lock);
	st->size = sizeof(*st);
	st->version = CTL_ABI_VERSION;
	return err;
}

static int by_tid(const void *a, const void *b)
{
	const struct ctl_lwpstatus *x = a, *y = b;

	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

/* The threads of h, each with a reference, in *v; their number or -errno. */
static int get_lwps(struct ctl_handle *h, struct ctl_lwp ***v)
{
	struct ctl_proc *proc = h->proc;
	struct ctl_lwp **list, *lwp;
	unsigned int room, n;
	int err;

	for (;;) {
		room = READ_ONCE(proc->nlwp) + 16;
		list = kvcalloc(room, sizeof(*list), GFP_KERNEL);
		if (!list)
			return -ENOMEM;
		n = 0;
		spin_lock_irq(&proc->lock);
		err = ctl_handle_error(h);
		if (!err && proc->nlwp <= room)
			list_for_each_entry(lwp, &proc->lwps, link) {
				if (h->lwp && h->lwp != lwp)
					continue;
				kref_get(&lwp->ref);
				list[n++] = lwp;
			}
		else if (!err)
			err = 1;
		spin_unlock_irq(&proc->lock);
		if (!err) {
			*v = list;
			return n;
		}
		kvfree(list);
		if (err < 0)
			return err;
	}
}

int ctl_lwpstatus_get(struct ctl_handle *h, struct ctl_lwpvec *v)
{
	u8 __user *to = (u8 __user *)(unsigned long)v->addr;
	struct ctl_lwpstatus *st;
	struct ctl_lwp **list;
	size_t size;
	int n, i, alive = 0, err = 0;

	if (v->size < sizeof(*st) || v->size > PAGE_SIZE)
		return -EINVAL;
	n = get_lwps(h, &list);
	if (n < 0)
		return n;
	st = kvcalloc(n ? n : 1, sizeof(*st), GFP_KERNEL);
	for (i = 0; i < n; i++) {
		/* A lock a thread: there may be thousands. */
		if (st) {
			spin_lock_irq(&h->proc->lock);
			/* One that exits has no registers, soon no stack. */
			if (!list[i]->dead)
				fill_lwp(h, list[i], &st[alive++]);
			spin_unlock_irq(&h->proc->lock);
		}
		ctl_lwp_put(list[i]);
	}
	kvfree(list);
	if (!st)
		return -ENOMEM;
	n = alive;
	sort(st, n, sizeof(*st), by_tid, NULL);
	size = sizeof(*st);
	for (i = 0; i < n && i < v->count && !err; i++)
		if (copy_to_user(to + (size_t)i * v->size, &st[i], size) ||
		    clear_user(to + (size_t)i * v->size + size, v->size - size))
			err = -EFAULT;
	kvfree(st);
	v->count = n;
	return err;
}
