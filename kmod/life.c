// SPDX-License-Identifier: GPL-2.0-only
/*
 * life.c - fork, exec, exit.
 *
 * A new thread of a controlled process is controlled from the first moment: the
 * hook runs in its parent before the child does, and if the process is being
 * stopped the child is left the callback (control.c) and stops before its first
 * instruction.  A new process is, when PR_FORK is set: it gets a control of its
 * own, with a copy of the sets, and the rings that record the parent record it.
 *
 * After an exec of a set-id or unreadable file the process is somebody else's
 * (P5).  Every handle becomes invalid, whatever it traces is cleared, and the
 * process runs, unless one of the handles was opened by somebody who may
 * control the new image too: then it stays stopped, and runs when the last of
 * these handles is closed.
 */
#include <asm/processor-flags.h>
#include <linux/binfmts.h>
#include <linux/cred.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "control.h"

/* What from stops for, its child stops for. */
static void inherit(struct ctl_proc *from, struct ctl_proc *proc)
{
	struct ctl_sysset entry, exit;
	u64 modes, sigtrace, flttrace;
	unsigned long flags;
	int i;

	spin_lock_irqsave(&from->lock, flags);
	modes = from->modes;
	sigtrace = from->sigtrace;
	flttrace = from->flttrace;
	entry = from->sysentry;
	exit = from->sysexit;
	spin_unlock_irqrestore(&from->lock, flags);
	spin_lock_irqsave(&proc->lock, flags);
	proc->modes |= modes;
	proc->sigtrace |= sigtrace;
	proc->flttrace |= flttrace;
	for (i = 0; i < ARRAY_SIZE(entry.native); i++) {
		proc->sysentry.native[i] |= entry.native[i];
		proc->sysentry.compat[i] |= entry.compat[i];
		proc->sysexit.native[i] |= exit.native[i];
		proc->sysexit.compat[i] |= exit.compat[i];
	}
	ctl_proc_update(proc);
	spin_unlock_irqrestore(&proc->lock, flags);
	ctl_covers_inherit(from, proc);
	/*
	 * If the parent was let go after its modes were read, its last close
	 * did not find the child, and the child's stops would be nobody's.
	 */
	spin_lock_irqsave(&from->lock, flags);
	modes = from->modes;
	spin_unlock_irqrestore(&from->lock, flags);
	if (modes & PR_FORK)
		return;
	spin_lock_irqsave(&proc->lock, flags);
	ctl_proc_release(proc);
	spin_unlock_irqrestore(&proc->lock, flags);
	ctl_gc_kick();
}

/* The control of child, with a reference; from's reference becomes its. */
static struct ctl_proc *control_child(struct ctl_proc *from,
				      struct task_struct *child)
{
	struct ctl_proc *proc, *other;
	struct ctl_lwp *lwp;
	unsigned long flags;
	bool fresh;

	proc = ctl_proc_new(task_tgid(child), GFP_ATOMIC | __GFP_NOWARN);
	if (!proc) {
		ctl_proc_put(from);
		return NULL;
	}
	RCU_INIT_POINTER(proc->from, from);
	lwp = ctl_lwp_new(proc, child, GFP_ATOMIC | __GFP_NOWARN);
	if (!lwp) {
		ctl_proc_put(proc);
		return NULL;
	}
	lwp->newborn = true;
	proc->mm = child->mm;
	proc->nascent = true;
	ctl_proc_get(proc); /* the caller's */
	if (!ctl_proc_publish(proc)) {
		/* It has a number already; somebody was quick to open it. */
		other = ctl_proc_find(proc->pid);
		if (other && !kref_get_unless_zero(&other->ref))
			other = NULL;
		ctl_lwp_put(lwp);
		ctl_proc_put(proc);
		ctl_proc_put(proc);
		return other;
	}
	spin_lock_irqsave(&proc->lock, flags);
	fresh = !proc->detached && ctl_lwp_publish(lwp);
	if (fresh && proc->stopping)
		ctl_lwp_dstop(lwp);
	spin_unlock_irqrestore(&proc->lock, flags);
	if (!fresh)
		ctl_lwp_put(lwp);
	return proc;
}

/* A child process of a controlled one; under RCU. */
static void follow(struct ctl_proc *from, struct task_struct *child)
{
	struct ctl_proc *proc;
	unsigned long flags;

	/* Just let go of: nobody is interested. */
	if (!kref_get_unless_zero(&from->ref))
		return;
	proc = control_child(from, child);
	if (!proc) {
		pr_warn_ratelimited("out of memory: child %d is not followed\n",
				    task_pid_nr(child));
		return;
	}
	inherit(from, proc);
	spin_lock_irqsave(&proc->lock, flags);
	proc->nascent = false;
	spin_unlock_irqrestore(&proc->lock, flags);
	ctl_gc_kick(); /* it may have been passed over */
	ctl_proc_put(proc);
}

