// SPDX-License-Identifier: GPL-2.0-only
/*
 * message.c - the messages, and the older ioctls that mean the same.
 */
#include <linux/freezer.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "control.h"

union operand {
	s64 s;
	u64 u;
	u8 info[128];
	struct ctl_sysset set;
	struct ctl_regs regs;
	struct ctl_fpregs fpregs;
	struct ctl_iovec iov;
	struct ctl_ring_setup ring;
	struct ctl_record record;
	struct {
		struct ctl_capture h;
		struct ctl_capop op[CTL_CAP_OPS];
	} capture;
	struct ctl_probe probe;
};

/* -- stop and wait -------------------------------------------------------- */

static bool target_stopped(struct ctl_handle *h)
{
	return h->lwp ? ctl_lwp_stopped(h->lwp) : ctl_proc_istopped(h->proc);
}

/* 1: stopped, 0: not yet, -errno */
static int check_wait(struct ctl_handle *h)
{
	int r;

	spin_lock_irq(&h->proc->lock);
	r = ctl_handle_error(h);
	if (!r)
		r = target_stopped(h);
	spin_unlock_irq(&h->proc->lock);
	return r;
}

/* A thread of the target would stop or wait for itself. */
static bool on_oneself(struct ctl_handle *h)
{
	return h->lwp ? h->lwp->task == current :
			h->proc->pid == task_tgid(current);
}

static int wait_stop(struct ctl_handle *h, u64 ms)
{
	unsigned long end;
	long r;
	int st = 0;

	if (on_oneself(h))
		return -EBUSY;
	if (!ms || ms > 1000ULL * 3600 * 24 * 365) {
		r = wait_event_freezable(h->proc->wq,
					 (st = check_wait(h)) != 0);
	} else {
		end = jiffies + msecs_to_jiffies(min_t(u64, ms, INT_MAX));
		r = wait_event_freezable_timeout(
			h->proc->wq, (st = check_wait(h)) != 0,
			max(1L, (long)(end - jiffies)));
	}
	if (r < 0)
		return -EINTR;
	return st < 0 ? st : 0;
}

static int direct_stop(struct ctl_handle *h)
{
	int err;

	if (on_oneself(h))
		return -EBUSY;
	spin_lock_irq(&h->proc->lock);
	err = ctl_handle_error(h);
	if (!err) {
		if (h->lwp)
			ctl_lwp_dstop(h->lwp);
		else
			ctl_proc_dstop(h->proc);
		wake_up_all(&h->proc->wq);
	}
	spin_unlock_irq(&h->proc->lock);
	return err;
}

static int run(struct ctl_handle *h, u64 flags)
{
	struct ctl_proc *proc = h->proc;
	int err;

	if (flags & ~PR_RUN_FLAGS)
		return -EINVAL;
	if (flags & PRSTEP) {
		/* The end of a step may be the end of a call. */
		mutex_lock(&ctl_mutex);
		spin_lock_irq(&proc->lock);
		proc->stepped = true;
		ctl_proc_update(proc);
		spin_unlock_irq(&proc->lock);
		err = ctl_events_sync();
		mutex_unlock(&ctl_mutex);
		if (err)
			return err;
	}
	spin_lock_irq(&proc->lock);
	err = ctl_handle_error(h);
	if (!err && h->lwp) {
		err = ctl_lwp_run(h->lwp, flags);
		if (!err)
			proc->stopping = false;
	} else if (!err) {
		err = ctl_proc_run(proc, flags);
	}
	spin_unlock_irq(&proc->lock);
	return err;
}

/* -- what is traced ------------------------------------------------------- */

/*
 * Change a set with proc->lock held, then switch the hooks that it needs.  If
 * the kernel does not have them the set is taken back.
 */
