// SPDX-License-Identifier: GPL-2.0-only
/*
 * trap.c - breakpoints of our own, where the kernel has no uprobes: in memory
 * that no file is behind (what a program has generated), and on nops that they
 * do not know (those of ten bytes that newer headers put in begin with a prefix
 * they refuse).
 *
 * Only on nops: nothing has to be stepped over, the instruction pointer is
 * moved behind it, and so the breakpoint stays where it is while it is wanted.
 * The trap is claimed on the chain of die notifiers; what it means is looked
 * for in the task work that follows (probe.c), where it may sleep.
 *
 * Taking one out: first the byte, then an interrupt on every processor, then
 * the entry here.  A thread that ran into the byte before it was gone was in
 * its trap, with interrupts off, when that interrupt came, and had found the
 * entry; one that had not yet, executes what is there now.
 *
 * A fork that copied the memory just before may give birth just after: what
 * was taken out is remembered as long as the process is controlled (->graves),
 * and looked for in its children.
 *
 * And where a thread is to stop before the instruction that a uprobe is on: a
 * handler comes before it, but may not wait, and task work comes after it.  So
 * the breakpoint, which is the uprobe's, is claimed here once, and the thread
 * stops in its task work, still before it; when it comes there again it is left
 * to the uprobe ("early").
 */
#include <linux/hash.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "hit.h"
#include "insn.h"

struct trap {
	struct hlist_node hash; /* traps_lock, RCU */
	struct list_head grave; /* proc->graves, probe_mutex */
	struct rcu_head rcu;
	const struct mm_struct *mm; /* compared */
	u64 addr;
	unsigned int users; /* traps_lock */
	u64 early; /* 0: the breakpoint is ours.  Never used again */
	u8 old, len;
	bool clears_rax;
};

#define TABLE_BITS 8
static struct hlist_head table[1 << TABLE_BITS];
static DEFINE_SPINLOCK(traps_lock);

static struct hlist_head *bucket(const struct mm_struct *mm, u64 addr)
{
	return &table[hash_64((unsigned long)mm ^ addr, TABLE_BITS)];
}

static struct trap *find_any(const struct mm_struct *mm, u64 addr, bool early)
{
	struct trap *t;

	hlist_for_each_entry_rcu(t, bucket(mm, addr), hash,
				 lockdep_is_held(&traps_lock))
		if (t->mm == mm && t->addr == addr && !t->early == !early)
			return t;
	return NULL;
}

static struct trap *find(const struct mm_struct *mm, u64 addr)
{
	return find_any(mm, addr, false);
}

static struct trap *find_locked(const struct mm_struct *mm, u64 addr)
{
	unsigned long flags;
	struct trap *t;

	spin_lock_irqsave(&traps_lock, flags);
	t = find(mm, addr);
	spin_unlock_irqrestore(&traps_lock, flags);
	return t;
}

static void remove(struct trap *t)
{
	unsigned long flags;

	spin_lock_irqsave(&traps_lock, flags);
	hlist_del_rcu(&t->hash);
	spin_unlock_irqrestore(&traps_lock, flags);
}

/* Is addr where a byte may be written that nobody else sees? */
static int private_text(struct mm_struct *mm, u64 addr)
{
	struct vm_area_struct *vma;
	int err = -EFAULT;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = find_vma(mm, addr);
	if (vma && vma->vm_start <= addr)
		err = (vma->vm_flags & (VM_HUGETLB | VM_EXEC | VM_MAYSHARE)) ==
				      VM_EXEC ? 0 : -EOPNOTSUPP;
	mmap_read_unlock(mm);
	return err;
}

bool ctl_trap_at(struct mm_struct *mm, u64 addr)
{
	return find_locked(mm, addr) != NULL;
}

/*
 * A breakpoint at addr, on an instruction of len bytes that begins with old; or
 * that a fork copied with a breakpoint in it.
 */
int ctl_trap_get(struct mm_struct *mm, u64 addr, u8 old, u8 len,
		 bool clears_rax)
{
	const u8 int3 = CTL_INT3;
	struct trap *t;
	unsigned long flags;
	int err;

	spin_lock_irqsave(&traps_lock, flags);
	t = find(mm, addr);
	if (t)
		t->users++;
	spin_unlock_irqrestore(&traps_lock, flags);
	if (t)
		return 0;
	err = private_text(mm, addr);
	if (err)
		return err;
	t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);
	if (!t)
		return -ENOMEM;
	INIT_LIST_HEAD(&t->grave);
	t->mm = mm;
	t->addr = addr;
	t->users = 1;
	t->old = old;
	t->len = len;
	t->clears_rax = clears_rax;
	spin_lock_irqsave(&traps_lock, flags);
	hlist_add_head_rcu(&t->hash, bucket(mm, addr));
	spin_unlock_irqrestore(&traps_lock, flags);
	if (!ctl_poke(mm, addr, &int3, 1)) {
		remove(t);
		kfree_rcu(t, rcu);
		return -EFAULT;
	}
	return 0;
}

