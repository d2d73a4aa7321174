// SPDX-License-Identifier: GPL-2.0-only
/*
 * signal.c - signals, faults, single step.
 *
 * A signal is received when its thread takes it off the queue in get_signal(),
 * on the way to user code.  That function runs pending task work before it
 * looks at the queue.  A kprobe at its start queues ours, so the work runs
 * there, may sleep, and finds the signals still pending: whatever way they came
 * and whichever thread was chosen for them.
 *
 * A signal that is traced is taken off the queue by the work, and is the
 * thread's current signal while it stops.  So no other thread can take it, and
 * a PCSSIG, PCCSIG, PRCSIG has a place to act on.  When the thread runs on, what
 * is left of it goes back to the thread's own queue, marked to pass, and
 * get_signal() goes on to find it.
 *
 * One that comes between the work and the look at the queue would get by.  So a
 * kprobe at the start of dequeue_signal() adds, for the call that get_signal()
 * makes, what is traced and did not stop yet to what stays in the queue: then
 * get_signal() finds nothing, the thread sees that there is a signal, and begins
 * anew.
 *
 * One kind of signal never gets there: when the default action is to end the
 * process, without a core, the sender does so at once, in complete_signal().
 * It spares a process that is traced with ptrace(2), and a thread that has the
 * signal in real_blocked; so, for the time of that function and under the lock
 * that it is called with, every thread of a process that we trace has.
 *
 * And one that is ignored is dropped where it is sent.  It is recorded there, and
 * nobody stops: were it queued, as ptrace(2) has it, the thread would come out of
 * its system call for it, epoll_wait() and others with EINTR.
 *
 * A fault is a signal that the kernel raised for an instruction
 * (ctl_fault_of()).
 *
 * Single step: the trap flag is set in the thread's registers, and the trap is
 * claimed on the chain of die notifiers, before the kernel makes a signal of
 * it.  (A signal would reset a handler for SIGTRAP or unblock it.)  A thread
 * that steps over the instruction of a system call traps only after the next
 * one; sys_exit ends that step (syscall.c).  And one that comes to a breakpoint
 * has the flag taken off before anybody looks at that: if it is a uprobe's, the
 * kernel executes the instruction, sees the flag, and sends a SIGTRAP that
 * nobody could tell from one that was meant.
 */
#include <asm/processor-flags.h>
#include <linux/cred.h>
#include <linux/kdebug.h>
#include <linux/pid_namespace.h>
#include <linux/sched/task_stack.h>
#include <trace/events/signal.h>

#include "control.h"

/* -- stepping ------------------------------------------------------------- */

void ctl_step_arm(struct ctl_lwp *lwp)
{
	WRITE_ONCE(lwp->stepping, true);
	lwp->step_int3 = false;
	task_pt_regs(current)->flags |= X86_EFLAGS_TF;
}

void ctl_step_disarm(struct ctl_lwp *lwp)
{
	WRITE_ONCE(lwp->stepping, false);
	task_pt_regs(lwp->task)->flags &= ~X86_EFLAGS_TF;
}

void ctl_step_end(struct ctl_lwp *lwp)
{
	ctl_step_disarm(lwp);
	WRITE_ONCE(lwp->step_done, true);
	ctl_kick(lwp);
}

static int on_die(struct notifier_block *nb, unsigned long val, void *data)
{
	struct die_args *args = data;
	enum ctl_int3 int3 = CTL_INT3_NOT_OURS;
	struct ctl_lwp *lwp;
	bool ours;

	if (!user_mode(args->regs) || (val != DIE_INT3 && val != DIE_DEBUG))
		return NOTIFY_DONE;
	if (val == DIE_INT3)
		int3 = ctl_on_int3(args->regs);
	ours = int3 != CTL_INT3_NOT_OURS;
	rcu_read_lock();
	lwp = ctl_lwp_find(current);
	/* The uprobe's step: theirs.  Now there is room for our work. */
	if (lwp && lwp->midway && val == DIE_DEBUG)
		ctl_kick(lwp);
	/* (Nothing was done early: the step is yet to be made.) */
	if (lwp && lwp->stepping && int3 != CTL_INT3_EARLY) {
		lwp->step_int3 = val == DIE_INT3;
		ctl_step_end(lwp);
		ours |= val == DIE_DEBUG;
	}
	rcu_read_unlock();
	return ours ? NOTIFY_STOP : NOTIFY_DONE;
}

static struct notifier_block die_nb = {
	.notifier_call = on_die,
	/* Before uprobes, kgdb and hardware breakpoints; kprobes were here first. */
	.priority = INT_MAX,
};

int ctl_signal_init(void)
{
	return register_die_notifier(&die_nb);
}