static int set_traced(struct ctl_handle *h, long code, const union operand *o)
{
	struct ctl_proc *proc = h->proc;
	struct ctl_sysset before, *set = NULL;
	u64 before64 = 0, *set64 = NULL, v = o->u;
	int err;

	switch (code) {
	case PCSTRACE:
		set64 = &proc->sigtrace;
		v &= ~CTL_SIGBIT(SIGKILL);
		break;
	case PCSFAULT:
		set64 = &proc->flttrace;
		v &= CTL_FLTBIT(CTL_FAULT_MAX) * 2 - 1;
		break;
	case PCSENTRY:
		set = &proc->sysentry;
		break;
	case PCSEXIT:
		set = &proc->sysexit;
		break;
	}
	mutex_lock(&ctl_mutex);
	spin_lock_irq(&proc->lock);
	err = ctl_handle_error(h);
	if (!err && set) {
		before = *set;
		*set = o->set;
	} else if (!err) {
		before64 = *set64;
		*set64 = v;
	}
	ctl_proc_update(proc);
	spin_unlock_irq(&proc->lock);
	if (!err) {
		err = ctl_events_sync();
		if (err) {
			spin_lock_irq(&proc->lock);
			if (set)
				*set = before;
			else
				*set64 = before64;
			ctl_proc_update(proc);
			spin_unlock_irq(&proc->lock);
		}
	}
	mutex_unlock(&ctl_mutex);
	return err;
}

static int set_modes(struct ctl_handle *h, long code, u64 modes)
{
	int err;

	if (modes & ~PR_MODES)
		return -EINVAL;
	spin_lock_irq(&h->proc->lock);
	err = ctl_handle_error(h);
	if (!err && code == PCSET)
		h->proc->modes |= modes;
	else if (!err)
		h->proc->modes &= ~modes;
	spin_unlock_irq(&h->proc->lock);
	return err;
}

static int set_record(struct ctl_handle *h, const struct ctl_record *r)
{
	int err;

	if (!h->ring || r->reserved ||
	    (r->events & ~((2U << CTL_REC_MAX) - 2)))
		return -EINVAL;
	mutex_lock(&ctl_mutex);
	/* The hooks look at events first: the rest is there when it is. */
	WRITE_ONCE(h->record.events, 0);
	smp_wmb();
	h->record.signals = r->signals;
	h->record.faults = r->faults;
	h->record.calls = r->calls;
	smp_wmb();
	WRITE_ONCE(h->record.events, r->events);
	err = ctl_cover_add(h, h->proc, GFP_KERNEL);
	if (!err)
		ctl_covers_update(h);
	err = err ? err : ctl_events_sync();
	mutex_unlock(&ctl_mutex);
	return err;
}

/* -- the stopped thread --------------------------------------------------- */

/* proc->lock held; NULL: not stopped */
static struct ctl_lwp *stopped_lwp(struct ctl_handle *h)
{
	struct ctl_lwp *lwp = h->lwp ? h->lwp : ctl_proc_representative(h->proc);

	return lwp && ctl_lwp_stopped(lwp) ? lwp : NULL;
}

static int set_regs(struct ctl_handle *h, long code, const union operand *o)
{
	struct ctl_proc *proc = h->proc;
	struct ctl_regs r, now;
	struct ctl_lwp *lwp;
	int err;

	spin_lock_irq(&proc->lock);
	err = ctl_handle_error(h);
	if (err)
		goto out;
	lwp = stopped_lwp(h);
	if (!lwp) {
		err = -EBUSY;
		goto out;
	}
	ctl_lwp_off_cpu(lwp);
	if (code == PCSFPREG) {
		err = lwp->held ? ctl_fpregs_set(lwp->task, &o->fpregs) :
				  -EBUSY;
		goto out;
	}
	err = ctl_regs_get(lwp->task, &now);
	if (err)
		goto out;
	if (lwp->regs_set)
		now = lwp->regs;
	r = o->regs;
	if (code == PCSVADDR) {
		r = now;
		r.rip = o->u;
	}
	err = ctl_regs_check(&r);
	if (err)
		goto out;
	if (lwp->held) {
		err = ctl_regs_set(lwp->task, &r);
		if (!err && r.rip != now.rip)
			lwp->early = 0;
	} else if (r.fs_base != now.fs_base || r.gs_base != now.gs_base ||
		   r.fs != now.fs || r.gs != now.gs || r.ds != now.ds ||
		   r.es != now.es || r.cs != now.cs || r.ss != now.ss) {
		err = -EBUSY; /* not while it sleeps: regs.c */
	} else {
		lwp->regs = r;
		lwp->regs_set = true;
	}
out:
	spin_unlock_irq(&proc->lock);
	return err;
}

