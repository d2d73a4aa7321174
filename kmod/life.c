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
#include <linux/binfmts.h>
#include <linux/cred.h>
#include <linux/slab.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "control.h"

/* A child process of a controlled one. */
static void follow(struct ctl_proc *from, struct task_struct *child)
{
	struct ctl_proc *proc;
	struct ctl_lwp *lwp;
	unsigned long flags;
	bool released;

	proc = ctl_proc_new(task_tgid(child), GFP_ATOMIC | __GFP_NOWARN);
	if (!proc)
		goto nomem;
	lwp = ctl_lwp_new(proc, child, GFP_ATOMIC | __GFP_NOWARN);
	if (!lwp) {
		ctl_proc_put(proc);
		goto nomem;
	}
	lwp->newborn = true;
	proc->from = ctl_proc_get(from);
	proc->mm = child->mm;
	spin_lock_irqsave(&from->lock, flags);
	proc->modes = from->modes;
	proc->sigtrace = from->sigtrace;
	proc->flttrace = from->flttrace;
	proc->sysentry = from->sysentry;
	proc->sysexit = from->sysexit;
	spin_unlock_irqrestore(&from->lock, flags);
	spin_lock_irqsave(&proc->lock, flags);
	ctl_lwp_publish(lwp);
	ctl_proc_update(proc);
	spin_unlock_irqrestore(&proc->lock, flags);
	/* Nobody knows the child's number yet: nobody can have been first. */
	ctl_proc_publish(proc);
	ctl_covers_inherit(from, proc);
	/*
	 * If the parent was let go after its modes were read, its last close
	 * did not find the child, and the child's stops would be nobody's.
	 */
	spin_lock_irqsave(&from->lock, flags);
	released = !(from->modes & PR_FORK);
	spin_unlock_irqrestore(&from->lock, flags);
	if (released) {
		spin_lock_irqsave(&proc->lock, flags);
		ctl_proc_release(proc);
		spin_unlock_irqrestore(&proc->lock, flags);
		ctl_gc_kick();
	}
	return;
nomem:
	pr_warn_ratelimited("out of memory: child %d is not followed\n",
			    task_pid_nr(child));
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
		if (!proc)
			goto out;
		lwp = ctl_lwp_new(proc, child, GFP_ATOMIC | __GFP_NOWARN);
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
	proc = parent->proc;
	ctl_record_fork(parent, child,
			cf & CLONE_THREAD ? CTL_FORK_THREAD :
			cf & CLONE_VFORK  ? CTL_FORK_VFORK :
					    CTL_FORK_FORK);
	if (!(cf & CLONE_THREAD) && (READ_ONCE(proc->modes) & PR_FORK))
		follow(proc, child);
	if (!(cf & CLONE_VM))
		ctl_probe_born(proc, child);
	if (atomic_read(&parent->npending)) {
		spin_lock_irqsave(&proc->lock, flags);
		ctl_lwp_kick(parent);
		spin_unlock_irqrestore(&proc->lock, flags);
	}
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

static void invalidate(struct ctl_proc *proc, struct ctl_lwp *lwp)
{
	struct ctl_handle *h;
	bool keep = false;

	lockdep_assert_held(&proc->lock);
	list_for_each_entry(h, &proc->handles, link) {
		WRITE_ONCE(h->invalid, true);
		if (h->writer &&
		    file_ns_capable(h->file, ctl_exec_user_ns(), CAP_SYS_PTRACE))
			keep = true;
	}
	ctl_proc_release(proc);
	if (keep) {
		/* Its owner opens it anew and loses nothing. */
		proc->modes = PR_RLC;
		proc->stopping = true;
		ctl_lwp_dstop(lwp);
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
	lwp->execed = true;
	lwp->pass_ip = 0;
	ctl_record_exec(lwp, old_pid, &bprm->file->f_path);
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