void ctl_signal_exit(void)
{
	unregister_die_notifier(&die_nb);
}

/* -- hooks ---------------------------------------------------------------- */

/* current is about to look for signals. */
void ctl_on_get_signal(void)
{
	struct ctl_lwp *lwp;

	rcu_read_lock();
	lwp = ctl_lwp_find(current);
	if (lwp && ((READ_ONCE(lwp->proc->want) & CTL_WANT_SIG) ||
		    lwp->stepping)) {
		WRITE_ONCE(lwp->at_signal, true);
		ctl_kick(lwp);
	}
	rcu_read_unlock();
}

/* current takes the next signal that is not in **mask; siglock held. */
void ctl_on_dequeue_signal(unsigned long *mask)
{
	struct ctl_lwp *lwp;
	u64 leave;

	/* Others that wait for signals have sets of their own. */
	if (*mask != (unsigned long)&current->blocked)
		return;
	rcu_read_lock();
	lwp = ctl_lwp_find(current);
	if (lwp && (READ_ONCE(lwp->proc->want) & CTL_WANT_SIG)) {
		leave = READ_ONCE(lwp->proc->sigtrace) |
			READ_ONCE(lwp->proc->discard);
		leave &= ~(lwp->sig_pass | CTL_SIGBIT(SIGKILL));
		/* Interrupts are off as long as it is looked at: no lwp goes. */
		lwp->sig_leave.sig[0] = current->blocked.sig[0] | leave;
		*mask = (unsigned long)&lwp->sig_leave;
	}
	rcu_read_unlock();
}

/* Is sig, sent to p, to end it without being received?  siglock held. */
static bool ends_at_once(struct task_struct *p, int sig)
{
	struct ctl_lwp *lwp = ctl_lwp_find(p);

	return lwp && (READ_ONCE(lwp->proc->want) & CTL_WANT_SIG) &&
	       sig > 0 && sig < SIGRTMIN && sig != SIGKILL && !p->ptrace &&
	       sig_fatal(p, sig) && !sig_kernel_coredump(sig);
}

/* complete_signal() begins; false: nothing to be undone when it ends. */
bool ctl_on_complete(struct task_struct *p, int sig)
{
	struct task_struct *t;
	struct ctl_lwp *lwp;
	bool any = false;

	rcu_read_lock();
	if (ends_at_once(p, sig))
		for_each_thread(p, t) {
			lwp = ctl_lwp_find(t);
			if (!lwp || sigismember(&t->real_blocked, sig))
				continue;
			sigaddset(&t->real_blocked, sig);
			lwp->spared = sig;
			any = true;
		}
	rcu_read_unlock();
	return any;
}

void ctl_on_completed(struct task_struct *p, int sig)
{
	struct task_struct *t;
	struct ctl_lwp *lwp;

	rcu_read_lock();
	for_each_thread(p, t) {
		lwp = ctl_lwp_find(t);
		if (lwp && lwp->spared == sig) {
			lwp->spared = 0;
			sigdelset(&t->real_blocked, sig);
		}
	}
	rcu_read_unlock();
}

static void record(struct ctl_lwp *lwp, const kernel_siginfo_t *info)
{
	u64 pc = task_pt_regs(current)->ip;
	int flt = ctl_fault_of(info->si_signo, info->si_code);

	if (flt)
		ctl_record_signal(lwp, info, flt, pc);
	ctl_record_signal(lwp, info, 0, pc);
}

/* Taken off the queue for good; siglock held. */
void ctl_on_signal_deliver(void *data, int sig, struct kernel_siginfo *info,
			   struct k_sigaction *ka)
{
	struct ctl_lwp *lwp;
	u64 bit = CTL_SIGBIT(sig);

	/* SIGKILL is never received, it ends. */
	if (sig == SIGKILL || info == SEND_SIG_NOINFO || info == SEND_SIG_PRIV)
		return;
	rcu_read_lock();
	lwp = ctl_lwp_find(current);
	if (!lwp)
		goto out;
	lwp->sig_pass &= ~bit;
	if (lwp->sig_recorded & bit)
		lwp->sig_recorded &= ~bit;
	else if (READ_ONCE(lwp->proc->want) & CTL_WANT_SIG)
		record(lwp, info);
	/* The step ends at the handler's first instruction. */
	if (lwp->stepping && ka->sa.sa_handler != SIG_IGN &&
	    ka->sa.sa_handler != SIG_DFL)
		ctl_step_end(lwp);
	else if (lwp->step_done || atomic_read(&lwp->npending))
		ctl_kick(lwp);
out:
	rcu_read_unlock();
}