static int clear_current(struct ctl_handle *h, long code)
{
	struct ctl_proc *proc = h->proc;
	struct ctl_lwp *lwp;
	int err;

	spin_lock_irq(&proc->lock);
	err = ctl_handle_error(h);
	lwp = err ? NULL : stopped_lwp(h);
	if (lwp) {
		if (code == PCCSIG || lwp->why == PR_FAULTED)
			lwp->cursig = 0;
		if (code == PCCFAULT)
			lwp->curflt = 0;
	} else if (!err) {
		err = -EBUSY;
	}
	spin_unlock_irq(&proc->lock);
	return err;
}

static int set_signal(struct ctl_handle *h, const u8 *raw)
{
	struct ctl_proc *proc = h->proc;
	struct task_struct *t = NULL;
	kernel_siginfo_t info;
	struct ctl_lwp *lwp;
	int err;

	BUILD_BUG_ON(sizeof(info) > 128);
	clear_siginfo(&info);
	memcpy(&info, raw, sizeof(info));
	if (info.si_signo < 0 || info.si_signo > _NSIG)
		return -EINVAL;
	spin_lock_irq(&proc->lock);
	err = ctl_handle_error(h);
	lwp = err ? NULL : stopped_lwp(h);
	if (!err && !lwp)
		err = -EBUSY;
	if (err)
		goto out;
	if (lwp->held && info.si_signo != SIGKILL) {
		lwp->cursig = info.si_signo;
		lwp->info = info;
		lwp->sig_set = true;
	} else if (info.si_signo) {
		/* It has no hand free: send it. */
		t = get_task_struct(lwp->task);
	}
out:
	spin_unlock_irq(&proc->lock);
	if (!t)
		return err;
	err = ctl_handle_lock(h, t);
	if (!err) {
		err = send_sig_info(info.si_signo,
				    info.si_signo == SIGKILL ? SEND_SIG_PRIV :
							       &info, t);
		ctl_handle_unlock(t);
	}
	put_task_struct(t);
	return err;
}

/* lock_task_sighand(), which is not exported. */
static struct sighand_struct *lock_sighand(struct task_struct *t,
					   unsigned long *flags)
{
	struct sighand_struct *s;

	rcu_read_lock();
	for (;;) {
		s = rcu_dereference(t->sighand);
		if (!s)
			break;
		/* It may be another's by now, never freed memory. */
		spin_lock_irqsave(&s->siglock, *flags);
		if (s == rcu_access_pointer(t->sighand))
			break;
		spin_unlock_irqrestore(&s->siglock, *flags);
	}
	rcu_read_unlock();
	return s;
}

static int set_hold(struct ctl_handle *h, u64 mask)
{
	struct ctl_proc *proc = h->proc;
	struct task_struct *t = NULL;
	struct sighand_struct *sighand;
	struct ctl_lwp *lwp;
	unsigned long flags;
	int err;

	mask &= ~(CTL_SIGBIT(SIGKILL) | CTL_SIGBIT(SIGSTOP));
	spin_lock_irq(&proc->lock);
	err = ctl_handle_error(h);
	lwp = err ? NULL : stopped_lwp(h);
	if (lwp)
		t = get_task_struct(lwp->task);
	else if (!err)
		err = -EBUSY;
	spin_unlock_irq(&proc->lock);
	if (!t)
		return err;
	/* It is held or asleep; get_signal() looks at the mask anew. */
	sighand = lock_sighand(t, &flags);
	if (sighand) {
		t->blocked.sig[0] = mask;
		if ((t->pending.signal.sig[0] |
		     t->signal->shared_pending.signal.sig[0]) & ~mask)
			set_tsk_thread_flag(t, TIF_SIGPENDING);
		spin_unlock_irqrestore(&sighand->siglock, flags);
	} else {
		err = -ENOENT;
	}
	put_task_struct(t);
	return err;
}

