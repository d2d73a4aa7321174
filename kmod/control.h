/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control.h - inside the module: what there is, who owns it, which lock.
 *
 *   main.c       load and unload
 *   symbols.c    names that are not exported
 *   events.c     the hooks in the kernel, switched on while somebody needs them
 *   control.c    processes, threads, stop and run
 *   syscall.c    system call entry and exit
 *   signal.c     signals, faults, single step
 *   life.c       fork, exec, exit
 *   ring.c       handles' rings and what goes into them
 *   capture.c    capture programs
 *   probe.c      probes, by uprobes
 *   hit.c        ... and what it means to pass one
 *   landing.c    ... and what functions return to
 *   trap.c       ... and by breakpoints, where there can be none
 *   regs.c       registers and memory
 *   status.c     struct ctl_status
 *   message.c    the messages
 *   ctl_file.c   the files: open, write, ioctl, poll, mmap, close
 *   proc_hook.c  /proc/PID/ctl
 *
 * Objects
 *   struct ctl_proc    a controlled process.  References: its threads, its
 *                      handles, its covers, followed children (->from), its
 *                      settle work.  Hooks find it under RCU, when it may
 *                      just be going: kref_get_unless_zero() to keep it.
 *   struct ctl_lwp     a thread of one.  In a hash by task until the thread
 *                      exits or the process is let go; references: that hash,
 *                      lwp handles, queued task work, backlog entries.
 *   struct ctl_handle  an open file.  Owned by the file; hooks find it through
 *                      covers under RCU and take a reference to keep it.
 *   struct ctl_cover   "this handle's ring gets the events of this process".
 *
 * Locks, outermost first
 *   ctl_mutex        binding, closing, switching hooks; may sleep
 *   ctl_proc.probe_mutex  enabling and disabling probes, which waits for their
 *                    handlers; a parent's before its child's; may sleep
 *   sighand->siglock (the kernel's; hooks are called with it held)
 *   ctl_procs_lock   the hash and list of processes
 *   ctl_proc.lock    everything in a ctl_proc and in its ctl_lwps that another
 *                    thread may look at
 *   ctl_handle.lock  the handle's covers
 *   ctl_ring.lock    the ring and its backlog
 * All spinlocks are taken with interrupts off.  The hooks run where sleeping is
 * not allowed; whatever has to sleep is done in the thread's task work.
 */
#ifndef CTL_CONTROL_H
#define CTL_CONTROL_H

#undef pr_fmt
#define pr_fmt(fmt) "dtrace_ctl: " fmt

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/task_work.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "dtrace_ctl.h"
#include "operand.h"
#include "symbols.h"

struct ctl_proc {
	struct kref ref;
	struct hlist_node hash; /* ctl_procs_lock, RCU */
	struct list_head all;	/* the same */
	struct pid *pid;	/* pins the identity (P4); a reference */
	/* A followed child: its parent, or who of its ancestors is left; a
	 * reference.  Set while ctl_mutex is held, or nobody knows the child. */
	struct ctl_proc __rcu *from;
	spinlock_t lock;
	struct list_head lwps;
	unsigned int nlwp;
	struct list_head handles;
	struct list_head covers; /* read under RCU */
	wait_queue_head_t wq;	/* a stop, an end, an invalidation */

	bool stopping; /* directed to stop as a whole: newborn threads too */
	bool gone;     /* the last thread left */
	bool detached; /* not in the hash any more: bind makes a new one */
	bool stepped;  /* somebody asked for single steps */
	bool nascent;  /* a followed child that is being made: not idle */
	bool reaping;  /* probes are off the list, and not gone yet */
	u32 want;      /* CTL_WANT_*: what the hooks have to look at */
	u32 sys_epoch; /* how many times calls came to be wanted */
	u64 round;     /* ctl_mutex: of ctl_last_close(), which found this: */
	bool descends;
	u64 modes, sigtrace, flttrace, discard;
	struct ctl_sysset sysentry, sysexit;
	/* Compared, never followed: the image that the handles may see (P5). */
	const struct mm_struct *mm;

	struct mutex probe_mutex;
	struct list_head probes; /* both locks to change it, either to look */
	struct work_struct probe_work; /* takes out those that ended */
	struct list_head graves; /* probe_mutex; trap.c */
	bool probed; /* ever: a fork may copy what was there */

	struct delayed_work settle; /* looks for threads that went to sleep */
	unsigned int settle_ms;
	struct rcu_head rcu;
};
#define CTL_WANT_SYS 1U
#define CTL_WANT_SIG 2U
#define CTL_WANT_ENTRY 4U /* calls may be turned away */

struct ctl_lwp {
	struct kref ref;
	struct hlist_node hash; /* RCU, ctl_lwps_lock */
	struct list_head link;	/* proc->lwps */
	struct ctl_proc *proc;	/* a reference */
	struct task_struct *task; /* a reference */
	struct callback_head work;
	struct rcu_head rcu;

	/* proc->lock */
	bool dead;   /* the thread left, or the process was let go */
	bool queued; /* work is on the task's list */
	bool held;   /* sleeps in our callback: stopped */
	bool dstop;  /* directed to stop, not held */
	bool vstop;  /* ... and seen asleep: stopped for all purposes */
	bool sig_set; /* cursig was chosen by PCSSIG */
	bool step_req;	  /* to step when it is back in its program */
	bool step_cancel; /* no step after all */
	u32 why, what;
	u32 run_flags; /* with what PCRUN released it */
	int cursig, curflt;
	kernel_siginfo_t info;
	u64 stop_time;
	bool regs_set; /* regs: given while asleep, for the way back */
	struct ctl_regs regs;
	atomic_t npending; /* its records in backlogs: it waits for room */
	bool roomwait;	   /* ... now */
	u32 probe_hold;	   /* to stop at PR_PROBE: the id */
	struct ctl_proc *adopts; /* to have the probes of; a reference */
	const struct mm_struct *adopts_mm; /* of that then; compared */

	/* The thread's own, in hooks and work; others look without a lock. */
	bool newborn;	 /* has not left the call that made it */
	bool insys;	 /* nr .. entry_time are valid */
	bool aborted;
	bool entry_hold; /* the call was turned away at entry, to stop */
	bool exit_hold;	 /* to stop at PR_SYSEXIT */
	bool slow;	 /* its record is made where it may sleep */
	bool at_signal;	 /* in get_signal() */
	bool stepping, step_done;
	bool step_int3; /* by a breakpoint, whosever it is */
	bool execed; /* since the call's entry */
	bool noentry;
	bool refused; /* so, though entries are told */
	struct pid *pid; /* that it made the call with: an exec may give it
			    another; a reference, or NULL */
	u32 sys_epoch; /* proc's, when an entry was last told */
	int abi;
	u32 nr;
	u64 arg[6];
	s64 ret;
	u64 entry_time, exit_time;
	unsigned long pass_ip, pass_sp; /* this call may pass: it stopped already */
	int spared;	  /* siglock: the signal that does not end it */
	u64 sig_pass;	  /* these may be delivered: they stopped already */
	sigset_t sig_leave; /* siglock: these may not be, now */
	u64 sig_recorded; /* these were recorded */
	struct list_head drafts; /* captures taken at entry */
	u64 trapped; /* our breakpoint that it is at, or has come to early */
	bool midway; /* our work was reached too early: probe.c */
	bool answer; /* an is-enabled site: yes */
	u64 early, early_sp; /* where it may pass now: trap.c; 0: nowhere.  Others
				may forget it while it is held */
	struct list_head calls; /* whose return is to be reported */
	unsigned int ncalls;
	bool unlanded; /* one of them has nothing where it returns to */
};

struct ctl_ring;
struct linux_binprm;
struct ctl_program;

/* What was captured at the entry of a call, for one handle. */
struct ctl_draft {
	struct list_head link; /* lwp->drafts */
	u64 handle;	       /* its id */
	bool retry;	       /* its record is to be made where it may sleep */
	u16 ncap;
	u32 late; /* operations of the entry left to the exit */
	u32 len;
	u8 data[];
};

struct ctl_handle {
	struct kref ref;
	u64 id; /* unlike the address, never used again */
	struct file *file; /* valid while in proc->handles */
	const struct cred *cred;
	struct pid_namespace *ns; /* whose numbers the opener sees */
	struct mutex mutex; /* PCRING, PCCAPTURE, bind */

	/* set by bind, then constant */
	struct ctl_proc *proc; /* a reference */
	struct ctl_lwp *lwp;   /* a reference, or NULL */
	bool writer;
	bool may_read; /* registers and the like */

	/* proc->lock */
	struct list_head link; /* proc->handles */
	bool invalid;

	spinlock_t lock;
	struct list_head covers;
	bool closing;

	struct ctl_ring *ring;	 /* set once */
	struct ctl_record record; /* read racily by hooks: bits */
	struct ctl_program __rcu **programs;
	struct rcu_work free_work;
};

struct ctl_cover {
	struct list_head by_proc; /* proc->lock; RCU */
	struct list_head by_handle; /* handle->lock */
	struct ctl_proc *proc;	/* a reference */
	struct ctl_handle *h;	/* alive under RCU */
	bool blind; /* proc executed what h's opener may not see (P5) */
	struct rcu_head rcu;
};

/* -- main.c */
extern struct workqueue_struct *ctl_wq;
extern struct mutex ctl_mutex;

/* -- control.c */
extern spinlock_t ctl_procs_lock;
extern struct list_head ctl_all;
void ctl_control_exit(void);
/* Under RCU. */
struct ctl_lwp *ctl_lwp_find(struct task_struct *t);
struct ctl_proc *ctl_proc_find(struct pid *pid);
void ctl_lwp_put(struct ctl_lwp *lwp);
void ctl_proc_put(struct ctl_proc *proc);
static inline struct ctl_proc *ctl_proc_get(struct ctl_proc *proc)
{
	kref_get(&proc->ref);
	return proc;
}
/* Under RCU, or with ctl_mutex held. */
static inline struct ctl_proc *ctl_proc_from(const struct ctl_proc *proc)
{
	return rcu_dereference_check(proc->from, lockdep_is_held(&ctl_mutex));
}
/* The control of the process that task leads, made if there is none; with a
 * reference.  ctl_mutex held. */
struct ctl_proc *ctl_proc_attach(struct task_struct *task);
/* Does anybody control it, or did and left something behind?  ctl_mutex held. */
bool ctl_proc_controlled(struct task_struct *task);
struct ctl_proc *ctl_proc_new(struct pid *pid, gfp_t gfp);
/* Publish a new process or thread; false: it is there already. */
bool ctl_proc_publish(struct ctl_proc *proc);
struct ctl_lwp *ctl_lwp_new(struct ctl_proc *proc, struct task_struct *t,
			    gfp_t gfp);
bool ctl_lwp_publish(struct ctl_lwp *lwp);
/* proc->lock held for the next ones. */
void ctl_lwp_remove(struct ctl_lwp *lwp);
void ctl_lwp_kick(struct ctl_lwp *lwp); /* leave it our callback */
void ctl_lwp_dstop(struct ctl_lwp *lwp);
void ctl_proc_dstop(struct ctl_proc *proc);
bool ctl_lwp_stopped(struct ctl_lwp *lwp);
bool ctl_proc_istopped(struct ctl_proc *proc);
bool ctl_proc_stopped(struct ctl_proc *proc);
struct ctl_lwp *ctl_proc_representative(struct ctl_proc *proc);
int ctl_lwp_run(struct ctl_lwp *lwp, u32 flags);
int ctl_proc_run(struct ctl_proc *proc, u32 flags);
void ctl_proc_release(struct ctl_proc *proc);
void ctl_proc_update(struct ctl_proc *proc);
/* ... until here. */
void ctl_kick(struct ctl_lwp *lwp);
/* Stop current, in its task work; returns the flags that it runs with. */
u32 ctl_hold(struct ctl_lwp *lwp, u32 why, u32 what);
void ctl_last_close(struct ctl_proc *top);
/* A callback is queued; it is over: unload waits for all of them. */
void ctl_work_begin(void);
void ctl_work_end(void);
/* Something may be unused now: let go of it soon. */
void ctl_gc_kick(void);

/* -- events.c */
int ctl_events_init(void);
void ctl_events_exit(void);
int ctl_events_sync(void); /* ctl_mutex held */

/* -- syscall.c */
void ctl_on_sys_enter(void *data, struct pt_regs *regs, long id);
void ctl_on_sys_exit(void *data, struct pt_regs *regs, long ret);
void ctl_syscall_work(struct ctl_lwp *lwp);
void ctl_call_begins(struct ctl_lwp *lwp);
bool ctl_exit_wanted(const struct ctl_lwp *lwp, u32 nr);

/* -- signal.c */
void ctl_on_get_signal(void);
void ctl_on_dequeue_signal(unsigned long *mask);
bool ctl_on_complete(struct task_struct *p, int sig);
void ctl_on_completed(struct task_struct *p, int sig);
void ctl_on_signal_deliver(void *data, int sig, struct kernel_siginfo *info,
			   struct k_sigaction *ka);
void ctl_on_signal_generate(void *data, int sig, struct kernel_siginfo *info,
			    struct task_struct *p, int group, int result);
void ctl_signal_work(struct ctl_lwp *lwp);
void ctl_signal_resume(struct ctl_lwp *lwp, u32 flags);
void ctl_step_arm(struct ctl_lwp *lwp);	  /* current */
void ctl_step_disarm(struct ctl_lwp *lwp); /* current, or asleep */
void ctl_step_end(struct ctl_lwp *lwp);	  /* current; the work reports it */
int ctl_signal_init(void);
void ctl_signal_exit(void);

/* -- life.c */
void ctl_on_newtask(void *data, struct task_struct *child, unsigned long flags);
void ctl_on_exec(void *data, struct task_struct *t, pid_t old_pid,
		 struct linux_binprm *bprm);
void ctl_on_exit(void *data, struct task_struct *t);

/* -- ring.c */
void ctl_ring_exit(void);
int ctl_ring_setup(struct ctl_handle *h, const struct ctl_ring_setup *s);
int ctl_ring_mmap(struct ctl_handle *h, struct vm_area_struct *vma);
void ctl_ring_free(struct ctl_ring *ring);
bool ctl_ring_ready(struct ctl_handle *h);
struct wait_queue_head *ctl_ring_wq(struct ctl_handle *h);
void ctl_ring_consumed(struct ctl_handle *h);
/* The handle closes: threads that wait for room in its ring wait no more. */
void ctl_ring_purge(struct ctl_handle *h);
/* ... of one thread; its records are counted as lost.  Interrupts are off. */
void ctl_ring_forget(struct ctl_handle *h, struct ctl_lwp *lwp);
/* Wait until the records of current are stored; in task work. */
void ctl_ring_wait(struct ctl_lwp *lwp);
int ctl_cover_add(struct ctl_handle *h, struct ctl_proc *proc, gfp_t gfp);
void ctl_covers_update(struct ctl_handle *h);
void ctl_covers_drop(struct ctl_handle *h);
/* proc is let go of; ctl_mutex held. */
void ctl_covers_forget(struct ctl_proc *proc);
void ctl_covers_inherit(struct ctl_proc *from, struct ctl_proc *to);
void ctl_drafts_drop(struct ctl_lwp *lwp);
void ctl_record_entry(struct ctl_lwp *lwp);
/* false: has to be made where it may sleep */
bool ctl_record_exit(struct ctl_lwp *lwp, u32 flags, bool may_sleep);
void ctl_record_signal(struct ctl_lwp *lwp, const kernel_siginfo_t *info,
		       int flt, u64 pc);
void ctl_record_fork(struct ctl_lwp *lwp, struct task_struct *child, u32 kind);
void ctl_record_exec(struct ctl_lwp *lwp, const struct path *path);
void ctl_record_death(struct ctl_lwp *lwp, int status, bool last);
/* Does anybody record probes of lwp's process; owner: the id of the only
 * handle that may, 0: any. */
bool ctl_probe_wanted(struct ctl_lwp *lwp, u64 owner);
/* Returns how many rings had no room for it. */
u32 ctl_record_probe(struct ctl_lwp *lwp, u64 owner, struct ctl_rec_probe *r,
		     u32 len, u16 flags, u64 now);
/* CTL_REC_BYTES to put a record together, or NULL; no sleeping in between. */
void *ctl_scratch_get(void);
void ctl_scratch_put(void);

/* -- capture.c */
struct ctl_program {
	struct rcu_head rcu;
	unsigned int nop;
	struct ctl_capop op[CTL_CAP_OPS];
};
struct ctl_sink {
	u8 *at;
	size_t room;
	unsigned int ncap;
	bool may_sleep; /* may page things in */
	u32 late;	/* operations of the entry left to the exit */
};
int ctl_capture_upload(struct ctl_handle *h, const struct ctl_capture *c,
		       const struct ctl_capop *op);
void ctl_capture_free(struct ctl_handle *h);
bool ctl_capture_any(struct ctl_handle *h, int abi, u32 nr);
void ctl_capture_entry(struct ctl_handle *h, struct ctl_lwp *lwp,
		       struct ctl_sink *s);
/* -EFAULT: a page was not there and may_sleep is not set. */
int ctl_capture_exit(struct ctl_handle *h, struct ctl_lwp *lwp,
		     struct ctl_sink *s, u32 late);
/* Of current, at a probe.  false: a page was not there, may_sleep not set. */
bool ctl_capture_string(struct ctl_lwp *lwp, struct ctl_sink *s, u8 arg,
			u64 addr, u32 limit);
bool ctl_capture_stack(struct ctl_lwp *lwp, struct ctl_sink *s, u32 limit);

/* -- probe.c */
void ctl_probes_init(struct ctl_proc *proc);
int ctl_probe_enable(struct ctl_handle *h, struct ctl_probe *op);
int ctl_probe_disable(struct ctl_handle *h, u64 id);
long ctl_probe_list(struct ctl_handle *h, struct ctl_probevec *v);
void ctl_probes_reap(struct ctl_proc *proc);
/* proc->lock held */
int ctl_probes_state(struct ctl_proc *proc);
void ctl_probes_end(struct ctl_proc *proc, bool all);
/* The handle closes; ctl_mutex held, then not. */
void ctl_probes_end_of(struct ctl_handle *h);
void ctl_probes_drop(struct ctl_handle *h);
void ctl_probe_hide(struct ctl_proc *proc, u64 addr, u8 *buf, u32 n);
int ctl_probe_keep(struct ctl_proc *proc, u64 addr, u8 *buf, u32 n);
/* under RCU */
void ctl_probe_born(struct ctl_proc *proc, struct task_struct *child);
/* in task work */
void ctl_probe_adopt(struct ctl_lwp *lwp);
/* At unload, while the hooks are there. */
void ctl_probes_exit(void);

/* -- hit.c, in task work */
bool ctl_probe_midway(struct ctl_lwp *lwp);
void ctl_probe_trapped(struct ctl_lwp *lwp);
void ctl_probe_work(struct ctl_lwp *lwp);

/* -- landing.c; ctl_call_work() in task work */
void ctl_call_work(struct ctl_lwp *lwp);
void ctl_calls_drop(struct ctl_lwp *lwp);

/* -- trap.c; probe_mutex of the mm's process held */
int ctl_trap_get(struct mm_struct *mm, u64 addr, u8 old, u8 len,
		 bool clears_rax);
bool ctl_trap_at(struct mm_struct *mm, u64 addr);
void ctl_trap_put(struct ctl_proc *proc, struct mm_struct *mm, u64 addr);
void ctl_traps_clean(struct ctl_proc *proc, const struct mm_struct *old,
		     struct mm_struct *mm);
/* ... or not */
void ctl_traps_free(struct ctl_proc *proc);
int ctl_early_get(struct mm_struct *mm, u64 addr);
void ctl_early_put(struct mm_struct *mm, u64 addr);
enum ctl_int3 {
	CTL_INT3_NOT_OURS,
	CTL_INT3_OURS,	/* and the thread is behind it */
	CTL_INT3_EARLY, /* it will be there again */
};
enum ctl_int3 ctl_on_int3(struct pt_regs *regs);

/* -- regs.c */
int ctl_regs_init(void);
/* Before the registers of another are touched; proc->lock held. */
void ctl_lwp_off_cpu(struct ctl_lwp *lwp);
int ctl_regs_get(struct task_struct *t, struct ctl_regs *r);
int ctl_regs_check(const struct ctl_regs *r);
int ctl_regs_set(struct task_struct *t, const struct ctl_regs *r);
void ctl_regs_apply(const struct ctl_regs *r); /* to current, on its way back */
int ctl_fpregs_get(struct task_struct *t, struct ctl_fpregs *r);
int ctl_fpregs_set(struct task_struct *t, const struct ctl_fpregs *r);
/* The task that is to be looked at, with a reference; NULL: gone. */
struct task_struct *ctl_handle_task(struct ctl_handle *h);
/* Keep t from executing another file, if the opener of h may have it as it is
 * (P5); then ctl_handle_unlock().  -EAGAIN, -ENOENT, -EINTR. */
int ctl_handle_lock(struct ctl_handle *h, struct task_struct *t);
void ctl_handle_unlock(struct task_struct *t);
/* t's memory, if so; with a reference. */
struct mm_struct *ctl_handle_mm(struct ctl_handle *h, struct task_struct *t);
/* All n bytes, or false. */
bool ctl_peek(struct mm_struct *mm, u64 addr, void *buf, int n);
bool ctl_poke(struct mm_struct *mm, u64 addr, const void *buf, int n);
int ctl_memory(struct ctl_handle *h, const struct ctl_iovec *v, bool write);

/* -- status.c */
int ctl_status_get(struct ctl_handle *h, struct ctl_status *st);
int ctl_lwpstatus_get(struct ctl_handle *h, struct ctl_lwpvec *v);
u64 ctl_start_time(struct task_struct *leader);
/* -ENOENT, -EAGAIN or 0; proc->lock held */
int ctl_handle_error(struct ctl_handle *h);
static inline bool ctl_task_asleep(struct task_struct *t)
{
	return ctl_task_state(t) != TASK_RUNNING;
}
static inline bool ctl_sysset_has(const struct ctl_sysset *s, int abi, u32 nr)
{
	const __u64 *w = abi == CTL_ABI_COMPAT ? s->compat : s->native;

	if (nr >= CTL_SYSSET_BITS)
		nr = CTL_SYSSET_BITS - 1;
	return READ_ONCE(w[nr / 64]) >> (nr % 64) & 1;
}

/* -- message.c */
ssize_t ctl_messages(struct ctl_handle *h, const char __user *buf, size_t len);
long ctl_pioc(struct ctl_handle *h, unsigned int cmd, void __user *arg);

/* -- ctl_file.c */
extern const struct file_operations ctl_proc_fops;
int ctl_file_init(void);
void ctl_file_exit(void);
void ctl_handle_put(struct ctl_handle *h);

/* -- proc_hook.c */
int ctl_proc_hook_init(void);
void ctl_proc_hook_exit(void);
/* The process or thread that an inode of ours in /proc stands for. */
struct pid *ctl_proc_hook_pid(struct inode *inode);

#endif
