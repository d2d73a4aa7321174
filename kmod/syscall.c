// SPDX-License-Identifier: GPL-2.0-only
/*
 * syscall.c - system call entry and exit.
 *
 * Two tracepoints tell of every call.  They run where sleeping is not allowed,
 * so they note what happened, copy what is in memory, and leave the rest to
 * the task work that runs before the thread is back in user code.
 *
 * Stopping at exit is then simply the work, stopping.
 *
 * Stopping at entry would have to happen in the tracepoint.  Instead the call
 * is turned away: its number is replaced by -1, which the kernel takes for
 * "somebody handled it", and the thread goes straight to its way back, where
 * the work finds it.  There it stops, with the registers looking as they did
 * at entry.  When it is run the work steps the instruction pointer back over
 * the two bytes of the instruction that made the call (SYSCALL, INT 0x80; for
 * SYSENTER the kernel put the address of an INT 0x80 there, for just this
 * purpose) and puts the number back: the thread makes the same call once more
 * and this time is let pass (pass_ip).  PRSABORT does not step back.
 *
 * Another tracer of the thread sees a call that is to be restarted
 * (ERESTARTNOINTR) in between.
 */
#include <asm/syscall.h>
#include <linux/sched/task_stack.h>
#include <linux/timekeeping.h>

#include "control.h"

#define NR_X86_EXIT 60
#define NR_X86_EXIT_GROUP 231
#define NR_I386_EXIT 1
#define NR_I386_EXIT_GROUP 252

static int abi_of(u32 nr)
{
	if (in_ia32_syscall())
		return CTL_ABI_COMPAT;
	return nr & __X32_SYSCALL_BIT ? CTL_ABI_X32 : CTL_ABI_NATIVE;
}

static bool no_return(int abi, u32 nr)
{
	return abi == CTL_ABI_COMPAT ?
		       nr == NR_I386_EXIT || nr == NR_I386_EXIT_GROUP :
		       nr == NR_X86_EXIT || nr == NR_X86_EXIT_GROUP;
}

/* The thread's last exec is over, and its number is what it is now. */
void ctl_call_begins(struct ctl_lwp *lwp)
{
	if (!lwp->execed)
		return;
	put_pid(lwp->pid);
	lwp->pid = get_pid(task_pid(current));
	lwp->execed = false;
}

/* Is there to be a stop at its end?  Of one whose entry was not told at all,
 * instead of that there. */
bool ctl_exit_wanted(const struct ctl_lwp *lwp, u32 nr)
{
	return ctl_sysset_has(&lwp->proc->sysexit, lwp->abi, nr) ||
	       (lwp->refused &&
		ctl_sysset_has(&lwp->proc->sysentry, lwp->abi, nr));
}

/* Seen or not. */
static void begin(struct ctl_lwp *lwp, u32 nr, int abi, bool seen)
{
	ctl_call_begins(lwp);
	lwp->nr = nr;
	lwp->abi = abi;
	lwp->entry_time = ktime_get_ns();
	lwp->aborted = lwp->refused = false;
	lwp->noentry = !seen;
}

static void get_args(struct ctl_lwp *lwp, struct pt_regs *regs)
{
	unsigned long args[6];
	int i;

	syscall_get_arguments(current, regs, args);
	for (i = 0; i < 6; i++)
		lwp->arg[i] = args[i];
}

void ctl_on_sys_enter(void *data, struct pt_regs *regs, long id)
{
	struct ctl_proc *proc;
	struct ctl_lwp *lwp;
	bool pass = false;
	u32 nr = id;
	int abi;

	rcu_read_lock();
	lwp = ctl_lwp_find(current);
	if (!lwp || id == -1)
		goto out;
	proc = lwp->proc;
	WRITE_ONCE(lwp->newborn, false);
	if (!(READ_ONCE(proc->want) & CTL_WANT_SYS))
		goto out;
	lwp->sys_epoch = READ_ONCE(proc->sys_epoch);
	abi = abi_of(nr);
	if (lwp->pass_ip && lwp->pass_ip == regs->ip &&
	    lwp->pass_sp == regs->sp) {
		pass = lwp->nr == nr && lwp->abi == abi && lwp->insys;
		lwp->pass_ip = 0;
	}
	if (pass) {
		get_args(lwp, regs); /* PCSREG may have changed them */
	} else {
		ctl_drafts_drop(lwp);
		begin(lwp, nr, abi, true);
		get_args(lwp, regs);
		WRITE_ONCE(lwp->insys, true);
		ctl_record_entry(lwp);
	}
	if (!pass && ctl_sysset_has(&proc->sysentry, abi, nr)) {
		WRITE_ONCE(lwp->entry_hold, true);
		regs->orig_ax = -1;
		regs->ax = -ERESTARTNOINTR;
		ctl_kick(lwp);
	} else if (no_return(abi, nr)) {
		/* There is no other moment to tell. */
		ctl_record_exit(lwp, CTL_RECF_NORETURN, false);
		WRITE_ONCE(lwp->insys, false);
	}
out:
	rcu_read_unlock();
}

