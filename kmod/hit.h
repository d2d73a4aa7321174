/* SPDX-License-Identifier: GPL-2.0-only */
/* hit.h - between probe.c, which enables probes, and hit.c, which has hits. */
#ifndef CTL_HIT_H
#define CTL_HIT_H

#include <linux/hashtable.h>

#include "control.h"

struct part;

struct site {
	struct ctl_uprobe up;
	struct part *part;
	const struct ctl_probe_site *s; /* in part->op */
	struct file *file;
	u8 old, len; /* what was there, once examined; 0: no nop */
	bool clears_rax; /* an is-enabled site of DOF: xor %eax, %eax */
	bool in;	 /* the breakpoint, one way or the other */
	bool trap;	 /* ours, not a uprobe's */
	bool early;	 /* seen before the uprobe sees it, to stop: trap.c */
	bool counted; /* the kernel counts the semaphore for it */
};

/* One PCPROBE. */
struct part {
	struct list_head link; /* probe->parts */
	struct ctl_probe *op;  /* ours */
	const struct ctl_pred *pred; /* in op */
	struct probe *probe;
	struct ctl_proc *home; /* it outlives its probes */
	bool live;    /* all its sites are in */
	bool counted; /* we count its semaphore */
	unsigned int nsites;
	struct site site[];
};

struct probe {
	struct list_head link; /* proc->probes, by id */
	struct mm_struct *mm;  /* mmgrab() */
	struct ctl_handle *owner; /* NULL: the process; alive while we are on
				     the list, for its close waits */
	u64 owner_id;
	struct pid_namespace *ns; /* for the predicate's numbers */
	u32 id, flags, nsites;
	bool dying; /* proc->lock */
	bool goes_on; /* probe_mutex: in the fork that is looked at */
	atomic_t fired;
	atomic64_t hits, lost;
	struct list_head parts;
	/* Where calls return to: landing.c.  Added to with probe_mutex and
	 * proc->lock held; handlers look under RCU. */
	DECLARE_HASHTABLE(landings, 6);
	unsigned int nlandings;
};

#define for_each_site(q, part, s)                                          \
	list_for_each_entry(part, &(q)->parts, link)                       \
		for (s = (part)->site; s < (part)->site + (part)->nsites; s++)

/* -- probe.c */
/* It ends; proc->lock held. */
void ctl_probe_mark(struct ctl_proc *proc, struct probe *q);
/* The process, from or one of its ancestors, whose probes are in mm; with a
 * reference. */
struct ctl_proc *ctl_probe_home(struct ctl_proc *from,
				const struct mm_struct *mm);

/*
 * A breakpoint at at, where there was old.  The n bytes at buf were read at
 * addr, and shall look as without it; or are about to be written there:
 * -EBUSY if they have something else in its place, where it stays.
 */
void ctl_int3_hide(u64 at, u8 old, u64 addr, u8 *buf, u32 n);
int ctl_int3_keep(u64 at, u8 old, u64 addr, u8 *buf, u32 n);
/* Whether it was there, and is gone. */
bool ctl_int3_restore(struct mm_struct *mm, u64 at, u8 old);

/* Have a worker do it, and wait; what that is for is in probe.c. */
void ctl_in_worker(void (*fn)(void *arg), void *arg);
/* What file of code lies at addr, and where in it; with a reference. */
int ctl_text_at(struct mm_struct *mm, u64 addr, struct file **file,
		loff_t *offset);
/* probe_mutex held; NULL: none, or not any more */
struct probe *ctl_probe_find(struct ctl_proc *proc, u32 id);

/* -- hit.c */
void ctl_probe_consumer(struct ctl_uprobe *up);
/*
 * Current's control, with a reference, if it is home's or a followed child's.
 * Others that use the same memory have been vforked and report nothing.
 */
struct ctl_lwp *ctl_probe_lwp(const struct ctl_proc *home);
/* When the handler is through. */
void ctl_probe_lwp_put(struct ctl_lwp *lwp);
void ctl_emit_return(struct ctl_lwp *lwp, struct probe *q, u64 func,
		     u64 result);

/* -- landing.c */
void ctl_call_begin(struct ctl_lwp *lwp, struct site *s,
		    const struct pt_regs *regs);
void ctl_landings_remove(struct probe *q);
void ctl_landings_free(struct probe *q);
void ctl_landings_clean(struct probe *q, struct mm_struct *mm);
void ctl_landings_hide(struct probe *q, u64 addr, u8 *buf, u32 n);
int ctl_landings_keep(struct probe *q, u64 addr, u8 *buf, u32 n);

#endif