/* Does p, which nobody traces with ptrace(2), ignore it?  siglock held. */
static bool ignores(struct task_struct *p, int sig)
{
	__sighandler_t handler = p->sighand->action[sig - 1].sa.sa_handler;

	return handler == SIG_IGN ||
	       (handler == SIG_DFL && sig_kernel_ignore(sig));
}

/* Sent to p, with what result; siglock held, maybe in an interrupt. */
void ctl_on_signal_generate(void *data, int sig, struct kernel_siginfo *info,
			    struct task_struct *p, int group, int result)
{
	struct ctl_lwp *lwp;
	kernel_siginfo_t own;
	u64 bit = CTL_SIGBIT(sig);

	if (result != TRACE_SIGNAL_IGNORED)
		return;
	rcu_read_lock();
	lwp = ctl_lwp_find(p);
	if (!lwp || !(READ_ONCE(lwp->proc->want) & CTL_WANT_SIG) ||
	    !ignores(p, sig))
		goto out;
	if (p == current && (lwp->sig_pass & bit)) {
		/* We put it back: it came when it was not ignored yet. */
		lwp->sig_pass &= ~bit;
		lwp->sig_recorded &= ~bit;
		goto out;
	}
	if (info == SEND_SIG_NOINFO || info == SEND_SIG_PRIV) {
		clear_siginfo(&own);
		own.si_signo = sig;
		own.si_code = SI_KERNEL;
		if (info == SEND_SIG_NOINFO) {
			own.si_code = SI_USER;
			own.si_pid = task_tgid_nr_ns(current,
						     task_active_pid_ns(p));
			own.si_uid = from_kuid_munged(task_cred_xxx(p, user_ns),
						      current_uid());
		}
		info = &own;
	}
	ctl_record_signal(lwp, info, 0, 0);
out:
	rcu_read_unlock();
}

/* -- in the work ---------------------------------------------------------- */

#define SYNCHRONOUS                                                        \
	(CTL_SIGBIT(SIGSEGV) | CTL_SIGBIT(SIGBUS) | CTL_SIGBIT(SIGILL) |   \
	 CTL_SIGBIT(SIGTRAP) | CTL_SIGBIT(SIGFPE))

static int pending_fault(int sig)
{
	struct sigqueue *q;

	list_for_each_entry(q, &current->pending.list, list)
		if (q->info.si_signo == sig)
			return ctl_fault_of(sig, q->info.si_code);
	return 0;
}

/*
 * Take the next signal that somebody wants to stop for, or wants dropped.
 * Returns its number, 0: none.
 */
static int take_next(struct ctl_lwp *lwp, kernel_siginfo_t *info, bool *drop)
{
	struct ctl_proc *proc = lwp->proc;
	u64 sigtrace, flttrace, discard, ready, want, faults;
	int sig = 0, flt;
	sigset_t mask;

	spin_lock_irq(&proc->lock);
	sigtrace = proc->sigtrace;
	flttrace = proc->flttrace;
	discard = proc->discard;
	spin_unlock_irq(&proc->lock);

	BUILD_BUG_ON(sizeof(sigset_t) != sizeof(u64));
	spin_lock_irq(&current->sighand->siglock);
	ready = current->pending.signal.sig[0] |
		current->signal->shared_pending.signal.sig[0];
	ready &= ~current->blocked.sig[0];
	ready &= ~(lwp->sig_pass | CTL_SIGBIT(SIGKILL));
	want = ready & (sigtrace | discard);
	faults = flttrace ? ready & SYNCHRONOUS &
				    current->pending.signal.sig[0] : 0;
	while (faults) {
		sig = __ffs64(faults) + 1;
		faults &= faults - 1;
		flt = pending_fault(sig);
		if (flt && (flttrace & CTL_FLTBIT(flt)))
			want |= CTL_SIGBIT(sig);
	}
	sig = 0;
	if (want) {
		/* Faults come first, as in the kernel. */
		sig = __ffs64(want & SYNCHRONOUS ?: want) + 1;
		mask.sig[0] = ~CTL_SIGBIT(sig);
		clear_siginfo(info);
		if (ctl_dequeue_signal(&mask, info) != sig)
			sig = 0;
	}
	recalc_sigpending();
	spin_unlock_irq(&current->sighand->siglock);
	*drop = sig && (discard & CTL_SIGBIT(sig));
	if (*drop) {
		spin_lock_irq(&proc->lock);
		proc->discard &= ~CTL_SIGBIT(sig);
		spin_unlock_irq(&proc->lock);
	}
	return sig;
}