static bool unseen(struct ctl_lwp *lwp, struct pt_regs *regs)
{
	if ((long)regs->orig_ax < 0)
		return false; /* sigreturn, or not a call at all */
	begin(lwp, regs->orig_ax, abi_of(regs->orig_ax), false);
	get_args(lwp, regs);
	return true;
}

/* The call is over, with lwp->ret; in the tracepoint or in the work. */
static bool finish(struct ctl_lwp *lwp)
{
	bool work = false;

	if (!ctl_record_exit(lwp, lwp->aborted ? CTL_RECF_ABORTED : 0, false)) {
		WRITE_ONCE(lwp->slow, true);
		work = true;
	} else {
		WRITE_ONCE(lwp->insys, false);
	}
	if (atomic_read(&lwp->npending))
		work = true;
	return work;
}

void ctl_on_sys_exit(void *data, struct pt_regs *regs, long ret)
{
	struct ctl_proc *proc;
	struct ctl_lwp *lwp;
	bool work = false, newborn;

	rcu_read_lock();
	lwp = ctl_lwp_find(current);
	if (!lwp || lwp->entry_hold)
		goto out;
	proc = lwp->proc;
	if (!(READ_ONCE(proc->want) & CTL_WANT_SYS))
		goto out;
	/* The step was this call. */
	if (lwp->stepping)
		ctl_step_end(lwp);
	newborn = lwp->newborn;
	WRITE_ONCE(lwp->newborn, false);
	/* Of another call: nobody wanted to hear of that one's end. */
	if (lwp->insys && (long)regs->orig_ax >= 0 &&
	    lwp->nr != (u32)regs->orig_ax) {
		ctl_drafts_drop(lwp);
		WRITE_ONCE(lwp->insys, false);
	}
	if (!lwp->insys) {
		if (!unseen(lwp, regs))
			goto kick;
		/* Others' entries were told: seccomp did not let it that far. */
		lwp->refused = lwp->sys_epoch == READ_ONCE(proc->sys_epoch);
	}
	lwp->ret = ret;
	if (!newborn)
		work |= finish(lwp);
	if (ctl_exit_wanted(lwp, lwp->nr)) {
		WRITE_ONCE(lwp->exit_hold, true);
		work = true;
	}
kick:
	if (work)
		ctl_kick(lwp);
out:
	rcu_read_unlock();
}

/* -- in the work ---------------------------------------------------------- */

static void entry_stop(struct ctl_lwp *lwp)
{
	struct pt_regs *regs = task_pt_regs(current);
	unsigned long ip = regs->ip;
	bool work;
	u32 flags;

	/* As at entry: what a debugger expects to see and may change. */
	regs->orig_ax = lwp->nr;
	regs->ax = -ENOSYS;
	flags = ctl_hold(lwp, PR_SYSENTRY, lwp->nr);
	WRITE_ONCE(lwp->entry_hold, false);
	ctl_signal_resume(lwp, flags);
	if (flags & PRSABORT) {
		regs->ax = -EINTR;
		lwp->aborted = true;
		lwp->ret = -EINTR;
		rcu_read_lock();
		work = finish(lwp);
		rcu_read_unlock();
		if (work && lwp->slow)
			ctl_syscall_work(lwp);
		if (ctl_exit_wanted(lwp, lwp->nr))
			WRITE_ONCE(lwp->exit_hold, true);
	} else if (regs->ip == ip) {
		lwp->nr = regs->orig_ax;
		regs->ax = regs->orig_ax;
		regs->ip -= 2;
		lwp->pass_ip = ip;
		lwp->pass_sp = regs->sp;
	}
	/* (Sent elsewhere: no call.)  No restart by the signal code. */
	regs->orig_ax = -1;
}

void ctl_syscall_work(struct ctl_lwp *lwp)
{
	u32 flags;

	if (lwp->slow) {
		ctl_record_exit(lwp, lwp->aborted ? CTL_RECF_ABORTED : 0, true);
		WRITE_ONCE(lwp->insys, false);
		WRITE_ONCE(lwp->slow, false);
	}
	if (lwp->entry_hold)
		entry_stop(lwp);
	if (lwp->exit_hold) {
		flags = ctl_hold(lwp, PR_SYSEXIT, lwp->nr);
		WRITE_ONCE(lwp->exit_hold, false);
		ctl_signal_resume(lwp, flags);
	}
}