static void nothing(void *arg)
{
}

static void bury(struct ctl_proc *proc, struct trap *t)
{
	struct trap *o;

	list_for_each_entry(o, &proc->graves, grave)
		if (o->addr == t->addr && o->mm == t->mm) {
			o->old = t->old;
			kfree_rcu(t, rcu);
			return;
		}
	list_add(&t->grave, &proc->graves);
}

void ctl_trap_put(struct ctl_proc *proc, struct mm_struct *mm, u64 addr)
{
	unsigned long flags;
	struct trap *t;

	lockdep_assert_held(&proc->probe_mutex);
	spin_lock_irqsave(&traps_lock, flags);
	t = find(mm, addr);
	if (t && --t->users)
		t = NULL;
	spin_unlock_irqrestore(&traps_lock, flags);
	if (!t)
		return;
	if (mmget_not_zero(mm)) {
		ctl_int3_restore(mm, t->addr, t->old);
		mmput(mm);
		on_each_cpu(nothing, NULL, 1);
	}
	remove(t);
	bury(proc, t);
}

/* What is left in mm, a copy of old, of those that proc had taken out of that. */
void ctl_traps_clean(struct ctl_proc *proc, const struct mm_struct *old,
		     struct mm_struct *mm)
{
	struct trap *t;

	lockdep_assert_held(&proc->probe_mutex);
	list_for_each_entry(t, &proc->graves, grave)
		if (t->mm == old && !find_locked(mm, t->addr))
			ctl_int3_restore(mm, t->addr, t->old);
}

/* A uprobe is about to be put in there, or has been taken out. */
int ctl_early_get(struct mm_struct *mm, u64 addr)
{
	static atomic64_t last;
	struct trap *t, *new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	unsigned long flags;

	if (!new)
		return -ENOMEM;
	new->mm = mm;
	new->addr = addr;
	new->users = 1;
	new->early = atomic64_inc_return(&last);
	spin_lock_irqsave(&traps_lock, flags);
	t = find_any(mm, addr, true);
	if (t)
		t->users++;
	else
		hlist_add_head_rcu(&new->hash, bucket(mm, addr));
	spin_unlock_irqrestore(&traps_lock, flags);
	if (t)
		kfree(new);
	return 0;
}

void ctl_early_put(struct mm_struct *mm, u64 addr)
{
	unsigned long flags;
	struct trap *t;

	spin_lock_irqsave(&traps_lock, flags);
	t = find_any(mm, addr, true);
	if (t && --t->users)
		t = NULL;
	if (t)
		hlist_del_rcu(&t->hash);
	spin_unlock_irqrestore(&traps_lock, flags);
	if (t)
		kfree_rcu(t, rcu);
}

/* Nobody looks any more; a reader of the table may still be at one of them. */
void ctl_traps_free(struct ctl_proc *proc)
{
	struct trap *t, *tmp;

	list_for_each_entry_safe(t, tmp, &proc->graves, grave)
		kfree_rcu(t, rcu);
}

static void trapped(struct ctl_lwp *lwp, u64 addr)
{
	unsigned long flags;

	spin_lock_irqsave(&lwp->proc->lock, flags);
	lwp->trapped = addr;
	ctl_lwp_kick(lwp);
	spin_unlock_irqrestore(&lwp->proc->lock, flags);
}

/*
 * Has it been here already?  Then it goes on.  A handler of a signal that came
 * while it stood here is another call, elsewhere on the stack; if that comes here,
 * the thread has been nowhere when it is back.
 */
static bool been_early(struct ctl_lwp *lwp, const struct trap *t,
		       const struct pt_regs *regs)
{
	bool been = lwp->early == t->early && lwp->early_sp == regs->sp;

	lwp->early = been ? 0 : t->early;
	lwp->early_sp = regs->sp;
	return been;
}

/* In the trap, interrupts off; whose was it? */
enum ctl_int3 ctl_on_int3(struct pt_regs *regs)
{
	enum ctl_int3 whose = CTL_INT3_NOT_OURS;
	u64 addr = regs->ip - 1;
	struct ctl_lwp *lwp;
	struct trap *t;

	rcu_read_lock();
	/* (A vforked child has none and passes.) */
	lwp = ctl_lwp_find(current);
	t = find(current->mm, addr);
	if (t) {
		whose = CTL_INT3_OURS;
		regs->ip = addr + t->len;
		if (t->clears_rax)
			regs->ax = 0;
		if (lwp)
			trapped(lwp, addr);
	} else if (lwp) {
		t = find_any(current->mm, addr, true);
		if (t && !been_early(lwp, t, regs)) {
			whose = CTL_INT3_EARLY;
			regs->ip = addr;
			trapped(lwp, addr);
		}
	}
	rcu_read_unlock();
	return whose;
}