static int send_signal(struct ctl_handle *h, s64 sig)
{
	struct task_struct *t;
	int err;

	if (sig < 1 || sig > _NSIG)
		return -EINVAL;
	t = ctl_handle_task(h);
	if (!t)
		return -ENOENT;
	err = ctl_handle_lock(h, t);
	if (!err) {
		err = h->lwp ? send_sig_info(sig, SEND_SIG_NOINFO, t) :
			       kill_pid(h->proc->pid, sig, 1);
		ctl_handle_unlock(t);
	}
	put_task_struct(t);
	return err == -ESRCH ? -ENOENT : err;
}

/* Dropped when somebody is about to receive it. */
static int unkill(struct ctl_handle *h, s64 sig)
{
	struct ctl_proc *proc = h->proc;
	struct ctl_lwp *lwp;
	u64 pending = 0;
	int err;

	if (sig < 1 || sig > _NSIG || sig == SIGKILL)
		return -EINVAL;
	mutex_lock(&ctl_mutex);
	spin_lock_irq(&proc->lock);
	err = ctl_handle_error(h);
	if (!err) {
		list_for_each_entry(lwp, &proc->lwps, link) {
			if (h->lwp && h->lwp != lwp)
				continue;
			pending |= lwp->task->pending.signal.sig[0];
			if (!h->lwp)
				pending |= lwp->task->signal->shared_pending
						   .signal.sig[0];
		}
		if (pending & CTL_SIGBIT(sig))
			proc->discard |= CTL_SIGBIT(sig);
		ctl_proc_update(proc);
	}
	spin_unlock_irq(&proc->lock);
	if (!err)
		err = ctl_events_sync();
	mutex_unlock(&ctl_mutex);
	return err;
}

/* -- dispatch ------------------------------------------------------------- */

static int handle_error(struct ctl_handle *h)
{
	int err;

	spin_lock_irq(&h->proc->lock);
	err = ctl_handle_error(h);
	spin_unlock_irq(&h->proc->lock);
	return err;
}

static int do_message(struct ctl_handle *h, long code, const union operand *o)
{
	int err = handle_error(h);

	if (err)
		return err;
	switch (code) {
	case PCNULL:
		return 0;
	case PCSTOP:
		err = direct_stop(h);
		return err ? err : wait_stop(h, 0);
	case PCDSTOP:
		return direct_stop(h);
	case PCWSTOP:
		return wait_stop(h, 0);
	case PCTWSTOP:
		return o->s < 0 ? -EINVAL : wait_stop(h, o->u);
	case PCRUN:
		return run(h, o->u);
	case PCCSIG:
	case PCCFAULT:
		return clear_current(h, code);
	case PCSSIG:
		return set_signal(h, o->info);
	case PCKILL:
		return send_signal(h, o->s);
	case PCUNKILL:
		return unkill(h, o->s);
	case PCSHOLD:
		return set_hold(h, o->u);
	case PCSTRACE:
	case PCSFAULT:
	case PCSENTRY:
	case PCSEXIT:
		return set_traced(h, code, o);
	case PCSET:
	case PCUNSET:
		return set_modes(h, code, o->u);
	case PCSREG:
	case PCSFPREG:
	case PCSVADDR:
		return set_regs(h, code, o);
	case PCREAD:
	case PCWRITE:
		return ctl_memory(h, &o->iov, code == PCWRITE);
	case PCUNPROBE:
		return ctl_probe_disable(h, o->u);
	case PCRING:
		mutex_lock(&h->mutex);
		err = ctl_ring_setup(h, &o->ring);
		mutex_unlock(&h->mutex);
		return err;
	case PCRECORD:
		mutex_lock(&h->mutex);
		err = set_record(h, &o->record);
		mutex_unlock(&h->mutex);
		return err;
	case PCCAPTURE:
		mutex_lock(&h->mutex);
		err = ctl_capture_upload(h, &o->capture.h, o->capture.op);
		mutex_unlock(&h->mutex);
		return err;
	}
	return -EINVAL;
}

