/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compat.h - the one place that knows that kernels differ.
 *
 * The module is written for the newest kernel's interface; what an older one
 * lacks or spells otherwise is adapted here.  Almost nothing asks for a version
 * number: distributions move changes between versions (task_work_cancel() is
 * one thing in 5.10.0 and another in 5.10.220), the compiler knows.  probes.sh
 * compiles one line of C for each question when the module is built, and
 * leaves the answers as CTL_HAVE_* in config.h.
 *
 * What the compiler cannot tell, because no header declares it, is looked up
 * by name when the module is loaded: symbols.c.
 */
#ifndef CTL_COMPAT_H
#define CTL_COMPAT_H

#include <linux/freezer.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/time_namespace.h>
#include <linux/tracepoint.h>
#include <linux/uprobes.h>
#include <linux/version.h>

#include "config.h"
#ifdef CTL_HAVE_EXEC_STATE
#include <linux/sched/exec_state.h>
#endif

/*
 * The state of a stopped thread: SIGKILL ends it, a suspend does not wait for
 * it, the load average does not count it.
 */
#define CTL_TASK_STOPPED_ (TASK_WAKEKILL | TASK_UNINTERRUPTIBLE | TASK_NOLOAD)
#ifdef CTL_HAVE_TASK_FREEZABLE
#define CTL_TASK_STOPPED (CTL_TASK_STOPPED_ | TASK_FREEZABLE)
static inline void ctl_schedule_freezable(void)
{
	schedule();
}
#else
#define CTL_TASK_STOPPED CTL_TASK_STOPPED_
static inline void ctl_schedule_freezable(void)
{
	freezer_do_not_count();
	schedule();
	freezer_count();
}
#endif

/* 5.14: state became __state. */
static inline unsigned int ctl_task_state(struct task_struct *t)
{
#ifdef CTL_HAVE_TASK_STATE_
	return READ_ONCE(t->__state);
#else
	return READ_ONCE(t->state);
#endif
}

static inline bool ctl_task_on_cpu(struct task_struct *t)
{
#ifdef CONFIG_SMP
	return smp_load_acquire(&t->on_cpu);
#else
	return t == current;
#endif
}

/* Threads that have no user code to return to, though they have an mm. */
#ifndef PF_IO_WORKER
#define PF_IO_WORKER 0
#endif
#ifndef PF_USER_WORKER
#define PF_USER_WORKER 0
#endif
#define CTL_PF_KERNEL (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER)

/* Take one signal off current's queues; siglock held. */
static inline int ctl_dequeue_signal(sigset_t *mask, kernel_siginfo_t *info)
{
#if defined(CTL_HAVE_DEQUEUE_CURRENT)
	enum pid_type type;

	return dequeue_signal(mask, info, &type);
#elif defined(CTL_HAVE_DEQUEUE_TYPE)
	enum pid_type type;

	return dequeue_signal(current, mask, info, &type);
#else
	return dequeue_signal(current, mask, info);
#endif
}

/* At the start of dequeue_signal(): where the set that it leaves alone is. */
static inline unsigned long *ctl_dequeue_mask(struct pt_regs *regs)
{
#ifdef CTL_HAVE_DEQUEUE_CURRENT
	return &regs->di;
#else
	return &regs->si;
#endif
}

static inline void ctl_vm_flags(struct vm_area_struct *vma, unsigned long set,
				unsigned long clear)
{
#ifdef CTL_HAVE_VM_FLAGS_MOD
	vm_flags_mod(vma, set, clear);
#else
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
#endif
}

/* Whose capabilities count over the image that current has just executed. */
static inline struct user_namespace *ctl_exec_user_ns(void)
{
#ifdef CTL_HAVE_EXEC_STATE
	/* current's own, replaced by nobody else; the hook is under RCU */
	return rcu_dereference_check(current->exec_state, true)->user_ns;
#else
	return current->mm->user_ns;
#endif
}

/*
 * Does the kernel make the call that was there before sys_enter's hooks ran,
 * whatever number they left?  All did before 6.9; the correction went into the
 * stable kernels from 6.1 on, and no header tells.  events.c helps those that
 * may not have it.
 */