void ctl_on_newtask(void *data, struct task_struct *child, unsigned long cf)
{
	struct ctl_lwp *parent, *lwp = NULL;
	struct ctl_proc *proc;
	unsigned long flags;
	bool fresh;

	if (child->flags & CTL_PF_KERNEL)
		return;
	rcu_read_lock();
	if (cf & CLONE_THREAD) {
		/*
		 * By the process, not by the parent: it may be being attached
		 * just now, and the parent not reached yet.
		 */
		proc = ctl_proc_find(task_tgid(child));
		if (!proc || !kref_get_unless_zero(&proc->ref))
			goto out;
		lwp = ctl_lwp_new(proc, child, GFP_ATOMIC | __GFP_NOWARN);
		ctl_proc_put(proc); /* lwp has one; or there is RCU */
		if (!lwp) {
			pr_warn_ratelimited("out of memory: thread %d is not controlled\n",
					    task_pid_nr(child));
			goto out;
		}
		lwp->newborn = true;
		spin_lock_irqsave(&proc->lock, flags);
		fresh = !proc->detached && ctl_lwp_publish(lwp);
		if (fresh && proc->stopping)
			ctl_lwp_dstop(lwp);
		spin_unlock_irqrestore(&proc->lock, flags);
		if (!fresh)
			ctl_lwp_put(lwp);
	}
	parent = ctl_lwp_find(current);
	if (!parent)
		goto out;
	/* It has a copy of its parent's registers, and no step to make. */
	if (READ_ONCE(parent->stepping))
		task_pt_regs(child)->flags &= ~X86_EFLAGS_TF;
	proc = parent->proc;
	ctl_record_fork(parent, child,
			cf & CLONE_THREAD ? CTL_FORK_THREAD :
			cf & CLONE_VFORK  ? CTL_FORK_VFORK :
					    CTL_FORK_FORK);
	if (!(cf & CLONE_THREAD) && (READ_ONCE(proc->modes) & PR_FORK))
		follow(proc, child);
	if (!(cf & CLONE_VM))
		ctl_probe_born(proc, child);
	if (atomic_read(&parent->npending))
		ctl_kick(parent);
out:
	rcu_read_unlock();
}

static bool is_secure(struct linux_binprm *bprm)
{
	const struct cred *cred = current_cred();

	return bprm->secureexec ||
	       (bprm->interp_flags & BINPRM_FLAGS_ENFORCE_NONDUMP) ||
	       !uid_eq(cred->euid, cred->uid) || !gid_eq(cred->egid, cred->gid);
}

static bool opener_may(const struct ctl_handle *h)
{
	return file_ns_capable(h->file, ctl_exec_user_ns(), CAP_SYS_PTRACE);
}

static void invalidate(struct ctl_proc *proc, struct ctl_lwp *lwp)
{
	struct ctl_handle *h;
	struct ctl_cover *cv;
	bool keep = false, follow = false;

	lockdep_assert_held(&proc->lock);
	list_for_each_entry(h, &proc->handles, link) {
		WRITE_ONCE(h->invalid, true);
		if (h->writer && opener_may(h))
			keep = true;
	}
	/* Of a followed child they are its ancestors' handles. */
	list_for_each_entry(cv, &proc->covers, by_proc)
		if (!opener_may(cv->h)) {
			WRITE_ONCE(cv->blind, true);
			ctl_ring_forget(cv->h, lwp);
		} else if (!READ_ONCE(cv->h->invalid)) {
			follow = proc->modes & PR_FORK;
		}
	ctl_proc_release(proc);
	if (keep) {
		/* Its owner opens it anew and loses nothing. */
		proc->modes = PR_RLC;
		proc->stopping = true;
		ctl_lwp_dstop(lwp);
	} else if (follow) {
		/* Those who still record it record its children. */
		proc->modes = PR_FORK;
	}
	wake_up_all(&proc->wq);
}

void ctl_on_exec(void *data, struct task_struct *t, pid_t old_pid,
		 struct linux_binprm *bprm)
{
	struct ctl_proc *proc;
	struct ctl_lwp *lwp;
	unsigned long flags;

	rcu_read_lock();
	lwp = ctl_lwp_find(current);
	if (!lwp)
		goto out;
	proc = lwp->proc;
	ctl_call_begins(lwp);
	lwp->execed = true;
	lwp->pass_ip = 0;
	ctl_record_exec(lwp, &bprm->file->f_path);
	spin_lock_irqsave(&proc->lock, flags);
	/* Registers that were meant for the old image. */
	lwp->regs_set = false;
	WRITE_ONCE(proc->mm, current->mm);
	ctl_probes_end(proc, true);
	if (is_secure(bprm))
		invalidate(proc, lwp);
	if (atomic_read(&lwp->npending))
		ctl_lwp_kick(lwp);
	spin_unlock_irqrestore(&proc->lock, flags);
out:
	rcu_read_unlock();
}

void ctl_on_exit(void *data, struct task_struct *t)
{
	struct ctl_proc *proc;
	struct ctl_lwp *lwp;
	unsigned long flags;
	bool last;

	rcu_read_lock();
	lwp = ctl_lwp_find(current);
	if (!lwp)
		goto out;
	proc = lwp->proc;
	if (lwp->insys) {
		ctl_record_exit(lwp, CTL_RECF_UNFINISHED, false);
		lwp->insys = false;
	}
	spin_lock_irqsave(&proc->lock, flags);
	/* Somebody may have let go of the process just now. */
	if (lwp->dead) {
		spin_unlock_irqrestore(&proc->lock, flags);
		goto out;
	}
	ctl_lwp_remove(lwp);
	last = !proc->nlwp;
	spin_unlock_irqrestore(&proc->lock, flags);
	ctl_record_death(lwp, current->exit_code, last);
	spin_lock_irqsave(&proc->lock, flags);
	if (last) {
		proc->gone = true;
		ctl_probes_end(proc, true);
	}
	wake_up_all(&proc->wq);
	spin_unlock_irqrestore(&proc->lock, flags);
	if (last)
		ctl_gc_kick();
	ctl_lwp_put(lwp);
out:
	rcu_read_unlock();
}