/* The operand's size; -errno for a code that is not a message. */
static long operand_size(s64 code)
{
	switch (code) {
	case PCNULL:
	case PCSTOP:
	case PCDSTOP:
	case PCWSTOP:
	case PCCSIG:
	case PCCFAULT:
		return 0;
	case PCTWSTOP:
	case PCRUN:
	case PCKILL:
	case PCUNKILL:
	case PCUNPROBE:
	case PCSHOLD:
	case PCSTRACE:
	case PCSFAULT:
	case PCSET:
	case PCUNSET:
	case PCSVADDR:
		return 8;
	case PCSSIG:
		return 128;
	case PCSENTRY:
	case PCSEXIT:
		return sizeof(struct ctl_sysset);
	case PCSREG:
		return sizeof(struct ctl_regs);
	case PCSFPREG:
		return sizeof(struct ctl_fpregs);
	case PCREAD:
	case PCWRITE:
		return sizeof(struct ctl_iovec);
	case PCRING:
		return sizeof(struct ctl_ring_setup);
	case PCRECORD:
		return sizeof(struct ctl_record);
	case PCCAPTURE:
		return sizeof(struct ctl_capture); /* and what it announces */
	case PCPROBE:
		return sizeof(struct ctl_probe); /* and what it announces */
	case PCNICE:
	case PCWATCH:
	case PCAGENT:
		return -EOPNOTSUPP;
	}
	return code >= PCSCRED && code <= 1000 ? -EOPNOTSUPP : -EINVAL;
}

/* PCPROBE: all size bytes at buf, of which o->probe is the beginning. */
static int enable_probe(struct ctl_handle *h, const char __user *buf,
			union operand *o)
{
	struct ctl_probe *op;
	int err = handle_error(h);

	if (err)
		return err;
	op = kvmalloc(o->probe.size, GFP_KERNEL_ACCOUNT);
	if (!op)
		return -ENOMEM;
	if (copy_from_user(op, buf, o->probe.size)) {
		kvfree(op);
		return -EFAULT;
	}
	/* It may be another by now. */
	op->size = o->probe.size;
	return ctl_probe_enable(h, op);
}

/* The message at buf; returns its length. */
static ssize_t one_message(struct ctl_handle *h, const char __user *buf,
			   size_t len, union operand *o)
{
	size_t size, extra = 0;
	s64 code;
	long n;
	int err;

	if (len < sizeof(code))
		return -EINVAL;
	if (get_user(code, (const s64 __user *)buf))
		return -EFAULT;
	n = operand_size(code);
	if (n < 0)
		return n;
	size = n;
	if (len - sizeof(code) < size)
		return -EINVAL;
	if (copy_from_user(o, buf + sizeof(code), size))
		return -EFAULT;
	if (code == PCCAPTURE) {
		if (o->capture.h.nop > CTL_CAP_OPS)
			return -EINVAL;
		extra = o->capture.h.nop * sizeof(struct ctl_capop);
		if (len - sizeof(code) - size < extra)
			return -EINVAL;
		if (copy_from_user(o->capture.op, buf + sizeof(code) + size,
				   extra))
			return -EFAULT;
	}
	if (code == PCPROBE) {
		if (o->probe.size < size || o->probe.size > CTL_PROBE_SIZE ||
		    o->probe.size % 8)
			return -EINVAL;
		extra = o->probe.size - size;
		if (len - sizeof(code) - size < extra)
			return -EINVAL;
		err = enable_probe(h, buf + sizeof(code), o);
	} else {
		err = do_message(h, code, o);
	}
	return err ? err : sizeof(code) + size + extra;
}