#define CTL_ENTRY_PROBE (LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0))

/* Nanoseconds of boot time, as the caller's time namespace has them. */
static inline u64 ctl_boottime_here(u64 ns)
{
#ifdef CTL_HAVE_TIMENS_NS
	return timens_add_boottime_ns(ns);
#else
	struct timespec64 ts = ns_to_timespec64(ns);

	timens_add_boottime(&ts);
	return timespec64_to_ns(&ts);
#endif
}

/*
 * -- uprobes.  Until 6.12 a probe was named by inode and offset at each turn;
 * since then by what registering it returns.
 */
struct ctl_uprobe {
	struct uprobe_consumer uc;
	struct inode *inode;
	loff_t offset;
	struct uprobe *uprobe;
};

static inline int ctl_uprobe_register(struct ctl_uprobe *u, loff_t ref)
{
#ifdef CTL_HAVE_UPROBE_HANDLE
	struct uprobe *r = uprobe_register(u->inode, u->offset, ref, &u->uc);

	if (IS_ERR(r))
		return PTR_ERR(r);
	u->uprobe = r;
	return 0;
#elif defined(CTL_HAVE_UPROBE_REFCTR)
	return uprobe_register_refctr(u->inode, u->offset, ref, &u->uc);
#else
	return uprobe_register(u->inode, u->offset, ref, &u->uc);
#endif
}

/* Handlers may still run until ctl_uprobe_sync(). */
static inline void ctl_uprobe_unregister(struct ctl_uprobe *u)
{
#ifdef CTL_HAVE_UPROBE_NOSYNC
	uprobe_unregister_nosync(u->uprobe, &u->uc);
#elif defined(CTL_HAVE_UPROBE_HANDLE)
	uprobe_unregister(u->uprobe, &u->uc);
#else
	uprobe_unregister(u->inode, u->offset, &u->uc);
#endif
}

static inline void ctl_uprobe_sync(void)
{
#ifdef CTL_HAVE_UPROBE_NOSYNC
	uprobe_unregister_sync();
#endif
}

/* What their functions get besides. */
#ifdef CTL_HAVE_UPROBE_FILTER_CTX
#define CTL_UPROBE_CTX , enum uprobe_filter_ctx ctx
#else
#define CTL_UPROBE_CTX
#endif
#ifdef CTL_HAVE_UPROBE_DATA
#define CTL_UPROBE_DATA , __u64 *data
#else
#define CTL_UPROBE_DATA
#endif

/* current is about to execute the instruction under a uprobe elsewhere. */
static inline bool ctl_uprobe_midway(void)
{
#ifdef CONFIG_UPROBES
	return current->utask && current->utask->active_uprobe;
#else
	return false;
#endif
}

/*
 * In a handler.  Since 6.18 a uprobe on a nop of five bytes becomes, after its
 * first hit, a call; and a call writes below the stack pointer, where leaf
 * functions keep what is theirs.  Leave it the breakpoint that it is.
 */
static inline void ctl_uprobe_keep(void)
{
#ifdef CTL_HAVE_UPROBE_OPTIMIZE
	if (current->utask && current->utask->auprobe)
		set_bit(ARCH_UPROBE_FLAG_OPTIMIZE_FAIL,
			&current->utask->auprobe->flags);
#endif
}

/*
 * n bytes of current's stack, from sp on, were copied to buf: put the return
 * addresses back that functions whose return is probed have not at hand now.
 */
static inline void ctl_uprobe_returns(unsigned long sp, u8 *buf, size_t n,
				      size_t width)
{
#ifdef CONFIG_UPROBES
	const struct return_instance *ri;
	u64 addr;

	for (ri = current->utask ? current->utask->return_instances : NULL; ri;
	     ri = ri->next) {
		addr = ri->orig_ret_vaddr;
		if (n >= width && ri->stack - sp <= n - width)
			memcpy(buf + (ri->stack - sp), &addr, width);
	}
#endif
}

#endif