static void set_current_signal(struct ctl_lwp *lwp, int sig, int flt,
			       const kernel_siginfo_t *info)
{
	spin_lock_irq(&lwp->proc->lock);
	lwp->cursig = sig;
	lwp->curflt = flt;
	if (info)
		lwp->info = *info;
	lwp->sig_set = false;
	spin_unlock_irq(&lwp->proc->lock);
}

/*
 * Back to the head of the queue, from where it came: behind others of its number
 * it would not be the next to be taken.
 */
static void put_back(int sig, kernel_siginfo_t *info)
{
	struct sigqueue *q;

	send_sig_info(sig, info, current);
	if (sig < SIGRTMIN)
		return;
	spin_lock_irq(&current->sighand->siglock);
	list_for_each_entry_reverse(q, &current->pending.list, list)
		if (!memcmp(&q->info, info, sizeof(*info))) {
			list_move(&q->list, &current->pending.list);
			break;
		}
	spin_unlock_irq(&current->sighand->siglock);
}

/* What is left of the current signal goes back to the queue. */
void ctl_signal_resume(struct ctl_lwp *lwp, u32 flags)
{
	kernel_siginfo_t info;
	int sig;

	spin_lock_irq(&lwp->proc->lock);
	sig = lwp->cursig;
	info = lwp->info;
	lwp->cursig = lwp->curflt = 0;
	lwp->sig_set = false;
	spin_unlock_irq(&lwp->proc->lock);
	if (sig && !(flags & PRCSIG)) {
		lwp->sig_pass |= CTL_SIGBIT(sig);
		info.si_signo = sig;
		put_back(sig, &info);
	}
}

static void stop_for(struct ctl_lwp *lwp, int sig, const kernel_siginfo_t *info)
{
	struct ctl_proc *proc = lwp->proc;
	int flt = ctl_fault_of(sig, info->si_code);
	u64 sigtrace, flttrace, modes;
	u32 flags = 0;

	spin_lock_irq(&proc->lock);
	sigtrace = proc->sigtrace;
	flttrace = proc->flttrace;
	modes = proc->modes;
	spin_unlock_irq(&proc->lock);

	lwp->sig_recorded |= CTL_SIGBIT(sig);
	record(lwp, info);
	set_current_signal(lwp, sig, 0, info);
	if (flt && (flttrace & CTL_FLTBIT(flt))) {
		if (flt == FLTBPT && (modes & PR_BPTADJ))
			task_pt_regs(current)->ip--;
		spin_lock_irq(&proc->lock);
		lwp->curflt = flt;
		spin_unlock_irq(&proc->lock);
		flags = ctl_hold(lwp, PR_FAULTED, flt);
		if (flags & PRCFAULT)
			flags |= PRCSIG;
	}
	/* A fault that is let through is a signal like any. */
	spin_lock_irq(&proc->lock);
	lwp->curflt = 0;
	sig = flags & PRCSIG ? 0 : lwp->cursig;
	spin_unlock_irq(&proc->lock);
	if (sig && (sigtrace & CTL_SIGBIT(sig)))
		flags = ctl_hold(lwp, PR_SIGNALLED, sig);
	if (!sig || (flags & PRCSIG))
		lwp->sig_recorded &= ~CTL_SIGBIT(info->si_signo);
	ctl_signal_resume(lwp, flags);
}

static bool trap_is_pending(void)
{
	bool is;

	spin_lock_irq(&current->sighand->siglock);
	is = sigismember(&current->pending.signal, SIGTRAP) &&
	     !sigismember(&current->blocked, SIGTRAP);
	spin_unlock_irq(&current->sighand->siglock);
	return is;
}

void ctl_signal_work(struct ctl_lwp *lwp)
{
	kernel_siginfo_t info;
	bool drop;
	int sig;

	if (lwp->step_cancel) {
		WRITE_ONCE(lwp->step_cancel, false);
		if (lwp->stepping)
			ctl_step_disarm(lwp);
		WRITE_ONCE(lwp->step_done, false);
	}
	if (lwp->step_done && lwp->step_int3 && trap_is_pending()) {
		/* It was a breakpoint, nothing was executed. */
		WRITE_ONCE(lwp->step_done, false);
		ctl_step_arm(lwp);
	}
	if (lwp->step_done) {
		WRITE_ONCE(lwp->step_done, false);
		set_current_signal(lwp, 0, FLTTRACE, NULL);
		ctl_signal_resume(lwp, ctl_hold(lwp, PR_FAULTED, FLTTRACE));
	}
	if (!lwp->at_signal)
		return;
	WRITE_ONCE(lwp->at_signal, false);
	while (!fatal_signal_pending(current) &&
	       (sig = take_next(lwp, &info, &drop)) > 0)
		if (!drop)
			stop_for(lwp, sig, &info);
}