ssize_t ctl_messages(struct ctl_handle *h, const char __user *buf, size_t len)
{
	union operand *o;
	size_t done = 0;
	ssize_t n = 0;

	o = kzalloc(sizeof(*o), GFP_KERNEL);
	if (!o)
		return -ENOMEM;
	while (done < len) {
		n = one_message(h, buf + done, len - done, o);
		if (n < 0)
			break;
		done += n;
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	kfree(o);
	return done ? done : n;
}

/* -- the older requests --------------------------------------------------- */

static long pioc_status(struct ctl_handle *h, struct ctl_status __user *to)
{
	struct ctl_status *st;
	u32 size;
	long err;

	if (get_user(size, &to->size))
		return -EFAULT;
	if (size < CTL_STATUS_SIZE_V1 || size > PAGE_SIZE)
		return -EINVAL;
	st = kmalloc(sizeof(*st), GFP_KERNEL);
	if (!st)
		return -ENOMEM;
	err = ctl_status_get(h, st);
	if (!err && (copy_to_user(to, st, min_t(size_t, size, sizeof(*st))) ||
		     (size > sizeof(*st) &&
		      clear_user((u8 __user *)to + sizeof(*st),
				 size - sizeof(*st)))))
		err = -EFAULT;
	kfree(st);
	return err;
}

static long pioc_lwpids(struct ctl_handle *h, s32 __user *to)
{
	struct ctl_lwp *lwp;
	unsigned int n = 0, room = READ_ONCE(h->proc->nlwp) + 1;
	s32 *tids;
	long err;

	tids = kvcalloc(room + 1, sizeof(*tids), GFP_KERNEL);
	if (!tids)
		return -ENOMEM;
	spin_lock_irq(&h->proc->lock);
	err = ctl_handle_error(h);
	if (!err)
		list_for_each_entry(lwp, &h->proc->lwps, link)
			if (n < room)
				tids[n++] = task_pid_nr_ns(lwp->task, h->ns);
	spin_unlock_irq(&h->proc->lock);
	if (!err && copy_to_user(to, tids, (n + 1) * sizeof(*tids)))
		err = -EFAULT;
	kvfree(tids);
	return err;
}

static long pioc_run(struct ctl_handle *h, void __user *arg)
{
	static const struct { u32 old; u32 now; } map[] = {
		{ PIOC_RUN_CSIG, PRCSIG },   { PIOC_RUN_CFAULT, PRCFAULT },
		{ PIOC_RUN_STEP, PRSTEP },   { PIOC_RUN_SABORT, PRSABORT },
		{ PIOC_RUN_STOP, PRSTOP },
	};
	static const struct { u32 flag; long code; size_t at; } sets[] = {
		{ PIOC_RUN_STRACE, PCSTRACE, offsetof(struct ctl_prrun, trace) },
		{ PIOC_RUN_SHOLD, PCSHOLD, offsetof(struct ctl_prrun, sighold) },
		{ PIOC_RUN_SFAULT, PCSFAULT, offsetof(struct ctl_prrun, fault) },
		{ PIOC_RUN_SVADDR, PCSVADDR, offsetof(struct ctl_prrun, vaddr) },
	};
	struct ctl_prrun p = { 0 };
	u64 known = 0, flags = 0;
	union operand *o;
	int i, err = 0;

	if (arg && copy_from_user(&p, arg, sizeof(p)))
		return -EFAULT;
	for (i = 0; i < ARRAY_SIZE(map); i++) {
		known |= map[i].old;
		if (p.flags & map[i].old)
			flags |= map[i].now;
	}
	for (i = 0; i < ARRAY_SIZE(sets); i++)
		known |= sets[i].flag;
	if (p.flags & ~known)
		return -EINVAL;
	o = kzalloc(sizeof(*o), GFP_KERNEL);
	if (!o)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(sets) && !err; i++)
		if (p.flags & sets[i].flag) {
			memcpy(&o->u, (u8 *)&p + sets[i].at, sizeof(o->u));
			err = do_message(h, sets[i].code, o);
		}
	if (!err) {
		o->u = flags;
		err = do_message(h, PCRUN, o);
	}
	kfree(o);
	return err;
}

/* Those that hand something out. */
static long pioc_get(struct ctl_handle *h, unsigned int cmd, void __user *arg)
{
	struct ctl_status *st;
	const void *from = NULL;
	size_t size = sizeof(u64);
	long err;

	st = kmalloc(sizeof(*st), GFP_KERNEL);
	if (!st)
		return -ENOMEM;
	err = ctl_status_get(h, st);
	switch (cmd) {
	case PIOCGTRACE:
		from = &st->sigtrace;
		break;
	case PIOCGHOLD:
		from = &st->lwp.sighold;
		break;
	case PIOCGFAULT:
		from = &st->flttrace;
		break;
	case PIOCGENTRY:
		from = &st->sysentry;
		size = sizeof(st->sysentry);
		break;
	case PIOCGEXIT:
		from = &st->sysexit;
		size = sizeof(st->sysexit);
		break;
	case PIOCGREG:
		from = &st->lwp.reg;
		size = sizeof(st->lwp.reg);
		if (!err && !h->may_read)
			err = -EPERM;
		else if (!err && (st->flags & PR_INVALID))
			err = -EAGAIN;
		else if (!err && !(st->lwp.flags & PR_ISTOP))
			err = -EBUSY;
		break;
	}
	if (!err && copy_to_user(arg, from, size))
		err = -EFAULT;
	kfree(st);
	return err;
}

/* Those that are a message: its code, and where the operand comes from. */
static const struct {
	unsigned int cmd;
	long code;
	u16 size; /* of what arg points to; 0: none */
	u64 fixed; /* the operand itself, when there is none */
} translations[] = {
	{ PIOCSTRACE, PCSTRACE, 8 },
	{ PIOCSSIG, PCSSIG, 128 },
	{ PIOCKILL, PCKILL, 4 },
	{ PIOCUNKILL, PCUNKILL, 4 },
	{ PIOCSHOLD, PCSHOLD, 8 },
	{ PIOCSFAULT, PCSFAULT, 8 },
	{ PIOCCFAULT, PCCFAULT, 0 },
	{ PIOCSENTRY, PCSENTRY, sizeof(struct ctl_sysset) },
	{ PIOCSEXIT, PCSEXIT, sizeof(struct ctl_sysset) },
	{ PIOCSFORK, PCSET, 0, PR_FORK },
	{ PIOCRFORK, PCUNSET, 0, PR_FORK },
	{ PIOCSRLC, PCSET, 0, PR_RLC },
	{ PIOCRRLC, PCUNSET, 0, PR_RLC },
	{ PIOCSREG, PCSREG, sizeof(struct ctl_regs) },
};

static long pioc_message(struct ctl_handle *h, unsigned int cmd,
			 void __user *arg)
{
	union operand *o;
	long err = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(translations); i++)
		if (translations[i].cmd == cmd)
			break;
	if (i == ARRAY_SIZE(translations))
		return -ENOTTY;
	o = kzalloc(sizeof(*o), GFP_KERNEL);
	if (!o)
		return -ENOMEM;
	if (!translations[i].size)
		o->u = translations[i].fixed;
	else if (!(cmd == PIOCSSIG && !arg) &&
		 copy_from_user(o, arg, translations[i].size))
		err = -EFAULT;
	if (translations[i].size == 4)
		o->s = (s32)o->u;
	if (!err)
		err = do_message(h, translations[i].code, o);
	kfree(o);
	return err;
}

long ctl_pioc(struct ctl_handle *h, unsigned int cmd, void __user *arg)
{
	long err;

	switch (cmd) {
	case PIOCSTATUS:
		return pioc_status(h, arg);
	case PIOCGTRACE:
	case PIOCGHOLD:
	case PIOCGFAULT:
	case PIOCGENTRY:
	case PIOCGEXIT:
	case PIOCGREG:
		return pioc_get(h, cmd, arg);
	case PIOCLWPIDS:
		return pioc_lwpids(h, arg);
	}
	if (!h->writer)
		return -EBADF;
	switch (cmd) {
	case PIOCSTOP:
	case PIOCWSTOP:
		err = do_message(h, cmd == PIOCSTOP ? PCSTOP : PCWSTOP, NULL);
		if (!err && arg)
			err = pioc_status(h, arg);
		return err;
	case PIOCRUN:
		return pioc_run(h, arg);
	}
	return pioc_message(h, cmd, arg);
}
